"""A customer is forgotten: his conversations are empty and closed, and connectors hears of which messages."""

import pytest

from lobby.identity.v1.events_pb2 import ContactErased
from lobby.routing.v1 import events_pb2 as told_pb
from lobby_common import ids
from lobby_common.errors import Conflict
from lobby_common.events.erasing import Eraser
from tests.component.routing.conftest import LN, WA, Routing

PHONE = "66811110000"


def erased(*users: str) -> ContactErased:
    return ContactErased(
        contact_id=ids.derive_id(None, "contact", users[0]),
        contact_ids=[ids.derive_id(None, "contact", each) for each in users],
        channel_user_ids=[ids.derive_id(None, "user", each) for each in users],
    )


async def work(routing: Routing) -> None:
    """Whoever is due is forgotten, and goes out of the log."""
    while await routing.forgetter.take():
        continue
    while await Eraser(routing.log).take():
        continue


async def everything(routing: Routing) -> str:
    """All that the schema holds."""
    names = await routing.pool.fetch(
        "SELECT quote_ident(c.relname) AS name FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace"
        " WHERE n.nspname = 'routing' AND c.relkind = 'r'"
    )
    rows = [row for name in names for row in await routing.pool.fetch(f"SELECT * FROM {name['name']}")]
    return "\n".join(
        each.decode("latin-1") if isinstance(each, bytes) else str(each) for row in rows for each in row.values()
    )


async def test_nothing_of_a_customer_is_left_in_any_table(routing):
    await routing.agent()
    await routing.hear(routing.wrote(WA, PHONE, text="a marker text", display_name="Lan Marker"))
    await routing.hear(routing.sent(WA, "66899999999", text="waits, and holds a marker", echo=True))
    await routing.hear(routing.sent(WA, PHONE, minutes=1, text="an answer with a marker"))
    assert PHONE in await everything(routing)
    await routing.hear(erased(PHONE))
    await work(routing)
    left = await everything(routing)
    assert PHONE not in left
    assert "Marker" not in left
    assert "a marker text" not in left
    assert "an answer with a marker" not in left


async def test_connectors_hears_of_all_messages_of_all_his_conversations(routing):
    first, second = routing.wrote(WA, PHONE), routing.wrote(LN, "U1", user=PHONE, minutes=1)
    answer = routing.sent(WA, PHONE, minutes=2)
    await routing.hear(first, second, routing.wrote(WA, "66822220000"), answer)
    await routing.hear(erased(PHONE))
    await work(routing)
    told = {each.account_id: set(each.message_ids) for each in routing.connectors.erased}
    assert told == {WA: {first.message_id, answer.message_id}, LN: {second.message_id}}
    assert {(each.role, each.workspace_id) for each in routing.connectors.callers} == {
        ("service", routing.workspace_id)
    }


async def test_neighbours_hear_of_which_messages_and_that_nobody_waits_any_more(routing):
    message = routing.wrote(WA, PHONE)
    await routing.hear(message)
    await routing.hear(erased(PHONE))
    await work(routing)
    [told] = await routing.told(told_pb.ConversationErased)
    assert (told.account_id, list(told.message_ids)) == (WA, [message.message_id])
    [closed] = await routing.told(told_pb.ConversationClosed)
    assert closed.HasField("owed_since")
    assert closed.conversation.chat == ""
    conversation = await routing.get(WA, PHONE)
    assert (conversation.owed, conversation.display_name, conversation.last_message_text) == (False, "", "")


async def test_nobody_can_write_to_him(routing):
    agent_id = await routing.agent()
    await routing.hear(routing.wrote(WA, PHONE))
    await routing.hear(erased(PHONE))
    await work(routing)
    with routing.as_owner(), pytest.raises(Conflict, match="CONTACT_ERASED"):
        await routing.reopen(WA, PHONE, agent_id)
    with routing.as_owner(), pytest.raises(Conflict, match="CONVERSATION_CLOSED"):
        await routing.send(WA, PHONE, agent_id)


async def test_who_writes_from_the_same_address_later_has_a_conversation_of_his_own(routing):
    await routing.hear(routing.wrote(WA, PHONE, text="old"))
    await routing.hear(erased(PHONE))
    await routing.hear(routing.wrote(WA, PHONE, user="another", minutes=1, text="new"))
    await work(routing)
    old, new = await routing.get(WA, PHONE), await routing.get(WA, "another")
    assert (old.last_message_text, new.last_message_text) == ("", "new")
    assert old.conversation_id != new.conversation_id
    with routing.as_owner():
        rows = await routing.pool.fetch("SELECT conversation_id::text FROM chat WHERE chat = $1", PHONE)
    assert [row["conversation_id"] for row in rows] == [new.conversation_id]


async def test_while_connectors_is_away_it_is_tried_again(routing):
    await routing.hear(routing.wrote(WA, PHONE, text="old"))
    await routing.hear(erased(PHONE))
    routing.connectors.away = True
    await work(routing)
    assert (await routing.get(WA, PHONE)).last_message_text == "old"
    routing.connectors.away = False
    await routing.pool.execute("UPDATE forgetting SET due_time = now()")
    await work(routing)
    assert (await routing.get(WA, PHONE)).last_message_text == ""


async def test_a_message_of_his_that_was_still_on_its_way_goes_too(routing):
    await routing.hear(routing.wrote(WA, PHONE))
    await routing.hear(erased(PHONE))
    await work(routing)
    late = routing.wrote(WA, PHONE, minutes=1, text="late")
    await routing.hear(late)
    await routing.pool.execute("UPDATE forgetting SET due_time = now()")
    await work(routing)
    assert late.message_id in routing.connectors.erased[-1].message_ids
    assert (await routing.get(WA, PHONE)).last_message_text == ""


async def test_after_the_last_look_nobody_is_looked_for_any_more(routing):
    await routing.hear(erased(PHONE))
    for _ in range(4):
        await work(routing)
        await routing.pool.execute("UPDATE forgetting SET due_time = now()")
    assert await routing.pool.fetchval("SELECT count(*) FROM forgetting") == 0


async def test_hearing_of_it_twice_does_it_once(routing):
    await routing.hear(routing.wrote(WA, PHONE))
    await routing.hear(erased(PHONE), erased(PHONE))
    await routing.hear(erased(PHONE))
    await work(routing)
    assert len(await routing.told(told_pb.ConversationErased)) == 1
