"""A platform's message is one message here, however often, in whatever shape and by whichever replica it comes."""

import asyncio

import asyncpg
import pytest

from lobby.connectors.v1 import events_pb2 as pb
from lobby_common.postgres import steps
from tests.component.connectors.conftest import signed, text, whatsapp

AT = 1_780_000_000


def telegram(number: int, chat: int = 7, **more: object) -> dict:
    sender = {"id": chat, "first_name": "A"}
    message = {"message_id": number, "date": AT, "chat": {"id": chat, "type": "private"}, "from": sender, "text": "hi"}
    return {"update_id": number, "message": message | more}


def line(number: int, user: str = "U1", **more: object) -> dict:
    said = {"type": "message", "timestamp": AT * 1000, "source": {"type": "user", "userId": user}}
    return {"events": [said | {"message": {"id": str(number), "type": "text", "text": "hi"}} | more]}


def without(body: dict, field: str) -> dict:
    (event,) = body["events"]
    return {"events": [{key: value for key, value in event.items() if key != field}]}


SHAPES = {
    "whatsapp": [
        whatsapp(text()),
        whatsapp(text(at=AT + 1)),
        whatsapp(text() | {"timestamp": "soon"}),
        whatsapp({key: value for key, value in text().items() if key != "timestamp"}),
        whatsapp(text() | {"timestamp": AT}),
        whatsapp(text() | {"timestamp": float(AT)}),
        # The customer hides his number by now.
        whatsapp(text() | {"from": None, "from_user_id": "TH.1", "timestamp": str(AT + 2)}),
    ],
    "telegram": [
        telegram(5),
        telegram(5) | {"update_id": 9},
        telegram(5, date=AT + 1),
        telegram(5, date=None),
        telegram(5, date="soon"),
    ],
    "line": [
        line(5, webhookEventId="01A"),
        line(5, webhookEventId="01A", deliveryContext={"isRedelivery": True}),
        line(5),
        line(5, timestamp=AT * 1000 + 7, webhookEventId="01A"),
        line(5, timestamp="soon"),
        without(line(5), "timestamp"),
    ],
}


@pytest.mark.parametrize("channel", SHAPES)
@pytest.mark.parametrize("backwards", [False, True], ids=["forwards", "backwards"])
async def test_another_time_does_not_make_another_message(connectors, channel, backwards):
    account = await connectors.connect(channel)
    shapes = SHAPES[channel][::-1] if backwards else SHAPES[channel]
    for body in shapes:
        assert await connectors.post(signed(channel, account, body)) == ["accepted"]
    assert len(await connectors.told(pb.MessageReceived)) == 1
    assert len(await connectors.rows("SELECT FROM message")) == 1
    (figures,) = await connectors.rows("SELECT sum(n_new), sum(n_duplicate), sum(n_problems) FROM raw_webhook")
    assert tuple(figures) == (1, len(shapes) - 1, 0)


@pytest.mark.parametrize("channel", SHAPES)
async def test_nor_does_it_in_one_batch(connectors, channel):
    account = await connectors.connect(channel)
    shapes = SHAPES[channel] * 2
    assert await connectors.post(*(signed(channel, account, body) for body in shapes)) == ["accepted"] * len(shapes)
    assert len(await connectors.told(pb.MessageReceived)) == 1
    assert len(await connectors.rows("SELECT FROM message")) == 1


async def test_a_number_change_at_another_time_is_the_same_change(connectors):
    account = await connectors.connect("whatsapp")
    system = {"type": "user_changed_number", "wa_id": "5511888880000"}
    notice = {"id": "wamid.s", "from": "5511999990000", "timestamp": str(AT), "type": "system", "system": system}
    await connectors.post(signed("whatsapp", account, whatsapp(notice)))
    await connectors.post(signed("whatsapp", account, whatsapp(notice | {"timestamp": str(AT + 1)})))
    assert len(await connectors.told(pb.IdentifierChanged)) == 1


