"""However deliveries are permuted, repeated and batched, the same messages stand there in the end."""

import random

import pytest

from lobby.connectors.v1 import events_pb2 as pb
from tests.component.connectors.conftest import signed, status, text, until, whatsapp

AT = 1_780_000_000


def about(number: int, kind: str, after: int, **content: object) -> dict:
    message = {"from": "66811111111", "id": f"wamid.{kind}{number}.{after}", "timestamp": str(AT + after), "type": kind}
    return whatsapp(message | {kind: content})


def edit(number: int, after: int, words: str) -> dict:
    content = {"type": "text", "text": {"body": words}}
    return about(number, "edit", after, original_message_id=f"wamid.{number}", message=content)


def echo(number: int) -> dict:
    message = {"from": "15550783881", "to": "66811111111", "id": f"wamid.echo{number}", "timestamp": str(AT)}
    content = message | {"type": "text", "text": {"body": "answer"}}
    return whatsapp(content, field="smb_message_echoes", key="message_echoes")


BODIES = [
    whatsapp(text(1, body="one", at=AT), text(2, body="two", at=AT + 1)),
    whatsapp(text(3, body="three", at=AT + 2)),
    edit(1, 10, "one, mended"),
    edit(1, 20, "one, mended twice"),
    about(2, "revoke", 30, original_message_id="wamid.2"),
    edit(2, 25, "two, too late"),
    about(3, "reaction", 40, message_id="wamid.3", emoji="👍"),
    about(3, "reaction", 50, message_id="wamid.3"),
    about(3, "reaction", 60, message_id="wamid.3", emoji="😮"),
    echo(1),
    *(
        whatsapp(status(name, "wamid.echo1", AT + n), key="statuses")
        for n, name in enumerate(("sent", "delivered", "read"))
    ),
    echo(2),
    *(whatsapp(status(name, "wamid.echo2", AT + n), key="statuses") for n, name in enumerate(("sent", "failed"))),
]
END = [
    ("wamid.1", "one, mended twice", False, None, None),
    ("wamid.2", "", True, None, None),
    ("wamid.3", "three", False, '["😮"]', None),
    ("wamid.echo1", "answer", False, None, 5),
    ("wamid.echo2", "answer", False, None, 6),
]


@pytest.mark.parametrize("seed", range(8))
async def test_order_repetition_and_batching_of_deliveries_change_nothing(connectors, seed):
    chance = random.Random(seed)
    account = await connectors.connect("whatsapp")
    deliveries = [signed("whatsapp", account, body) for body in BODIES for _ in range(chance.randint(1, 3))]
    chance.shuffle(deliveries)
    while deliveries:
        size = chance.randint(1, 8)
        batch, deliveries = deliveries[:size], deliveries[size:]
        assert set(await connectors.post(*batch)) == {"accepted"}

    async def settled():
        rows = await connectors.rows(
            "SELECT platform_message_id, text, delete_time IS NOT NULL, reactions::text, delivery"
            " FROM message ORDER BY 1"
        )
        return [tuple(row) for row in rows] == END and not await connectors.rows("SELECT FROM waiting_fact")

    await until(settled)
    assert len(await connectors.told(pb.MessageReceived)) == 3
    assert len(await connectors.told(pb.MessageDeleted)) == 1
    assert len(await connectors.told(pb.MessageSent)) == 2
    (figures,) = await connectors.rows(
        "SELECT sum(n_new + n_duplicate) AS all, sum(n_problems) AS bad FROM raw_webhook"
    )
    (posts,) = await connectors.rows("SELECT count(*) FROM raw_webhook")
    assert figures["all"] >= posts["count"]
    assert figures["bad"] == 0
