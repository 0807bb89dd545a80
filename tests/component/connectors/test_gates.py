"""Gates: how fast accounts and chats are written to, by however many processes; pauses and breakers."""

import asyncio
from datetime import timedelta
from typing import Self

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lobby.connectors.v1 import events_pb2 as pb
from lobby.connectors.v1 import message_pb2
from lobby_common.errors import Invalid
from lobby_common.ids import new_id
from lobby_common.times import utc_now
from lobby_connectors.domain.pacing import Pace
from lobby_connectors.platforms.interface import Limits
from lobby_connectors.store import queue
from tests.component.connectors.conftest import signed, text, until, whatsapp
from tests.component.connectors.test_sending import answer, get, graph_error, meet, retry, send, stands

STEP = 100.0
"""Seconds: so long that what a statement takes does not matter."""
CREDENTIAL_ERROR = graph_error(190, 401)


async def chats(connectors, account: str, count: int) -> list[str]:
    """Returns customers who have written to a WhatsApp account."""
    numbers = [f"6682{number:07}" for number in range(count)]
    bodies = [text(100 + number, sender) for number, sender in enumerate(numbers)]
    assert await connectors.post(signed("whatsapp", account, whatsapp(*bodies))) == ["accepted"]
    return numbers


async def calls_to(connectors, chat: str) -> int:
    return sum(call.body.get("to") == f"+{chat}" for call in connectors.platform.sends)


async def goes_round(connectors) -> None:
    """The sender has looked at everything that was due: a message of another account was sent."""
    other = await meet(connectors, "line")
    await stands(connectors, (await send(connectors, other, "line")).message_id, "sent")


async def free(connectors, account: str) -> None:
    """The account's gate is free, as if the time had passed."""
    await connectors.rows("UPDATE account_gate SET free_time = now() WHERE account_id = $1", account)


async def gate(connectors, account: str) -> asyncpg.Record:
    (row,) = await connectors.rows("SELECT * FROM account_gate WHERE account_id = $1", account)
    return row


class Line:
    """A queue of an account of its own, claimed by processes that call nobody."""

    def __init__(self, url: str, pace: Pace, chat_pace: Pace | None = None) -> None:
        self._url = url
        self.account = new_id()
        self.limits = {"line": Limits(text_units=1, pace=pace, fastest=1, chat_pace=chat_pace)}

    async def __aenter__(self) -> Self:
        self.conns = [await asyncpg.connect(self._url) for _ in range(3)]
        await self.conns[0].execute(
            "INSERT INTO account (account_id, workspace_id, platform, display_name, credentials, state)"
            " VALUES ($1, $1, 'line', '', '', 2)",
            self.account,
        )
        await self.conns[0].execute("INSERT INTO account_gate (account_id) VALUES ($1)", self.account)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.conns[0].execute("DELETE FROM message WHERE account_id = $1", self.account)
        for conn in self.conns:
            await conn.close()

    async def put(self, count: int, chat: str = "", parts: int = 1) -> None:
        """So many messages wait, each in a chat of its own where no chat is named."""
        await self.conns[0].execute(
            """
            INSERT INTO message (
                message_id, workspace_id, account_id, chat, platform_message_id, direction, kind, text, author_kind,
                occurred_time, received_time, delivery, send_order, parts, parts_done, generation, attempts, due_time
            )
            SELECT gen_random_uuid(), $1, $1, CASE WHEN $3 = '' THEN gen_random_uuid()::text ELSE $3 END, '', 2, 1, 'x',
                'agent', now(), now(), 1, nextval('send_order'), $4, 0, 0, 0, now()
            FROM generate_series(1, $2::int)
            """,
            self.account,
            count,
            chat,
            parts,
        )

    async def claim(self, process: int = 0, room: int = 1000) -> list[queue.Job]:
        conn = self.conns[process]
        async with conn.transaction():
            claimed = await queue.claim(conn, process, queue.Room(room, room, {}), self.limits, {})
        return [job for job, _ in claimed]

    async def end(self, jobs: list[queue.Job]) -> None:
        await self.conns[0].execute(
            "UPDATE message SET delivery = 3 WHERE message_id = ANY ($1::uuid[])", [job.message_id for job in jobs]
        )

    async def later(self, seconds: float) -> None:
        """The time has passed."""
        for table in ("account_gate", "chat_gate"):
            await self.conns[0].execute(
                f"UPDATE {table} SET free_time = free_time - $2 * interval '1 second' WHERE account_id = $1",
                self.account,
                seconds,
            )


