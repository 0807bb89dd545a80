"""Every operation of /openapi.json asked with what its schema allows and with what it does not (schemathesis).

No answer may be a server's error, each has the kind and the shape that the document promises, and what the schema does
not allow is refused. `make test` asks a little and always the same; `make fuzz` asks at length and anew each time.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.parameters import ParameterLocation
from schemathesis.specs.openapi import checks

from lobby_gateway.openapi import document
from tests.e2e.conftest import new_workspace
from tests.lobby import Lobby, until

pytestmark = pytest.mark.asyncio(loop_scope="session")

LEFT_OUT = {
    "openLive": "a WebSocket, which no HTTP client opens; its refusals are in tests/component/gateway/test_live.py",
    "openEvents": "a stream that never ends, so there is no answer to check; see the same file",
}
OPERATIONS = {
    (path, verb): operation
    for path, verbs in document()["paths"].items()
    for verb, operation in verbs.items()
    if "operationId" in operation and operation["operationId"] not in LEFT_OUT
}
CASES = [
    pytest.param(path, verb, mode, id=f"{verb.upper()} {path} {mode.value}")
    for (path, verb), operation in OPERATIONS.items()
    for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
    # A page that takes no parameters and needs no key cannot be asked wrongly.
    if mode is GenerationMode.POSITIVE or path.startswith(("/v1/", "/webhooks/"))
]


def bad_bodies_are_refused(ctx: schemathesis.CheckContext, response: schemathesis.Response, case: schemathesis.Case):
    """Of bodies alone: a bad query may be one that cannot be written down, and is then no query at all."""
    body = case.meta.components.get(ParameterLocation.BODY) if case.meta else None
    if body is not None and body.mode.is_negative:
        checks.negative_data_rejection(ctx, response, case)


CHECKS = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
    bad_bodies_are_refused,
]


@dataclass(frozen=True)
class Scene:
    """The served document, a workspace with one of everything, and what asks."""

    schema: Any
    lobby: Lobby
    ids: Mapping[str, str]
    session: requests.Session


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def scene(stack, session):
    lobby = await new_workspace(stack, session)
    channel, agent_id = await lobby.channel("telegram"), await lobby.agent()
    await lobby.accepted(channel, *(channel.text(customer, "hello") for customer in ("7301", "7302")), b"no json")

    async def two() -> list[Any]:
        found = await lobby.conversations(channel.account_id, state="all")
        return found if len(found) == 2 else []

    first, second = await until(two)
    [message] = await lobby.messages(first["conversation_id"])
    merge = await lobby.post(f"/v1/contacts/{first['contact_id']}:merge", {"other_contact_id": second["contact_id"]})
    counter = await lobby.post("/v1/counters", {"display_name": "July", "policy": {"window_days": 30}})
    campaign = await lobby.post("/v1/campaigns", {"display_name": "July", "account_ids": [channel.account_id]})
    sheet_id = (await lobby.post("/v1/sheets", {"display_name": "vendor"}))["sheet"]["sheet_id"]
    link = await lobby.post(f"/v1/sheets/{sheet_id}/links", {"password": "a long password"})
    ids = {
        "platform": "telegram",
        "account_id": channel.account_id,
        "agent_id": agent_id,
        "conversation_id": first["conversation_id"],
        "contact_id": first["contact_id"],
        "message_id": message["message_id"],
        "merge_id": merge["merge"]["merge_id"],
        "counter_id": counter["counter"]["counter_id"],
        "campaign_id": campaign["campaign"]["campaign_id"],
        "sheet_id": sheet_id,
        "link_id": link["link"]["link_id"],
        "token": link["token"],
        "key_id": (await lobby.post("/v1/keys", {"role": "viewer"}))["key"]["key_id"],
        "quarantine_id": (await lobby.quarantine(channel.account_id))[0]["quarantine_id"],
    }
    schema = await asyncio.to_thread(schemathesis.openapi.from_url, f"{lobby.url}/openapi.json")
    with requests.Session() as http:
        yield Scene(schema, lobby, ids, http)


def ask(scene: Scene, path: str, verb: str, mode: GenerationMode, how: settings) -> None:
    """The operation was asked with many cases; each answer is as the document says."""
    operation = scene.schema[path][verb]
    there = {name: scene.ids[name] for name in scene.ids if f"{{{name}}}" in path}
    cases = operation.as_strategy(generation_mode=mode)
    if there:
        cases = st.one_of(operation.as_strategy(generation_mode=mode, path_parameters=there), cases)

    @how
    @given(case=cases)
    def each(case: schemathesis.Case) -> None:
        case.call_and_validate(
            base_url=scene.lobby.url, session=scene.session, headers=scene.lobby.headers, checks=CHECKS
        )

    each()


async def test_every_operation_that_is_served_is_asked(scene: Scene):
    served = {
        operation["operationId"]: (path, verb)
        for path, verbs in scene.schema.raw_schema["paths"].items()
        for verb, operation in verbs.items()
        if "operationId" in operation
    }
    assert served.keys() - LEFT_OUT.keys() == {each["operationId"] for each in OPERATIONS.values()}


@pytest.mark.parametrize(("path", "verb", "mode"), CASES)
async def test_answers_are_as_the_document_says(scene: Scene, path, verb, mode):
    how = settings(
        max_examples=12,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    await asyncio.to_thread(ask, scene, path, verb, mode, how)


@pytest.mark.fuzz
@pytest.mark.timeout(600)
@pytest.mark.parametrize(("path", "verb", "mode"), CASES)
async def test_answers_are_as_the_document_says_at_length(scene: Scene, path, verb, mode):
    how = settings(max_examples=500, deadline=None, suppress_health_check=list(HealthCheck))
    await asyncio.to_thread(ask, scene, path, verb, mode, how)
