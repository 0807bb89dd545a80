"""A machine that mounts no files says so, in words and for pytest."""

import pytest

from tests.chaos import disks


def test_what_cannot_be_mounted_is_said_and_left_out(monkeypatch, capsys):
    def fails(*_command: str) -> str:
        raise disks.CannotMount("losetup: no permission")

    monkeypatch.setattr(disks, "run", fails)
    disks.main()
    said = capsys.readouterr()
    assert said.out == " and not loop_device\n"
    assert "do NOT run here: losetup: no permission" in said.err


def test_a_machine_that_can_leaves_nothing_out(monkeypatch, capsys):
    monkeypatch.setattr(disks, "run", lambda *_command: "/dev/loop9\n")
    disks.main()
    assert capsys.readouterr() == ("", "")


def test_a_program_that_is_not_there_or_fails_is_named():
    for command in (("no-such-program",), ("false",)):
        with pytest.raises(disks.CannotMount, match=command[0]):
            disks.run(*command)
