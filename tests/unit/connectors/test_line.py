"""LINE's odd corners."""

import base64
import hashlib
import hmac
import json

import pytest

from lobby_connectors.domain import items
from lobby_connectors.domain.kinds import Kind
from lobby_connectors.platforms.reading import ParseError
from lobby_connectors.platforms.registry import PLATFORMS

LINE = PLATFORMS["line"]
USER = {"type": "user", "userId": "U1"}
AT = 1_780_000_000_000


def read(*events: dict) -> items.Parsed:
    return LINE.parse(json.dumps({"destination": "Ub", "events": events}).encode(), "P")


def one(**event: object) -> items.Item:
    parsed = read({"timestamp": AT, "source": USER} | event)
    assert parsed.problems == []
    (item,) = parsed.sections[0].items
    return item


def test_the_signature_is_base64_over_the_raw_bytes():
    good = base64.b64encode(hmac.new(b"s", b"{}", hashlib.sha256).digest()).decode()
    assert LINE.verify({"channel_secret": "s"}, b"{}", good)
    for bad in ("", good[:-1], good.lower(), "ü"):
        assert not LINE.verify({"channel_secret": "s"}, b"{}", bad)


@pytest.mark.parametrize(
    ("event", "rule"),
    [
        ({"type": "message", "mode": "standby", "message": {"id": "1", "type": "text"}}, "standby"),
        ({"type": "message", "source": {"type": "room", "roomId": "R"}, "message": {"id": "1"}}, "group"),
        ({"type": "follow"}, "follow"),
        ({"type": "unfollow"}, "blocked"),
        ({"type": "beacon"}, "beacon"),
        ({"type": "botSuspended"}, "account_notice"),
        ({"type": "message", "source": None}, "no_source"),
        ({"type": "somethingNew"}, "unknown_event"),
        ({"type": "join", "source": {"type": "group", "groupId": "C"}}, "group"),
        ({"type": "memberJoined", "source": {"type": "room", "roomId": "R"}}, "group"),
        ({"type": "things"}, "things"),
        ({"type": "membership"}, "membership"),
        ({"type": "activated"}, "account_notice"),
        ({"type": "accountLink"}, "account_link"),
        ({"type": "videoPlayComplete"}, "video_played"),
        ({"type": "unsend"}, "unknown_event"),
    ],
)
def test_events_that_are_left_out_have_a_rule(event, rule):
    assert one(**event) == items.Ignored(rule)


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ({"type": "audio", "contentProvider": {"type": "line"}}, Kind.AUDIO),
        ({"type": "text"}, Kind.UNSUPPORTED),
        ({"type": "somethingNew"}, Kind.UNSUPPORTED),
    ],
)
def test_every_kind_of_content_is_a_message(message, kind):
    item = one(type="message", message={"id": "1"} | message)
    assert isinstance(item, items.Message)
    assert item.kind is kind


def test_a_message_is_known_by_its_own_id_inside_its_chat_with_or_without_that_of_the_event():
    def key(event: str | None, message: str, user: str = "U1") -> tuple[str, str]:
        source = {"type": "user", "userId": user}
        item = one(type="message", source=source, webhookEventId=event, message={"id": message, "type": "image"})
        assert isinstance(item, items.Message)
        return item.id_scope, item.platform_message_id

    assert key("E1", "1") == key("E2", "1") == key(None, "1")
    assert len({key("E1", "1"), key("E1", "2"), key("E1", "1", "U2")}) == 3


def test_a_postback_without_an_event_id_is_known_by_what_it_says():
    def key(data: str, at: int = AT) -> str:
        item = one(type="postback", timestamp=at, postback={"data": data})
        assert isinstance(item, items.Message)
        return item.platform_message_id

    assert key("a") == key("a")
    assert len({key("a"), key("b"), key("a", AT + 1)}) == 3


def test_one_bad_event_does_not_spoil_its_neighbours():
    good = {"type": "message", "source": USER, "timestamp": AT, "message": {"id": "1", "type": "text", "text": "x"}}
    nobody = good | {"source": {"type": "user"}}
    parsed = read(good, {"type": 5}, nobody, {"type": "message", "source": USER}, good)
    assert len(parsed.sections[0].items) == 2
    assert parsed.problems == [
        "$.events[1].type: Expected `str`, got `int`",
        "$.events[2].source.userId: missing",
        "$.events[3].message: missing",
    ]


@pytest.mark.parametrize("raw", [b"{}", b"[]", b'{"events":{}}'])
def test_what_is_no_line_webhook_is_an_error(raw):
    with pytest.raises(ParseError):
        LINE.parse(raw, "P")
