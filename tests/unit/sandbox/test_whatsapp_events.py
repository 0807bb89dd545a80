import base64
import re

import pytest

from lobby_sandbox.contract import RefusedError

PHONE = "66811111111"
HIDDEN = "US.13491208655302741918"


def value_of(event, field="messages"):
    (entry,) = event.body["entry"]
    (change,) = entry["changes"]
    assert event.body["object"] == "whatsapp_business_account"
    assert change["field"] == field
    return change["value"]


def message_of(event):
    (message,) = value_of(event)["messages"]
    return message


def test_a_text_looks_as_documented(whatsapp):
    event = whatsapp.say("สวัสดี")
    value = value_of(event)
    assert event.body["entry"][0]["id"] == "1022"
    assert value["messaging_product"] == "whatsapp"
    assert value["metadata"]["phone_number_id"] == "1060"
    assert value["metadata"]["display_phone_number"].isdigit()
    assert value["contacts"] == [
        {"profile": {"name": value["contacts"][0]["profile"]["name"]}, "wa_id": PHONE, "user_id": event.customer_id}
    ]
    assert value["messages"] == [
        {
            "from": PHONE,
            "from_user_id": event.customer_id,
            "id": event.message_id,
            "timestamp": "1795348800",
            "type": "text",
            "text": {"body": "สวัสดี"},
        }
    ]


def test_a_message_id_is_base64_over_the_phone_and_something_unique(whatsapp):
    first, second = whatsapp.say("a").message_id, whatsapp.say("a").message_id
    assert first != second
    assert first.startswith("wamid.HBgL")
    assert PHONE.encode() in base64.b64decode(first.removeprefix("wamid."))


def test_a_customer_keeps_his_user_id_and_it_names_his_country(whatsapp):
    thai, brazilian = whatsapp.say("a"), whatsapp.say("a", customer="5511987654321")
    assert re.fullmatch(r"TH\.\d{20}", thai.customer_id)
    assert brazilian.customer_id.startswith("BR.")
    assert whatsapp.say("b", customer=f"+{PHONE}").customer_id == thai.customer_id


def test_a_customer_who_hides_his_number_has_no_phone_anywhere(whatsapp):
    event = whatsapp.say("hi", customer=HIDDEN)
    value = value_of(event)
    assert event.customer_id == HIDDEN
    assert value["contacts"][0]["user_id"] == HIDDEN
    assert value["contacts"][0]["profile"]["username"]
    assert "wa_id" not in value["contacts"][0]
    assert message_of(event)["from_user_id"] == HIDDEN
    assert "from" not in message_of(event)


def test_any_other_name_stands_for_one_invented_phone(whatsapp):
    phones = [message_of(whatsapp.say("hi", customer=name))["from"] for name in ("alice", "alice", "bob")]
    assert phones[0] == phones[1] != phones[2]
    assert all(re.fullmatch(r"668\d{8}", phone) for phone in phones)


def test_a_name_is_shown_as_given_and_remembered(whatsapp):
    whatsapp.say("hi", name="Linh Tran")
    assert value_of(whatsapp.say("again"))["contacts"][0]["profile"] == {"name": "Linh Tran"}


@pytest.mark.parametrize(
    ("kind", "type_", "fields"),
    [
        ("image", "image", {"mime_type", "sha256", "id", "caption"}),
        ("video", "video", {"mime_type", "sha256", "id", "caption"}),
        ("document", "document", {"mime_type", "sha256", "id", "caption", "filename"}),
        ("audio", "audio", {"mime_type", "sha256", "id", "voice"}),
        ("voice", "audio", {"mime_type", "sha256", "id", "voice"}),
        ("sticker", "sticker", {"mime_type", "sha256", "id", "animated"}),
        ("location", "location", {"latitude", "longitude", "name"}),
        ("order", "order", {"catalog_id", "text", "product_items"}),
        ("unsupported", "unsupported", {"type"}),
        ("quick_reply", "button", {"payload", "text"}),
    ],
)
def test_each_kind_has_its_type_and_its_documented_fields(whatsapp, kind, type_, fields):
    message = message_of(whatsapp.say("text", kind=kind))
    assert message["type"] == type_
    assert set(message[type_]) == fields


def test_a_voice_note_says_that_it_is_one(whatsapp):
    voice = message_of(whatsapp.say(kind="voice"))["audio"]
    assert voice["voice"] is True
    assert voice["mime_type"] == "audio/ogg; codecs=opus"


def test_a_contact_shares_cards_not_senders(whatsapp):
    event = whatsapp.say(kind="contact", phone_number="+84901234567", first_name="Linh")
    (card,) = message_of(event)["contacts"]
    assert card["name"] == {"first_name": "Linh", "formatted_name": "Linh"}
    assert card["phones"] == [{"phone": "+84901234567", "wa_id": "84901234567", "type": "CELL"}]
    assert value_of(event)["contacts"][0]["wa_id"] == PHONE


def test_a_reaction_is_about_the_last_message_and_can_be_taken_back(whatsapp):
    said = whatsapp.say("hi").message_id
    assert message_of(whatsapp.say(kind="reaction"))["reaction"] == {"message_id": said, "emoji": "👍"}
    assert message_of(whatsapp.say("", kind="reaction", message_id="wamid.x"))["reaction"] == {
        "message_id": "wamid.x",
        "emoji": "",
    }


