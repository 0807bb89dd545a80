"""What an agent sends goes out once, in order, and what became of it is told."""

import asyncio

import pytest
from aiohttp import web

from lobby.connectors.v1 import events_pb2 as pb
from lobby.connectors.v1 import message_pb2
from lobby.connectors.v1 import message_service_pb2 as message_pb
from lobby_common.caller import Caller, use
from lobby_common.errors import Conflict, Invalid, LobbyError, NotFound
from lobby_common.ids import new_id
from lobby_connectors.directory import Directory
from lobby_connectors.store import queue
from tests.component.connectors.conftest import signed, status, text, until, whatsapp

LINE_SAYS = {"events": [{"type": "message", "timestamp": 1_780_000_000_000, "message": {"id": "1", "type": "text"}}]}
LINE_SAYS["events"][0]["source"] = {"type": "user", "userId": "U1"}
LINE_SAYS["events"][0]["message"]["text"] = "hi"
BOT_HEARS = {"message_id": 5, "date": 1_780_000_000, "text": "hi", "chat": {"id": 7, "type": "private"}}
BOT_HEARS["from"] = {"id": 7, "first_name": "A"}
CHATS = {"whatsapp": "66811111111", "telegram": "7", "line": "U1"}
FIRST = {"whatsapp": whatsapp(text()), "telegram": {"update_id": 1, "message": BOT_HEARS}, "line": LINE_SAYS}


async def meet(connectors, platform: str, **more) -> str:
    """Returns an account to which a customer has written."""
    account = await connectors.connect(platform, **more)
    assert await connectors.post(signed(platform, account, FIRST[platform])) == ["accepted"]
    return account


async def send(connectors, account: str, platform: str = "whatsapp", **more) -> message_pb2.Message:
    fields = {
        "account_id": account,
        "chat": CHATS[platform],
        "conversation_id": "c1",
        "agent_id": "a1",
        "text": "hello",
        "seen_seq": 3,
        "request_id": new_id(),
    } | more
    with use(connectors.caller):
        return (await connectors.messages.SendMessage(message_pb.SendMessageRequest(**fields))).message


async def get(connectors, message_id: str) -> message_pb2.Message:
    request = message_pb.BatchGetMessagesRequest(message_ids=[message_id])
    with use(connectors.caller):
        (message,) = (await connectors.messages.BatchGetMessages(request)).messages
    return message


async def stands(connectors, message_id: str, delivery: str) -> message_pb2.Message:
    """Waits until a message stands there."""

    async def there():
        message = await get(connectors, message_id)
        name = message_pb2.Delivery.Name(message.delivery).removeprefix("DELIVERY_").lower()
        return message if name == delivery else None

    return await until(there)


def answer(http_status: int, body: dict, **headers: str):
    return lambda _: web.json_response(body, status=http_status, headers=headers)


def graph_error(code: int, http_status: int = 400):
    return answer(http_status, {"error": {"code": code, "message": "no", "error_data": {"details": "why"}}})


def drop(_):
    """The line breaks after the request was read."""


async def retry(connectors, message_id: str, **more):
    with use(connectors.caller):
        return (
            await connectors.messages.RetryMessage(message_pb.RetryMessageRequest(message_id=message_id, **more))
        ).message


async def resolve(connectors, message_id: str, outcome: int):
    request = message_pb.ResolveMessageRequest(message_id=message_id, outcome=outcome)
    with use(connectors.caller):
        return (await connectors.messages.ResolveMessage(request)).message


@pytest.mark.parametrize("name", ["whatsapp", "telegram", "line"])
async def test_a_send_is_committed_then_sent_and_told(connectors, name):
    account = await meet(connectors, name)
    message = await send(connectors, account, name)
    assert message.delivery == message_pb2.DELIVERY_QUEUED
    done = await stands(connectors, message.message_id, "sent")
    assert done.platform_message_id
    (sent,) = await connectors.told(pb.MessageSent)
    assert (sent.conversation_id, sent.agent_id, sent.seen_seq, sent.echo) == ("c1", "a1", 3, False)
    changes = await connectors.told(pb.DeliveryChanged, 2)
    assert [change.delivery for change in changes] == [message_pb2.DELIVERY_SENDING, message_pb2.DELIVERY_SENT]


