import io

import pytest

from lobby.connectors.v1.account_pb2 import PLATFORM_TELEGRAM, Account
from lobby.connectors.v1.account_service_pb2 import CreateAccountResponse
from lobby.connectors.v1.message_pb2 import Message
from lobby.routing.v1.conversation_service_pb2 import NewerMessages
from lobby_common.errors import Conflict, Exhausted
from tests.component.gateway.conftest import away


async def test_a_call_reaches_the_service_as_the_holder_of_the_key(gateway):
    gateway.neighbours.answers["AccountService.CreateAccount"] = CreateAccountResponse(
        account=Account(account_id="a-1", platform=PLATFORM_TELEGRAM, state=Account.STATE_STARTING)
    )
    status, answer = await gateway.ask(
        "POST",
        "/v1/accounts",
        body={"platform": "telegram", "displayName": "Shop", "credentials": {"bot_token": "1:x"}},
        headers={"Idempotency-Key": "once"},
    )
    assert status == 200
    assert answer["account"]["platform"] == "telegram"
    assert answer["account"]["state"] == "starting"
    assert answer["account"]["settings"] == {}
    assert "state_time" not in answer["account"]
    (call,) = gateway.neighbours.calls["AccountService.CreateAccount"]
    assert call.request.display_name == "Shop"
    assert call.request.request_id == "once"
    assert call.caller.workspace_id == gateway.workspace_id
    assert call.caller.role == "owner"


REFUSALS = [
    ("GET", "/v1/nothing", {}, 404, "NOT_FOUND"),
    ("PUT", "/v1/accounts", {}, 405, "METHOD_NOT_ALLOWED"),
    ("GET", "/v1/accounts", {"key": ""}, 401, "UNAUTHENTICATED"),
    ("GET", "/v1/accounts", {"key": "lobby_" + "x" * 43}, 401, "INVALID_KEY"),
    ("GET", "/v1/accounts/%00", {}, 404, "ACCOUNT_NOT_FOUND"),
    ("GET", "/v1/accounts/a+b=", {}, 404, "ACCOUNT_NOT_FOUND"),
    ("GET", "/v1/accounts/", {}, 404, "ACCOUNT_NOT_FOUND"),
    ("GET", "/v1/accounts/%FF", {}, 404, "ACCOUNT_NOT_FOUND"),
    ("GET", "/v1/accounts?page_size=201", {}, 400, "INVALID_FIELD"),
    ("GET", "/v1/accounts?page_size=99999999999", {}, 400, "NUMBER_OUT_OF_RANGE"),
    ("GET", "/v1/accounts?nonsense=1", {}, 400, "UNKNOWN_PARAMETER"),
    ("GET", "/v1/contacts?query=%00", {}, 400, "INVALID_TEXT"),
    ("GET", "/v1/contacts?query=%ff", {}, 400, "INVALID_TEXT"),
    ("GET", "/v1/conversations?state=sleeping", {}, 400, "UNKNOWN_VALUE"),
    ("POST", "/v1/agents", {"data": b"{"}, 400, "MALFORMED_JSON"),
    ("POST", "/v1/agents", {"data": b"[" * 100_000}, 400, "MALFORMED_JSON"),
    ("POST", "/v1/agents", {"data": b'{"display_name":"\xff"}'}, 400, "MALFORMED_JSON"),
    ("POST", "/v1/agents", {"data": b'{"display_name":"\\ud800"}'}, 400, "INVALID_TEXT"),
    ("POST", "/v1/agents", {"data": b'{"display_name":"\\u0000"}'}, 400, "INVALID_TEXT"),
    ("POST", "/v1/agents", {"data": b'{"display_name":"a","display_name":"b"}'}, 400, "DUPLICATE_FIELD"),
    ("POST", "/v1/agents", {"data": b'{"\\ud800":1}'}, 400, "UNKNOWN_FIELD"),
    ("POST", "/v1/agents", {"data": b'{"capacity":1e999}'}, 400, "WRONG_TYPE"),
    ("POST", "/v1/agents", {"data": b'{"capacity":' + b"9" * 5000 + b"}"}, 400, "MALFORMED_JSON"),
    ("POST", "/v1/agents", {"data": b"x" * (1024 * 1024 + 1)}, 413, "BODY_TOO_LARGE"),
    ("POST", "/v1/agents", {"data": b"a=b", "headers": {"Content-Type": "text/plain"}}, 415, "UNSUPPORTED_MEDIA_TYPE"),
]


@pytest.mark.parametrize("refusal", REFUSALS)
async def test_bad_input_is_refused_with_a_problem(gateway, refusal):
    method, path, options, status, reason = refusal
    options = {"headers": {"Content-Type": "application/json"}} | options
    if "data" in options:
        options["data"] = io.BytesIO(options["data"])
    got, problem = await gateway.ask(method, path, **options)
    assert (got, problem["reason"]) == (status, reason)
    assert problem["status"] == status
    assert set(problem) == {"status", "title", "detail", "reason", "trace_id"}
    assert len(problem["trace_id"]) == 32
    assert "went wrong" not in problem["detail"]


async def test_what_a_service_refuses_keeps_its_reason_and_detail(gateway):
    def newer(_):
        raise Conflict("NEWER_MESSAGE", "there is more", detail=NewerMessages(newer=[Message(text="wait")]))

    gateway.neighbours.answers["ConversationService.SendMessage"] = newer
    status, problem = await gateway.ask("POST", "/v1/conversations/c/messages", body={"text": "hi"})
    assert (status, problem["reason"]) == (409, "NEWER_MESSAGE")
    assert problem["newer"][0]["text"] == "wait"


async def test_waits_are_told(gateway):
    gateway.neighbours.answers["AccountService.GetAccount"] = away
    headers = {"Authorization": f"Bearer {gateway.owner}"}
    async with gateway.session.get(gateway.url + "/v1/accounts/a", headers=headers) as response:
        assert response.status == 503
        assert response.headers["Retry-After"] == "1"
        assert response.content_type == "application/problem+json"

    def busy(_):
        raise Exhausted("BUSY", "later", retry_after=7)

    gateway.neighbours.answers["AccountService.GetAccount"] = busy
    async with gateway.session.get(gateway.url + "/v1/accounts/a", headers=headers) as response:
        assert response.status == 429
        assert response.headers["Retry-After"] == "7"
