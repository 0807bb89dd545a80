"""Tasks end when they are told to, also those that lose a cancellation."""

import asyncio

import pytest

from lobby_common.service import _keep_up
from lobby_common.tasks import finished, together


class Loser:
    """Loses so many cancellations, as asyncio.wait_for does with one that comes together with an answer."""

    def __init__(self, losses: int) -> None:
        self._losses = losses
        self.has_ended = False

    async def work(self) -> None:
        """Works until it hears a cancellation."""
        while True:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                if self._losses == 0:
                    self.has_ended = True
                    raise
                self._losses -= 1


async def fails(error: BaseException) -> None:
    """Fails after a turn of the loop."""
    await asyncio.sleep(0)
    raise error


async def test_one_that_fails_ends_all_and_is_what_is_raised():
    others = [Loser(0), Loser(0)]
    with pytest.raises(ValueError, match="broken"):
        await together(others[0].work(), fails(ValueError("broken")), others[1].work())
    assert all(other.has_ended for other in others)


async def test_one_that_loses_a_cancellation_is_asked_again():
    loser = Loser(1)
    with pytest.raises(ValueError, match="broken"):
        await together(loser.work(), fails(ValueError("broken")))
    assert loser.has_ended


async def test_all_have_ended_when_the_one_who_waits_is_cancelled():
    losers = [Loser(0), Loser(1)]
    waits = asyncio.create_task(together(*(loser.work() for loser in losers)))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    waits.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waits
    assert all(loser.has_ended for loser in losers)


async def test_a_loop_whose_work_is_cancelled_by_a_library_begins_again():
    begun = asyncio.Semaphore(0)
    turns = 0

    async def work() -> None:
        nonlocal turns
        turns += 1
        begun.release()
        if turns == 1:
            await fails(asyncio.CancelledError())
        await asyncio.Event().wait()

    loop = asyncio.create_task(_keep_up("work", work))
    await begun.acquire()
    await begun.acquire()
    loop.cancel()
    with pytest.raises(asyncio.CancelledError):
        await loop
    assert turns == 2


async def test_work_that_has_to_be_finished_is_though_whoever_waits_is_cancelled():
    may_end, has_ended = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        await may_end.wait()
        has_ended.set()

    waits = asyncio.create_task(finished(work()))
    for _ in range(2):
        await asyncio.sleep(0)
        waits.cancel()
    await asyncio.sleep(0)
    assert not waits.done()
    may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await waits
    assert has_ended.is_set()


async def test_what_work_that_has_to_be_finished_raises_is_raised():
    with pytest.raises(ValueError, match="broken"):
        await finished(fails(ValueError("broken")))
