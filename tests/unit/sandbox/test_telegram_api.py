import pytest

BOT = "bot8765336106:token"
CHAT = 7301234567


def call(telegram, method, body=None, bot=BOT, **keywords):
    return telegram.answer("POST", f"{bot}/{method}", body, token=None, **keywords)


def error_of(answer):
    assert answer.body["ok"] is False
    assert answer.body["error_code"] == answer.status
    assert answer.message_ids == ()
    return answer.body["description"]


def test_a_sent_text_is_answered_with_the_message(telegram):
    telegram.say("hi", customer=str(CHAT), name="Linh")
    answer = call(telegram, "sendMessage", {"chat_id": CHAT, "text": "hello"})
    result = answer.body["result"]
    assert answer.body["ok"] is True
    assert result["text"] == "hello"
    assert result["chat"] == {"id": CHAT, "first_name": "Linh", "username": "linh", "type": "private"}
    assert (result["from"]["id"], result["from"]["is_bot"]) == (8765336106, True)
    assert answer.message_ids == (str(result["message_id"]),)


def test_messages_of_both_sides_share_one_sequence(telegram):
    said = int(telegram.say("hi").message_id)
    sent = call(telegram, "sendMessage", {"chat_id": CHAT, "text": "hello"}).body["result"]["message_id"]
    assert int(telegram.say("hi").message_id) > sent > said


@pytest.mark.parametrize(
    ("method", "content"),
    [
        ("sendMessage", {"text": "x" * 4096}),
        ("sendPhoto", {"photo": "https://example.com/a.jpg", "caption": "x"}),
        ("sendDocument", {"document": {"file_name": "a.pdf", "content_type": "application/pdf", "size": 3}}),
        ("sendVideo", {"video": "AgAC"}),
        ("sendAudio", {"audio": "AgAC"}),
        ("sendVoice", {"voice": "AgAC"}),
        ("sendSticker", {"sticker": "AgAC"}),
        ("sendLocation", {"latitude": "10.5", "longitude": 0}),
        ("sendContact", {"phone_number": "1", "first_name": "Linh"}),
        ("SENDMESSAGE", {"text": "methods have no case"}),
    ],
)
def test_every_kind_of_message_can_be_sent(telegram, method, content):
    answer = call(telegram, method, {"chat_id": str(CHAT), **content})
    assert answer.status == 200, answer.body
    assert len(answer.message_ids) == 1


def test_an_album_is_several_messages(telegram):
    for media in ([{"type": "photo", "media": "a"}] * 2, '[{"type": "photo", "media": "a"}, {}]'):
        answer = call(telegram, "sendMediaGroup", {"chat_id": CHAT, "media": media})
        assert len(answer.message_ids) == len(answer.body["result"]) == 2
        assert len({message["media_group_id"] for message in answer.body["result"]}) == 1
    assert error_of(call(telegram, "sendMediaGroup", {"chat_id": CHAT, "media": "{"}))


@pytest.mark.parametrize(
    ("method", "body", "description"),
    [
        ("sendMessage", {"text": "hi"}, "Bad Request: chat_id is empty"),
        ("sendMessage", None, "Bad Request: chat_id is empty"),
        ("sendMessage", {"chat_id": "", "text": "hi"}, "Bad Request: chat_id is empty"),
        ("sendMessage", {"chat_id": "linh", "text": "hi"}, "Bad Request: chat not found"),
        ("sendMessage", {"chat_id": 0, "text": "hi"}, "Bad Request: chat not found"),
        ("sendMessage", {"chat_id": True, "text": "hi"}, "Bad Request: chat not found"),
        ("sendMessage", {"chat_id": {}, "text": "hi"}, "Bad Request: chat not found"),
        ("sendMessage", {"chat_id": CHAT}, "Bad Request: message text is empty"),
        ("sendMessage", {"chat_id": CHAT, "text": " "}, "Bad Request: message text is empty"),
        ("sendMessage", {"chat_id": CHAT, "text": "x" * 4097}, "Bad Request: message is too long"),
        ("sendPhoto", {"chat_id": CHAT}, "Bad Request: there is no photo in the request"),
        (
            "sendPhoto",
            {"chat_id": CHAT, "photo": "a", "caption": "x" * 1025},
            "Bad Request: message caption is too long",
        ),
        ("sendLocation", {"chat_id": CHAT, "latitude": 1}, "Bad Request: longitude is empty"),
    ],
)
def test_a_bad_request_is_refused_in_telegrams_words(telegram, method, body, description):
    answer = call(telegram, method, body)
    assert answer.status == 400
    assert error_of(answer) == description


def test_a_customer_who_blocked_the_bot_cannot_be_written_to_until_he_comes_back(telegram):
    telegram.say(kind="unfollow", customer=str(CHAT))
    answer = call(telegram, "sendMessage", {"chat_id": CHAT, "text": "hi"})
    assert (answer.status, error_of(answer)) == (403, "Forbidden: bot was blocked by the user")
    telegram.say("hi", customer=str(CHAT))
    assert call(telegram, "sendMessage", {"chat_id": CHAT, "text": "hi"}).status == 200


def test_a_token_that_nobody_registered_is_served(telegram):
    answer = call(telegram, "sendMessage", {"chat_id": 1, "text": "hi"}, bot="bot1:other")
    assert answer.message_ids
    assert telegram.platform.caller(telegram.call("POST", "bot1:other/sendMessage")) is None