async def test_messages_of_other_accounts_and_chats_with_the_same_id_are_others(connectors):
    first, second = await connectors.connect("telegram"), await connectors.connect("telegram")
    for account in (first, second):
        for chat in (7, 8):
            await connectors.post(signed("telegram", account, telegram(5, chat)))
    official = await connectors.connect("line")
    for user in ("U1", "U2"):
        await connectors.post(signed("line", official, line(5, user)))
    assert len(await connectors.told(pb.MessageReceived, 6)) == 6


async def test_what_we_send_is_never_taken_for_a_message_that_came(connectors):
    """Queued messages have no id yet, and what comes in may not be held back by what goes out."""
    account = await connectors.connect("whatsapp")
    await connectors.post(signed("whatsapp", account, whatsapp(text(1), text(2))))
    await connectors.rows(
        "INSERT INTO connectors.message (message_id, workspace_id, account_id, chat, platform_message_id, direction,"
        " kind, text, author_kind, occurred_time, received_time, delivery)"
        " SELECT gen_random_uuid(), workspace_id, account_id, chat, '', 2, 1, 'x', 'agent', now(), now(), 3"
        " FROM connectors.message"
    )
    await connectors.rows("UPDATE connectors.message SET platform_message_id = 'wamid.9' WHERE direction = 2")
    await connectors.post(signed("whatsapp", account, whatsapp(text(9))))
    assert len(await connectors.told(pb.MessageReceived, 3)) == 3


async def test_two_replicas_that_take_the_same_messages_at_once_make_each_once(world):
    """Every message comes to both, at another time, in another order and in batches cut otherwise."""
    async with world.connectors() as one, world.connectors() as other:
        account = await one.connect("whatsapp")

        async def deliver(replica, step: int, late: int) -> None:
            numbers = list(range(200))[::step]
            calls = [
                replica.post(
                    *(
                        signed("whatsapp", account, whatsapp(text(n, at=AT + (n * 7 + late) % 50)))
                        for n in numbers[start : start + 20]
                    )
                )
                for start in range(0, len(numbers), 20)
            ]
            assert {verdict for verdicts in await asyncio.gather(*calls) for verdict in verdicts} == {"accepted"}

        await asyncio.gather(*(deliver(r, s, n) for n, (r, s) in enumerate([(one, 1), (other, -1), (one, -1)])))
        received = await one.told(pb.MessageReceived, 200)
        assert len({each.platform_message_id for each in received}) == len(received) == 200
        (figures,) = await one.rows("SELECT sum(n_new), sum(n_duplicate) FROM raw_webhook")
        assert tuple(figures) == (200, 400)


async def test_messages_from_before_are_known_by_their_ids_and_doubles_stay(connectors):
    """The migration of a database in which one message came to be two."""
    whatsapp_account, bot = await connectors.connect("whatsapp"), await connectors.connect("telegram")
    (step,) = [text for name, text in steps("lobby_connectors") if name.startswith("0002")]
    old = await asyncpg.connect(connectors.database_url)
    try:
        await old.execute("SET search_path = connectors")
        await old.execute("ALTER TABLE message DROP COLUMN id_scope")
        await old.execute("CREATE INDEX message_by_platform_id ON message (account_id, platform_message_id)")
        for account, chat, number in [
            *((whatsapp_account, "66811111111", "wamid.1") for _ in range(2)),
            *((bot, chat, "5") for chat in ("7", "7", "8")),
        ]:
            await old.execute(
                "INSERT INTO message (message_id, workspace_id, account_id, chat, platform_message_id, direction, kind,"
                " text, author_kind, occurred_time, received_time, webhook_id)"
                " VALUES (gen_random_uuid(), gen_random_uuid(), $1, $2, $3, 1, 1, 'hi', 'contact', now(), now(),"
                " gen_random_uuid())",
                *(account, chat, number),
            )
        await old.execute(step)
        assert await old.fetchval("SELECT count(*) FROM message WHERE length(id_scope) < 36") == 3
    finally:
        await old.close()
    await connectors.post(signed("whatsapp", whatsapp_account, whatsapp(text(1))))
    await connectors.post(*(signed("telegram", bot, telegram(5, chat)) for chat in (7, 8)))
    (figures,) = await connectors.rows("SELECT sum(n_new), sum(n_duplicate) FROM raw_webhook")
    assert tuple(figures) == (0, 3)
