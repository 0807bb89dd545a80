"""Webhooks over real HTTP, their signatures verified with nothing of the sandbox's own."""

import base64
import hashlib
import hmac
import json

import pytest


async def test_whatsapp_signs_the_exact_bytes_with_the_app_secret(sandbox, receiver):
    await sandbox.register("whatsapp")
    told = await sandbox.say("whatsapp", "สวัสดี https://example.com/a?b=c")
    ((raw, headers),) = receiver.received
    expected = "sha256=" + hmac.new(b"app-secret", raw, hashlib.sha256).hexdigest()
    assert headers["X-Hub-Signature-256"] == expected
    assert headers["Content-Type"] == "application/json"
    assert json.loads(raw) == told["webhook"]


async def test_line_signs_the_exact_bytes_with_the_channel_secret(sandbox, receiver):
    await sandbox.register("line")
    told = await sandbox.say("line", "ใช้อันนี้ไหม")
    ((raw, headers),) = receiver.received
    expected = base64.b64encode(hmac.new(b"channel-secret", raw, hashlib.sha256).digest()).decode()
    assert headers["x-line-signature"] == expected
    assert json.loads(raw) == told["webhook"]


async def test_telegram_shows_the_registered_secret(sandbox, receiver):
    await sandbox.register("telegram")
    told = await sandbox.say("telegram", "chào")
    ((raw, headers),) = receiver.received
    assert headers["X-Telegram-Bot-Api-Secret-Token"] == "hook-secret"
    assert json.loads(raw) == told["webhook"]


async def test_telegram_shows_the_secret_that_the_bot_set_when_none_is_registered(sandbox, receiver):
    body = {"url": "https://example.com/hook", "secret_token": "own-secret"}
    await sandbox.call("POST", "/telegram/bot8765336106:tg-token/setWebhook", body)
    await sandbox.register("telegram", webhook_secret=None)
    await sandbox.say("telegram", "chào")
    ((_, headers),) = receiver.received
    assert headers["X-Telegram-Bot-Api-Secret-Token"] == "own-secret"


@pytest.mark.parametrize("platform", ["whatsapp", "telegram", "line"])
async def test_say_tells_what_the_receiver_said_and_the_ids(sandbox, receiver, platform):
    await sandbox.register(platform)
    told = await sandbox.say(platform, "hi")
    assert set(told) == {"status", "body", "webhook", "message_id", "event_id", "customer_id"}
    assert (told["status"], told["body"]) == (200, {"ok": True})
    assert told["message_id"] in json.dumps(told["webhook"])
    assert told["event_id"] in json.dumps(told["webhook"])
    assert told["customer_id"] in json.dumps(told["webhook"])


@pytest.mark.parametrize("platform", ["whatsapp", "telegram", "line"])
async def test_a_refused_webhook_is_reported_and_comes_again_with_the_same_bytes(sandbox, receiver, platform):
    await sandbox.register(platform)
    receiver.statuses = [401, 503]
    assert (await sandbox.say(platform, "hi"))["status"] == 401
    received = await receiver.wait_for(3)
    assert len({raw for raw, _ in received}) == 1
    assert len({headers.get("X-Hub-Signature-256") for _, headers in received}) == 1


async def test_an_unreachable_receiver_is_reported_without_a_status(sandbox):
    await sandbox.register("line", webhook_url="http://127.0.0.1:1/hook")
    told = await sandbox.say("line", "hi")
    assert told["status"] is None
    assert "127.0.0.1" in told["error"]
    assert told["webhook"]["events"]


@pytest.mark.parametrize(
    ("platform", "kind", "more"),
    [
        ("whatsapp", "referral", {"payload": {"source_id": "77"}}),
        ("whatsapp", "echo", {"text": "On its way"}),
        ("whatsapp", "user_changed_user_id", {}),
        ("telegram", "start", {"payload": "ad-42"}),
        ("telegram", "contact", {"payload": {"phone_number": "84901234567"}}),
        ("telegram", "callback", {"payload": {"data": "yes"}}),
        ("line", "postback", {"payload": "yes"}),
        ("line", "follow", {}),
        ("line", "raw", {"payload": {"destination": "U", "events": []}}),
    ],
)
async def test_every_kind_is_posted_signed(sandbox, receiver, platform, kind, more):
    await sandbox.register(platform)
    told = await sandbox.say(platform, kind=kind, **more)
    assert told["status"] == 200
    ((raw, _),) = receiver.received
    assert json.loads(raw) == told["webhook"]


async def test_a_customer_writes_when_the_test_says(sandbox):
    await sandbox.register("line")
    told = await sandbox.say("line", "hi", time="2026-11-22T12:00:00.123Z")
    assert told["webhook"]["events"][0]["timestamp"] == 1795348800123


async def test_whatsapp_asks_for_the_challenge_at_registration(sandbox):
    told = await sandbox.register("whatsapp")
    assert told["account"] == {"account_id": "a1", "platform": "whatsapp", "webhook_url": sandbox.receiver_url}
    assert told["handshake"]["verified"] is True


async def test_a_failed_handshake_is_reported_and_does_not_stop_the_registration(sandbox):
    told = await sandbox.register("whatsapp", verify_token="wrong")
    assert told["handshake"] == {"verified": False, "status": 403, "body": ""}
    assert (await sandbox.say("whatsapp", "hi"))["status"] == 200


@pytest.mark.parametrize("platform", ["telegram", "line"])
async def test_other_platforms_have_no_handshake(sandbox, platform):
    assert set(await sandbox.register(platform)) == {"account"}


async def test_receipts_of_a_whatsapp_send_come_signed_and_in_order(sandbox, receiver):
    await sandbox.register("whatsapp")
    _, accepted, _ = await sandbox.send("whatsapp")
    received = await receiver.wait_for(3)
    statuses = [json.loads(raw)["entry"][0]["changes"][0]["value"]["statuses"][0] for raw, _ in received]
    assert [status["status"] for status in statuses] == ["sent", "delivered", "read"]
    assert {status["id"] for status in statuses} == {accepted["messages"][0]["id"]}
    for raw, headers in received:
        assert headers["X-Hub-Signature-256"] == "sha256=" + hmac.new(b"app-secret", raw, hashlib.sha256).hexdigest()


async def test_line_posts_no_events_when_the_endpoint_is_tested(sandbox, receiver):
    await sandbox.register("line")
    bearer = {"Authorization": "Bearer line-token"}
    status, told, _ = await sandbox.call("POST", "/line/v2/bot/channel/webhook/test", {}, headers=bearer)
    ((raw, headers),) = receiver.received
    assert (status, told["success"], told["statusCode"]) == (200, True, 200)
    assert json.loads(raw)["events"] == []
    assert headers["x-line-signature"]
