"""What is answered 200 is there, once, and told once."""

import asyncio

from lobby.connectors.v1 import events_pb2 as pb
from tests.component.connectors.conftest import signed, status, text, until, whatsapp


async def test_a_message_is_stored_and_told(connectors):
    account = await connectors.connect("whatsapp")
    assert await connectors.post(signed("whatsapp", account, whatsapp(text()))) == ["accepted"]
    (event,) = await connectors.told(pb.MessageReceived)
    assert (event.chat, event.text, event.greeting, event.country) == ("66811111111", "hi", True, "TH")
    assert [(each.kind, each.value) for each in event.identifiers] == [("phone", "+66811111111")]
    assert event.window_close_time.seconds == 1_780_000_000 + 24 * 3600
    (row,) = await connectors.rows("SELECT message_id::text, text, direction FROM message")
    assert tuple(row) == (event.message_id, "hi", 1)
    (raw,) = await connectors.rows("SELECT state, n_new, n_duplicate FROM raw_webhook")
    assert tuple(raw) == ("parsed", 1, 0)


async def test_the_same_message_again_is_a_duplicate(connectors):
    account = await connectors.connect("whatsapp")
    body = whatsapp(text())
    await connectors.post(signed("whatsapp", account, body), signed("whatsapp", account, body))
    await connectors.post(signed("whatsapp", account, body))
    rows = await connectors.rows("SELECT n_new, n_duplicate FROM raw_webhook ORDER BY webhook_id")
    assert [tuple(row) for row in rows] == [(1, 0), (0, 1), (0, 1)]
    assert len(await connectors.told(pb.MessageReceived)) == 1


async def test_a_wrong_signature_leaves_nothing(connectors):
    account = await connectors.connect("whatsapp")
    webhook = signed("whatsapp", account, whatsapp(text()), signature="sha256=" + "0" * 64)
    assert await connectors.post(webhook, signed("whatsapp", account, whatsapp(text(2)))) == [
        "bad_signature",
        "accepted",
    ]
    assert len(await connectors.rows("SELECT FROM raw_webhook")) == 1
