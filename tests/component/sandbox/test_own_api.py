import asyncio
import json
import os
import signal
import sys

import aiohttp
import pytest


async def test_the_sandbox_is_healthy(sandbox):
    status, body, _ = await sandbox.call("GET", "/healthz")
    assert status == 200
    assert body == {"status": "ok", "platforms": ["line", "telegram", "whatsapp"]}


@pytest.mark.parametrize("path", ["/icq/accounts", "/icq/customers/c1/say", "/icq/faults", "/icq/v1/send"])
async def test_a_platform_that_is_not_played_is_not_found(sandbox, path):
    status, body, _ = await sandbox.call("POST", path, {})
    assert (status, body["reason"]) == (404, "UNKNOWN_PLATFORM")
    assert "icq" in body["detail"]


async def test_a_customer_cannot_write_to_an_account_that_nobody_registered(sandbox):
    status, body, _ = await sandbox.call("POST", "/line/customers/c1/say", {"account_id": "a9", "text": "hi"})
    assert (status, body["reason"]) == (404, "UNKNOWN_ACCOUNT")


@pytest.mark.parametrize(
    ("path", "body", "words"),
    [
        ("/line/accounts", {}, "account_id"),
        ("/line/accounts", [], "object"),
        ("/line/accounts", {"account_id": "", "webhook_url": "http://h", "credentials": {}}, "account_id"),
        ("/line/accounts", {"account_id": "a", "webhook_url": "h", "credentials": {}}, "webhook_url"),
        ("/line/accounts", {"account_id": "a", "webhook_url": "http://h", "credentials": {}}, "channel_secret"),
        ("/line/accounts", {"account_id": "a", "webhook_url": "http://h", "credentials": {"x": []}}, "credentials"),
        ("/line/customers/c1/say", {"text": "hi"}, "account_id"),
        ("/line/customers/c1/say", {"account_id": "a1", "text": 5}, "text"),
        ("/line/customers/c1/say", {"account_id": "a1"}, "text"),
        ("/line/customers/c1/say", {"account_id": "a1", "kind": "wave"}, "'wave' is none of text"),
        ("/line/customers/c1/say", {"account_id": "a1", "text": "hi", "time": "soon"}, "time"),
        ("/line/customers/c1/say", {"account_id": "a1", "text": "hi", "payload": [1]}, "payload"),
        ("/line/customers/c1/say", {"account_id": "a1", "kind": "unsend"}, "message_id"),
        ("/line/faults", {}, "next"),
        ("/line/faults", {"next": [{}]}, "http_status"),
        ("/line/faults", {"next": [{"http_status": 42}]}, "$.next[0].http_status"),
        ("/line/faults", {"next": [{"drop": "sometime"}]}, "drop"),
    ],
)
async def test_bad_input_is_refused_with_a_reason(sandbox, path, body, words):
    await sandbox.register("line")
    status, told, _ = await sandbox.call("POST", path, body)
    assert (status, told["status"], told["reason"]) == (400, 400, "INVALID_REQUEST")
    assert words in told["detail"]


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b'{"next": [' + b"[" * 9_999, b"null"])
async def test_broken_json_is_refused_with_a_reason(sandbox, body):
    for path in ("/telegram/accounts", "/telegram/customers/c1/say", "/telegram/faults"):
        status, raw = await sandbox.raw("POST", path, data=body)
        assert status == 400
        assert json.loads(raw)["detail"]


async def test_the_log_has_one_line_a_request_and_no_secrets(sandbox):
    await sandbox.register("telegram")
    await sandbox.say("telegram", "a very private text", customer="66811111111")
    await sandbox.send("telegram", "another private text")
    lines = json.dumps(sandbox.log)
    assert [line["status"] for line in sandbox.log] == [200, 200, 200]
    assert sandbox.log[2]["purpose"] == "send"
    for secret in ("private", "tg-token", "hook-secret", "66811111111"):
        assert secret not in lines


async def test_the_process_tells_its_address_serves_and_stops(tmp_path):
    environment = {"PATH": os.environ["PATH"], "LOBBY_SANDBOX_PORT": "0", "LOBBY_BIND_HOST": "127.0.0.1"}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "lobby_sandbox", env=environment, cwd=tmp_path, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    async with asyncio.timeout(30):
        first = json.loads(await process.stdout.readline())
        assert (first["event"], first["host"]) == ("listening", "127.0.0.1")
        async with aiohttp.ClientSession() as session:
            async with session.get(f"http://127.0.0.1:{first['port']}/healthz") as response:
                assert response.status == 200
            process.send_signal(signal.SIGTERM)
            assert await process.wait() == 0


async def test_the_process_refuses_a_port_that_is_none():
    environment = {"PATH": os.environ["PATH"], "LOBBY_SANDBOX_PORT": "http"}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "lobby_sandbox", env=environment, stderr=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(30):
        _, error = await process.communicate()
    assert process.returncode == 2
    assert error.decode().startswith("LOBBY_SANDBOX_PORT")
