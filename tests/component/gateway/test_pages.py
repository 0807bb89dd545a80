import asyncio
import json

import aiohttp
import asyncpg
import pytest

from lobby_common.rpc.client import create_channel
from lobby_common.service import start
from lobby_common.times import utc_now
from lobby_gateway import entropy, workspaces
from lobby_gateway.main import SERVICE
from lobby_gateway.openapi import document
from tests.component.gateway.conftest import OTHERS, TOKEN, config, listening


async def test_the_document_is_served(gateway):
    status, api = await gateway.ask("GET", "/openapi.json", key="")
    assert status == 200
    assert api == json.loads(json.dumps(document()))


async def test_the_page_needs_nothing_from_elsewhere(gateway):
    async with gateway.session.get(gateway.url + "/docs") as response:
        page = await response.text()
        assert response.status == 200
        assert response.content_type == "text/html"
        assert "default-src 'none'" in response.headers["Content-Security-Policy"]
    assert "http://" not in page
    assert "https://" not in page


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
async def test_health_and_metrics_are_on_the_same_port(gateway, path):
    async with asyncio.timeout(10):
        # The publisher may still be on its way to the broker.
        while (await ask(gateway, path))[0] != 200:
            await asyncio.sleep(0.02)
    assert (await ask(gateway, path))[1]


async def ask(gateway, path: str) -> tuple[int, str]:
    async with gateway.session.get(gateway.url + path) as response:
        return response.status, await response.text()


async def test_a_page_takes_get_only(gateway):
    status, problem = await gateway.ask("POST", "/healthz")
    assert (status, problem["reason"]) == (405, "METHOD_NOT_ALLOWED")


async def test_calls_are_counted_by_route_and_never_by_path(gateway):
    await gateway.ask("GET", "/v1/accounts/some-secret-id")
    async with gateway.session.get(gateway.url + "/metrics") as response:
        text = await response.text()
    assert 'route="GET /v1/accounts/{account_id}"' in text
    assert "some-secret-id" not in text


async def test_a_trace_begins_here_or_goes_on(gateway):
    traceparent = f"00-{'c' * 32}-{'d' * 16}-01"
    for given, expected in ((traceparent, "c" * 32), ("00-nonsense", None)):
        headers = {"Authorization": f"Bearer {gateway.owner}", "traceparent": given}
        async with gateway.session.get(gateway.url + "/v1/agents", headers=headers) as response:
            trace_id = response.headers["X-Trace-Id"]
        call = gateway.neighbours.calls["AgentService.ListAgents"][-1]
        assert call.traceparent.split("-")[1] == trace_id
        assert expected in (None, trace_id)


async def test_a_key_that_asks_too_often_waits(database, broker, neighbours):
    connection = await asyncpg.connect(database.url, server_settings={"search_path": "gateway"})
    async with connection.transaction():
        owner = await workspaces.create_workspace(connection, "Ours", "UTC", entropy.new_secret(), utc_now())
    await connection.close()
    channel = create_channel(neighbours[1], TOKEN)
    settings = config(database, broker, rate_per_second=0.1, rate_burst=2.0)
    async with (
        start(SERVICE, settings, channels=dict.fromkeys(OTHERS, channel)) as runtime,
        aiohttp.ClientSession(headers={"Authorization": f"Bearer {owner.secret}"}) as session,
    ):
        await listening(runtime.http_address)
        url = f"http://{runtime.http_address}/v1/agents"
        statuses = []
        for _ in range(3):
            async with session.get(url) as response:
                statuses.append(response.status)
        assert statuses == [200, 200, 429]
        assert int(response.headers["Retry-After"]) >= 1
    await channel.close()


async def test_pages_of_the_origins_named_may_call_from_a_browser_and_no_others(database, broker, neighbours):
    ours, other = "https://desk.example", "https://other.example"
    channel = create_channel(neighbours[1], TOKEN)
    settings = config(database, broker, cors_origins=f"{ours}, http://localhost:5173")
    async with (
        start(SERVICE, settings, channels=dict.fromkeys(OTHERS, channel)) as runtime,
        aiohttp.ClientSession() as session,
    ):
        await listening(runtime.http_address)
        url = f"http://{runtime.http_address}/v1/conversations"
        for origin, allowed in ((ours, ours), (other, None)):
            asking = {
                "Origin": origin,
                "Access-Control-Request-Method": "POST",
                "Access-Control-Request-Headers": "authorization,idempotency-key",
            }
            async with session.options(url, headers=asking) as before, session.get(url, headers=asking) as answer:
                assert (before.status == 200) == bool(allowed)
                assert before.headers.get("Access-Control-Allow-Origin") == allowed
                # A refusal too can be read by the page.
                assert answer.status == 401
                assert answer.headers.get("Access-Control-Allow-Origin") == allowed
    await channel.close()


async def test_no_page_of_elsewhere_may_call_unless_told(gateway):
    async with gateway.session.get(gateway.url + "/v1/agents", headers={"Origin": "https://a.example"}) as answer:
        assert "Access-Control-Allow-Origin" not in answer.headers