def test_an_edit_has_an_id_of_its_own_and_names_the_original(whatsapp):
    said = whatsapp.say("helo").message_id
    edit = whatsapp.say("hello", kind="edit")
    assert edit.message_id != said
    assert message_of(edit)["edit"] == {
        "original_message_id": said,
        "message": {"type": "text", "text": {"body": "hello"}},
    }


@pytest.mark.parametrize("kind", ["delete", "revoke", "unsend"])
def test_a_deleted_message_is_named(whatsapp, kind):
    said = whatsapp.say("oops").message_id
    message = message_of(whatsapp.say(kind=kind))
    assert message["type"] == "revoke"
    assert message["revoke"] == {"original_message_id": said}


def test_without_an_earlier_message_there_is_nothing_to_edit(whatsapp):
    with pytest.raises(RefusedError, match="message_id"):
        whatsapp.say("hello", kind="edit")


@pytest.mark.parametrize(("kind", "type_"), [("button", "button_reply"), ("list", "list_reply")])
def test_a_button_answers_with_its_id_and_title(whatsapp, kind, type_):
    message = message_of(whatsapp.say("Yes", kind=kind, data="confirm:yes"))
    assert message["type"] == "interactive"
    assert message["interactive"] == {"type": type_, type_: {"id": "confirm:yes", "title": "Yes"}}


def test_a_referral_comes_with_a_text_and_says_which_ad(whatsapp):
    message = message_of(whatsapp.say("I saw your ad", kind="referral", source_id="77", ctwa_clid=None))
    assert message["type"] == "text"
    assert message["text"] == {"body": "I saw your ad"}
    assert message["referral"]["source_id"] == "77"
    assert message["referral"]["source_type"] == "ad"
    assert "ctwa_clid" not in message["referral"]


def test_an_echo_is_staff_writing_to_the_customer(whatsapp):
    event = whatsapp.say("On its way", kind="echo")
    value = value_of(event, "smb_message_echoes")
    (echo,) = value["message_echoes"]
    assert echo["from"] == value["metadata"]["display_phone_number"]
    assert (echo["to"], echo["to_user_id"]) == (PHONE, event.customer_id)
    assert echo["text"] == {"body": "On its way"}
    assert "messages" not in value


def test_a_changed_user_id_is_told_without_sender_and_holds_from_then_on(whatsapp):
    old = whatsapp.say("hi").customer_id
    event = whatsapp.say(kind="user_changed_user_id", user_id="TH.1")
    message = message_of(event)
    assert message["type"] == "system"
    assert message["system"]["type"] == "user_changed_user_id"
    assert message["system"]["user_id"] == "TH.1"
    assert message["system"]["previous_user_id"] == old
    assert message["system"]["body"].endswith(f"changed from {old} to TH.1")
    assert "from" not in message
    assert "contacts" not in value_of(event)
    assert whatsapp.say("me again").customer_id == "TH.1"


def test_a_user_id_may_change_there_and_back(whatsapp):
    old = whatsapp.say("hi").customer_id
    whatsapp.say(kind="user_changed_user_id", user_id="TH.1")
    whatsapp.say(kind="user_changed_user_id", user_id=old)
    assert whatsapp.say("me again").customer_id == old


def test_a_changed_number_names_the_new_one(whatsapp):
    message = message_of(whatsapp.say(kind="user_changed_number", wa_id="66822222222"))
    assert message["from"] == PHONE
    assert message["system"]["wa_id"] == "66822222222"
    with pytest.raises(RefusedError, match="wa_id"):
        whatsapp.say(kind="user_changed_number")


def test_a_status_says_what_the_test_says(whatsapp):
    errors = [{"code": 131047, "title": "Re-engagement message"}]
    event = whatsapp.say(kind="status", id="wamid.x", status="failed", errors=errors)
    (status,) = value_of(event)["statuses"]
    assert (status["id"], status["status"], status["errors"]) == ("wamid.x", "failed", errors)
    assert status["recipient_id"] == PHONE


def test_a_payload_reaches_every_level_of_the_body(whatsapp):
    event = whatsapp.say(
        "hi",
        preview_url=True,
        id="wamid.mine",
        context={"id": "wamid.quoted"},
        metadata={"phone_number_id": "9"},
        entry=[{"id": "8"}],
    )
    assert event.body["entry"][0]["id"] == "8"
    assert value_of(event)["metadata"]["phone_number_id"] == "9"
    assert message_of(event)["context"] == {"id": "wamid.quoted"}
    assert message_of(event)["text"] == {"body": "hi", "preview_url": True}
    assert event.message_id == "wamid.mine"


def test_a_raw_payload_is_the_whole_body(whatsapp):
    assert whatsapp.say(kind="raw", object="x", entry=[]).body == {"object": "x", "entry": []}


def test_an_unknown_kind_is_refused_with_those_that_there_are(whatsapp):
    with pytest.raises(RefusedError, match=r"'wave' is none of text, .*raw"):
        whatsapp.say(kind="wave")


def test_an_account_without_its_credentials_is_refused_by_their_names(whatsapp):
    account = whatsapp.account
    with pytest.raises(RefusedError, match="app_secret, phone_number_id"):
        whatsapp.platform.register(type(account)("whatsapp", "a2", "http://h", {"access_token": "t"}))


def test_bytes_are_written_as_meta_writes_them(whatsapp):
    webhook = whatsapp.platform.webhook(whatsapp.account, whatsapp.say("é https://x").body)
    assert b"\\u00e9 https:\\/\\/x" in webhook.body
    assert webhook.body.isascii()