async def test_a_message_that_was_claimed_and_never_called_waits_for_the_next_claim(connectors, monkeypatch):
    account = await meet(connectors, "whatsapp")
    claim = queue.claim

    async def claim_then_lose_the_database(*args):
        claimed = await claim(*args)
        if claimed:
            monkeypatch.undo()
            monkeypatch.setattr(Directory, "ensure", lose)
        return claimed

    async def lose(*_):
        monkeypatch.undo()
        raise ConnectionResetError

    monkeypatch.setattr(queue, "claim", claim_then_lose_the_database)
    message = await send(connectors, account)
    await stands(connectors, message.message_id, "sent")
    assert len(connectors.platform.sends) == 1


async def test_a_whatsapp_send_carries_the_messages_id_and_the_number_in_full(connectors):
    account = await meet(connectors, "whatsapp")
    message = await send(connectors, account)
    await stands(connectors, message.message_id, "sent")
    (call,) = connectors.platform.sends
    assert call.path == "/v25.0/106540352242922/messages"
    assert call.headers["Authorization"] == "Bearer wa-token"
    assert (call.body["to"], call.body["biz_opaque_callback_data"]) == ("+66811111111", message.message_id)


async def test_the_same_request_id_gives_the_same_message_and_one_send(connectors):
    account = await meet(connectors, "whatsapp")
    request_id = new_id()
    messages = await asyncio.gather(*(send(connectors, account, request_id=request_id) for _ in range(5)))
    assert len({message.message_id for message in messages}) == 1
    await stands(connectors, messages[0].message_id, "sent")
    assert len(connectors.platform.sends) == 1


async def test_messages_of_a_chat_go_one_after_the_other_in_order(connectors):
    account = await meet(connectors, "whatsapp")
    messages = [await send(connectors, account, text=str(number)) for number in range(5)]
    for message in messages:
        await stands(connectors, message.message_id, "sent")
    assert [call.body["text"]["body"] for call in connectors.platform.sends] == ["0", "1", "2", "3", "4"]


async def test_a_rate_limited_message_waits_and_is_tried_again(connectors):
    account = await meet(connectors, "telegram")
    limited = answer(429, {"ok": False, "error_code": 429, "description": "slow", "parameters": {"retry_after": 1}})
    connectors.platform.answers.append(limited)
    message = await send(connectors, account, "telegram")
    held = await until(lambda: _with_error(connectors, message.message_id))
    assert (held.delivery, held.error.reason, held.error.retry_after) == (
        message_pb2.DELIVERY_QUEUED,
        "RATE_LIMITED",
        1,
    )
    done = await stands(connectors, message.message_id, "sent")
    assert not done.HasField("error")
    assert len(connectors.platform.sends) == 2


async def _with_error(connectors, message_id: str):
    message = await get(connectors, message_id)
    return message if message.HasField("error") else None


async def test_a_wait_of_longer_than_the_message_may_wait_is_a_failure_that_says_so(connectors):
    account = await meet(connectors, "telegram")
    told = {"ok": False, "error_code": 429, "description": "slow", "parameters": {"retry_after": 90_000}}
    limited = answer(429, told)
    connectors.platform.answers.append(limited)
    message = await send(connectors, account, "telegram")
    failed = await stands(connectors, message.message_id, "failed")
    assert (failed.error.reason, failed.error.retry_after) == ("RATE_LIMITED", 86_400)


@pytest.mark.parametrize(
    ("code", "http_status", "reason"),
    [(131047, 400, "WINDOW_CLOSED"), (131026, 400, "BLOCKED"), (100, 400, "REJECTED")],
)
async def test_a_refused_message_fails_with_the_reason(connectors, code, http_status, reason):
    account = await meet(connectors, "whatsapp")
    connectors.platform.answers.append(graph_error(code, http_status))
    message = await send(connectors, account)
    failed = await stands(connectors, message.message_id, "failed")
    assert (failed.error.reason, failed.error.detail) == (reason, f"{code} why")
    assert len(connectors.platform.sends) == 1


