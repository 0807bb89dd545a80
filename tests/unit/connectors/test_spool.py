"""Which of its messages a process puts into the spool's stream again."""

from datetime import UTC, datetime

import pytest

from lobby_connectors.spool import Copies, Copy

LIFE, LATER = datetime(2026, 5, 1, tzinfo=UTC), datetime(2026, 5, 2, tzinfo=UTC)


def copies(*sequences: int, most_bytes: int = 1_000) -> Copies:
    found = Copies(most_bytes)
    for sequence in sequences:
        found.add(Copy(f"webhook {sequence}", b"0123456789", LIFE, sequence))
    return found


@pytest.mark.parametrize(
    ("life", "first", "last", "lost"),
    [
        (LIFE, 1, 8, []),
        (LIFE, 6, 8, []),
        (LIFE, 9, 8, []),
        (LIFE, 1, 6, [7, 8]),  # an older image of the disk
        (LIFE, 6, 6, [7, 8]),
        (LATER, 1, 0, [5, 6, 7, 8]),  # a disk that is empty
        (LATER, 1, 100, [5, 6, 7, 8]),
    ],
)
def test_what_is_not_in_the_stream_and_was_not_taken_out_is_lost(life, first, last, lost):
    assert [each.sequence for each in copies(5, 6, 7, 8).lost(life, first, last)] == lost


def test_what_was_taken_out_is_forgotten():
    found = copies(5, 6, 7, 8)
    assert found.lost(LIFE, 7, 8) == []
    assert [each.sequence for each in found.lost(LATER, 1, 0)] == [7, 8]


def test_what_was_put_again_has_its_new_place_and_what_could_not_be_is_still_lost():
    found = copies(5, 6)
    first, _ = found.lost(LATER, 1, 0)
    first.life, first.sequence = LATER, 1
    assert [each.sequence for each in found.lost(LATER, 1, 1)] == [6]
    assert [each.sequence for each in found.lost(LATER, 2, 1)] == [6]


def test_memory_is_bounded_and_the_newest_are_kept():
    found = copies(*range(1, 11), most_bytes=45)
    assert [each.sequence for each in found.lost(LATER, 1, 0)] == [7, 8, 9, 10]
    found.lost(LIFE, 9, 10)
    for sequence in (11, 12):
        found.add(Copy("webhook", b"0123456789", LIFE, sequence))
    assert [each.sequence for each in found.lost(LATER, 1, 0)] == [9, 10, 11, 12]