class Model:
    """GCRA as it is written in books, with the theoretical arrival time, in steps."""

    def __init__(self, burst: int) -> None:
        self._burst = burst
        self._arrival = 0.0
        self.now = 0.0

    def take(self, most: int) -> int:
        taken = 0
        while taken < most and max(self._arrival, self.now) - self.now <= self._burst - 1:
            self._arrival = max(self._arrival, self.now) + 1
            taken += 1
        return taken


OPERATIONS = st.lists(
    st.one_of(
        st.tuples(st.just("later"), st.integers(1, 12).map(lambda halves: halves / 2)),
        st.tuples(st.just("claim"), st.integers(1, 6)),
    ),
    max_size=12,
)


async def test_a_gate_lets_through_what_the_books_gcra_does_whoever_asks(database):
    loop = asyncio.get_running_loop()

    async def run(burst: int, operations: list[tuple[str, float]]) -> None:
        model = Model(burst)
        async with Line(database.url, Pace(STEP, burst)) as line:
            for index, (what, amount) in enumerate(operations):
                if what == "later":
                    model.now += amount
                    await line.later(amount * STEP)
                    continue
                await line.put(int(amount))
                jobs = await line.claim(index % 3)
                assert len(jobs) == model.take(await waiting(line) + len(jobs))
                await line.end(jobs)

    async def waiting(line: Line) -> int:
        query = "SELECT count(*) FROM message WHERE account_id = $1 AND delivery = 1"
        return await line.conns[0].fetchval(query, line.account)

    @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.integers(1, 5), OPERATIONS)
    def check(burst, operations):
        asyncio.run_coroutine_threadsafe(run(burst, operations), loop).result(30)

    await asyncio.to_thread(check)


@given(st.integers(1, 200), st.integers(1, 20))
def test_a_pace_never_makes_more_calls_than_it_may_in_any_second(most, burst):
    burst = min(burst, most)
    pace = Pace.within(most, 1.0, burst)
    model = Model(burst)
    times = []
    for tick in range(3 * most):
        model.now = tick / 2
        times += [model.now * pace.step] * model.take(burst)
    for first in times:
        assert sum(first <= at < first + 1.0 - 1e-9 for at in times) <= most


async def test_processes_that_ask_at_once_share_one_rate(database):
    async with Line(database.url, Pace(STEP, 7)) as line:
        await line.put(30)
        claimed = await asyncio.gather(*(line.claim(process) for process in range(3)))
        jobs = [job.message_id for each in claimed for job in each]
        assert len(set(jobs)) == len(jobs) <= 7
        rest = [job.message_id for _ in range(3) for job in await line.claim()]
        assert len({*jobs, *rest}) == len(jobs) + len(rest) == 7


async def test_a_message_of_several_requests_goes_whole_and_is_paid_for_afterwards(database):
    async with Line(database.url, Pace(STEP, 2)) as line:
        await line.put(1, parts=5)
        await line.put(1)
        assert len(await line.claim()) == 1
        await line.later(3 * STEP)
        assert await line.claim() == []
        await line.later(STEP)
        assert len(await line.claim()) == 1


async def test_a_chat_has_a_rate_of_its_own_and_keeps_its_order(database):
    async with Line(database.url, Pace(0.001, 1000), Pace(STEP, 2)) as line:
        await line.put(4, chat="a")
        await line.put(1, chat="b")
        order = []
        for expected in ({"a", "b"}, {"a"}, set(), set()):
            jobs = await line.claim()
            assert {job.chat for job in jobs} == expected
            await line.end(jobs)
            order += [job.message_id for job in jobs if job.chat == "a"]
        await line.later(STEP)
        order += [job.message_id for job in await line.claim()]
        stored = await line.conns[0].fetch(
            "SELECT message_id::text FROM message WHERE chat = 'a' AND delivery IN (2, 3) ORDER BY send_order"
        )
        assert order == [row["message_id"] for row in stored]
        assert len(order) == 3


async def test_one_of_a_chat_is_under_way_also_when_an_earlier_one_is_tried_again(database):
    async with Line(database.url, Pace(0.001, 1000)) as line:
        await line.put(2, chat="a")
        (first,) = await line.claim()
        await line.conns[0].execute("UPDATE message SET delivery = 6 WHERE message_id = $1", first.message_id)
        (second,) = await line.claim()
        await line.conns[0].execute(
            "UPDATE message SET delivery = 1, due_time = now() WHERE message_id = $1", first.message_id
        )
        assert await line.claim() == []
        assert await queue.next_due(line.conns[0], []) is None
        await line.end([second])
        assert [job.message_id for job in await line.claim()] == [first.message_id]