@pytest.mark.parametrize(
    ("path", "status", "description"),
    [
        ("bot/sendMessage", 401, "Unauthorized: invalid token specified"),
        ("bot%20/sendMessage", 401, "Unauthorized: invalid token specified"),
        (f"bot{'1' * 81}/getMe", 401, "Unauthorized: invalid token specified"),
        (BOT, 404, "Not Found"),
        ("sendMessage", 404, "Not Found"),
        (f"{BOT}/sendCarrierPigeon", 404, "Not Found: method not found"),
    ],
)
def test_wrong_tokens_and_methods_are_refused(telegram, path, status, description):
    answer = telegram.answer("POST", path, token=None)
    assert (answer.status, error_of(answer)) == (status, description)


def test_broken_json_is_a_bad_request(telegram):
    assert error_of(call(telegram, "sendMessage", broken=True)) == "Bad Request: can't parse JSON object"


def test_arguments_may_come_in_the_query(telegram):
    assert call(telegram, "sendMessage", chat_id=str(CHAT), text="hi").status == 200


def test_a_bot_is_told_who_it_is(telegram):
    me = call(telegram, "getMe").body["result"]
    assert (me["id"], me["is_bot"]) == (8765336106, True)
    assert me["username"].endswith("_bot")


@pytest.mark.parametrize("method", ["answerCallbackQuery", "sendChatAction", "setMessageReaction"])
def test_courtesies_are_answered_and_are_no_sends(telegram, method):
    request = telegram.call("POST", f"{BOT}/{method}", {})
    assert telegram.platform.answer(request).body == {"ok": True, "result": True}
    assert telegram.platform.purpose(request) == "other"


def test_an_edited_message_keeps_its_id(telegram):
    answer = call(telegram, "editMessageText", {"chat_id": CHAT, "message_id": 7, "text": "x"})
    assert answer.body["result"]["message_id"] == 7
    assert answer.message_ids == ()
    assert call(telegram, "editMessageText", {"chat_id": CHAT, "text": "x"}).status == 400


def test_the_webhook_is_what_the_bot_set(telegram):
    said = []
    for _ in range(2):
        body = {"url": "https://h/w", "secret_token": "x", "allowed_updates": ["message", "message_reaction"]}
        said.append(call(telegram, "setWebhook", body).body["description"])
    info = call(telegram, "getWebhookInfo").body["result"]
    assert said == ["Webhook was set", "Webhook is already set"]
    assert info["url"] == "https://h/w"
    assert info["allowed_updates"] == ["message", "message_reaction"]
    assert info["pending_update_count"] == 0
    said = [call(telegram, "deleteWebhook").body["description"] for _ in range(2)]
    assert said == ["Webhook was deleted", "Webhook is already deleted"]
    assert call(telegram, "getWebhookInfo").body["result"]["url"] == ""


def test_allowed_updates_stay_when_they_are_left_out(telegram):
    call(telegram, "setWebhook", {"url": "https://h/w", "allowed_updates": ["message"]})
    call(telegram, "setWebhook", {"url": "https://h/v"})
    assert call(telegram, "getWebhookInfo").body["result"]["allowed_updates"] == ["message"]


def test_until_a_bot_sets_a_webhook_the_registered_one_counts(telegram):
    assert call(telegram, "getWebhookInfo").body["result"]["url"] == telegram.account.webhook_url
    assert call(telegram, "getWebhookInfo", bot="bot1:other").body["result"]["url"] == ""


@pytest.mark.parametrize(
    ("body", "description"),
    [
        ({"url": "h/w"}, "Bad Request: invalid webhook URL specified"),
        ({"url": "https://h/w", "secret_token": "x" * 257}, "Bad Request: secret token is too long"),
        ({"url": "https://h/w", "secret_token": "ü"}, "Bad Request: secret token contains unallowed characters"),
    ],
)
def test_a_bad_webhook_is_refused(telegram, body, description):
    assert error_of(call(telegram, "setWebhook", body)) == description


def test_the_file_of_a_message_can_be_fetched(telegram):
    voice = telegram.say(kind="voice").body["message"]["voice"]
    file = call(telegram, "getFile", {"file_id": voice["file_id"]}).body["result"]
    assert file["file_size"] == voice["file_size"]
    content = telegram.answer("GET", f"file/{BOT}/{file['file_path']}", token=None).body
    assert len(content) == voice["file_size"]
    assert call(telegram, "getFile", {"file_id": "x"}).status == 400
    assert telegram.answer("GET", f"file/{BOT}/nothing.jpg", token=None).status == 404


def test_the_picture_of_who_shows_one_can_be_fetched(telegram):
    user_id = telegram.say(picture=b"picture").customer_id
    chat = call(telegram, "getChat", {"chat_id": int(user_id)}).body["result"]
    file = call(telegram, "getFile", {"file_id": chat["photo"]["small_file_id"]}).body["result"]
    assert telegram.answer("GET", f"file/{BOT}/{file['file_path']}", token=None).body == b"picture"
    assert "photo" not in call(telegram, "getChat", {"chat_id": int(user_id) + 1}).body["result"]


def test_a_rate_limit_says_how_long_to_wait(telegram):
    body = telegram.platform.failure(429, {"Retry-After": "35"})
    assert body["description"] == "Too Many Requests: retry after 35"
    assert body["parameters"] == {"retry_after": 35}
    assert telegram.platform.failure(401, {})["description"] == "Unauthorized"


def test_the_secret_is_the_registered_one_else_the_one_the_bot_set(telegram):
    def secret(account):
        return telegram.platform.webhook(account, {}).headers.get("X-Telegram-Bot-Api-Secret-Token")

    call(telegram, "setWebhook", {"url": "https://h/w", "secret_token": "own"})
    bare = type(telegram.account)("telegram", "a2", "http://h/w", {"bot_token": "8765336106:token"})
    unknown = type(telegram.account)("telegram", "a3", "http://h/w", {"bot_token": "2:token"})
    assert (secret(telegram.account), secret(bare), secret(unknown)) == ("s", "own", None)
