import asyncio
from collections import deque

import pytest

from lobby.connectors.v1.ingest_service_pb2 import IngestWebhooksResponse, Webhook
from lobby_common.errors import Unavailable
from lobby_gateway.webhooks.batcher import Batcher, Limits, Waiting, take

ACCEPTED = IngestWebhooksResponse.VERDICT_ACCEPTED
UNAVAILABLE = IngestWebhooksResponse.VERDICT_UNAVAILABLE


class Connectors:
    """Holds every call until it is let go."""

    def __init__(self) -> None:
        self.batches = []
        self.go = asyncio.Event()
        self.verdict = ACCEPTED

    async def ingest(self, webhooks):
        self.batches.append([each.webhook_id for each in webhooks])
        await self.go.wait()
        if self.verdict is None:
            raise Unavailable("AWAY", "away")
        return [self.verdict] * len(webhooks)


async def submit(batcher, *names, size=10):
    tasks = [asyncio.create_task(batcher.submit(Webhook(webhook_id=name), size)) for name in names]
    for _ in range(3):
        await asyncio.sleep(0)
    return tasks


async def test_alone_and_at_once_when_idle_and_together_when_busy():
    connectors = Connectors()
    batcher = Batcher(connectors.ingest, Limits(calls=1))
    tasks = await submit(batcher, "a")
    tasks += await submit(batcher, "b", "c", "d")
    assert connectors.batches == [["a"]]
    connectors.go.set()
    assert set(await asyncio.gather(*tasks)) == {ACCEPTED}
    assert connectors.batches == [["a"], ["b", "c", "d"]]


async def test_after_a_call_with_many_those_that_come_one_by_one_go_together():
    connectors = Connectors()
    batcher = Batcher(connectors.ingest, Limits(longest_linger=0.3, linger_factor=1e9))
    first = await submit(batcher, "a")
    many = await submit(batcher, *map(str, range(20)))
    connectors.go.set()
    await asyncio.gather(*first, *many)
    assert [len(batch) for batch in connectors.batches] == [1, 20]
    await asyncio.gather(*await submit(batcher, "b"), *await submit(batcher, "c"))
    assert connectors.batches[2:] == [["b", "c"]]
    await asyncio.gather(*await submit(batcher, "d"), *await submit(batcher, "e"))
    assert connectors.batches[3:] == [["d"], ["e"]]


async def test_what_comes_as_the_last_call_ends_is_not_left_alone():
    late = []

    async def ingest(webhooks):
        if not late:  # its turn comes when the queue was found empty, before anything else
            late.append(asyncio.create_task(batcher.submit(Webhook(webhook_id="late"), 10)))
        return [ACCEPTED] * len(webhooks)

    batcher = Batcher(ingest, Limits(calls=1))
    async with asyncio.timeout(5):
        assert await batcher.submit(Webhook(webhook_id="a"), 10) == ACCEPTED
        assert await late[0] == ACCEPTED
        await batcher.drain()


async def test_no_more_calls_are_in_flight_than_allowed():
    connectors = Connectors()
    batcher = Batcher(connectors.ingest, Limits(calls=2))
    tasks = []
    for name in "abcd":
        tasks += await submit(batcher, name)
    assert connectors.batches == [["a"], ["b"]]
    connectors.go.set()
    await asyncio.gather(*tasks)


async def test_a_full_queue_refuses_at_once():
    connectors = Connectors()
    batcher = Batcher(connectors.ingest, Limits(calls=1, queue_count=2))
    tasks = await submit(batcher, "a")
    tasks += await submit(batcher, "b", "c")
    assert await batcher.submit(Webhook(), 10) == UNAVAILABLE
    connectors.go.set()
    await asyncio.gather(*tasks)
    assert await batcher.submit(Webhook(), 10) == ACCEPTED


async def test_a_queue_is_bounded_by_bytes_too():
    connectors = Connectors()
    batcher = Batcher(connectors.ingest, Limits(calls=1, queue_bytes=25))
    tasks = await submit(batcher, "a")
    tasks += await submit(batcher, "b", "c")
    assert await batcher.submit(Webhook(), 10) == UNAVAILABLE
    connectors.go.set()
    await asyncio.gather(*tasks)


@pytest.mark.parametrize("verdict", [None, UNAVAILABLE])
async def test_what_is_not_confirmed_is_not_accepted(verdict):
    connectors = Connectors()
    connectors.verdict = verdict
    connectors.go.set()
    assert await Batcher(connectors.ingest, Limits()).submit(Webhook(), 1) == UNAVAILABLE


async def test_what_waited_too_long_is_given_up_without_a_call():
    connectors = Connectors()
    batcher = Batcher(connectors.ingest, Limits(calls=1, oldest=-1))
    connectors.go.set()
    assert await batcher.submit(Webhook(webhook_id="old"), 1) == UNAVAILABLE
    assert connectors.batches == []


async def test_verdicts_that_are_missing_are_no_acceptance():
    async def forgetful(webhooks):
        return []

    assert await Batcher(forgetful, Limits()).submit(Webhook(), 1) == UNAVAILABLE


async def test_a_platform_that_went_away_does_not_disturb_the_others():
    connectors = Connectors()
    batcher = Batcher(connectors.ingest, Limits(calls=1))
    gone, stays = await submit(batcher, "gone", "stays")
    gone.cancel()
    connectors.go.set()
    assert await stays == ACCEPTED
    await batcher.drain()


async def test_a_batch_is_bounded_by_count_and_bytes_and_a_large_one_goes_alone():
    limits = Limits(batch_count=3, batch_bytes=100)
    future = asyncio.get_running_loop().create_future()

    def sizes(*given):
        queue = deque(Waiting(Webhook(), size, 0.0, future) for size in given)
        taken = []
        while queue:
            taken.append([each.size for each in take(queue, limits)])
        return taken

    assert sizes(1, 1, 1, 1) == [[1, 1, 1], [1]]
    assert sizes(60, 40, 1) == [[60, 40], [1]]
    assert sizes(500, 1, 500) == [[500], [1], [500]]
