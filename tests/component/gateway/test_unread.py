"""Who sends what is refused learns why: an answer before the body's end is lost when the connection is reset."""

import asyncio
import json
from contextlib import suppress

import aiohttp
import pytest

from lobby_common.ids import new_id
from lobby_gateway.http import unread

EIGHT_MEBIBYTES = 128


async def much():
    for _ in range(EIGHT_MEBIBYTES):
        yield bytes(64 * 1024)


@pytest.mark.parametrize(
    ("path", "status", "key"),
    [
        ("/webhooks/line/{}", 413, True),
        ("/webhooks/fax/{}", 404, True),
        ("/v1/agents", 413, True),
        ("/v1/agents", 401, False),
        ("/v1/nothing", 404, True),
        ("/healthz", 405, True),
    ],
)
async def test_a_refusal_waits_for_the_end_of_the_body(gateway, path, status, key):
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {gateway.owner}"} if key else {})
    for _ in range(5):
        async with gateway.session.post(gateway.url + path.format(new_id()), data=much(), headers=headers) as answer:
            assert answer.status == status
            assert json.loads(await answer.read())["status"] == status


async def test_a_body_without_an_end_is_not_waited_for(gateway):
    """More than anybody sends by mistake: the connection is given up, and others are answered."""

    async def endless():
        while True:
            yield bytes(1024 * 1024)

    with suppress(aiohttp.ClientError):
        async with gateway.session.post(f"{gateway.url}/webhooks/line/{new_id()}", data=endless()) as answer:
            assert answer.status == 413
    assert (await gateway.ask("GET", "/v1/keys"))[0] == 200


@pytest.mark.parametrize("path", ["/v1/agents", "/webhooks/line/{}"])
async def test_a_body_that_does_not_come_is_refused_in_time(gateway, monkeypatch, path):
    monkeypatch.setattr(unread, "BODY_WITHIN", 0.1)
    monkeypatch.setattr(unread, "_WITHIN", 0.1)
    never = asyncio.Event()

    async def stuck():
        yield b"{"
        await never.wait()

    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {gateway.owner}"}
    async with gateway.session.post(gateway.url + path.format(new_id()), data=stuck(), headers=headers) as answer:
        assert answer.status == 408
        assert (await answer.json(content_type=None))["reason"] == "BODY_UNFINISHED"
