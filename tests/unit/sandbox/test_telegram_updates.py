import pytest

from lobby_sandbox.contract import RefusedError

LINH = {"customer": "7301234567", "name": "Linh", "language": "vi"}
USER = {"id": 7301234567, "is_bot": False, "first_name": "Linh", "username": "linh", "language_code": "vi"}
CHAT = {"id": 7301234567, "first_name": "Linh", "username": "linh", "type": "private"}


def test_a_text_looks_as_documented(telegram):
    event = telegram.say("chào shop", **LINH)
    assert event.body == {
        "update_id": int(event.event_id),
        "message": {
            "message_id": int(event.message_id),
            "from": USER,
            "chat": CHAT,
            "date": 1795348800,
            "text": "chào shop",
        },
    }
    assert event.customer_id == "7301234567"


def test_ids_of_a_bot_only_grow(telegram):
    events = [telegram.say("hi") for _ in range(3)]
    for ids in ([int(event.event_id) for event in events], [int(event.message_id) for event in events]):
        assert ids == [ids[0], ids[0] + 1, ids[0] + 2]


def test_any_name_stands_for_one_positive_id(telegram):
    ids = [int(telegram.say("hi", customer=name).customer_id) for name in ("alice", "alice", "bob", "李")]
    assert ids[0] == ids[1]
    assert len(set(ids)) == 3
    assert all(0 < number < 2**52 for number in ids)


@pytest.mark.parametrize("customer", ["0", str(2**52)])
def test_ids_that_telegram_cannot_have_are_refused(telegram, customer):
    with pytest.raises(RefusedError, match="user id"):
        telegram.say("hi", customer=customer)


@pytest.mark.parametrize(
    ("kind", "field", "own"),
    [
        ("video", "video", {"file_id", "file_unique_id", "file_size", "mime_type", "duration", "width", "height"}),
        ("audio", "audio", {"file_id", "file_unique_id", "file_size", "mime_type", "duration", "title"}),
        ("voice", "voice", {"file_id", "file_unique_id", "file_size", "mime_type", "duration"}),
        ("document", "document", {"file_id", "file_unique_id", "file_size", "mime_type", "file_name"}),
        ("location", "location", {"latitude", "longitude"}),
    ],
)
def test_each_kind_has_its_documented_fields(telegram, kind, field, own):
    message = telegram.say("look", kind=kind).body["message"]
    assert set(message[field]) == own
    assert "text" not in message
    assert message.get("caption") == (None if kind == "location" else "look")


def test_a_photo_is_a_list_of_sizes(telegram):
    message = telegram.say(kind="image").body["message"]
    assert {"file_id", "file_unique_id", "width", "height"} < set(message["photo"][-1])
    assert "caption" not in message


def test_a_sticker_is_a_boolean_about_being_animated(telegram):
    assert telegram.say(kind="sticker").body["message"]["sticker"]["is_animated"] is False


def test_a_start_carries_its_parameter_as_a_command(telegram):
    for event in (telegram.say("ad-42", kind="start"), telegram.say(kind="start", payload="ad-42")):
        message = event.body["message"]
        assert message["text"] == "/start ad-42"
        assert message["entities"] == [{"offset": 0, "length": 6, "type": "bot_command"}]
    assert telegram.say(kind="start").body["message"]["text"] == "/start"


def test_a_contact_card_is_the_senders_own_unless_told_otherwise(telegram):
    card = telegram.say(kind="contact", phone_number="84901234567", **LINH).body["message"]["contact"]
    assert card == {"phone_number": "84901234567", "first_name": "Linh", "user_id": 7301234567}
    assert telegram.say(kind="contact", user_id=5).body["message"]["contact"]["user_id"] == 5
    assert "user_id" not in telegram.say(kind="contact", user_id=None).body["message"]["contact"]


def test_an_edit_keeps_the_message_id(telegram):
    said = telegram.say("helo")
    edited = telegram.say("hello", kind="edit")
    message = edited.body["edited_message"]
    assert message["message_id"] == int(said.message_id)
    assert message["text"] == "hello"
    assert message["edit_date"] == 1795348800
    assert edited.event_id != said.event_id
    assert telegram.say("x", kind="edit", message_id="7").body["edited_message"]["message_id"] == 7


def test_there_must_be_something_to_edit(telegram):
    with pytest.raises(RefusedError, match="message_id"):
        telegram.say("x", kind="edit")
    with pytest.raises(RefusedError, match="number"):
        telegram.say("x", kind="edit", message_id="wamid")


def test_a_reaction_tells_the_whole_sets(telegram):
    said = int(telegram.say("hi").message_id)
    reaction = telegram.say("🔥", kind="reaction").body["message_reaction"]
    assert reaction["message_id"] == said
    assert (reaction["old_reaction"], reaction["new_reaction"]) == ([], [{"type": "emoji", "emoji": "🔥"}])
    assert telegram.say("", kind="reaction").body["message_reaction"]["new_reaction"] == []


@pytest.mark.parametrize("kind", ["button", "callback", "postback"])
def test_a_button_is_a_callback_query_under_a_message_of_the_bot(telegram, kind):
    query = telegram.say("Yes", kind=kind, data="confirm:yes", **LINH).body["callback_query"]
    assert query["data"] == "confirm:yes"
    assert query["from"] == USER
    assert query["message"]["from"]["id"] == 8765336106
    assert query["message"]["chat"] == CHAT
    assert query["id"].isdigit()
    assert "chat_instance" in query


def test_blocking_and_coming_back_change_what_the_bot_is(telegram):
    blocked = telegram.say(kind="unfollow").body["my_chat_member"]
    assert (blocked["old_chat_member"]["status"], blocked["new_chat_member"]["status"]) == ("member", "kicked")
    assert blocked["new_chat_member"]["user"]["id"] == 8765336106
    back = telegram.say(kind="follow").body["my_chat_member"]
    assert (back["old_chat_member"]["status"], back["new_chat_member"]["status"]) == ("kicked", "member")


def test_a_payload_reaches_every_level_of_the_update(telegram):
    event = telegram.say(
        "hi", update_id=5, media_group_id="7", chat={"id": -100, "type": "group"}, message={"message_id": 9}
    )
    assert event.body["update_id"] == 5
    assert event.body["message"]["media_group_id"] == "7"
    assert event.body["message"]["chat"]["id"] == -100
    assert (event.event_id, event.message_id) == ("5", "9")
    assert telegram.say(kind="voice", duration=9).body["message"]["voice"]["duration"] == 9


@pytest.mark.parametrize("kind", ["delete", "referral", "echo", "wave"])
def test_what_telegram_does_not_tell_is_refused(telegram, kind):
    with pytest.raises(RefusedError, match="none of text"):
        telegram.say(kind=kind)


def test_a_raw_payload_is_the_whole_body(telegram):
    assert telegram.say(kind="raw", update_id=1, poll={}).body == {"update_id": 1, "poll": {}}
