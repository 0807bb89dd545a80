"""The list of crash points is current: what each stands beside is there once, and is Python with the crash in it."""

import compileall

import pytest

from tests.chaos.crashes import points
from tests.chaos.crashes.points import ALL


def test_all_points_can_be_put_in_together(tmp_path):
    points.write(ALL, tmp_path / "packages")
    assert compileall.compile_dir(tmp_path / "packages", quiet=1)


@pytest.mark.parametrize("point", ALL, ids=lambda point: point.name)
def test_a_point_changes_one_file_by_one_crash(point):
    edit = point.edit()
    assert edit.new.count("crash_here") == 1
    assert edit.new.replace(edit.old, "").strip().endswith(f'.at("{point.name}")')


def test_no_two_points_have_one_name():
    assert len({point.name for point in ALL}) == len(ALL)
