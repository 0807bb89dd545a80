"""A customer writes, an agent answers, the person is counted: all the way through."""

import asyncio

import pytest

from tests.lobby import Lobby, until

pytestmark = pytest.mark.asyncio(loop_scope="session")

CUSTOMERS = {"whatsapp": "66811111111", "telegram": "7301234567", "line": "somchai"}
SERVICES = ("connectors", "identity", "routing", "translate", "counter")


@pytest.mark.parametrize("platform", CUSTOMERS)
async def test_a_customer_is_answered_where_he_wrote(lobby: Lobby, platform: str):
    account_id, agent_id = await lobby.account(platform), await lobby.agent()
    said = await lobby.say(platform, account_id, CUSTOMERS[platform], "Hello, is this still available?")
    conversation = await lobby.one_conversation(account_id, owed=True, agent_id=agent_id)
    answer = await lobby.post(
        f"/v1/conversations/{conversation['conversation_id']}/messages",
        {
            "text": "Yes, it is.",
            "agent_id": agent_id,
            "last_seen_message_id": (await lobby.messages(conversation["conversation_id"]))[0]["message_id"],
        },
    )
    assert answer["message"]["direction"] == "outbound"
    [accepted] = await until(lambda: lobby.sent(platform, account_id))
    assert "Yes, it is." in str(accepted["body"])
    address = CUSTOMERS[platform] if platform != "line" else said["customer_id"]
    assert address in str(accepted["body"])
    await lobby.one_conversation(account_id, owed=False)
    expected = ("read",) if platform == "whatsapp" else ("sent",)

    async def delivered():
        messages = await lobby.messages(conversation["conversation_id"])
        return [m["delivery"] for m in messages if m["direction"] == "outbound"] == list(expected)

    await until(delivered)

    async def counted():
        totals = await lobby.totals()
        names = ("new", "repeat", "messages_in", "messages_out", "served", "waiting", "unserved")
        return [totals[name] for name in names] == [1, 0, 1, 1, 1, 0, 0]

    await until(counted)


async def test_the_pool_shows_who_waits_and_reading_changes_nothing(lobby: Lobby):
    account_id = await lobby.account("whatsapp")
    await lobby.say("whatsapp", account_id, "66811111112", "hi")
    first = await lobby.one_conversation(account_id, owed=True)
    assert first["last_message_text"] == "hi"
    assert first["platform"] == "whatsapp"
    assert "window_close_time" in first
    await lobby.messages(first["conversation_id"])
    await lobby.get(f"/v1/conversations/{first['conversation_id']}")
    assert await lobby.one_conversation(account_id) == first
    listed = await lobby.get("/v1/conversations", state="owed", unassigned="true")
    assert listed["total_owed"] == 1


async def test_every_service_tells_its_part_of_the_journey(lobby: Lobby):
    account_id = await lobby.account("whatsapp")
    await lobby.agent(languages=("pt",))
    await lobby.say("whatsapp", account_id, "5511999990000", "Hello, how much is it?")
    conversation = await lobby.one_conversation(account_id, owed=True)
    await lobby.until_counted(1, 0)
    [message] = await lobby.messages(conversation["conversation_id"])

    async def complete():
        journey = await lobby.get(f"/v1/messages/{message['message_id']}/journey")
        return journey if {step["service"] for step in journey["steps"]} >= set(SERVICES) else None

    journey = await until(complete)
    assert journey["steps"] == sorted(journey["steps"], key=lambda step: step["time"])
    assert len(journey["trace_id"]) == 32


async def test_one_trace_joins_all_services_for_one_message(lobby: Lobby, collector):
    account_id = await lobby.account("whatsapp")
    await lobby.agent(languages=("pt",))
    await lobby.say("whatsapp", account_id, "5511999990001", "Hello, how much is it?")
    conversation = await lobby.one_conversation(account_id, owed=True)
    [message] = await lobby.messages(conversation["conversation_id"])
    trace_id = (await lobby.get(f"/v1/messages/{message['message_id']}/journey"))["trace_id"]

    async def joined():
        seen = {service for service, _, trace, _ in collector.spans if trace == trace_id}
        return seen >= {f"lobby-{name}" for name in (*SERVICES, "gateway")}

    await until(joined)


async def test_a_reply_over_a_newer_unseen_message_is_refused_with_it(lobby: Lobby):
    account_id, agent_id = await lobby.account("whatsapp"), await lobby.agent()
    await lobby.say("whatsapp", account_id, "66811111113", "first")
    conversation = await lobby.one_conversation(account_id, owed=True, agent_id=agent_id)
    path = f"/v1/conversations/{conversation['conversation_id']}"
    [first] = await lobby.messages(conversation["conversation_id"])
    await lobby.say("whatsapp", account_id, "66811111113", "second")
    await lobby.one_conversation(account_id, last_message_text="second")
    body = {"text": "answer", "agent_id": agent_id, "last_seen_message_id": first["message_id"]}
    refused = await lobby.ask("POST", f"{path}/messages", body)
    assert (refused.status, refused.body["reason"]) == (409, "NEWER_MESSAGE")
    assert [newer["text"] for newer in refused.body["newer"]] == ["second"]
    body["last_seen_message_id"] = refused.body["newer"][0]["message_id"]
    assert (await lobby.ask("POST", f"{path}/messages", body)).status == 200


