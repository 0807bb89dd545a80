"""A log from which a person is taken: nothing of him is left in it, and everything else is as it was."""

from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio

from lobby.connectors.v1.events_pb2 import MessageReceived
from lobby.events.v1.batch_pb2 import Batch, Event
from lobby_common.events import EventLog, erasing
from lobby_common.events.erasing import Eraser
from lobby_common.postgres import create_pool

LONG_AGO = datetime.now(UTC) - timedelta(days=40)
MARKER = b"66811110000"


@pytest_asyncio.fixture
async def log(world):
    pool = await create_pool(world.postgres.url(world.database, "lobby_connectors"), schema="connectors", size=4)
    yield EventLog("connectors", pool)
    await pool.close()


async def tell(log: EventLog, *message_ids: str, chat: str = MARKER.decode()) -> None:
    async with log.transaction() as tx:
        for each in message_ids:
            payload = MessageReceived(message_id=each, account_id="a1", chat=chat, text=f"text of {each}")
            tx.tell(payload, workspace_id="w", key=f"a1/{chat}", event_id=f"event-{each}")


async def order(log: EventLog, *message_ids: str, marks: tuple[str, ...] = ()) -> None:
    async with log.transaction() as tx:
        await erasing.order(tx.conn, "w", "a1", marks=marks, since=LONG_AGO, message_ids=message_ids)


async def work(log: EventLog) -> None:
    while await Eraser(log).take():
        continue


async def batches(log: EventLog) -> list[bytes]:
    return [row["data"] for row in await log.pool.fetch("SELECT data FROM event_batch ORDER BY batch_id")]


async def events(log: EventLog) -> list[Event]:
    return [e for data in await batches(log) for s in Batch.FromString(data).segments for e in s.events]


async def test_nothing_of_his_events_is_left_and_others_are_byte_for_byte_as_they_were(log):
    await tell(log, "m1", "m2")
    await tell(log, "m3", chat="66899999999")
    *_, untouched = await batches(log)
    await order(log, "m1", "m2")
    await work(log)
    assert MARKER not in b"".join(await batches(log))
    assert (await batches(log))[-1] == untouched
    assert [each.id for each in await events(log)] == ["event-m1", "event-m2", "event-m3"]


async def test_a_message_that_came_later_under_the_same_address_is_somebody_elses(log):
    await tell(log, "m1")
    await tell(log, "m2")
    await order(log, "m1")
    await work(log)
    assert [MARKER in data for data in await batches(log)] == [False, True]


async def test_a_long_log_is_looked_through_page_by_page(log):
    for number in range(120):
        await tell(log, f"m{number}")
    await order(log, *(f"m{number}" for number in range(120)))
    await work(log)
    assert MARKER not in b"".join(await batches(log))
    assert len(await events(log)) == 120


async def test_what_was_still_being_told_meanwhile_is_found_a_minute_later(log):
    await order(log, "m1")
    await work(log)
    await tell(log, "m1")
    await log.pool.execute("UPDATE log_erasure SET due_time = now()")
    await work(log)
    assert MARKER not in b"".join(await batches(log))


async def test_after_the_last_look_nothing_of_the_order_is_left(log):
    await tell(log, "m1")
    await order(log, "m1")
    for _ in range(3):
        await work(log)
        await log.pool.execute("UPDATE log_erasure SET due_time = now()")
    assert await log.pool.fetchval("SELECT count(*) FROM log_erasure") == 0


@pytest.mark.parametrize(("answer", "left"), [(b"about m1", b""), (b"about somebody else", b"about somebody else")])
async def test_answers_to_commands_about_him_are_empty(log, answer, left):
    await log.pool.execute("INSERT INTO request_answer VALUES ('w', 'Send', 'r1', $1)", answer)
    await order(log, "m1", marks=("m1",))
    await work(log)
    assert await log.pool.fetchval("SELECT answer FROM request_answer") == left


async def test_events_in_quarantine_hold_nothing_of_him(log):
    payload = MessageReceived(message_id="m1", account_id="a1", chat=MARKER.decode())
    event = Event(id="e1", type=payload.DESCRIPTOR.full_name, workspace_id="w", payload=payload.SerializeToString())
    await log.pool.execute(
        "INSERT INTO event_quarantine (event_id, producer, lane, position, workspace_id, type, reason, event)"
        " VALUES ('e1', 'connectors', 1, 1, 'w', $1, 'poison', $2)",
        event.type,
        event.SerializeToString(),
    )
    await order(log, "m1")
    await work(log)
    left = Event.FromString(await log.pool.fetchval("SELECT event FROM event_quarantine"))
    assert MessageReceived.FromString(left.payload) == MessageReceived(message_id="m1", account_id="a1")


async def test_what_is_ordered_holds_nothing_personal_itself(log):
    async with log.transaction() as tx:
        await erasing.order(
            tx.conn, "w", "a1", marks=(), since=LONG_AGO, message_ids=("m1",), keys=(f"a1/{MARKER.decode()}",)
        )
    assert MARKER.decode() not in str(await log.pool.fetchrow("SELECT * FROM log_erasure"))
