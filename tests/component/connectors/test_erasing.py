"""A customer is forgotten: nothing of him is left, and everything that is counted and proved stays."""

import hashlib
from datetime import timedelta

import pytest

from lobby.connectors.v1 import acceptance_service_pb2 as acceptance_pb
from lobby.connectors.v1 import events_pb2
from lobby.connectors.v1 import message_service_pb2 as pb
from lobby.connectors.v1.acceptance_service_pb2_grpc import AcceptanceServiceStub
from lobby_common.caller import Caller, use
from lobby_common.errors import Conflict, Refused
from lobby_common.ids import new_id
from lobby_common.times import to_proto, utc_now
from tests.component.connectors.conftest import Connectors, signed, text, until, whatsapp

LAN, SOM = "66811111111", "66822222222"


async def erase(connectors: Connectors, account_id: str, *message_ids: str, conversation_id: str = "c1") -> None:
    request = pb.EraseConversationRequest(
        conversation_id=conversation_id,
        account_id=account_id,
        message_ids=message_ids,
        erase_time=to_proto(utc_now()),
    )
    with use(Caller(connectors.caller.workspace_id, "service")):
        await connectors.messages.EraseConversation(request)


async def wrote(connectors: Connectors, account_id: str, *messages: dict, count: int = 1) -> list[str]:
    """Returns the ids of all messages so far, in the order in which they came."""
    await connectors.post(signed("whatsapp", account_id, whatsapp(*messages)))
    return [each.message_id for each in await connectors.told(events_pb2.MessageReceived, count)]


async def everything(connectors: Connectors) -> str:
    """Returns all that the schema holds, as text; bytes as what they say."""
    tables = await connectors.rows(
        "SELECT quote_ident(c.relname) AS name FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace"
        " WHERE n.nspname = 'connectors' AND c.relkind = 'r'"
    )
    found = []
    for table in tables:
        for row in await connectors.rows(f"SELECT * FROM connectors.{table['name']}"):
            found += [each.decode("latin-1") if isinstance(each, bytes) else str(each) for each in row.values()]
    return "\n".join(found)


async def until_forgotten(connectors: Connectors, *traces: str) -> None:
    async def gone() -> bool:
        left = await everything(connectors)
        return not any(each in left for each in traces)

    await until(gone)


async def until_looked_through(connectors: Connectors) -> None:
    async def done() -> bool:
        [row] = await connectors.rows(
            "SELECT (SELECT count(*) FROM raw_erasure) AS bodies, (SELECT min(passes) FROM log_erasure) AS passes"
        )
        return row["bodies"] == 0 and row["passes"] > 0

    await until(done)


async def send(connectors: Connectors, account_id: str, words: str, chat: str = LAN) -> str:
    request = pb.SendMessageRequest(
        account_id=account_id, chat=chat, conversation_id="c1", agent_id=new_id(), text=words, request_id=new_id()
    )
    with use(connectors.caller):
        return (await connectors.messages.SendMessage(request)).message.message_id


async def delivery(connectors: Connectors, message_id: str) -> int:
    [row] = await connectors.rows("SELECT delivery FROM message WHERE message_id = $1", message_id)
    return row["delivery"]


async def test_nothing_of_a_customer_is_left_in_any_table(connectors):
    account_id = await connectors.connect("whatsapp")
    contacts = [{"wa_id": LAN, "profile": {"name": "Lan Marker"}}]
    await connectors.post(
        signed("whatsapp", account_id, whatsapp(text(sender=LAN, body="a marker text"), contacts=contacts))
    )
    [received] = await connectors.told(events_pb2.MessageReceived)
    sent = await send(connectors, account_id, "an answer to a marker")
    await connectors.told(events_pb2.MessageSent)
    assert LAN in await everything(connectors)
    await erase(connectors, account_id, received.message_id, sent)
    await until_forgotten(connectors, LAN, "Marker", "marker", "wamid.")


async def test_what_was_accepted_and_told_is_counted_as_before(connectors):
    account_id = await connectors.connect("whatsapp")
    [message_id] = await wrote(connectors, account_id, text(sender=LAN))
    before = await told(connectors), await acceptances(connectors)
    await erase(connectors, account_id, message_id)
    await until_forgotten(connectors, LAN)
    assert (await told(connectors), await acceptances(connectors)) == before


async def told(connectors: Connectors) -> list[tuple[str, str, str]]:
    return [(each.id, each.type, each.cause_id) for each in await connectors.envelopes()]


async def acceptances(connectors: Connectors) -> str:
    request = acceptance_pb.ListAcceptancesRequest(to=to_proto(utc_now() + timedelta(days=1)))
    getattr(request, "from").FromDatetime(utc_now() - timedelta(days=1))
    with use(connectors.caller):
        return str(await AcceptanceServiceStub(connectors.channel).ListAcceptances(request))


