import json

import openapi_spec_validator
import pytest

from lobby_gateway import descriptors
from lobby_gateway.openapi import document


@pytest.fixture(scope="module")
def api():
    return json.loads(json.dumps(document()))


def test_the_document_is_openapi_3_1(api):
    assert api["openapi"].startswith("3.1")
    openapi_spec_validator.validate(api)


def test_every_route_and_everything_beside_is_in_it(api):
    for route in descriptors.routes():
        assert route.verb.lower() in api["paths"][route.template.text]
    beside = {"/webhooks/{platform}/{account_id}", "/v1/live", "/v1/events", "/healthz", "/readyz", "/metrics"}
    assert beside | {"/openapi.json", "/docs"} <= set(api["paths"])


def test_operations_have_names_of_their_own_and_say_what_they_do(api):
    operations = [
        operation
        for item in api["paths"].values()
        for verb, operation in item.items()
        if verb in ("get", "post", "put", "patch", "delete")
    ]
    names = [operation["operationId"] for operation in operations]
    assert len(set(names)) == len(names)
    for operation in operations:
        assert operation["summary"]
        assert operation["responses"]


def test_every_field_says_what_it_is(api):
    for name, schema in api["components"]["schemas"].items():
        for field, shape in schema.get("properties", {}).items():
            assert shape.get("description"), f"{name}.{field}"


def test_enums_are_lower_case_words(api):
    state = api["components"]["schemas"]["Account"]["properties"]["state"]
    assert state["enum"][:2] == ["starting", "connected"]
    assert "`starting`: Connected just now" in state["description"]
    parameters = api["paths"]["/v1/counts"]["get"]["parameters"]
    (group_by,) = [each for each in parameters if each["name"] == "group_by"]
    assert group_by["schema"]["items"]["enum"][0] == "account"
    assert "unspecified" not in json.dumps(api)


def test_what_answers_always_hold_is_required_and_what_may_be_absent_is_not(api):
    message = api["components"]["schemas"]["Message"]
    assert {"message_id", "text", "attachments"} <= set(message["required"])
    assert not {"translation", "provider_time", "delivery"} & set(message["required"])
    assert "served" not in api["components"]["schemas"]["Counts"]["required"]


def test_a_body_holds_neither_what_the_path_says_nor_the_mask(api):
    update = api["components"]["schemas"]["UpdateAgentRequest"]
    assert not {"agent_id", "update_mask"} & set(update["properties"])
    assert update["additionalProperties"] is False
    assert api["components"]["schemas"]["CreateAccountRequest"]["required"] == ["platform"]


def test_rules_of_the_contract_are_limits_in_the_document(api):
    create = api["components"]["schemas"]["CreateAgentRequest"]["properties"]
    assert (create["display_name"]["minLength"], create["display_name"]["maxLength"]) == (1, 200)
    assert (create["capacity"]["minimum"], create["capacity"]["maximum"]) == (0, 100000)
    assert create["countries"]["items"]["minLength"] == 2


def test_a_post_that_can_be_repeated_says_how(api):
    send = api["paths"]["/v1/conversations/{conversation_id}/messages"]["post"]
    assert "Idempotency-Key" in [each["name"] for each in send["parameters"]]
    assert send["x-roles"] == ["owner", "supervisor", "agent"]
    assert "NEWER_MESSAGE" in send["x-reasons"]


def test_what_needs_no_key_says_so(api):
    opening = api["paths"]["/v1/links/{token}:open"]["post"]
    assert opening["security"] == []
    assert (opening["x-permission"], opening["x-roles"]) == ("public", [])
    assert "Needs no key." in opening["description"]
    open_ones = {
        (verb, path)
        for path, item in api["paths"].items()
        for verb, operation in item.items()
        if path.startswith("/v1/") and isinstance(operation, dict) and operation.get("security") == []
    }
    assert open_ones == {("post", "/v1/links/{token}:open")}


def test_an_export_takes_what_its_list_takes_but_for_pages(api):
    listed = {each["name"] for each in api["paths"]["/v1/entries"]["get"]["parameters"]}
    export = api["paths"]["/v1/exports/entries"]["get"]
    assert {each["name"] for each in export["parameters"]} == (listed - {"page_size", "page_token"}) | {"format"}
    assert export["x-permission"] == "count"
    assert set(export["responses"]["200"]["content"]) == {
        "text/csv",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "application/jsonl",
    }
    sheet = api["paths"]["/v1/exports/sheets/{sheet_id}"]["get"]
    assert (sheet["x-permission"], [each["name"] for each in sheet["parameters"]]) == ("share", ["sheet_id", "format"])


def test_a_text_of_a_pattern_that_nothing_does_not_fit_is_needed(api):
    interval = api["components"]["schemas"]["WorkIntervalInput"]
    assert interval["required"] == ["weekday", "start", "end"]
