"""Two processes send from one database: whatever fails, no message is sent twice and no order is lost."""

import asyncio
import random
from collections import defaultdict

import pytest
from aiohttp import web

from lobby.connectors.v1 import message_pb2
from lobby_connectors.app.outcomes import Outcomes
from tests.component.connectors.conftest import Call, signed, text, until, whatsapp
from tests.component.connectors.test_sending import BOT_HEARS, LINE_SAYS, get, meet, send, stands

CHATS = 6
EACH = 4


class Faulty:
    """Stands in for the answers of a platform that fails in every way there is; it keeps what it took."""

    def __init__(self, accept, chance: random.Random) -> None:
        self._accept = accept
        self._chance = chance
        self.taken: dict[str, list[str]] = defaultdict(list)
        self._keys: set[str] = set()

    def pop(self, _: int):
        return self._answer

    def _answer(self, call: Call) -> web.Response | None:
        ways = [self._take] * 5 + [self._take_and_drop, self._drop, self._limit, self._break, self._away]
        return self._chance.choice(ways)(call)

    def _take(self, call: Call) -> web.Response:
        key = call.headers.get("X-Line-Retry-Key", "")
        if key in self._keys:
            return web.json_response({"message": "The retry key is already accepted"}, status=409)
        self._keys |= {key} - {""}
        body = call.body
        chat = body.get("chat_id") or body.get("to")
        said = body["messages"][0] if "messages" in body else body
        self.taken[f"{chat}"].append(said["text"]["body"] if isinstance(said["text"], dict) else said["text"])
        return self._accept(call)

    def _take_and_drop(self, call: Call) -> None:
        self._take(call)

    def _drop(self, _: Call) -> None:
        return None

    def _limit(self, call: Call) -> web.Response:
        body = {"error": {"code": self._chance.choice([130429, 131056])}, "message": "The API rate limit"}
        return web.json_response(body, status=429, headers={"Retry-After": "30"})

    def _break(self, _: Call) -> web.Response:
        return web.Response(status=500, text="<html>")

    def _away(self, _: Call) -> web.Response:
        return web.json_response({}, status=503)


def first_words(platform: str, chat: int) -> tuple[str, dict]:
    """Returns a chat and what its customer says there first."""
    if platform == "whatsapp":
        return f"6683000000{chat}", whatsapp(text(500 + chat, f"6683000000{chat}"))
    if platform == "telegram":
        person = {"id": 70 + chat, "type": "private"}
        message = BOT_HEARS | {"chat": person, "from": {"id": 70 + chat, "first_name": "A"}}
        return f"{70 + chat}", {"update_id": 10 + chat, "message": message}
    event = LINE_SAYS["events"][0] | {"source": {"type": "user", "userId": f"U{chat}0"}}
    return f"U{chat}0", {"events": [event | {"message": event["message"] | {"id": f"9{chat}"}}]}


async def hurry(connectors) -> bool:
    """All waits are over, as if the time had passed. Returns whether nothing waits or is under way any more."""
    await connectors.rows("UPDATE message SET due_time = now() WHERE delivery = 1 AND due_time > now()")
    for table in ("account_gate", "chat_gate"):
        await connectors.rows(f"UPDATE {table} SET free_time = now() WHERE free_time > now()")
    return not await connectors.rows("SELECT FROM message WHERE delivery IN (1, 2)")