async def test_of_a_body_that_was_all_of_him_its_digest_is_left(connectors):
    account_id = await connectors.connect("whatsapp")
    webhook = signed("whatsapp", account_id, whatsapp(text(sender=LAN)))
    await connectors.post(webhook)
    [received] = await connectors.told(events_pb2.MessageReceived)
    await erase(connectors, account_id, received.message_id)
    await until_forgotten(connectors, LAN)
    [row] = await connectors.rows("SELECT body, body_digest, state, n_new FROM raw_webhook")
    assert tuple(row) == (b"", hashlib.sha256(webhook.body).digest(), "parsed", 1)


async def test_a_body_in_which_others_write_too_stays(connectors):
    account_id = await connectors.connect("whatsapp")
    ids = await wrote(connectors, account_id, text(1, LAN), text(2, SOM), count=2)
    await erase(connectors, account_id, ids[0])
    await until_looked_through(connectors)
    [row] = await connectors.rows("SELECT body, body_digest FROM raw_webhook")
    assert row["body"]
    assert row["body_digest"] is None
    texts = await connectors.rows("SELECT text FROM message ORDER BY text")
    assert [each["text"] for each in texts] == ["", "hi"]


async def test_what_the_platform_brings_again_is_no_new_message(connectors):
    account_id = await connectors.connect("whatsapp")
    [message_id] = await wrote(connectors, account_id, text(sender=LAN))
    await erase(connectors, account_id, message_id)
    await connectors.post(signed("whatsapp", account_id, whatsapp(text(sender=LAN))))
    [row] = await connectors.rows("SELECT text, chat FROM message")
    assert tuple(row) == ("", "erased/c1")
    assert len(await connectors.told(events_pb2.MessageReceived)) == 1


async def test_who_writes_from_the_same_address_later_keeps_what_he_wrote(connectors):
    account_id = await connectors.connect("whatsapp")
    [first] = await wrote(connectors, account_id, text(1, LAN, "old"))
    await wrote(connectors, account_id, text(2, LAN, "new"), count=2)
    await erase(connectors, account_id, first)
    await until_looked_through(connectors)
    texts = await connectors.rows("SELECT text, chat FROM message ORDER BY text")
    assert [tuple(each) for each in texts] == [("", "erased/c1"), ("new", LAN)]
    assert [each.text for each in await connectors.told(events_pb2.MessageReceived, 2)] == ["", "new"]
    bodies = await connectors.rows("SELECT body FROM raw_webhook ORDER BY webhook_id")
    assert [b"old" in each["body"] or b"new" in each["body"] for each in bodies] == [False, True]


async def test_erasing_again_changes_nothing(connectors):
    account_id = await connectors.connect("whatsapp")
    [message_id] = await wrote(connectors, account_id, text(sender=LAN))
    await erase(connectors, account_id, message_id)
    await until_forgotten(connectors, LAN)
    before = await connectors.rows("SELECT * FROM message")
    await erase(connectors, account_id, message_id, conversation_id="c2")
    assert await connectors.rows("SELECT * FROM message") == before


async def test_what_waits_to_be_sent_to_him_is_not_sent_and_not_tried_again(connectors):
    account_id = await connectors.connect("whatsapp")
    [message_id] = await wrote(connectors, account_id, text(sender=LAN))
    waiting = await send(connectors, account_id, "first")
    await connectors.told(events_pb2.MessageSent)
    await connectors.rows(
        "UPDATE message SET delivery = 1, due_time = now() + interval '1 hour' WHERE message_id = $1", waiting
    )
    await erase(connectors, account_id, message_id, waiting)
    assert await delivery(connectors, waiting) == 6
    with use(connectors.caller), pytest.raises(Conflict, match="CONTACT_ERASED"):
        await connectors.messages.RetryMessage(pb.RetryMessageRequest(message_id=waiting))


async def test_only_services_may_erase_and_only_in_their_workspace(connectors):
    account_id = await connectors.connect("whatsapp")
    [message_id] = await wrote(connectors, account_id, text(sender=LAN))
    request = pb.EraseConversationRequest(
        conversation_id="c1", account_id=account_id, message_ids=[message_id], erase_time=to_proto(utc_now())
    )
    with use(connectors.caller), pytest.raises(Refused, match="SERVICES_ONLY"):
        await connectors.messages.EraseConversation(request)
    with use(Caller(new_id(), "service")):
        await connectors.messages.EraseConversation(request)
    [row] = await connectors.rows("SELECT text FROM message")
    assert row["text"] == "hi"
