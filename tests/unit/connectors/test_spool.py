"""Which of its messages a process puts into the spool's stream again, and in which order the stream is read."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lobby_connectors.copies import Copies, Copy
from lobby_connectors.drain import Waiting, in_order
from lobby_connectors.spool import AGAIN, Spool

LIFE, LATER = datetime(2026, 5, 1, tzinfo=UTC), datetime(2026, 5, 2, tzinfo=UTC)


def copies(*sequences: int, most_bytes: int = 1_000) -> Copies:
    found = Copies(most_bytes)
    for sequence in sequences:
        found.add(Copy(f"webhook {sequence}", b"0123456789"), LIFE, sequence)
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
    found.place(first, LATER, 1)
    assert [each.sequence for each in found.lost(LATER, 1, 1)] == [6]
    assert [each.sequence for each in found.lost(LATER, 2, 1)] == [6]


def test_memory_is_bounded_and_the_newest_are_kept():
    found = copies(*range(1, 11), most_bytes=45)
    assert [each.sequence for each in found.lost(LATER, 1, 0)] == [7, 8, 9, 10]
    found.lost(LIFE, 9, 10)
    for sequence in (11, 12):
        found.add(Copy("webhook", b"0123456789"), LIFE, sequence)
    assert [each.sequence for each in found.lost(LATER, 1, 0)] == [9, 10, 11, 12]


def test_a_place_given_a_second_time_tells_that_what_was_there_is_lost():
    """An older image of the disk, which was seen only after something new was put into it."""
    found = copies(5, 6, 7, 8)
    new = Copy("new", b"0123456789")
    found.add(new, LIFE, 7)
    assert [each.webhook_id for each in found.lost(LIFE, 5, 7)] == ["webhook 7", "webhook 8"]
    found.add(Copy("newer", b"0123456789"), LIFE, 8)
    assert [each.webhook_id for each in found.lost(LIFE, 5, 8)] == ["webhook 7", "webhook 8"]


async def test_after_the_broker_was_away_all_is_put_again_that_was_not_taken_out():
    """It may have come back with an older disk, on which another replica has put something over what was lost."""
    put: list[tuple[str, str]] = []

    class Stream:
        async def publish(self, subject, data, headers):
            put.append((subject, headers["Nats-Msg-Id"]))
            return SimpleNamespace(seq=len(put))

        async def stream_info(self, name):
            return SimpleNamespace(
                created=LIFE, state=SimpleNamespace(first_seq=1, last_seq=len(put), messages=len(put))
            )

    async def heard(*_):
        pass

    client = SimpleNamespace(stats={"reconnects": 0}, jetstream=lambda timeout: Stream(), publish=heard)
    spool = Spool(client, stream_bytes=1_000_000, replicas=1)
    account = SimpleNamespace(platform="line", account_id="a")
    await spool._look()
    await spool.put([SimpleNamespace(webhook_id="w", account=account, body=b"", received_time=LIFE, traceparent="")])
    await spool._look()
    assert [subject for subject, _ in put if subject == AGAIN] == []
    client.stats["reconnects"] += 1
    await spool._look()
    assert put[1:] == [(AGAIN, "w")]


def test_after_the_broker_was_away_nothing_is_certain_until_it_was_put_again():
    found = copies(5, 6)
    found.doubt()
    first, second = found.lost(LIFE, 6, 10)
    found.place(first, LIFE, 5)
    found.place(second, LIFE, 6)
    assert found.lost(LIFE, 6, 10) == []
    assert [each.sequence for each in found.lost(LATER, 1, 0)] == [6]


def waiting(minute: int, *, again: bool = False) -> Waiting:
    return Waiting([], LIFE + timedelta(minutes=minute), 10, 1, again)


async def read(firsts: list[int], again: list[int]) -> list[int]:
    async def stream() -> AsyncIterator[Waiting | None]:
        for minute in firsts:
            yield waiting(minute)
            yield None

    older = [waiting(minute, again=True) for minute in sorted(again)]
    return [(each.time - LIFE) // timedelta(minutes=1) async for each in in_order(stream(), older) if each]


@pytest.mark.parametrize(
    ("firsts", "again", "read_as"),
    [
        ([7, 8], [4, 5, 6], [4, 5, 6, 7, 8]),
        ([1, 2, 7, 8], [3, 4, 5, 6], [1, 2, 3, 4, 5, 6, 7, 8]),  # an older image
        ([1, 2], [3, 4], [1, 2, 3, 4]),
        ([], [4, 5], [4, 5]),
        ([4, 3, 5], [], [4, 3, 5]),  # what was accepted in this order stays in it
    ],
)
async def test_what_was_put_again_comes_before_what_is_newer(firsts, again, read_as):
    assert await read(firsts, again) == read_as


@given(st.sets(st.integers(0, 50)), st.sets(st.integers(0, 50)))
async def test_everything_is_read_once_and_in_order_of_its_time(firsts, again):
    assert await read(sorted(firsts), sorted(again)) == sorted([*firsts, *again])
