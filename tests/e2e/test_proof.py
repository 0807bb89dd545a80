"""`/v1/proof`: everything accepted is accounted for; what somebody takes away by hand is named, and is back again."""

import asyncpg
import pytest
import pytest_asyncio

from tests.e2e.conftest import new_workspace
from tests.lobby import Lobby, until

pytestmark = pytest.mark.asyncio(loop_scope="session")

STAGES = ["connectors", "identity", "routing", "translate", "counter"]


@pytest_asyncio.fixture(loop_scope="session")
async def database(stack):
    made = await asyncpg.connect(stack.ready().database_url)
    yield made
    await made.close()


async def balanced(lobby: Lobby):
    """Returns the proof once nothing is under way."""

    async def look():
        proof = await lobby.get("/v1/proof")
        settled = not any(stage["pending"] for stage in proof["stages"])
        return proof if proof["balanced"] and settled else None

    return await until(look)


async def told(lobby: Lobby, customers: int = 3, text: str = "Hello {}") -> tuple[str, str]:
    """Some customers wrote, and one was answered. Returns account and agent."""
    account_id, agent_id = await lobby.account("whatsapp"), await lobby.agent()
    for number in range(customers):
        await lobby.say("whatsapp", account_id, f"6681111222{number}", text.format(number))
    await lobby.until_counted(new=customers, repeat=0)
    conversation = (await lobby.conversations(account_id))[0]
    last = (await lobby.messages(conversation["conversation_id"]))[-1]
    await lobby.post(
        f"/v1/conversations/{conversation['conversation_id']}/messages",
        {"text": "Hi", "agent_id": agent_id, "last_seen_message_id": last["message_id"], "send_original": True},
    )

    async def answered():
        totals = await lobby.totals()
        return (totals["messages_out"], totals["waiting"]) == (1, customers - 1)

    await until(answered)
    return account_id, agent_id


async def test_what_platforms_said_adds_up_and_every_service_shows_its_effects(lobby: Lobby):
    channel = await lobby.channel("whatsapp")
    hello = await lobby.say("whatsapp", channel.account_id, "66811111111", "Hello")
    await lobby.accepted(channel, hello["webhook"], b'{"object": "whatsapp_business_account"', hello["webhook"])
    await lobby.until_counted(new=1, repeat=0)
    proof = await balanced(lobby)
    [account] = proof["accounts"]
    assert account["account_id"] == channel.account_id
    assert (account["accepted"], account["new"]) == (4, 1)
    assert (account["duplicate"], account["ignored"], account["quarantined"]) == (2, 0, 1)
    assert [stage["service"] for stage in proof["stages"]] == STAGES
    for stage in proof["stages"]:
        assert stage["expected"] == stage["applied"] > 0
        assert stage["missing_event_ids"] == []
    assert proof["missed"] == 0


async def test_a_group_message_is_ignored_by_a_rule_that_is_named(lobby: Lobby):
    channel = await lobby.channel("telegram")
    message = {
        "message_id": 7,
        "date": 1764150000,
        "chat": {"id": -100123, "type": "supergroup", "title": "G"},
        "from": {"id": 5, "is_bot": False, "first_name": "A"},
        "text": "hello all",
    }
    await lobby.accepted(channel, {"update_id": 1, "message": message})
    [account] = (await balanced(lobby))["accounts"]
    assert (account["accepted"], account["ignored"], account["ignored_by"]) == (1, 1, ["group"])


LOSSES = {
    "connectors": "DELETE FROM connectors.message WHERE workspace_id = $1::uuid AND direction = 1",
    "identity": "DELETE FROM identity.identifier WHERE workspace_id = $1::uuid",
    "routing": "DELETE FROM routing.conversation_message USING routing.conversation AS c"
    " WHERE conversation_message.conversation_id = c.conversation_id AND c.workspace_id = $1::uuid AND inbound",
    "translate": "DELETE FROM translate.message WHERE workspace_id = $1::uuid",
    "counter": "DELETE FROM counter.message WHERE workspace_id = $1::uuid",
}


@pytest.mark.parametrize("service", LOSSES)
async def test_effects_that_are_taken_away_are_named_and_come_back_as_they_were(lobby: Lobby, database, service):
    account_id, _ = await told(lobby)
    await balanced(lobby)
    before = await picture(lobby, account_id)
    workspace_id = (await lobby.get("/v1/workspace"))["workspace"]["workspace_id"]
    await database.execute(LOSSES[service], workspace_id)
    proof = await lobby.get("/v1/proof")
    missing = {stage["service"]: len(stage["missing_event_ids"]) for stage in proof["stages"]}
    assert not proof["balanced"]
    assert proof["missed"] == sum(missing.values())
    assert missing[service] >= 3
    assert not sum(count for name, count in missing.items() if name != service)
    await balanced(lobby)

    async def as_before():
        return await picture(lobby, account_id) == before

    await until(as_before)