async def test_refused_credentials_keep_the_message_and_new_ones_send_it_at_once(connectors):
    account = await meet(connectors, "whatsapp")
    connectors.platform.answers.append(graph_error(190, 401))
    message = await send(connectors, account)
    held = await until(lambda: _with_error(connectors, message.message_id))
    assert (held.delivery, held.error.reason) == (message_pb2.DELIVERY_QUEUED, "BAD_CREDENTIALS")
    changes = await connectors.told(pb.AccountStateChanged, 2)
    assert [change.state for change in changes] == [2, 4]
    await connectors.update(account, credentials={"access_token": "new"})
    await stands(connectors, message.message_id, "sent")
    assert connectors.platform.sends[-1].headers["Authorization"] == "Bearer new"
    assert [change.state for change in await connectors.told(pb.AccountStateChanged, 4)] == [2, 4, 1, 2]


async def test_what_surely_did_not_arrive_is_tried_again_by_itself(connectors):
    account = await meet(connectors, "whatsapp")
    connectors.platform.answers.append(graph_error(131016, 500))
    message = await send(connectors, account)
    await stands(connectors, message.message_id, "sent")
    assert len(connectors.platform.sends) == 2


async def test_it_fails_when_the_platform_stays_away(world):
    async with world.connectors(send_attempts=2) as connectors:
        account = await meet(connectors, "whatsapp")
        connectors.platform.answers += [graph_error(131016, 500)] * 2
        message = await send(connectors, account)
        failed = await stands(connectors, message.message_id, "failed")
        assert failed.error.reason == "UNAVAILABLE"
        (change,) = [each for each in await connectors.told(pb.AccountStateChanged, 2) if each.state != 2]
        assert change.state == 3


async def test_a_line_that_breaks_leaves_the_outcome_unknown_and_the_message_unsent_again(connectors):
    account = await meet(connectors, "whatsapp")
    connectors.platform.answers.append(drop)
    message = await send(connectors, account)
    unknown = await stands(connectors, message.message_id, "unknown")
    assert unknown.error.reason == "UNKNOWN_OUTCOME"
    later = await send(connectors, account, text="next")
    await stands(connectors, later.message_id, "sent")
    assert len(connectors.platform.sends) == 2


async def test_a_receipt_settles_an_unknown_outcome(connectors):
    account = await meet(connectors, "whatsapp")
    connectors.platform.answers.append(drop)
    message = await send(connectors, account)
    await stands(connectors, message.message_id, "unknown")
    receipt = status("delivered", "wamid.real", biz_opaque_callback_data=message.message_id)
    await connectors.post(signed("whatsapp", account, whatsapp(receipt, key="statuses")))
    done = await stands(connectors, message.message_id, "delivered")
    assert done.platform_message_id == "wamid.real"
    assert len(await connectors.told(pb.MessageSent)) == 1


async def test_line_is_asked_again_under_the_same_key_and_says_that_it_has_it(connectors):
    account = await meet(connectors, "line")
    connectors.platform.answers += [drop, answer(409, {"message": "The retry key is already accepted"})]
    message = await send(connectors, account, "line")
    await stands(connectors, message.message_id, "sent")
    keys = {call.headers["X-Line-Retry-Key"] for call in connectors.platform.sends}
    assert len(connectors.platform.sends) == 2
    assert len(keys) == 1


async def test_receipts_move_a_message_only_forward(connectors):
    account = await meet(connectors, "whatsapp")
    message = await send(connectors, account)
    sent = await stands(connectors, message.message_id, "sent")
    for name in ("read", "delivered", "sent", "read"):
        receipt = status(name, sent.platform_message_id)
        await connectors.post(signed("whatsapp", account, whatsapp(receipt, key="statuses")))
    await stands(connectors, message.message_id, "read")
    changes = await connectors.told(pb.DeliveryChanged, 3)
    assert [change.delivery for change in changes] == [2, 3, 5]


async def test_a_receipt_that_overtakes_the_answer_waits_for_it(connectors):
    account = await meet(connectors, "telegram")
    bodies = whatsapp(status("delivered", "wamid.out-1"), key="statuses")
    number = await meet(connectors, "whatsapp")
    await connectors.post(signed("whatsapp", number, bodies))
    connectors.platform.answers.append(answer(200, {"messages": [{"id": "wamid.out-1"}]}))
    message = await send(connectors, number)
    await stands(connectors, message.message_id, "delivered")
    assert account != number