async def test_a_claim_does_not_wait_for_a_process_that_stands_still_with_a_gate(database):
    async with Line(database.url, Pace(STEP, 5)) as still, Line(database.url, Pace(STEP, 5)) as line:
        await still.put(1)
        await line.put(1)
        async with still.conns[1].transaction():
            await still.conns[1].execute("SELECT FROM account_gate WHERE account_id = $1 FOR UPDATE", still.account)
            assert [job.account_id for job in await line.claim()] == [line.account]
        assert [job.account_id for job in await line.claim()] == [still.account]


async def test_an_account_without_room_leaves_it_to_others(database):
    async with Line(database.url, Pace(STEP, 100)) as busy, Line(database.url, Pace(STEP, 100)) as other:
        await busy.put(50)
        await other.put(5)
        room = queue.Room(20, 15, {busy.account: 14})
        async with other.conns[0].transaction():
            claimed = await queue.claim(other.conns[0], 1, room, other.limits, {})
        accounts = [job.account_id for job, _ in claimed]
        assert (accounts.count(busy.account), accounts.count(other.account)) == (1, 5)


async def test_an_account_may_name_a_lower_rate_and_no_nonsense(connectors):
    with pytest.raises(Invalid, match="BAD_SETTING"):
        await connectors.connect("whatsapp", settings={"messages_per_second": "many"})
    account = await meet(connectors, "whatsapp", settings={"messages_per_second": "1"})
    one, two = await chats(connectors, account, 2)
    first = await send(connectors, account, chat=one)
    await stands(connectors, first.message_id, "sent")
    wait = (await gate(connectors, account))["free_time"] - (await connectors.rows("SELECT now() AS at"))[0]["at"]
    assert timedelta(0) < wait <= timedelta(seconds=1)
    await stands(connectors, (await send(connectors, account, chat=two)).message_id, "sent")


async def test_what_the_platform_asks_for_holds_the_whole_account_in_every_process(world):
    async with world.connectors() as one, world.connectors() as other:
        account = await meet(one, "whatsapp")
        chat, next_chat = await chats(one, account, 2)
        world.platform.answers.append(answer(429, {"error": {"code": 130429}}, **{"Retry-After": "600"}))
        held = await send(one, account, chat=chat)
        await until(lambda: has_error(one, held.message_id))
        waiting = await send(other, account, chat=next_chat)
        await goes_round(one)
        await goes_round(other)
        assert await calls_to(one, next_chat) == 0
        assert (await get(one, waiting.message_id)).delivery == message_pb2.DELIVERY_QUEUED
        await free(one, account)
        await stands(one, waiting.message_id, "sent")


async def has_error(connectors, message_id: str) -> bool:
    return (await get(connectors, message_id)).HasField("error")


async def test_what_the_platform_asks_of_a_pair_holds_that_chat_alone(connectors):
    account = await meet(connectors, "whatsapp")
    chat, other = await chats(connectors, account, 2)
    connectors.platform.answers.append(answer(400, {"error": {"code": 131056}}, **{"Retry-After": "600"}))
    held = await send(connectors, account, chat=chat)
    await until(lambda: has_error(connectors, held.message_id))
    await stands(connectors, (await send(connectors, account, chat=other)).message_id, "sent")
    assert await calls_to(connectors, chat) == 1
    await connectors.rows("UPDATE message SET due_time = now() WHERE message_id = $1", held.message_id)
    await goes_round(connectors)
    assert await calls_to(connectors, chat) == 1
    await connectors.rows("UPDATE chat_gate SET free_time = now()")
    await stands(connectors, held.message_id, "sent")


async def test_unavailable_with_a_wait_holds_the_account_too(connectors):
    account = await meet(connectors, "whatsapp")
    connectors.platform.answers.append(answer(503, {}, **{"Retry-After": "600"}))
    held = await send(connectors, account)
    await until(lambda: has_error(connectors, held.message_id))
    (row,) = await connectors.rows(
        "SELECT free_time - now() > interval '9 minutes' AS held FROM account_gate WHERE account_id = $1", account
    )
    assert row["held"]


@pytest.mark.parametrize("hours", [1, -1])
async def test_a_process_whose_clock_is_an_hour_off_waits_no_longer_and_no_shorter(connectors, monkeypatch, hours):
    account = await meet(connectors, "telegram")
    for module in ("sender", "sends", "outcomes"):
        monkeypatch.setattr(f"lobby_connectors.app.{module}.utc_now", lambda: utc_now() + timedelta(hours=hours))
    told = {"ok": False, "error_code": 429, "description": "slow", "parameters": {"retry_after": 1}}
    connectors.platform.answers.append(answer(429, told))
    began = asyncio.get_running_loop().time()
    message = await send(connectors, account, "telegram")
    await stands(connectors, message.message_id, "sent")
    assert asyncio.get_running_loop().time() - began >= 1.0
    assert len(connectors.platform.sends) == 2