async def picture(lobby: Lobby, account_id: str):
    """What people see: figures, conversations, messages."""
    conversations = await lobby.conversations(account_id, state="all")
    shown = [
        (each["conversation_id"], each["contact_id"], each["owed"], each.get("owed_since"), each["unseen_count"])
        for each in conversations
    ]
    messages = [
        (each["platform_message_id"], each["text"], each["direction"])
        for conversation in conversations
        for each in await lobby.messages(conversation["conversation_id"])
    ]
    return await lobby.totals(), sorted(shown), sorted(messages)


SMALLER_LOSSES = {
    "routing": "DELETE FROM routing.decision AS lost USING routing.conversation AS c"
    " WHERE lost.conversation_id = c.conversation_id AND c.workspace_id = $1::uuid",
    "counter": "DELETE FROM counter.wait WHERE workspace_id = $1::uuid",
    "translate": "DELETE FROM translate.translation AS lost USING translate.message AS m"
    " WHERE lost.message_id = m.message_id AND m.workspace_id = $1::uuid",
    "identity": "DELETE FROM identity.channel_user WHERE workspace_id = $1::uuid",
}
TOLD_OF = {"routing": 3, "counter": 4, "translate": 3, "identity": 3}
"""How many events tell of what is lost: one of three waits was answered."""


@pytest.mark.parametrize("service", SMALLER_LOSSES)
async def test_decisions_waits_translations_and_people_that_are_taken_away_come_back(lobby: Lobby, database, service):
    account_id, _ = await told(lobby, text="Quanto custa?")

    async def shown():
        lists = [
            await lobby.messages(each["conversation_id"]) for each in await lobby.conversations(account_id, state="all")
        ]
        return all("translation" in message for messages in lists for message in messages[:1])

    await until(shown)
    await balanced(lobby)
    before, decided = await picture(lobby, account_id), await decisions(lobby, account_id)
    workspace_id = (await lobby.get("/v1/workspace"))["workspace"]["workspace_id"]
    await database.execute(SMALLER_LOSSES[service], workspace_id)
    proof = await lobby.get("/v1/proof")
    missing = {stage["service"]: len(stage["missing_event_ids"]) for stage in proof["stages"]}
    assert (missing.pop(service), set(missing.values())) == (TOLD_OF[service], {0})
    assert (proof["complete"], proof["balanced"]) == (True, False)
    await balanced(lobby)
    assert await picture(lobby, account_id) == before
    assert await decisions(lobby, account_id) == decided


async def decisions(lobby: Lobby, account_id: str):
    """Who got each conversation, how and when."""
    return {
        conversation["conversation_id"]: [
            (each["time"], each["agent_id"], each["strategy"])
            for each in (await lobby.get(f"/v1/conversations/{conversation['conversation_id']}/decisions"))["decisions"]
        ]
        for conversation in await lobby.conversations(account_id, state="all")
    }


async def test_range_rows_that_are_taken_away_are_named_and_come_back(lobby: Lobby, database):
    await told(lobby)
    await balanced(lobby)
    await database.execute(
        "DELETE FROM counter.applied_range WHERE producer = 'identity' AND apply_time > now() - interval '5 minutes'"
    )
    proof = await lobby.get("/v1/proof")
    assert not proof["balanced"]
    [counter] = [stage for stage in proof["stages"] if stage["service"] == "counter"]
    assert len(counter["missing_event_ids"]) >= 3
    totals = await lobby.totals()
    await balanced(lobby)
    assert await lobby.totals() == totals


@pytest.mark.parametrize(
    "query",
    [
        {"from": "2026-11-02T00:00:00Z", "to": "2026-11-01T00:00:00Z"},
        {"from": "2026-01-01T00:00:00Z", "to": "2026-11-01T00:00:00Z"},
    ],
)
async def test_a_period_that_makes_no_sense_is_refused(lobby: Lobby, query):
    answer = await lobby.ask("GET", "/v1/proof", **query)
    assert (answer.status, answer.body["reason"]) == (400, "INVALID_PERIOD")


async def test_two_workspaces_prove_apart(lobby: Lobby, stack, session):
    await told(lobby)
    other = await new_workspace(stack, session)
    proof = await other.get("/v1/proof")
    assert proof["accounts"] == []
    assert {stage["expected"] for stage in proof["stages"]} == {0}
    assert proof["balanced"]
