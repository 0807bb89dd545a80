"""Telegram's odd corners."""

import json

import pytest

from lobby_connectors.domain import items
from lobby_connectors.domain.items import ContactCard
from lobby_connectors.domain.kinds import Kind
from lobby_connectors.platforms.interface import SetsWebhook
from lobby_connectors.platforms.reading import ParseError
from lobby_connectors.platforms.registry import PLATFORMS, find_ability
from tests.unit.connectors.effects import effect

TELEGRAM = PLATFORMS["telegram"]
PRIVATE = {"id": 7, "type": "private"}
MESSAGE = {"message_id": 5, "date": 1_780_000_000, "chat": PRIVATE, "from": {"id": 7, "first_name": "A"}}


def read(**update: object) -> list[items.Item]:
    (section,) = TELEGRAM.parse(json.dumps({"update_id": 1} | update).encode(), "").sections
    return section.items


def one(**message: object) -> items.Message:
    (item,) = read(message=MESSAGE | message)
    assert isinstance(item, items.Message)
    return item


def test_the_secret_is_the_whole_signature():
    credentials = {"webhook_secret": "s3cret"}
    assert TELEGRAM.verify(credentials, b"", "s3cret")
    for bad in ("", "s3cre", "S3CRET", "ü"):
        assert not TELEGRAM.verify(credentials, b"", bad)


def test_a_secret_is_made_where_none_was_given():
    telegram = find_ability("telegram", SetsWebhook)
    assert telegram is not None
    assert telegram.complete({"bot_token": "t"}, "made") == {"bot_token": "t", "webhook_secret": "made"}
    assert telegram.complete({"webhook_secret": "own"}, "made") == {"webhook_secret": "own"}


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        ({"video": {"file_id": "f"}}, Kind.VIDEO),
        ({"animation": {"file_id": "f"}, "document": {"file_id": "f"}}, Kind.VIDEO),
        ({"video_note": {"file_id": "f"}}, Kind.VIDEO),
        ({"audio": {"file_id": "f"}}, Kind.AUDIO),
        ({"poll": {"question": "q"}}, Kind.POLL),
        ({"dice": {"emoji": "🎲", "value": 3}}, Kind.STICKER),
        ({"story": {}}, Kind.STORY),
        ({"venue": {"title": "T"}, "location": {"latitude": 1, "longitude": 2}}, Kind.LOCATION),
        ({"web_app_data": {"data": "d", "button_text": "b"}}, Kind.BUTTON),
        ({"rich_message": {}}, Kind.UNSUPPORTED),
        ({}, Kind.UNSUPPORTED),
    ],
)
def test_every_kind_of_content_is_a_message(content, kind):
    assert one(**content).kind is kind


@pytest.mark.parametrize(
    ("message", "rule"),
    [
        ({"chat": {"id": -1, "type": "group"}, "text": "x"}, "group"),
        ({"chat": {"id": -1, "type": "supergroup"}, "text": "x"}, "group"),
        ({"chat": {"id": -1, "type": "channel"}, "text": "x"}, "channel"),
        ({"from": {"id": 8, "is_bot": True}, "text": "x"}, "bot"),
        ({"pinned_message": {}}, "service_notice"),
        ({"successful_payment": {}}, "service_notice"),
        ({"forum_topic_created": {"name": "T", "icon_color": 1}}, "service_notice"),
        ({"forum_topic_edited": {}, "is_topic_message": True}, "service_notice"),
        ({"migrate_to_chat_id": -1001234567890}, "service_notice"),
        ({"new_chat_members": [{"id": 7}]}, "service_notice"),
        ({"giveaway_completed": {"winner_count": 1}}, "service_notice"),
        ({"checklist_tasks_done": {}}, "service_notice"),
        ({"chat": {"id": -1}, "text": "x"}, "group"),
    ],
)
def test_messages_that_are_left_out_have_a_rule(message, rule):
    assert read(message=MESSAGE | message) == [items.Ignored(rule)]


@pytest.mark.parametrize(
    ("kind", "rule"),
    [
        ("channel_post", "channel"),
        ("business_message", "business"),
        ("inline_query", "inline"),
        ("poll_answer", "poll_state"),
        ("chat_member", "group"),
        ("pre_checkout_query", "payment"),
        ("business_connection", "business"),
        ("edited_business_message", "business"),
        ("deleted_business_messages", "business"),
        ("guest_message", "guest"),
        ("subscription", "payment"),
        ("something_new", "unknown_update"),
    ],
)
def test_updates_that_are_left_out_have_a_rule(kind, rule):
    assert read(**{kind: {"chat": PRIVATE}}) == [items.Ignored(rule)]


def test_somebody_elses_card_is_not_vouched_for():
    card = {"phone_number": "+84 90 123", "first_name": "B", "last_name": "C", "user_id": 8}
    assert one(contact=card).cards == (ContactCard("+8490123", own=False, display_name="B C"),)
    assert one(contact={"phone_number": "", "user_id": 7}).cards == (ContactCard(),)


def test_an_edit_by_a_bot_is_no_customers_edit():
    edit = MESSAGE | {"from": {"id": 8, "is_bot": True}, "text": "x", "edit_date": 1_780_000_001}
    assert read(edited_message=edit) == [items.Ignored("bot")]


def test_a_topic_of_a_private_chat_is_the_customers_chat():
    message = one(text="x", message_thread_id=3, is_topic_message=True)
    assert (message.customer.chat, message.text) == ("7", "x")


@pytest.mark.parametrize("text", ["/start abc", "/start@shop_bot abc", "/start   abc "])
def test_the_parameter_of_a_start_is_where_the_customer_came_from(text):
    assert one(text=text).referral == items.Referral("link", source_id="abc")


def test_a_moving_location_says_nothing_new():
    place = {"location": {"latitude": 1, "longitude": 2}}
    assert read(edited_message=MESSAGE | place) == [items.Ignored("live_location")]


def test_reactions_are_the_whole_new_set():
    reactions = [{"type": "emoji", "emoji": "👍"}, {"type": "custom_emoji", "custom_emoji_id": "55"}, {"type": "paid"}]
    update = {"chat": PRIVATE, "message_id": 6, "date": 1, "old_reaction": [], "new_reaction": reactions}
    (item,) = read(message_reaction=update)
    assert effect(item) == "ReactionChanged 6: 👍 55 paid"


def test_a_tap_in_a_group_is_answered_and_left_out():
    query = {"id": "q", "from": {"id": 7}, "message": {"message_id": 1, "chat": {"id": -1, "type": "group"}}}
    assert read(callback_query=query) == [items.Callback("q"), items.Ignored("group")]


def test_a_tap_on_a_message_that_is_gone_reads_as_its_data():
    query = {"id": "q", "from": {"id": 7}, "data": "yes", "message": {"message_id": 1, "date": 0, "chat": PRIVATE}}
    _, message = read(callback_query=query)
    assert isinstance(message, items.Message)
    assert (message.text, message.time) == ("yes", None)


def test_names_are_joined_and_the_language_is_the_clients():
    customer = one(
        text="x", **{"from": {"id": 7, "first_name": "A", "last_name": "B", "language_code": "pt-br"}}
    ).customer
    assert (customer.display_name, customer.locale) == ("A B", "pt-br")


@pytest.mark.parametrize(
    "raw", [b"{}", b"[]", b'{"update_id":"x"}', b'{"update_id":1,"message":null}', b'{"update_id":1.5}']
)
def test_what_is_no_update_is_an_error(raw):
    with pytest.raises(ParseError):
        TELEGRAM.parse(raw, "")
