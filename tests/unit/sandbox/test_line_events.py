import re

import pytest

from lobby_sandbox.contract import RefusedError

NANA = "U0123456789abcdef0123456789abcdef"


def event_of(event):
    (one,) = event.body["events"]
    return one


def test_a_text_looks_as_documented(line):
    event = line.say("ใช้อันนี้ไหม", customer=NANA)
    one = event_of(event)
    assert re.fullmatch(r"U[0-9a-f]{32}", event.body["destination"])
    assert one == {
        "type": "message",
        "webhookEventId": event.event_id,
        "deliveryContext": {"isRedelivery": False},
        "timestamp": 1795348800000,
        "mode": "active",
        "source": {"type": "user", "userId": NANA},
        "replyToken": one["replyToken"],
        "message": {
            "id": event.message_id,
            "type": "text",
            "text": "ใช้อันนี้ไหม",
            "quoteToken": one["message"]["quoteToken"],
        },
    }
    assert re.fullmatch(r"\d{18}", event.message_id)
    assert re.fullmatch(r"[0-9A-HJKMNP-TV-Z]{26}", event.event_id)
    assert event.customer_id == NANA


def test_any_name_stands_for_one_user_id(line):
    ids = [line.say("hi", customer=name).customer_id for name in ("alice", "alice", "bob")]
    assert ids[0] == ids[1] != ids[2]
    assert all(re.fullmatch(r"U[0-9a-f]{32}", one) for one in ids)


@pytest.mark.parametrize(
    ("kind", "type_", "fields"),
    [
        ("image", "image", {"id", "type", "quoteToken", "contentProvider"}),
        ("video", "video", {"id", "type", "quoteToken", "contentProvider", "duration"}),
        ("audio", "audio", {"id", "type", "contentProvider", "duration"}),
        ("voice", "audio", {"id", "type", "contentProvider", "duration"}),
        ("document", "file", {"id", "type", "fileName", "fileSize"}),
        ("location", "location", {"id", "type", "title", "address", "latitude", "longitude"}),
        (
            "sticker",
            "sticker",
            {"id", "type", "quoteToken", "packageId", "stickerId", "stickerResourceType", "keywords"},
        ),
    ],
)
def test_each_kind_has_its_type_and_its_documented_fields(line, kind, type_, fields):
    message = event_of(line.say(kind=kind))["message"]
    assert message["type"] == type_
    assert set(message) == fields


@pytest.mark.parametrize("kind", ["delete", "unsend"])
def test_an_unsent_message_is_named_and_cannot_be_replied_to(line, kind):
    said = line.say("oops").message_id
    one = event_of(line.say(kind=kind))
    assert (one["type"], one["unsend"]) == ("unsend", {"messageId": said})
    assert "replyToken" not in one


def test_an_edit_happens_in_a_group_and_keeps_the_message_id(line):
    said = line.say("helo").message_id
    one = event_of(line.say("hello", kind="edit"))
    assert one["type"] == "messageEdited"
    assert (one["message"]["id"], one["message"]["text"]) == (said, "hello")
    assert one["source"]["type"] == "group"


def test_there_must_be_something_to_unsend(line):
    with pytest.raises(RefusedError, match="message_id"):
        line.say(kind="unsend")
    assert event_of(line.say(kind="unsend", message_id="325708"))["unsend"] == {"messageId": "325708"}


@pytest.mark.parametrize("kind", ["button", "postback", "callback"])
def test_a_button_is_a_postback(line, kind):
    one = event_of(line.say(kind=kind, data="action=buy"))
    assert (one["type"], one["postback"]) == ("postback", {"data": "action=buy"})
    assert one["replyToken"]


def test_following_can_be_replied_to_and_unfollowing_cannot(line):
    follow, unfollow = event_of(line.say(kind="follow")), event_of(line.say(kind="unfollow"))
    assert (follow["type"], follow["follow"]) == ("follow", {"isUnblocked": False})
    assert unfollow["type"] == "unfollow"
    assert "replyToken" in follow
    assert not {"replyToken", "unfollow"} & set(unfollow)


def test_a_payload_reaches_every_level_of_the_body(line):
    event = line.say(
        "hi",
        destination="Ux",
        source={"type": "group", "groupId": "C1"},
        deliveryContext={"isRedelivery": True},
        quotedMessageId="7",
        id="8",
    )
    one = event_of(event)
    assert event.body["destination"] == "Ux"
    assert one["source"]["groupId"] == "C1"
    assert one["deliveryContext"] == {"isRedelivery": True}
    assert (one["message"]["quotedMessageId"], event.message_id) == ("7", "8")


@pytest.mark.parametrize("kind", ["reaction", "contact", "referral", "start", "wave"])
def test_what_line_does_not_tell_is_refused(line, kind):
    with pytest.raises(RefusedError, match="none of text"):
        line.say(kind=kind)


def test_a_raw_payload_is_the_whole_body(line):
    assert line.say(kind="raw", destination="U", events=[]).body == {"destination": "U", "events": []}
