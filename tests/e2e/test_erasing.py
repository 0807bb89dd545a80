"""A person asks to be forgotten: no table of any service knows anything of him, and every figure is as it was."""

import asyncpg
import pytest
import pytest_asyncio

from tests.lobby import Lobby, until

pytestmark = pytest.mark.asyncio(loop_scope="session")

PHONE, TELEGRAM = "66877001122", "7309876501"
TRACES = (PHONE, TELEGRAM, "Xanthippe", "zanzibarmarker")
"""His addresses, his name, and a word that is in all of his texts."""


@pytest_asyncio.fixture(loop_scope="session")
async def database(stack):
    made = await asyncpg.connect(stack.ready().database_url)
    yield made
    await made.close()


async def traces(database: asyncpg.Connection) -> set[str]:
    """Where in the database something of him is: table, and what."""
    tables = await database.fetch(
        "SELECT format('%I.%I', n.nspname, c.relname) AS name FROM pg_class AS c"
        " JOIN pg_namespace AS n ON n.oid = c.relnamespace"
        " WHERE c.relkind = 'r' AND n.nspname NOT IN ('pg_catalog', 'information_schema')"
    )
    found = set()
    for table in [row["name"] for row in tables]:
        for row in await database.fetch(f"SELECT * FROM {table}"):
            held = " ".join(each.decode("latin-1") if isinstance(each, bytes) else str(each) for each in row.values())
            found |= {f"{table}: {trace}" for trace in TRACES if trace in held}
    return found


async def settled(lobby: Lobby):
    """Returns the proof once nothing is under way."""

    async def look():
        proof = await lobby.get("/v1/proof")
        return proof if proof["balanced"] and not any(stage["pending"] for stage in proof["stages"]) else None

    return await until(look)


def figures(proof: dict) -> tuple:
    return (
        [
            {name: account[name] for name in ("account_id", "accepted", "new", "duplicate")}
            for account in proof["accounts"]
        ],
        proof["missed"],
    )


async def met(lobby: Lobby) -> dict[str, str]:
    """He wrote over two platforms and was answered; his contacts are one. Returns his contact and an account."""
    whatsapp, telegram = await lobby.account("whatsapp"), await lobby.account("telegram")
    agent_id = await lobby.agent()
    said = {"name": "Xanthippe Brown"}
    await lobby.say("whatsapp", whatsapp, PHONE, "zanzibarmarker one, call me", **said)
    await lobby.say("whatsapp", whatsapp, PHONE, "onde está o zanzibarmarker", **said)
    await lobby.say("telegram", telegram, TELEGRAM, "zanzibarmarker three", **said)
    await lobby.say("whatsapp", whatsapp, "66877001199", "somebody else")
    await lobby.until_counted(new=3, repeat=0)

    async def his() -> list:
        found = [
            each
            for account in (whatsapp, telegram)
            for each in await lobby.conversations(account, state="all")
            if "zanzibar" in each["last_message_text"]
        ]
        return found if len(found) == 2 else []

    mine, other = await until(his)
    last = (await lobby.messages(mine["conversation_id"]))[-1]
    await lobby.post(
        f"/v1/conversations/{mine['conversation_id']}/messages",
        {
            "text": "Hello Xanthippe, zanzibarmarker it is",
            "agent_id": agent_id,
            "last_seen_message_id": last["message_id"],
            "send_original": True,
        },
        **{"Idempotency-Key": "answer-1"},
    )

    async def answered():
        return (await lobby.totals())["messages_out"] == 1

    await until(answered)
    contact_id = mine["contact_id"]
    await lobby.post(
        f"/v1/contacts/{contact_id}:merge",
        {"other_contact_id": other["contact_id"], "note": "Xanthippe said so"},
        **{"Idempotency-Key": "merge-1"},
    )
    await lobby.until_counted(new=2, repeat=1)
    return {"contact_id": contact_id, "account_id": whatsapp, "conversation_id": mine["conversation_id"]}


@pytest.mark.timeout(120)
async def test_who_is_forgotten_leaves_no_trace_in_any_table_and_every_figure_stands(lobby: Lobby, database):
    his = await met(lobby)
    proof, totals = await settled(lobby), await lobby.totals()
    assert {each.rpartition(" ")[2] for each in await traces(database)} == set(TRACES)
    await lobby.post(f"/v1/contacts/{his['contact_id']}:erase")

    async def gone():
        return not await traces(database)

    try:
        await until(gone, seconds=40)
    except TimeoutError:
        pytest.fail(f"left: {sorted(await traces(database))}")
    after = await settled(lobby)
    assert figures(after) == figures(proof)
    now = await lobby.totals()
    assert {name: now[name] for name in ("new", "repeat", "messages_in", "messages_out")} == {
        name: totals[name] for name in ("new", "repeat", "messages_in", "messages_out")
    }
    messages = await lobby.messages(his["conversation_id"])
    assert [each["text"] for each in messages] == ["", "", ""]


@pytest.mark.timeout(120)
async def test_who_writes_from_the_same_address_later_is_a_new_contact_and_is_not_forgotten(lobby: Lobby):
    account_id = await lobby.account("telegram")
    await lobby.say("telegram", account_id, "7309876599", "before", name="Old Name")
    old = (await lobby.one_conversation(account_id, owed=True))["contact_id"]
    await lobby.post(f"/v1/contacts/{old}:erase")
    await lobby.say("telegram", account_id, "7309876599", "after", name="New Name")

    async def both():
        found = await lobby.conversations(account_id, state="all")
        return found if sorted(each["last_message_text"] for each in found) == ["", "after"] else None

    new = next(each for each in await until(both) if each["last_message_text"])
    assert new["contact_id"] != old
    contact = (await lobby.get(f"/v1/contacts/{new['contact_id']}"))["contact"]
    assert (contact["display_name"], [each["value"] for each in contact["identifiers"]]) == ("New Name", ["7309876599"])
    await lobby.until_counted(new=2, repeat=0)
