"""Contacts that a sales team lists by what it said of them."""

import base64

import pytest

from tests.lobby import Lobby, until

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_contacts_are_listed_by_tags_stage_and_attribute(lobby: Lobby):
    account_id = await lobby.account("telegram")
    for customer in ("7401000001", "7401000002", "7401000003"):
        await lobby.say("telegram", account_id, customer, "hello")

    async def met() -> list[str]:
        found = [each["contact_id"] for each in (await lobby.get("/v1/contacts"))["contacts"]]
        return found if len(found) == 3 else []

    third, second, first = await until(met)
    await lobby.post("/v1/attributes", {"attribute_name": "tier", "kind": "text"})
    for each in (first, second):
        await lobby.post(f"/v1/contacts/{each}:tag", {"tag": "vip & co"})
    await lobby.post(f"/v1/contacts/{second}:tag", {"tag": "hot"})
    await lobby.post(f"/v1/contacts/{third}:setStage", {"stage": "engaged"})
    value = {"attribute_name": "tier", "value": {"text": "gold"}}
    await lobby.post(f"/v1/contacts/{first}:setAttributes", {"attributes": [value]})

    async def listed(**asked: object) -> list[str]:
        return [each["contact_id"] for each in (await lobby.get("/v1/contacts", **asked))["contacts"]]

    assert await listed(tags="vip & co") == [second, first]
    assert await listed(tags=["vip & co", "hot"]) == [second]
    assert await listed(tags="vip & co", attributes="tier=gold", stage="new") == [first]
    assert await listed(stage="engaged") == [third]
    [his] = await listed(query="7401000001")
    assert await listed(query="7401000001", tags="hot") == ([his] if his == second else [])
    answer = await lobby.ask("GET", "/v1/contacts?attributes=size%3D1")
    assert (answer.status, answer.body["reason"]) == (400, "UNKNOWN_ATTRIBUTE")


async def test_a_column_of_a_file_is_an_attribute_until_that_is_deleted(lobby: Lobby):
    await lobby.post("/v1/attributes", {"attribute_name": "tier", "kind": "text", "display_name": "Customer tier"})
    made = await lobby.post("/v1/imports", {"settings": {"default_country": "VN"}})
    path = f"/v1/imports/{made['base_import']['import_id']}"
    data = base64.b64encode(b"phone,customer tier\n0901234567,gold\n0901234568,silver\n").decode()
    await lobby.post(f"{path}/parts", {"number": 1, "data": data})
    columns = (await lobby.get(f"{path}/preview"))["columns"]
    assert [(each["meaning"], each["attribute_name"]) for each in columns] == [("phone", ""), ("attribute", "tier")]
    await lobby.post(f"{path}:start", {"part_count": 1})

    async def stands(state: str) -> bool:
        return (await lobby.get(path))["base_import"]["state"] == state

    await until(lambda: stands("done"))
    [contact] = (await lobby.get("/v1/contacts", attributes="tier=gold"))["contacts"]
    assert [each["value"] for each in contact["identifiers"]] == ["+84901234567"]
    assert contact["attributes"][0]["origin"] == "import"
    assert (await lobby.ask("DELETE", "/v1/attributes/tier")).status == 200
    assert (await lobby.get(f"/v1/contacts/{contact['contact_id']}"))["contact"]["attributes"] == []
    await lobby.post("/v1/attributes", {"attribute_name": "tier", "kind": "text"})
    assert (await lobby.get("/v1/contacts", attributes="tier=gold"))["contacts"] == []
    await lobby.post(f"{path}:undo")
    await until(lambda: stands("undone"))