async def test_a_failure_told_later_fails_the_message_and_delivery_can_still_come(connectors):
    account = await meet(connectors, "whatsapp")
    message = await send(connectors, account)
    sent = await stands(connectors, message.message_id, "sent")
    failed = status("failed", sent.platform_message_id, errors=[{"code": 131047, "message": "m"}])
    await connectors.post(signed("whatsapp", account, whatsapp(failed, key="statuses")))
    message = await stands(connectors, message.message_id, "failed")
    assert message.error.reason == "WINDOW_CLOSED"
    receipt = status("delivered", sent.platform_message_id)
    await connectors.post(signed("whatsapp", account, whatsapp(receipt, key="statuses")))
    message = await stands(connectors, message.message_id, "delivered")
    assert not message.HasField("error")


async def test_only_a_failed_message_is_retried_and_keeps_its_id(connectors):
    account = await meet(connectors, "whatsapp")
    connectors.platform.answers.append(graph_error(100))
    message = await send(connectors, account)
    await stands(connectors, message.message_id, "failed")
    again = await asyncio.gather(*(retry(connectors, message.message_id, request_id="r") for _ in range(3)))
    assert {each.message_id for each in again} == {message.message_id}
    await stands(connectors, message.message_id, "sent")
    assert len(connectors.platform.sends) == 2
    with pytest.raises(Conflict, match="NOT_FAILED"):
        await retry(connectors, message.message_id)
    with pytest.raises(Conflict, match="NOT_UNKNOWN"):
        await resolve(connectors, message.message_id, 1)


@pytest.mark.parametrize(("outcome", "delivery"), [(1, "sent"), (2, "failed")])
async def test_a_person_resolves_an_unknown_outcome(connectors, outcome, delivery):
    account = await meet(connectors, "telegram")
    connectors.platform.answers.append(drop)
    message = await send(connectors, account, "telegram")
    await stands(connectors, message.message_id, "unknown")
    await resolve(connectors, message.message_id, outcome)
    await stands(connectors, message.message_id, delivery)
    assert len(connectors.platform.sends) == 1


async def test_messages_of_others_are_not_found(connectors):
    account = await meet(connectors, "whatsapp")
    connectors.platform.answers.append(graph_error(100))
    message = await send(connectors, account)
    await stands(connectors, message.message_id, "failed")
    owner = connectors.caller
    connectors.caller = Caller(owner.workspace_id, "agent", agent_id="a2")
    with pytest.raises(NotFound, match="MESSAGE_NOT_FOUND"):
        await retry(connectors, message.message_id)
    connectors.routing.visible.add(message.message_id)
    await retry(connectors, message.message_id)
    connectors.caller = Caller(new_id(), "owner")
    with pytest.raises(NotFound, match="MESSAGE_NOT_FOUND"):
        await retry(connectors, message.message_id)
    with pytest.raises(NotFound, match="ACCOUNT_NOT_FOUND"):
        await send(connectors, account)
    connectors.caller = owner


async def test_what_cannot_be_sent_is_refused_at_once(connectors):
    account = await meet(connectors, "whatsapp")
    document = message_pb.SendAttachment(kind="document", url="https://example.com/a.pdf")
    line = await meet(connectors, "line")
    refusals = [
        ({"text": "x" * 4097}, Invalid, "TEXT_TOO_LONG"),
        ({"text": "  "}, Invalid, "EMPTY_MESSAGE"),
        ({"chat": "999"}, NotFound, "CHAT_NOT_FOUND"),
        ({"account_id": "x"}, NotFound, "ACCOUNT_NOT_FOUND"),
        ({"account_id": line, "chat": "U1", "attachments": [document]}, Invalid, "ATTACHMENT_UNSUPPORTED"),
        (
            {"attachments": [message_pb.SendAttachment(kind="image", url="ftp://x/y")]},
            Invalid,
            "ATTACHMENT_URL_REFUSED",
        ),
    ]
    for fields, error, reason in refusals:
        with pytest.raises(error, match=reason):
            await send(connectors, account, **fields)


async def test_a_switched_off_account_sends_nothing(connectors):
    account = await meet(connectors, "whatsapp")
    await connectors.update(account, disabled=True)
    with pytest.raises(Conflict, match="ACCOUNT_DISABLED"):
        await send(connectors, account)
    assert (await connectors.update(account, disabled=False)).state == 1