async def test_the_same_idempotency_key_sends_once(lobby: Lobby):
    account_id, agent_id = await lobby.account("telegram"), await lobby.agent()
    await lobby.say("telegram", account_id, "7301234999", "hello")
    conversation = await lobby.one_conversation(account_id, owed=True, agent_id=agent_id)
    [first] = await lobby.messages(conversation["conversation_id"])
    path = f"/v1/conversations/{conversation['conversation_id']}/messages"
    body = {"text": "once", "agent_id": agent_id, "last_seen_message_id": first["message_id"]}
    answers = await asyncio.gather(*(lobby.post(path, body, **{"Idempotency-Key": "k1"}) for _ in range(3)))
    assert len({answer["message"]["message_id"] for answer in answers}) == 1
    await lobby.one_conversation(account_id, owed=False)
    assert len(await lobby.sent("telegram", account_id)) == 1


async def test_an_idempotency_key_used_for_another_conversation_loses_no_answer(lobby: Lobby):
    agent_id = await lobby.agent()
    for platform in ("telegram", "whatsapp"):
        account_id = await lobby.account(platform)
        await lobby.say(platform, account_id, CUSTOMERS[platform], "hello")
        conversation = await lobby.one_conversation(account_id, owed=True, agent_id=agent_id)
        [first] = await lobby.messages(conversation["conversation_id"])
        path = f"/v1/conversations/{conversation['conversation_id']}/messages"
        body = {"text": f"by {platform}", "agent_id": agent_id, "last_seen_message_id": first["message_id"]}
        answer = await lobby.post(path, body, **{"Idempotency-Key": "k1"})
        assert answer["message"]["text"] == f"by {platform}"
        await lobby.one_conversation(account_id, owed=False)


async def test_an_echo_from_the_phone_app_ends_the_wait(lobby: Lobby):
    account_id = await lobby.account("whatsapp")
    await lobby.say("whatsapp", account_id, "66811111114", "anybody there?")
    await lobby.one_conversation(account_id, owed=True)
    await lobby.say("whatsapp", account_id, "66811111114", "Yes!", kind="echo")
    conversation = await lobby.one_conversation(account_id, owed=False)
    directions = [message["direction"] for message in await lobby.messages(conversation["conversation_id"])]
    assert directions == ["inbound", "outbound"]


async def test_a_text_is_shown_in_the_agents_language_and_answered_in_the_customers(lobby: Lobby):
    account_id, agent_id = await lobby.account("whatsapp"), await lobby.agent(languages=("pt",))
    await lobby.say("whatsapp", account_id, "447700900123", "Hello, when will my order arrive?")
    conversation = await lobby.one_conversation(account_id, owed=True, agent_id=agent_id)
    conversation_id = conversation["conversation_id"]

    async def translated():
        [message] = await lobby.messages(conversation_id, language="pt")
        return message if message.get("translation", {}).get("status") == "translated" else None

    message = await until(translated)
    assert message["text"] == "Hello, when will my order arrive?"
    assert "encomenda" in message["translation"]["text"].lower()
    await until(lambda: _language_known(lobby, account_id))
    body = {"text": "Amanhã de manhã.", "agent_id": agent_id, "last_seen_message_id": message["message_id"]}
    answer = (await lobby.post(f"/v1/conversations/{conversation_id}/messages", body))["message"]
    assert answer["source_text"] == "Amanhã de manhã."
    assert "tomorrow" in answer["text"].lower()
    [accepted] = await until(lambda: lobby.sent("whatsapp", account_id))
    assert answer["text"] in str(accepted["body"])


async def _language_known(lobby: Lobby, account_id: str) -> bool:
    [conversation] = await lobby.conversations(account_id, state="all")
    return bool(conversation["language"] == "en")


async def test_what_cannot_be_translated_says_why_and_is_sent_only_when_wanted(lobby: Lobby):
    account_id, agent_id = await lobby.account("line"), await lobby.agent(languages=("en",))
    await lobby.say("line", account_id, "nok", "สวัสดีครับ สินค้านี้ราคาเท่าไหร่และส่งได้เมื่อไหร่ครับ")
    conversation = await lobby.one_conversation(account_id, owed=True, agent_id=agent_id)
    [message] = await lobby.messages(conversation["conversation_id"], language="en")
    assert message["translation"]["status"] == "untranslated"
    assert message["translation"]["reason"]

    async def thai():
        [found] = await lobby.conversations(account_id, state="all")
        return found["language"] == "th"

    await until(thai)
    path = f"/v1/conversations/{conversation['conversation_id']}/messages"
    body = {
        "text": "We ship the parcel to your district tomorrow evening.",
        "agent_id": agent_id,
        "last_seen_message_id": message["message_id"],
    }
    refused = await lobby.ask("POST", path, body)
    assert (refused.status, refused.body["reason"]) == (409, "TRANSLATION_UNAVAILABLE")
    assert (await lobby.ask("POST", path, body | {"send_original": True})).status == 200