@pytest.mark.timeout(120)
@pytest.mark.parametrize("seed", [1, 2])
async def test_whatever_the_platform_does_nothing_is_sent_twice_or_out_of_order(world, seed):
    faulty = Faulty(world.platform.accept, random.Random(seed))
    sent: dict[str, message_pb2.Message] = {}
    async with world.connectors() as one, world.connectors() as other:
        places = []
        for platform in ("whatsapp", "telegram", "line"):
            account = await one.connect(platform)
            for number in range(CHATS):
                chat, body = first_words(platform, number)
                assert await one.post(signed(platform, account, body)) == ["accepted"]
                places.append((platform, account, chat))
        world.platform.answers = faulty
        for turn in range(EACH):
            for platform, account, chat in places:
                words = f"{turn} {chat}"
                sender = one if turn % 2 else other
                sent[words] = await send(sender, account, platform, chat=chat, text=words)
        await until(lambda: hurry(one), seconds=90)
        taken = [words for chat in faulty.taken.values() for words in chat]
        assert len(taken) == len(set(taken))
        for words, message in sent.items():
            delivery = (await get(one, message.message_id)).delivery
            if delivery == message_pb2.DELIVERY_SENT:
                assert words in taken
            else:
                assert delivery == message_pb2.DELIVERY_UNKNOWN
                assert " U" not in words, "the platform knows its key"
        for chat, said in faulty.taken.items():
            assert said == sorted(said), chat


async def test_what_a_process_that_stands_still_has_under_way_is_unknown_after_a_while_and_its_late_answer_counts(
    world,
):
    async with world.connectors() as still, world.connectors() as other:
        account = await meet(still, "whatsapp")
        await until(lambda: known_to_both(account, still, other))
        world.platform.hold = asyncio.Event()
        message = await send(still, account)
        await world.platform.held.wait()
        await still.rows("UPDATE message SET claim_time = claim_time - interval '121 s' WHERE delivery = 2")
        await stands(other, message.message_id, "unknown")
        world.platform.hold.set()
        await stands(other, message.message_id, "sent")
        assert len(world.platform.sends) == 1


async def known_to_both(account: str, *running) -> bool:
    return all([(await each.account(account)).state == 2 for each in running])


async def test_where_the_platform_knows_the_key_another_process_sends_it_under_the_same(world):
    async with world.connectors() as still, world.connectors() as other:
        account = await meet(still, "line")
        world.platform.hold = asyncio.Event()
        message = await send(still, account, "line")
        await world.platform.held.wait()
        await still.rows("UPDATE message SET claim_time = claim_time - interval '121 s' WHERE delivery = 2")
        await until(lambda: called_twice(world.platform))
        world.platform.hold.set()
        await stands(other, message.message_id, "sent")
        assert len({call.headers["X-Line-Retry-Key"] for call in world.platform.sends}) == 1


async def test_a_late_failure_does_not_touch_the_call_of_the_process_that_took_the_message_over(world, monkeypatch):
    settle, settled = Outcomes.settle, asyncio.Event()

    async def and_tell(self, *about):
        goes_on = await settle(self, *about)
        settled.set()
        return goes_on

    monkeypatch.setattr(Outcomes, "settle", and_tell)
    async with world.connectors() as still, world.connectors() as other:
        account = await meet(still, "line")
        late = world.platform.hold = asyncio.Event()
        message = await send(still, account, "line")
        await world.platform.held.wait()
        world.platform.hold = asyncio.Event()
        await still.rows("UPDATE message SET claim_time = claim_time - interval '121 s' WHERE delivery = 2")
        await until(lambda: called_twice(world.platform))
        world.platform.answers = [lambda _: web.json_response({}, status=503)]
        late.set()
        await settled.wait()
        assert (await get(other, message.message_id)).delivery == message_pb2.DELIVERY_SENDING
        world.platform.hold.set()
        await stands(other, message.message_id, "sent")
        assert len(world.platform.sends) == 2


async def called_twice(platform) -> bool:
    return len(platform.sends) > 1


async def test_a_process_that_stood_still_before_its_call_does_not_make_it(connectors, monkeypatch):
    account = await meet(connectors, "whatsapp")
    monkeypatch.setattr("lobby_connectors.app.sender._BEGIN_SECONDS", -1.0)
    message = await send(connectors, account)

    async def held():
        found = await get(connectors, message.message_id)
        return found.HasField("error") and found

    assert (await until(held)).error.reason == "UNAVAILABLE"
    assert connectors.platform.sends == []
    monkeypatch.undo()
    await stands(connectors, message.message_id, "sent")
    assert len(connectors.platform.sends) == 1
