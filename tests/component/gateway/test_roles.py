"""Every public RPC with a key of each role: the table of roles decides, and nothing passes it by."""

import json
import re

import pytest

from lobby.identity.v1.contact_pb2 import Contact, ContactIdentifier
from lobby.identity.v1.contact_service_pb2 import GetContactResponse
from lobby.options.v1.options_pb2 import PERMISSION_OBJECT, PERMISSION_PUBLIC, PERMISSION_SHARE
from lobby_common.ids import new_id
from lobby_gateway import descriptors, roles
from lobby_gateway.openapi import document

ROUTES = descriptors.routes()
API = document()


def sample(schema):
    """A value that the document allows."""
    if "$ref" in schema:
        schema = API["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    if "enum" in schema:
        return schema["enum"][0]
    if schema.get("contentEncoding") == "base64":
        return "eA=="
    if schema["type"] == "object":
        needed = schema.get("required", ())
        return {name: sample(schema["properties"][name]) for name in needed}
    if schema["type"] == "array":
        return [sample(schema["items"]) for _ in range(schema.get("minItems", 0))]
    if "pattern" in schema:
        return next(text for text in ("09:00", "2026-11-27", "USD", "1.50", "a") if re.search(schema["pattern"], text))
    return {"string": "x" * schema.get("minLength", 1), "integer": 1, "boolean": True}[schema["type"]]


def body_of(route):
    operation = API["paths"][route.template.text][route.verb.lower()]
    if "requestBody" not in operation:
        return None
    return sample(operation["requestBody"]["content"]["application/json"]["schema"])


OWN = {"gateway"}


@pytest.mark.parametrize("role", roles.PERMISSIONS)
async def test_a_role_reaches_exactly_what_the_table_says(gateway, role):
    sheet_id = new_id()
    key = gateway.owner if role == "owner" else await gateway.key(role)
    if role == "partner":
        key = await gateway.partner(sheet_id)
    for route in ROUTES:
        path = route.template.text.replace("{sheet_id}", sheet_id)
        for variable in route.template.variables:
            path = path.replace(f"{{{variable}}}", new_id())
        name = ".".join(route.rpc.rsplit(".", 2)[1:])
        before = len(gateway.neighbours.calls[name])
        status, answer = await gateway.ask(route.verb, path, key=key, body=body_of(route))
        reached = len(gateway.neighbours.calls[name]) > before
        if route.permission == PERMISSION_PUBLIC:
            # Whoever asks, with whatever key: the token and the password decide.
            assert (status, answer["reason"]) == (404, "LINK_NOT_FOUND")
        elif roles.may(role, route.permission):
            # The gateway's own RPCs know the ids that were made up here as unknown.
            assert status == 200 or (route.service in OWN and status == 404), (route.rpc, status, answer)
            assert reached or route.service in OWN
        else:
            assert (status, answer["reason"]) == (403, "PERMISSION_DENIED"), route.rpc
            assert not reached
        if reached:
            caller = gateway.neighbours.calls[name][-1].caller
            assert (caller.role, caller.workspace_id) == (role, gateway.workspace_id)
            assert caller.sheet_id == (sheet_id if role == "partner" else "")


async def test_a_key_of_role_partner_that_no_link_gave_sees_no_sheet(gateway):
    key = await gateway.key("partner")
    for route in ROUTES:
        if route.permission in (PERMISSION_SHARE, PERMISSION_OBJECT) and "sheet_id" in route.template.variables:
            path = route.template.text
            for variable in route.template.variables:
                path = path.replace(f"{{{variable}}}", new_id())
            name = ".".join(route.rpc.rsplit(".", 2)[1:])
            status, answer = await gateway.ask(route.verb, path, key=key, body=body_of(route))
            assert (status, answer["reason"]) == (404, "SHEET_NOT_FOUND"), route.rpc
            assert not gateway.neighbours.calls[name]
    await gateway.ask("GET", "/v1/sheets", key=key)
    [call] = gateway.neighbours.calls["SheetService.ListSheets"]
    assert (call.caller.role, call.caller.sheet_id) == ("partner", "")


async def test_without_a_key_nothing_is_reached(gateway):
    for route in ROUTES:
        if route.permission == PERMISSION_PUBLIC:
            continue
        status, answer = await gateway.ask(route.verb, route.template.text, key="", body=body_of(route))
        assert (status, answer["reason"]) == (401, "UNAUTHENTICATED"), route.rpc


async def test_what_a_role_may_not_see_does_not_leave_the_gateway(gateway):
    gateway.neighbours.answers["ContactService.GetContact"] = GetContactResponse(
        contact=Contact(
            contact_id="c",
            display_name="Ana Maria",
            identifiers=[ContactIdentifier(kind="phone", value="+5511912345678")],
        )
    )
    keys = {role: await gateway.key(role) for role in ("supervisor", "agent", "viewer")}
    seen = {role: json.dumps(await gateway.ask("GET", "/v1/contacts/c", key=key)) for role, key in keys.items()}
    assert "+5511912345678" in seen["supervisor"]
    assert "+5511912345678" not in seen["agent"]
    assert "5678" in seen["agent"]
    assert "Ana Maria" in seen["agent"]
    assert "5678" not in seen["viewer"]
    assert "Ana" not in seen["viewer"]
    await gateway.ask("PATCH", "/v1/workspace", body={"agents_see_identifiers": True})
    status, _ = await gateway.ask("GET", "/v1/contacts/c", key=await gateway.key("agent"))
    assert status == 200
    shown = json.dumps(await gateway.ask("GET", "/v1/contacts/c", key=await gateway.key("agent")))
    assert "+5511912345678" in shown
