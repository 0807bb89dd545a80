import pytest

TEXT = {"messaging_product": "whatsapp", "to": "+66811111111", "type": "text", "text": {"body": "hi"}}


def send(whatsapp, body=TEXT, **keywords):
    return whatsapp.answer("POST", "v25.0/1060/messages", body, **keywords)


def statuses_of(answer):
    values = [body["entry"][0]["changes"][0]["value"] for body in answer.receipts]
    return [value["statuses"][0] for value in values]


@pytest.mark.parametrize("version", ["v25.0/", "v19.0/", ""])
def test_a_send_is_accepted_under_any_version(whatsapp, version):
    answer = whatsapp.answer("POST", f"{version}1060/messages", TEXT)
    assert answer.status == 200
    assert answer.body == {
        "messaging_product": "whatsapp",
        "contacts": [{"input": "+66811111111", "wa_id": "66811111111"}],
        "messages": [{"id": answer.message_ids[0]}],
    }


def test_a_send_to_a_user_id_does_not_tell_a_phone(whatsapp):
    body = {name: value for name, value in TEXT.items() if name != "to"} | {"recipient": "US.1349"}
    answer = send(whatsapp, body)
    assert answer.body["contacts"] == [{"input": "US.1349", "user_id": "US.1349"}]
    assert all("recipient_id" not in status for status in statuses_of(answer))
    assert all(status["recipient_user_id"] == "US.1349" for status in statuses_of(answer))


def test_receipts_follow_in_order_with_what_the_sender_wanted_back(whatsapp):
    answer = send(whatsapp, TEXT | {"biz_opaque_callback_data": "delivery-7"})
    statuses = statuses_of(answer)
    assert [status["status"] for status in statuses] == ["sent", "delivered", "read"]
    assert {status["id"] for status in statuses} == set(answer.message_ids)
    assert {status["biz_opaque_callback_data"] for status in statuses} == {"delivery-7"}
    assert {status["recipient_id"] for status in statuses} == {"66811111111"}
    assert all(status["pricing"]["pricing_model"] == "PMP" for status in statuses)


def test_the_receipts_name_the_customer_as_his_own_messages_do(whatsapp):
    customer_id = whatsapp.say("hi").customer_id
    assert {status["recipient_user_id"] for status in statuses_of(send(whatsapp))} == {customer_id}


def test_a_phone_that_wrote_to_us_shows_when_its_user_id_is_written_to(whatsapp):
    customer_id = whatsapp.say("hi").customer_id
    body = {name: value for name, value in TEXT.items() if name != "to"} | {"recipient": customer_id}
    assert {status["recipient_id"] for status in statuses_of(send(whatsapp, body))} == {"66811111111"}


def test_a_token_that_nobody_registered_is_served_without_receipts(whatsapp):
    answer = send(whatsapp, token="somebody")
    assert answer.status == 200
    assert answer.message_ids
    assert answer.receipts == ()


def test_a_token_cannot_send_from_a_number_that_is_not_its_own(whatsapp):
    answer = whatsapp.answer("POST", "v25.0/9999/messages", TEXT)
    assert answer.status == 400
    assert (answer.body["error"]["code"], answer.body["error"]["error_subcode"]) == (100, 33)


def without(*names):
    return {name: value for name, value in TEXT.items() if name not in names}


@pytest.mark.parametrize(
    ("body", "code", "words"),
    [
        (None, 100, "messaging_product is required"),
        ([], 100, "messaging_product is required"),
        (without("messaging_product"), 100, "messaging_product is required"),
        (without("to"), 100, "parameter to is required"),
        (TEXT | {"to": "nobody"}, 100, "phone number"),
        (TEXT | {"to": 66811111111}, 100, "phone number"),
        (without("to") | {"recipient": "66811111111"}, 100, "business-scoped user ID"),
        (without("text"), 131008, "text is missing"),
        (TEXT | {"text": "hi"}, 100, "JSON object"),
        (TEXT | {"text": {"body": ""}}, 100, "text['body'] is required"),
        (TEXT | {"text": {"body": "x" * 4097}}, 100, "at most 4096"),
        (TEXT | {"text": {"body": 5}}, 100, "at most 4096"),
        (TEXT | {"type": "telegram"}, 100, "must be one of"),
        (TEXT | {"type": {}}, 100, "must be one of"),
        (TEXT | {"type": "image", "image": {"caption": "x"}}, 100, "['id', 'link']"),
        (TEXT | {"type": "image", "image": {"id": "1", "caption": "x" * 1025}}, 100, "at most 1024"),
        (TEXT | {"type": "location", "location": {"latitude": 1}}, 100, "location['longitude']"),
        (TEXT | {"type": "contacts", "contacts": {}}, 131008, "contacts is missing"),
        (TEXT | {"type": "template", "template": {"name": "x"}}, 100, "template['language']"),
        (TEXT | {"biz_opaque_callback_data": "x" * 513}, 100, "at most 512"),
        ({"messaging_product": "whatsapp", "status": "read"}, 100, "message_id is required"),
    ],
)
def test_a_bad_request_is_refused_in_metas_words(whatsapp, body, code, words):
    answer = send(whatsapp, body)
    error = answer.body["error"]
    assert answer.status == 400
    assert answer.message_ids == ()
    assert (error["type"], error["code"]) == ("OAuthException", code)
    assert error["fbtrace_id"]
    assert words in error["message"] + error.get("error_data", {}).get("details", "")