async def test_what_was_under_way_at_a_crash_is_of_unknown_outcome(world):
    async with world.connectors() as connectors:
        account = await meet(connectors, "whatsapp")
        message = await send(connectors, account)
        await stands(connectors, message.message_id, "sent")
        other = await send(connectors, account)
        await stands(connectors, other.message_id, "sent")
        await connectors.rows(
            "UPDATE connectors.message SET delivery = 2, accept_time = NULL, parts_done = 0 WHERE message_id = $1",
            other.message_id,
        )
    async with world.connectors() as connectors:
        unknown = await stands(connectors, other.message_id, "unknown")
        assert unknown.error.reason == "UNKNOWN_OUTCOME"
        assert len(connectors.platform.sends) == 2


async def test_line_sends_what_was_under_way_at_a_crash_again_under_its_key(world):
    async with world.connectors() as connectors:
        account = await meet(connectors, "line")
        message = await send(connectors, account, "line")
        await stands(connectors, message.message_id, "sent")
        await connectors.rows(
            "UPDATE connectors.message SET delivery = 2, accept_time = NULL, parts_done = 0 WHERE direction = 2"
        )
    async with world.connectors() as connectors:
        await stands(connectors, message.message_id, "sent")
        keys = {call.headers["X-Line-Retry-Key"] for call in connectors.platform.sends}
        assert (len(connectors.platform.sends), len(keys)) == (2, 1)


async def test_another_replica_leaves_alone_what_a_living_one_is_sending(world):
    async with world.connectors() as one:
        account = await meet(one, "whatsapp")
        world.platform.hold = asyncio.Event()
        message = await send(one, account)
        await world.platform.held.wait()
        async with world.connectors() as other:
            assert (await get(other, message.message_id)).delivery == message_pb2.DELIVERY_SENDING
            world.platform.hold.set()
            await stands(other, message.message_id, "sent")
        assert len(world.platform.sends) == 1


async def test_attachments_and_text_are_one_message_of_several_requests(connectors):
    account = await meet(connectors, "whatsapp")
    voice = message_pb.SendAttachment(kind="audio", url="https://example.com/a.ogg")
    connectors.platform.answers += [connectors.platform.accept, graph_error(100)]
    message = await send(connectors, account, attachments=[voice])
    await stands(connectors, message.message_id, "failed")
    await retry(connectors, message.message_id)
    await stands(connectors, message.message_id, "sent")
    assert [call.body["type"] for call in connectors.platform.sends] == ["text", "audio", "audio"]
    receipt = status("delivered", "wamid.out-3")
    await connectors.post(signed("whatsapp", account, whatsapp(receipt, key="statuses")))
    await stands(connectors, message.message_id, "delivered")


async def test_the_journey_of_an_answer_and_of_a_question(connectors):
    account = await meet(connectors, "whatsapp")
    (question,) = await connectors.told(pb.MessageReceived)
    steps = await connectors.steps(question.message_id)
    assert [step.step for step in steps.steps] == ["webhook_accepted", "message_stored"]
    assert [ref.event_id for ref in steps.produced] == [steps.steps[-1].event_id]
    message = await send(connectors, account)
    await stands(connectors, message.message_id, "sent")
    steps = await connectors.steps(message.message_id)
    assert [step.step for step in steps.steps][:2] == ["queued", "sending"]
    assert {step.step for step in steps.steps} == {"queued", "sending", "sent"}
    assert (await connectors.steps(new_id())).steps == []


async def test_it_goes_on_after_the_database_dropped_every_connection(connectors):
    account = await meet(connectors, "whatsapp")
    connectors.platform.hold = asyncio.Event()
    message = await send(connectors, account)
    await connectors.platform.held.wait()
    drop_all = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'lobby_connectors'"
    await connectors.rows(f"{drop_all} AND datname = current_database()")
    connectors.platform.hold.set()
    await stands(connectors, message.message_id, "sent")

    async def sends_again():
        try:
            return await send(connectors, account, text="next")
        except LobbyError:
            return None

    later = await until(sends_again)
    await stands(connectors, later.message_id, "sent")
    assert await connectors.post(signed("whatsapp", account, whatsapp(text(2)))) == ["accepted"]
    assert len(connectors.platform.sends) == 2
