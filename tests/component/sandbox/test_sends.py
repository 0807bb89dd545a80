import asyncio

import aiohttp
import pytest

PLATFORMS = ("whatsapp", "telegram", "line")
ACCEPTED = {
    "whatsapp": lambda body: bool(body["messages"][0]["id"]),
    "telegram": lambda body: body["ok"] is True,
    "line": lambda body: bool(body["sentMessages"][0]["id"]),
}
REFUSED = {
    "whatsapp": lambda body: body["error"]["type"] == "OAuthException",
    "telegram": lambda body: body["ok"] is False,
    "line": lambda body: bool(body["message"]),
}


@pytest.mark.parametrize("platform", PLATFORMS)
async def test_accepted_sends_are_told_in_order(sandbox, platform):
    await sandbox.register(platform)
    for text in ("one", "two"):
        status, body, _ = await sandbox.send(platform, text)
        assert status == 200
        assert ACCEPTED[platform](body)
    first, second = await sandbox.sent(platform, account_id="a1")
    assert first["account_id"] == "a1"
    assert "one" in str(first["body"])
    assert "two" in str(second["body"])
    assert first["path"].startswith(f"/{platform}/")
    assert first["headers"]["Content-Type"] == "application/json"
    assert first["time"].endswith("Z")
    assert first["time"] <= second["time"]
    assert len(first["message_ids"]) == 1


@pytest.mark.parametrize("platform", PLATFORMS)
async def test_a_token_that_nobody_registered_is_recorded_without_an_account(sandbox, platform):
    await sandbox.send(platform)
    (sent,) = await sandbox.sent(platform)
    assert "account_id" not in sent
    assert await sandbox.sent(platform, account_id="a1") == []


async def test_accounts_of_one_platform_are_told_apart(sandbox):
    await sandbox.register("telegram", account_id="a1")
    await sandbox.register("telegram", account_id="a2", bot_token="2:other")
    await sandbox.call("POST", "/telegram/bot2:other/sendMessage", {"chat_id": 5, "text": "hi"})
    assert await sandbox.sent("telegram", account_id="a1") == []
    assert len(await sandbox.sent("telegram", account_id="a2")) == 1


async def test_one_whatsapp_token_may_serve_two_numbers(sandbox):
    await sandbox.register("whatsapp", account_id="a1")
    await sandbox.register("whatsapp", account_id="a2", phone_number_id="2060")
    await sandbox.send("whatsapp")
    assert len(await sandbox.sent("whatsapp", account_id="a1")) == 1
    assert await sandbox.sent("whatsapp", account_id="a2") == []


async def test_a_refused_send_is_not_recorded(sandbox):
    status, body, _ = await sandbox.call("POST", "/telegram/bot1:a/sendMessage", {"chat_id": 5})
    assert (status, body["description"]) == (400, "Bad Request: message text is empty")
    assert await sandbox.sent("telegram") == []


async def test_broken_json_gets_the_platforms_own_error(sandbox):
    bearer = {"Authorization": "Bearer t"}
    for path in ("/telegram/bot1:a/sendMessage", "/line/v2/bot/message/push", "/whatsapp/v25.0/1/messages"):
        status, _ = await sandbox.raw("POST", path, data=b'{"chat', headers=bearer)
        assert status == 400


async def test_a_repeated_retry_key_is_a_conflict_and_recorded_once(sandbox):
    await sandbox.register("line")
    key = {"X-Line-Retry-Key": "123e4567-e89b-12d3-a456-426614174000"}
    first, again = [await sandbox.send("line", headers=key) for _ in range(2)]
    assert (first[0], again[0]) == (200, 409)
    assert again[2]["X-Line-Accepted-Request-Id"] == first[2]["X-Line-Request-Id"]
    assert again[1]["sentMessages"] == first[1]["sentMessages"]
    assert len(await sandbox.sent("line")) == 1


async def test_a_form_with_a_file_is_recorded_without_its_content(sandbox):
    form = aiohttp.FormData({"chat_id": "5", "caption": "ảnh"})
    form.add_field("photo", b"123", filename="a.jpg", content_type="image/jpeg")
    status, _ = await sandbox.raw("POST", "/telegram/bot1:a/sendPhoto", data=form)
    (sent,) = await sandbox.sent("telegram")
    assert status == 200
    assert sent["body"] == {
        "chat_id": "5",
        "caption": "ảnh",
        "photo": {"file_name": "a.jpg", "content_type": "image/jpeg", "size": 3},
    }