@pytest.mark.parametrize(
    "content",
    [
        {"text": {"body": "x" * 4096}},
        {"type": "image", "image": {"link": "https://example.com/a.jpg", "caption": "x"}},
        {"type": "document", "document": {"id": "1", "filename": "a.pdf"}},
        {"type": "reaction", "reaction": {"message_id": "wamid.x", "emoji": ""}},
        {"type": "template", "template": {"name": "hello", "language": {"code": "en"}}},
        {"type": "contacts", "contacts": [{"name": {"formatted_name": "Linh"}}]},
        {"type": "interactive", "interactive": {"type": "button", "body": {"text": "?"}, "action": {}}},
        {"recipient_type": "group", "to": "Y2FwaV9ncm91cDo"},
    ],
)
def test_every_kind_of_message_can_be_sent(whatsapp, content):
    answer = send(whatsapp, TEXT | content)
    assert answer.status == 200, answer.body
    assert len(answer.message_ids) == 1


def test_without_a_token_nothing_is_answered(whatsapp):
    answer = send(whatsapp, token=None)
    assert (answer.status, answer.body["error"]["code"]) == (401, 190)


def test_broken_json_is_a_graph_error(whatsapp):
    answer = send(whatsapp, None, broken=True)
    assert (answer.status, answer.body["error"]["code"]) == (400, 100)


def test_marking_as_read_is_no_send(whatsapp):
    body = {"messaging_product": "whatsapp", "status": "read", "message_id": "wamid.x"}
    call = whatsapp.call("POST", "v25.0/1060/messages", body)
    assert whatsapp.platform.purpose(call) == "other"
    assert whatsapp.platform.answer(call).body == {"success": True}
    assert whatsapp.platform.answer(call).message_ids == ()
    assert whatsapp.platform.purpose(whatsapp.call("POST", "v25.0/1060/messages", TEXT)) == "send"


def test_a_number_tells_its_health_as_asked(whatsapp):
    answer = whatsapp.answer("GET", "v25.0/1060", fields="status,quality_rating,health_status{can_send_message}")
    assert set(answer.body) == {"status", "quality_rating", "health_status", "id"}
    assert answer.body["status"] == "CONNECTED"
    assert answer.body["health_status"]["can_send_message"] == "AVAILABLE"
    assert set(answer.body) < set(whatsapp.answer("GET", "v25.0/1060").body)


def test_the_file_of_a_message_can_be_fetched(whatsapp):
    image = whatsapp.say(kind="image").body["entry"][0]["changes"][0]["value"]["messages"][0]["image"]
    told = whatsapp.answer("GET", f"v25.0/{image['id']}").body
    assert told["sha256"] == image["sha256"]
    assert told["url"].startswith("http://sandbox/whatsapp/")
    path, _, query = told["url"].removeprefix("http://sandbox/whatsapp/").partition("?mid=")
    file = whatsapp.answer("GET", path, mid=query)
    assert len(file.body) == told["file_size"]
    assert file.headers["Content-Type"] == "image/jpeg"


def test_an_upload_gives_an_id(whatsapp):
    file = {"file_name": "a.jpg", "content_type": "image/jpeg", "size": 3}
    answer = whatsapp.answer("POST", "v25.0/1060/media", {"messaging_product": "whatsapp", "file": file})
    assert answer.body["id"].isdigit()
    assert whatsapp.answer("POST", "v25.0/1060/media", {"file": file}).status == 400


def test_paths_that_lead_nowhere_are_refused(whatsapp):
    for method, path in (("GET", "v25.0/nothing"), ("DELETE", "v25.0/1060"), ("GET", ""), ("POST", "v25.0")):
        answer = whatsapp.answer(method, path)
        assert (answer.status, answer.body["error"]["code"]) == (400, 100)


@pytest.mark.parametrize(("status", "code"), [(401, 190), (403, 10), (429, 130429), (500, 131000), (418, 100)])
def test_a_failure_has_the_code_that_goes_with_its_status(whatsapp, status, code):
    assert whatsapp.platform.failure(status, {})["error"]["code"] == code
