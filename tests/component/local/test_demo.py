"""The demo against a gateway and a sandbox that only remember what they were asked."""

import json
import stat
from collections import Counter

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from lobby_local.demo import Demo
from lobby_local.demo_cast import AGENTS, SCRIPT


class Neighbours:
    """The gateway and the sandbox on one port; their paths do not meet."""

    def __init__(self):
        self.calls = []
        self.accounts = {}
        self.refuse = ""
        self.webhook_status = 200

    def bodies(self, method, ending):
        return [body for verb, path, body in self.calls if verb == method and path.endswith(ending)]

    async def answer(self, request):
        body = await request.json() if request.can_read_body else None
        self.calls.append((request.method, request.path, body))
        if self.refuse and request.path.endswith(self.refuse):
            return web.json_response({"reason": "NO"}, status=503)
        return web.json_response(self.reply(request, body))

    def reply(self, request, body):
        if request.path == "/v1/accounts":
            account_id = f"acc-{body['platform']}"
            self.accounts[account_id] = {
                **body,
                "account_id": account_id,
                "webhook_url": f"hook/{account_id}",
            }
        if request.method == "PATCH":
            self.accounts[request.path.split("/")[-1]] |= body
        if request.path.startswith("/v1/accounts"):
            return {
                "account": self.accounts[
                    f"acc-{body['platform']}" if request.method == "POST" else request.path.split("/")[-1]
                ]
            }
        if request.path == "/v1/contacts":
            return {"contacts": [{"contact_id": f"person-{request.query['query']}"}]}
        if request.path.endswith("/say"):
            return {"status": self.webhook_status, "body": None, "customer_id": request.path.split("/")[3]}
        return {"agent": {"agent_id": f"agent-{len(self.calls)}"}, "merge": {"merge_id": "m"}}


@pytest.fixture
async def neighbours():
    remembering = Neighbours()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", remembering.answer)
    async with TestServer(app) as server:
        remembering.url = str(server.make_url("")).rstrip("/")
        yield remembering


@pytest.fixture
def memory(tmp_path):
    return tmp_path / "demo.json"


@pytest.fixture
def reports():
    return []


@pytest.fixture
def demo(neighbours, memory, reports):
    urls = {"gateway_url": neighbours.url, "sandbox_url": neighbours.url}
    return Demo(memory, api_key="key", report=reports.append, **urls)


async def test_the_demo_makes_three_agents_who_are_online(demo, neighbours, reports):
    await demo.play()
    assert reports == []
    assert neighbours.bodies("POST", "/v1/agents") == list(AGENTS)
    assert neighbours.bodies("POST", ":setPresence") == [{"presence": "online"}] * 3


async def test_accounts_call_the_sandbox_with_the_credentials_it_knows(demo, neighbours):
    await demo.play()
    for platform in ("whatsapp", "telegram", "line"):
        account = neighbours.accounts[f"acc-{platform}"]
        [registered] = neighbours.bodies("POST", f"/{platform}/accounts")
        assert account["api_base_url"] == f"{neighbours.url}/{platform}"
        assert registered["credentials"] == account["credentials"]
        assert registered["webhook_url"] == account["webhook_url"]


async def test_customers_write_in_many_languages_and_two_of_them_twice(demo, neighbours):
    await demo.play()
    said = neighbours.bodies("POST", "/say")
    assert len(said) == len(SCRIPT)
    assert len({line["language"] for line in said}) >= 9
    assert len(neighbours.bodies("POST", ":merge")) == 2
    accounts = Counter(line["name"] for line in {(body["name"], body["account_id"]): body for body in said}.values())
    assert sorted(accounts.values())[-2:] == [2, 2]


async def test_credentials_are_kept_for_their_owner_only(demo, memory):
    await demo.play()
    assert stat.S_IMODE(memory.stat().st_mode) == 0o600


async def test_a_sandbox_that_moved_and_forgot_is_told_again(demo, neighbours, memory):
    await demo.play()
    kept = json.loads(memory.read_text())["accounts"]
    neighbours.accounts["acc-line"]["api_base_url"] = "http://127.0.0.1:1/line"
    neighbours.calls.clear()
    await demo.resume()
    assert neighbours.bodies("PATCH", "/acc-line") == [{"api_base_url": f"{neighbours.url}/line"}]
    assert neighbours.bodies("PATCH", "/acc-telegram") == []
    [registered] = neighbours.bodies("POST", "/telegram/accounts")
    assert registered["credentials"] == kept["telegram"]["credentials"]


async def test_resuming_without_a_demo_does_nothing(demo, neighbours):
    await demo.resume()
    assert neighbours.calls == []


async def test_a_refusal_is_reported_and_does_no_more_harm(demo, neighbours, reports):
    neighbours.refuse = "/v1/agents"
    await demo.play()
    [report] = reports
    assert "cut short" in report
    assert "answered 503" in report


async def test_a_webhook_that_the_gateway_refuses_is_reported(demo, neighbours, reports):
    neighbours.webhook_status = 401
    await demo.play()
    [report] = reports
    assert "webhook of whatsapp was answered 401" in report