async def test_a_plain_form_is_a_request_like_any_other(sandbox):
    status, _ = await sandbox.raw("POST", "/telegram/bot1:a/sendMessage", data={"chat_id": "5", "text": "hi"})
    assert status == 200
    assert (await sandbox.sent("telegram"))[0]["body"] == {"chat_id": "5", "text": "hi"}


async def test_files_are_served_as_bytes(sandbox):
    await sandbox.register("line")
    told = await sandbox.say("line", kind="image")
    path, bearer = f"/line/v2/bot/message/{told['message_id']}/content", {"Authorization": "Bearer line-token"}
    status, content = await sandbox.raw("GET", path, headers=bearer)
    assert status == 200
    assert content.startswith(b"\xff\xd8")


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("status", [400, 401, 403, 429, 500, 503])
async def test_a_fault_is_answered_in_the_platforms_words_and_nothing_is_accepted(sandbox, platform, status):
    await sandbox.register(platform)
    await sandbox.fail(platform, {"http_status": status}, account_id="a1")
    answer = await sandbox.send(platform)
    assert answer[0] == status
    assert REFUSED[platform](answer[1])
    assert await sandbox.sent(platform) == []
    assert (await sandbox.send(platform))[0] == 200


async def test_a_fault_may_bring_its_own_body_and_headers(sandbox):
    body = {"ok": False, "error_code": 429, "description": "slow down", "parameters": {"retry_after": 35}}
    await sandbox.fail("telegram", {"http_status": 429, "body": body, "headers": {"Retry-After": "35"}})
    status, told, headers = await sandbox.send("telegram")
    assert (status, told, headers["Retry-After"]) == (429, body, "35")


async def test_a_fault_may_twist_an_accepted_answer(sandbox):
    await sandbox.fail("line", {"http_status": 200, "body": {}})
    assert (await sandbox.send("line"))[:2] == (200, {})
    assert len(await sandbox.sent("line")) == 1


@pytest.mark.parametrize("platform", PLATFORMS)
async def test_a_connection_dropped_before_accepting_leaves_nothing(sandbox, platform):
    await sandbox.fail(platform, {"drop": "before"})
    with pytest.raises(aiohttp.ClientConnectionError):
        await sandbox.send(platform)
    assert await sandbox.sent(platform) == []


@pytest.mark.parametrize("platform", PLATFORMS)
async def test_a_connection_dropped_after_accepting_leaves_the_message(sandbox, platform):
    await sandbox.fail(platform, {"drop": "after"})
    with pytest.raises(aiohttp.ClientConnectionError):
        await sandbox.send(platform)
    assert len(await sandbox.sent(platform)) == 1


async def test_the_receipts_come_also_when_the_answer_was_lost(sandbox, receiver):
    await sandbox.register("whatsapp")
    await sandbox.fail("whatsapp", {"drop": "after"}, account_id="a1")
    with pytest.raises(aiohttp.ClientConnectionError):
        await sandbox.send("whatsapp")
    assert len(await receiver.wait_for(3)) == 3


async def test_a_delayed_send_is_accepted_before_the_wait(sandbox):
    await sandbox.fail("telegram", {"delay_ms": 60_000})
    sending = asyncio.create_task(sandbox.send("telegram"))
    async with asyncio.timeout(5):
        while not await sandbox.sent("telegram"):
            await asyncio.sleep(0)
    assert not sending.done()
    sending.cancel()


async def test_look_ups_do_not_use_up_faults_unless_told(sandbox):
    await sandbox.register("telegram")
    await sandbox.fail("telegram", {"http_status": 500}, account_id="a1")
    status, _, _ = await sandbox.call("GET", "/telegram/bot8765336106:tg-token/getMe")
    assert status == 200
    await sandbox.fail("telegram", {"http_status": 401, "on": "any"}, account_id="a1")
    status, told, _ = await sandbox.call("GET", "/telegram/bot8765336106:tg-token/getMe")
    assert (status, told["description"]) == (401, "Unauthorized")
    assert (await sandbox.send("telegram"))[0] == 500


async def test_faults_are_for_their_account(sandbox):
    await sandbox.register("telegram", account_id="a1")
    told = await sandbox.fail("telegram", {"http_status": 500}, account_id="elsewhere")
    assert told == {"waiting": 1, "registered": False}
    assert (await sandbox.send("telegram"))[0] == 200