async def test_a_breaker_opens_when_half_the_calls_fail_and_nothing_is_dropped(world):
    async with world.connectors() as connectors:
        account = await meet(connectors, "whatsapp")
        numbers = await chats(connectors, account, 60)
        broken = answer(500, {"no": "words"})
        connectors.platform.answers += [broken] * 60
        sent = [await send(connectors, account, chat=chat) for chat in numbers]

        async def shut():
            return (await gate(connectors, account))["shut"]

        await until(shut)
        await until(lambda: nothing_under_way(connectors))
        (change,) = [each for each in await connectors.told(pb.AccountStateChanged, 2) if each.state != 2]
        assert (change.state, change.state_reason) == (3, "unavailable")
        calls = len(connectors.platform.sends)
        assert 20 <= calls < 60
        connectors.platform.answers.clear()
    # Another process knows of it: it asks once in ten seconds.
    async with world.connectors() as connectors:
        await goes_round(connectors)
        assert len(await to_whatsapp(connectors)) == calls
        connectors.platform.answers.append(broken)
        await free(connectors, account)
        await until(lambda: more_than(connectors, calls))
        await until(lambda: nothing_under_way(connectors))
        assert (await gate(connectors, account))["shut"]
        assert len(await to_whatsapp(connectors)) == calls + 1
        await free(connectors, account)
        for message in sent:
            delivery = (await get(connectors, message.message_id)).delivery
            if delivery != message_pb2.DELIVERY_UNKNOWN:
                await stands(connectors, message.message_id, "sent")
        assert not (await gate(connectors, account))["shut"]
        assert len(await to_whatsapp(connectors)) == 60


async def to_whatsapp(connectors) -> list:
    return [call for call in connectors.platform.sends if call.path.startswith("/v25.0/")]


async def more_than(connectors, calls: int) -> bool:
    return len(await to_whatsapp(connectors)) > calls


async def nothing_under_way(connectors) -> bool:
    return not await connectors.rows("SELECT FROM message WHERE delivery = 2")


async def test_five_refusals_in_a_row_shut_the_account_until_its_credentials_change(connectors):
    account = await meet(connectors, "whatsapp")
    numbers = await chats(connectors, account, 6)
    connectors.platform.answers += [CREDENTIAL_ERROR] * 5
    sent = []
    for chat in numbers[:5]:
        sent.append(await send(connectors, account, chat=chat))
        await until(lambda: has_error(connectors, sent[-1].message_id))
    assert (await gate(connectors, account))["shut"]
    assert (await connectors.account(account)).state == 4
    sent.append(await send(connectors, account, chat=numbers[5]))
    await goes_round(connectors)
    assert await calls_to(connectors, numbers[5]) == 0
    await connectors.update(account, credentials={"access_token": "new"})
    for message in sent:
        await stands(connectors, message.message_id, "sent")


async def test_what_waited_until_the_window_closed_fails_and_says_so_unless_the_customer_wrote_again(connectors):
    account = await meet(connectors, "whatsapp")
    chat, other = await chats(connectors, account, 2)
    connectors.platform.answers += [graph_error(131056)] * 2
    sent = [await send(connectors, account, chat=each) for each in (chat, other)]
    for message in sent:
        await until(lambda message=message: has_error(connectors, message.message_id))
    now = int(utc_now().timestamp())
    assert await connectors.post(signed("whatsapp", account, whatsapp(text(200, other, at=now)))) == ["accepted"]
    await connectors.rows(
        "UPDATE message SET expire_time = now(), due_time = now() + interval '1 hour' WHERE direction = 2"
    )
    failed = await stands(connectors, sent[0].message_id, "failed")
    assert (failed.error.reason, failed.error.detail) == ("EXPIRED", "it waited too long: RATE_LIMITED")
    (row,) = await connectors.rows(
        "SELECT delivery, expire_time > now() + interval '23 hours' AS waits FROM message WHERE message_id = $1",
        sent[1].message_id,
    )
    assert (row["delivery"], row["waits"]) == (1, True)
    await connectors.rows("UPDATE chat_gate SET free_time = now()")
    await retry(connectors, sent[0].message_id)
    await stands(connectors, sent[0].message_id, "sent")
