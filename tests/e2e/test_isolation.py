"""Two workspaces never see each other, and each role may do what the table of roles says: tried with every call."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio

from tests.e2e.conftest import new_workspace
from tests.lobby import Lobby, until

pytestmark = pytest.mark.asyncio(loop_scope="session")

PERMISSIONS = {
    "owner": {"own", "manage", "converse", "view", "count", "share", "object"},
    "supervisor": {"manage", "converse", "view", "count", "share", "object"},
    "agent": {"converse", "view", "count"},
    "viewer": {"view", "count", "share"},
    "partner": {"share", "object"},
}
BODIES: dict[str, Any] = {
    "POST /v1/accounts": {"platform": "line", "credentials": {"channel_secret": "s", "channel_access_token": "t"}},
    "POST /v1/agents": {"display_name": "X"},
    "POST /v1/agents/{agent_id}:setPresence": {"presence": "away"},
    "POST /v1/keys": {"role": "viewer"},
    "POST /v1/counters": {"display_name": "X"},
    "POST /v1/campaigns": {"display_name": "X"},
    "POST /v1/sheets": {"display_name": "X"},
    "POST /v1/prices": {"price_minor": 150, "currency": "USD"},
    "POST /v1/schedules": {"intervals": [{"weekday": "monday", "start": "09:00", "end": "17:00"}]},
    "POST /v1/sheets/{sheet_id}/links": {"password": "a long password"},
    "POST /v1/links/{token}:open": {"password": "another password"},
    "POST /v1/conversations/{conversation_id}:close": {"reason": "resolved"},
    "POST /v1/messages/{message_id}:resolve": {"outcome": "sent"},
    "POST /v1/contacts/{contact_id}:tag": {"tag": "vip"},
    "POST /v1/contacts/{contact_id}:untag": {"tag": "vip"},
    "POST /v1/contacts/{contact_id}:setStage": {"stage": "engaged"},
    "PATCH /v1/life-cycle": {"stages": ["new", "engaged", "customer"]},
    "POST /v1/tag-rules": {"tag": "quiet", "kind": "silent_for", "days": 30},
    "POST /v1/attributes": {"attribute_name": "tier", "kind": "text"},
    "PATCH /v1/attributes/{attribute_name}": {"display_name": "X"},
    "POST /v1/contacts/{contact_id}:setAttributes": {
        "attributes": [{"attribute_name": "tier", "value": {"text": "a secret text"}}]
    },
    "POST /v1/contacts/{contact_id}/purchases": {"amount": "12.50", "currency": "USD", "external_id": "order-1"},
    "POST /v1/purchases/{purchase_id}:refund": {"amount_minor": 1},
    "PATCH /v1/imports/{import_id}": {"settings": {"default_country": "VN"}},
    "POST /v1/imports/{import_id}:check": {"part_count": 1},
    "POST /v1/imports/{import_id}:start": {"part_count": 1},
    "POST /v1/imports/{import_id}/parts": {"number": 1, "data": "cGhvbmU="},
}


@dataclass(frozen=True)
class Call:
    """One operation of the public API."""

    method: str
    template: str
    permission: str

    def path(self, ids: dict[str, str]) -> str:
        return re.sub(r"\{(\w+)\}", lambda match: ids[match[1]], self.template)

    def body(self, ids: dict[str, str]) -> Any:
        if self.method == "GET":
            return None
        body = dict(BODIES.get(f"{self.method} {self.template}", {}))
        if "conversations" in self.template:
            body |= {"agent_id": ids["agent_id"]}
        if self.template.endswith("/messages"):
            body |= {"text": "hello", "last_seen_message_id": ids["message_id"], "send_original": True}
        if self.template.endswith(":seen"):
            body |= {"message_id": ids["message_id"]}
        if self.template.endswith("/disputes"):
            body |= {"entry_id": ids["entry_id"], "wanted_verdict": "repeat"}
        if self.template.endswith(":merge"):
            body |= {"other_contact_id": ids["other_contact_id"]}
        return body


def calls(document: dict[str, Any]) -> Iterator[Call]:
    """Every operation that the OpenAPI document says needs a permission."""
    for template, operations in document["paths"].items():
        for method, operation in operations.items():
            if isinstance(operation, dict) and "x-permission" in operation:
                yield Call(method.upper(), template, operation["x-permission"])


@dataclass(frozen=True)
class Scene:
    """A workspace in which there is one of everything, and another workspace."""

    mine: Lobby
    other: Lobby
    ids: dict[str, str]
    calls: list[Call]


@pytest_asyncio.fixture(loop_scope="session")
async def scene(stack, session, lobby: Lobby) -> Scene:
    account_id, agent_id = await lobby.account("telegram"), await lobby.agent()
    await lobby.say("telegram", account_id, "7301234567", "a secret text")
    await lobby.say("telegram", account_id, "7301234568", "another")

    async def two() -> list[Any]:
        found = await lobby.conversations(account_id, state="all")
        return found if len(found) == 2 else []

    first, second = await until(two)
    [message] = await lobby.messages(first["conversation_id"])
    merge = await lobby.post(f"/v1/contacts/{first['contact_id']}:merge", {"other_contact_id": second["contact_id"]})
    key = await lobby.post("/v1/keys", {"role": "viewer"})
    for customer in ("7301234569", "7301234570"):
        await lobby.say("telegram", account_id, customer, "my number is +48601234567", name="Zofia Brzezinska")

    async def suggested() -> str:
        page = await lobby.get("/v1/suggestions", min_probability="0.5")
        return next((each["suggestion_id"] for each in page["suggestions"]), "")

    async def entered() -> str:
        return next((each["entry_id"] for each in (await lobby.get("/v1/entries"))["entries"]), "")

    made = await lobby.post("/v1/imports", {"display_name": "base.csv"})
    counter = await lobby.post("/v1/counters", {"display_name": "July", "policy": {"window_days": 30}})
    campaign = await lobby.post("/v1/campaigns", {"display_name": "July", "account_ids": [account_id]})
    sheet = (await lobby.post("/v1/sheets", {"display_name": "vendor"}))["sheet"]
    objection = {"entry_id": await until(entered), "wanted_verdict": "excluded"}
    dispute = await lobby.post(f"/v1/sheets/{sheet['sheet_id']}/disputes", objection)
    schedule = await lobby.post("/v1/schedules", BODIES["POST /v1/schedules"])
    link = await lobby.post(f"/v1/sheets/{sheet['sheet_id']}/links", {"password": "a long password"})
    await lobby.post("/v1/attributes", {"attribute_name": "tier", "kind": "text"})
    await lobby.post("/v1/attributes", {"attribute_name": "mine_alone", "kind": "text"})
    rule = await lobby.post("/v1/tag-rules", {"tag": "quiet", "kind": "silent_for", "days": 30})
    bought = await lobby.post(
        f"/v1/contacts/{first['contact_id']}/purchases",
        {"amount": "12.50", "currency": "USD", "external_id": "order-1"},
    )
    quarantined = await lobby.ask("POST", f"/webhooks/telegram/{account_id}", b"no json")
    assert quarantined.status in (200, 401)
    ids = {
        "account_id": account_id,
        "agent_id": agent_id,
        "conversation_id": first["conversation_id"],
        "contact_id": first["contact_id"],
        "other_contact_id": second["contact_id"],
        "message_id": message["message_id"],
        "merge_id": merge["merge"]["merge_id"],
        "counter_id": counter["counter"]["counter_id"],
        "campaign_id": campaign["campaign"]["campaign_id"],
        "sheet_id": sheet["sheet_id"],
        "entry_id": objection["entry_id"],
        "dispute_id": dispute["dispute"]["dispute_id"],
        "schedule_id": schedule["schedule"]["schedule_id"],
        "link_id": link["link"]["link_id"],
        "token": link["token"],
        "key_id": key["key"]["key_id"],
        "quarantine_id": message["message_id"],
        "suggestion_id": await until(suggested),
        "import_id": made["base_import"]["import_id"],
        "attribute_name": "mine_alone",
        "tag_rule_id": rule["tag_rule"]["tag_rule_id"],
        "purchase_id": bought["purchase"]["purchase_id"],
    }
    document = (await lobby.ask("GET", "/openapi.json")).body
    return Scene(lobby, await new_workspace(stack, session), ids, list(calls(document)))


async def test_another_workspaces_owner_finds_nothing_by_any_call(scene: Scene):
    assert len(scene.calls) > 25
    for call in scene.calls:
        answer = await scene.other.ask(call.method, call.path(scene.ids), call.body(scene.ids))
        if "{" in call.template:
            assert answer.status == 404, (call, answer.status, answer.body)
        else:
            assert answer.status < 500, (call, answer.body)
        told = json.dumps(answer.body)
        assert "a secret text" not in told, call
        given = json.dumps(call.body(scene.ids))
        for name, value in scene.ids.items():
            assert value not in told or value in given or value in call.path(scene.ids), (call, name)


async def test_each_role_may_do_what_the_table_says(scene: Scene):
    for role, allowed in PERMISSIONS.items():
        body = {"role": role} | ({"agent_id": scene.ids["agent_id"]} if role == "agent" else {})
        secret = (await scene.mine.post("/v1/keys", body))["secret"]
        for call in scene.calls:
            if call.method == "DELETE" or call.template.endswith(":setPresence"):
                continue
            if call.permission in allowed and call.template.endswith(":erase"):
                continue  # he would be gone for those who come after
            answer = await scene.mine.with_key(secret).ask(call.method, call.path(scene.ids), call.body(scene.ids))
            if call.permission == "public":
                assert answer.status in (404, 429), (role, call, answer.body)  # the password is another
            elif call.permission in allowed:
                assert answer.status not in (401, 403), (role, call, answer.body)
                assert answer.status < 500, (role, call, answer.body)
            else:
                assert answer.status == 403, (role, call, answer.status, answer.body)


async def test_without_a_key_or_with_a_revoked_one_nothing_is_answered(scene: Scene):
    secret = await scene.mine.post("/v1/keys", {"role": "owner"})
    revoked = scene.mine.with_key(secret["secret"])
    await scene.mine.ask("DELETE", f"/v1/keys/{secret['key']['key_id']}")

    async def refused() -> bool:
        return (await revoked.ask("GET", "/v1/workspace")).status == 401

    await until(refused)
    for call in scene.calls:
        for stranger in (revoked, scene.mine.with_key("lobby_nobody"), scene.mine.with_key("")):
            answer = await stranger.ask(call.method, call.path(scene.ids), call.body(scene.ids))
            assert answer.status == (404 if call.permission == "public" else 401), (call, answer.status)


async def test_a_viewer_sees_initials_and_no_texts_and_an_agent_the_end_of_a_phone(stack, session, lobby: Lobby):
    account_id, agent_id = await lobby.account("whatsapp"), await lobby.agent()
    await lobby.say("whatsapp", account_id, "66899999999", "a secret text", name="Somchai Jaidee")
    conversation = await lobby.one_conversation(account_id, owed=True, agent_id=agent_id)
    path = f"/v1/contacts/{conversation['contact_id']}"
    viewer = lobby.with_key((await lobby.post("/v1/keys", {"role": "viewer"}))["secret"])
    agent = lobby.with_key((await lobby.post("/v1/keys", {"role": "agent", "agent_id": agent_id}))["secret"])
    seen = (await viewer.get(path))["contact"]
    assert seen["display_name"] == "S. J."
    assert all(not identifier["value"] for identifier in seen["identifiers"])
    assert "secret" not in json.dumps(await viewer.get("/v1/conversations"))
    seen = (await agent.get(path))["contact"]
    assert seen["display_name"] == "Somchai Jaidee"
    phones = [identifier["value"] for identifier in seen["identifiers"] if identifier["kind"] == "phone"]
    assert [phone[-4:] for phone in phones] == ["9999"]
    assert "66899999999" not in json.dumps(seen)


async def test_an_agent_sees_his_own_and_the_pools_conversations_only(lobby: Lobby):
    account_id = await lobby.account("line")
    mine, other = await lobby.agent("Mine"), await lobby.agent("Other")
    key = lobby.with_key((await lobby.post("/v1/keys", {"role": "agent", "agent_id": mine}))["secret"])
    for customer in ("one", "two", "three", "four"):
        await lobby.say("line", account_id, customer, "hello")

    async def spread() -> dict[str, str]:
        found = await lobby.conversations(account_id, state="all")
        holders = {each["conversation_id"]: each["agent_id"] for each in found}
        return holders if sorted(holders.values()) == sorted([mine, mine, other, other]) else {}

    holders = await until(spread)
    visible = {each["conversation_id"] for each in await key.conversations(account_id, state="all")}
    assert visible == {each for each, holder in holders.items() if holder == mine}
    hidden = next(each for each, holder in holders.items() if holder == other)
    for path in ("", "/messages", "/decisions"):
        assert (await key.ask("GET", f"/v1/conversations/{hidden}{path}")).status == 404
