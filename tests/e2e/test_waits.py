"""How long customers waited, from their messages to accepted answers, through all services."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.lobby import Lobby, until

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_customer_whose_message_the_platform_kept_was_late_and_no_agent_is_charged(lobby: Lobby):
    account_id, agent_id = await lobby.account("whatsapp"), await lobby.agent()
    written = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    said = await lobby.say("whatsapp", account_id, "66877777777", "price?", time=written)
    assert said
    conversation = await lobby.one_conversation(account_id, owed=True, agent_id=agent_id)
    path = f"/v1/conversations/{conversation['conversation_id']}"
    [message] = await lobby.messages(conversation["conversation_id"])
    await lobby.post(f"{path}:focus", {"agent_id": agent_id})
    await lobby.post(f"{path}:seen", {"agent_id": agent_id, "message_id": message["message_id"]})

    async def late():
        return (await lobby.get("/v1/counts"))["totals"]["late"] == 1

    await until(late)
    assert (await lobby.get("/v1/counts"))["totals"]["recovered"] == 1
    [recovered] = (await lobby.get("/v1/recovered"))["messages"]
    assert (recovered["message_id"], recovered["agent_id"]) == (message["message_id"], agent_id)
    assert int(recovered["delay_seconds"]) >= 3590
    await lobby.post(f"{path}/messages", {"agent_id": agent_id, "text": "90 baht", "send_original": True})
    await lobby.post(f"{path}:wrapUp", {"agent_id": agent_id})
    await lobby.post(f"{path}:blur", {"agent_id": agent_id})

    async def answered():
        totals = (await lobby.get("/v1/waits"))["totals"]
        return totals if totals["answered"] else None

    totals = await until(answered)
    assert (totals["waits"], totals["late"], totals["agent_misses"]) == (1, 1, 0)
    assert totals["causes"] == [{"miss": "late", "cause": "platform_delay", "waits": 1}]
    assert 3590 < totals["platform_seconds"] <= totals["p50_seconds"]
    [wait] = (await lobby.get("/v1/waits/rows", miss="late"))["waits"]
    assert (wait["state"], wait["kind"], wait["end_agent_id"]) == ("answered", "first", agent_id)
    assert wait["segments"][0]["part"] == "platform"
    assert wait["contact_id"] == conversation["contact_id"]

    async def handled():
        [row] = (await lobby.get("/v1/handling", group_by="agent"))["rows"]
        return row if row["conversations"] == 1 else None

    row = await until(handled)
    assert row["agent_id"] == agent_id
    assert row["online_seconds"] >= row["handle_seconds"] >= row["wrap_up_seconds"]


async def test_thanks_after_the_close_open_nothing_and_what_is_asked_afterwards_does(lobby: Lobby):
    account_id, agent_id = await lobby.account("whatsapp"), await lobby.agent()
    await lobby.say("whatsapp", account_id, "66877777778", "price?")
    conversation = await lobby.one_conversation(account_id, owed=True, agent_id=agent_id)
    path = f"/v1/conversations/{conversation['conversation_id']}"
    [message] = await lobby.messages(conversation["conversation_id"])
    answer = {"agent_id": agent_id, "text": "90 baht", "last_seen_message_id": message["message_id"]}
    await lobby.post(f"{path}/messages", answer | {"send_original": True})
    await lobby.one_conversation(account_id, owed=False)
    await lobby.post(f"{path}:close", {"agent_id": agent_id, "reason": "resolved"})
    # The platform tells whole seconds: what is written in the second of the answer would seem to be before it.
    later = [(datetime.now(UTC) + timedelta(seconds=number)).isoformat() for number in (2, 4)]
    await lobby.say("whatsapp", account_id, "66877777778", "ขอบคุณมากค่ะ 🙏", time=later[0])

    async def thanked():
        found = (await lobby.get(path))["conversation"]
        return found if found["last_message_text"].startswith("ขอบคุณ") else None

    found = await until(thanked)
    assert (found["state"], found["owed"], found["episode"]) == ("closed", False, 1)
    await lobby.say("whatsapp", account_id, "66877777778", "when will it come?", time=later[1])
    asked = await lobby.one_conversation(account_id, owed=True)
    assert (asked["conversation_id"], asked["episode"]) == (conversation["conversation_id"], 2)

    async def waited():
        totals = (await lobby.get("/v1/waits"))["totals"]
        return totals if totals["waits"] == 2 else None

    assert (await until(waited))["answered"] == 1


async def test_a_schedule_measures_what_comes_after_it(lobby: Lobby):
    account_id, _ = await lobby.account("telegram"), await lobby.agent()
    closed = {"weekday": "monday", "start": "00:00", "end": "00:01"}
    made = await lobby.post("/v1/schedules", {"intervals": [closed], "time_zone": "UTC", "target_seconds": 30})
    assert (await lobby.get("/v1/schedules"))["schedules"] == [made["schedule"]]
    await lobby.say("telegram", account_id, "7301234999", "hello")

    async def waiting():
        return (await lobby.get("/v1/waits/rows"))["waits"]

    [wait] = await until(waiting)
    late = datetime.fromisoformat(wait["late_time"])
    assert (late.weekday(), late.hour, late.minute) == (0, 0, 0)
