"""Bodies within the limit of size that say more than anybody should: neighbours do not wait, and nothing is lost."""

import json

import pytest

from lobby.connectors.v1 import events_pb2 as pb
from tests.component.connectors.conftest import signed, text, until, whatsapp


async def test_what_says_too_much_at_once_is_kept_and_taken_in_part_by_part(connectors):
    account = await connectors.connect("whatsapp")
    many = whatsapp(*(text(number, body=f"text {number}") for number in range(2500)))
    neighbour = whatsapp(text(9999, body="neighbour"))
    verdicts = await connectors.post(signed("whatsapp", account, many), signed("whatsapp", account, neighbour))
    assert verdicts == ["accepted"] * 2

    async def parsed():
        return await connectors.rows("SELECT n_new, n_problems FROM raw_webhook WHERE state = 'parsed' AND n_new > 1")

    assert [tuple(row) for row in await until(parsed)] == [(2500, 0)]
    told = await connectors.told(pb.MessageReceived, 2501)
    assert [each.text for each in told] == ["neighbour", *(f"text {number}" for number in range(2500))]
    rows = await connectors.rows("SELECT text FROM message WHERE text <> 'neighbour' ORDER BY received_time")
    assert [row["text"] for row in rows] == [f"text {number}" for number in range(2500)]


async def test_what_is_left_for_later_is_in_quarantine_until_then(connectors):
    account = await connectors.connect("whatsapp")
    await connectors.rows("ALTER TABLE connectors.message ADD CONSTRAINT none CHECK (text <> 'text 2400')")
    many = whatsapp(*(text(number, body=f"text {number}") for number in range(2500)))
    await connectors.post(signed("whatsapp", account, many))
    (item,) = await connectors.list_quarantine()
    assert item.state == "pending"
    await connectors.rows("ALTER TABLE connectors.message DROP CONSTRAINT none")
    assert len(await connectors.told(pb.MessageReceived, 2500)) == 2500


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (whatsapp({"type": "contacts", "contacts": [{}] * 300}), "300 cards in one message"),
        (whatsapp({"type": "image", "image": {"url": "https://a/" + "x" * 9000}}), "an address of 9010 characters"),
        ({"object": "whatsapp_business_account", "entry": [{"changes": [{}] * 60_000}]}, "60000 parts"),
        (whatsapp(*[1] * 60_000), "60000 parts"),
        (b'{"object":"' + b"\xff" * 2_000_000 + b'"}', "utf-8"),
    ],
)
async def test_what_nobody_sends_is_quarantined(connectors, body, reason):
    account = await connectors.connect("whatsapp")
    if isinstance(body, dict):
        for entry in body["entry"]:
            for message in entry["changes"][0].get("value", {}).get("messages", []):
                if isinstance(message, dict):
                    message |= {"from": "66811111111", "id": "wamid.1", "timestamp": "1780000000"}
        body = json.dumps(body).encode()
    assert await connectors.post(signed("whatsapp", account, body)) == ["accepted"]
    (item,) = await connectors.list_quarantine()
    assert reason in item.reason


async def test_more_reactions_than_a_person_has_are_quarantined(connectors):
    account = await connectors.connect("telegram")
    reaction = {"chat": {"id": 1, "type": "private"}, "message_id": 1, "new_reaction": [{"emoji": "a"}] * 200}
    await connectors.post(signed("telegram", account, {"update_id": 1, "message_reaction": reaction}))
    (item,) = await connectors.list_quarantine()
    assert item.reason == "$.message_reaction.new_reaction: 200 reactions of one person"
