"""WhatsApp's odd corners: identity, changed numbers, fields that are left out."""

import hashlib
import hmac
import json

import pytest

from lobby_connectors.domain import items
from lobby_connectors.domain.items import ContactCard, Identifier
from lobby_connectors.domain.kinds import Kind, State
from lobby_connectors.platforms.reading import ParseError
from lobby_connectors.platforms.registry import PLATFORMS
from tests.unit.connectors.effects import effect, names

WHATSAPP = PLATFORMS["whatsapp"]
AT = "1780000000"


def body(value: dict, field: str = "messages", **entry: object) -> bytes:
    changes = [{"field": field, "value": value}]
    return json.dumps(
        {"object": "whatsapp_business_account", "entry": [{"id": "1", "changes": changes} | entry]}
    ).encode()


def read(value: dict, field: str = "messages", **entry: object) -> list[items.Item]:
    parsed = WHATSAPP.parse(body(value, field, **entry), "W")
    assert parsed.problems == []
    return [item for section in parsed.sections for item in section.items]


def one(message: dict, **value: object) -> items.Item:
    (item,) = read({"messages": [{"id": "wamid.1", "timestamp": AT} | message]} | value)
    return item


def problem(message: dict) -> str:
    parsed = WHATSAPP.parse(body({"messages": [{"id": "wamid.1", "timestamp": AT} | message]}), "W")
    (found,) = parsed.problems
    return found.removeprefix("$.entry[0].changes[0].value.messages[0]")


def text(**more: object) -> dict:
    return {"from": "66811111111", "type": "text", "text": {"body": "hi"}} | more


def test_the_signature_is_over_the_raw_bytes():
    raw = b'{"a" : 1}'
    good = "sha256=" + hmac.new(b"s", raw, hashlib.sha256).hexdigest()
    assert WHATSAPP.verify({"app_secret": "s"}, raw, good)
    for bad in ("", "sha256=", good[:-1], good.upper(), good.removeprefix("sha256="), "sha1=x", "ü"):
        assert not WHATSAPP.verify({"app_secret": "s"}, raw, bad)
    assert not WHATSAPP.verify({"app_secret": "s"}, b'{"a":1}', good)


@pytest.mark.parametrize("timestamp", ["", "x", "-1", "0", "99999999999999", None, "1e9", "١٧٨٠٠٠٠٠٠٠"])
def test_a_time_that_is_none_is_absent(timestamp):
    message = one(text(timestamp=timestamp))
    assert isinstance(message, items.Message)
    assert message.time is None


def test_a_contact_is_matched_by_id_and_never_by_place():
    contacts = [{"wa_id": "1", "user_id": "US.1", "profile": {"name": "Other"}}, {"wa_id": "66811111111"}]
    message = one(text(), contacts=contacts)
    assert isinstance(message, items.Message)
    assert message.customer.identifiers == (Identifier("phone", "", "+66811111111"),)
    assert message.customer.display_name == ""


def test_numbers_as_ids_are_understood():
    message = one(text(**{"from": 66811111111, "id": 5}))
    assert isinstance(message, items.Message)
    assert (message.customer.chat, message.platform_message_id) == ("66811111111", "5")


@pytest.mark.parametrize(
    ("message", "said"),
    [
        (text(id=None), ".id: missing"),
        ({"type": "text", "text": {"body": "x"}}, ".from: neither a phone number nor a user id"),
        (text(**{"from": "x" * 600}), ".from: an id of 600 characters"),
        (text(id=10**30), ".id: a number too large for an id"),
        (text(text={"body": None}), ".text.body: Expected `str`, got `null`"),
        ({"from": "66811111111", "type": "reaction"}, ".reaction: missing"),
        ({"from": "66811111111", "type": "edit"}, ".edit: missing"),
        ({"from": "66811111111", "type": "revoke"}, ".revoke: missing"),
        ({"type": "system", "system": {"type": "user_changed_number"}}, ".system: does not say who changed to what"),
    ],
)
def test_what_is_wrong_is_named_by_its_path(message, said):
    assert problem(message) == said


@pytest.mark.parametrize(
    "message",
    [
        {"type": "poll_creation"},
        {"type": "interactive", "errors": [{"code": 131000}]},
        {"type": "interactive", "interactive": {"type": "new"}},
        {"type": "text"},
        {"type": "image"},
        {"type": "unknown"},
        {},
    ],
)
def test_a_kind_that_we_do_not_know_is_a_message_all_the_same(message):
    item = one({"from": "66811111111"} | message)
    assert isinstance(item, items.Message)
    assert item.kind is Kind.UNSUPPORTED


@pytest.mark.parametrize(
    ("message", "rule"),
    [
        (text(group_id="G"), "group"),
        ({"type": "system", "system": {"type": "customer_identity_changed"}}, "system_notice"),
        ({"type": "request_welcome", "from": "66811111111"}, "chat_opened"),
    ],
)
def test_messages_that_are_left_out_have_a_rule(message, rule):
    assert one(message) == items.Ignored(rule)


@pytest.mark.parametrize(
    ("field", "rule"),
    [
        ("history", "history"),
        ("smb_app_state_sync", "app_state_sync"),
        ("standby", "standby"),
        ("calls", "call"),
        ("group_lifecycle_update", "group"),
        ("user_preferences", "marketing_preference"),
        ("message_template_status_update", "template_notice"),
        ("account_alerts", "account_notice"),
        ("something_new", "unknown_field"),
    ],
)
def test_fields_that_are_left_out_have_a_rule(field, rule):
    assert read({"messages": [text()]}, field) == [items.Ignored(rule)]


def test_statuses_of_groups_and_unknown_ones_are_left_out():
    statuses = [{"id": "a", "status": "sent", "recipient_type": "group"}, {"id": "b", "status": "warning"}]
    assert read({"statuses": statuses}) == [items.Ignored("group"), items.Ignored("unknown_status")]


def test_a_customer_who_came_by_an_ad_and_wrote_nothing_is_an_arrival():
    item = one({"type": "request_welcome", "from": "66811111111", "referral": {"source_id": "9"}})
    assert isinstance(item, items.Arrival)
    assert item.referral == items.Referral("ad", "9")


@pytest.mark.parametrize(
    ("message", "retired", "current"),
    [
        (
            {
                "from": "5511999990000",
                "system": {"wa_id": "5511888880000", "user_id": "BR.2", "previous_user_id": "BR.1"},
            },
            "phone=+5511999990000 bsuid=BR.1",
            "phone=+5511888880000 bsuid=BR.2",
        ),
        (
            {"system": {"wa_id": "5511888880000", "body": "User A changed from 5511999990000 to 5511888880000"}},
            "phone=+5511999990000",
            "phone=+5511888880000",
        ),
        (
            {"system": {"user_id": "US.2", "body": "User x changed from US.9 to y changed from US.1 to US.2"}},
            "bsuid=US.1",
            "bsuid=US.2",
        ),
        (
            {"from": "491", "system": {"new_wa_id": "492", "body": "NAME changed from PHONE to PHONE"}},
            "phone=+491",
            "phone=+492",
        ),
    ],
)
def test_changed_numbers_and_ids_are_read_from_fields_and_sentence(message, retired, current):
    message["system"] |= {"type": "user_changed_number"}
    item = one(message | {"type": "system"})
    assert isinstance(item, items.IdentifierChange)
    assert (names(item.retired), names(item.current)) == (retired, current)


def test_the_chat_of_a_change_is_the_old_address():
    item = one({"type": "system", "from": "491", "system": {"type": "user_changed_number", "wa_id": "492"}})
    assert isinstance(item, items.IdentifierChange)
    assert item.chat == "491"


def test_a_user_id_update_is_the_same_news():
    update = {
        "wa_id": "16505551234",
        "user_id": {"previous": "US.1", "current": "US.2"},
        "parent_user_id": {"previous": "US.ENT.1", "current": "US.ENT.2"},
        "timestamp": AT,
    }
    (item,) = read({"user_id_update": [update]}, "user_id_update")
    assert effect(item) == (
        "IdentifierChanged bsuid=US.1 bsuid=US.ENT.1 → phone=+16505551234 bsuid=US.2 bsuid=US.ENT.2"
    )


@pytest.mark.parametrize(
    ("card", "own"),
    [
        ({"origin": "contact_request", "phones": [{"phone": "15551234567"}]}, ContactCard("+15551234567", own=True)),
        ({"origin": "other", "phones": [{"phone": "15551234567"}]}, ContactCard()),
        ({"phones": [{"phone": "0812", "wa_id": "6681"}]}, ContactCard("+6681")),
        ({"origin": "contact_request", "phones": []}, ContactCard()),
        ({}, ContactCard()),
    ],
)
def test_a_card_is_vouched_for_only_where_we_asked_for_it(card, own):
    item = one({"from": "66811111111", "type": "contacts", "contacts": [card]})
    assert isinstance(item, items.Message)
    assert item.cards == (own,)


def test_the_origin_of_a_card_can_stand_at_the_message():
    cards = [{"phones": [{"phone": "15551234567"}]}]
    item = one({"from": "66811111111", "type": "contacts", "origin": "contact_request", "contacts": cards})
    assert isinstance(item, items.Message)
    assert item.cards == (ContactCard("+15551234567", own=True),)


def test_staffs_edits_and_deletions_in_their_own_app_are_read():
    echoes = [
        {"type": "edit", "edit": {"original_message_id": "a", "message": {"type": "text", "text": {"body": "x"}}}},
        {"type": "revoke", "revoke": {"original_message_id": "b"}},
        {"type": "reaction", "reaction": {"message_id": "c", "emoji": "👍"}},
        {"type": "text", "id": "wamid.g", "to": "1", "group_id": "G", "text": {"body": "x"}},
    ]
    found = read({"message_echoes": echoes}, "smb_message_echoes")
    assert [effect(item) for item in found] == [
        "MessageEdited a: x",
        "MessageDeleted b",
        "ignored: echo_reaction",
        "ignored: group",
    ]


@pytest.mark.parametrize(
    ("update", "state", "reason"),
    [
        ({"event": "DISABLED_UPDATE", "ban_info": {"waba_ban_state": "DISABLE"}}, State.LOGGED_OUT, "disable"),
        ({"event": "DISABLED_UPDATE", "ban_info": {"waba_ban_state": "REINSTATE"}}, State.CONNECTED, ""),
        ({"event": "DISABLED_UPDATE"}, State.LOGGED_OUT, "disable"),
        ({"event": "ACCOUNT_DELETED"}, State.LOGGED_OUT, "account_deleted"),
        ({"event": "ACCOUNT_VIOLATION"}, State.TRANSIENT_DISCONNECT, "account_violation"),
        ({"event": "ACCOUNT_RECONNECTED"}, State.CONNECTED, ""),
    ],
)
def test_the_platforms_word_on_the_account(update, state, reason):
    (item,) = read(update, "account_update", time=1_780_000_000)
    assert isinstance(item, items.AccountNotice)
    assert (item.state, item.reason) == (state, reason)


@pytest.mark.parametrize(
    "raw", [b"{}", b"[]", b'{"object":"page","entry":[]}', b'{"object":"whatsapp_business_account"}']
)
def test_what_is_no_whatsapp_webhook_is_an_error(raw):
    with pytest.raises(ParseError):
        WHATSAPP.parse(raw, "W")


def test_a_user_id_in_a_field_for_phones_is_a_user_id():
    message = {"id": "a", "from": "TH.1", "type": "text", "text": {"body": "x"}}
    assert effect(one(message)) == "MessageReceived text: entry, owed, contact bsuid=TH.1 in TH.1"
    (echo,) = read({"message_echoes": [{"id": "a", "to": "TH.1", "type": "text", "text": {"body": "x"}}]})
    assert effect(echo) == "MessageSent text: answered, to bsuid=TH.1 in TH.1"


def test_an_echo_without_its_receiver_goes_to_the_only_contact():
    echo = {"id": "a", "type": "text", "text": {"body": "x"}}
    (item,) = read({"message_echoes": [echo], "contacts": [{"wa_id": "66811111111"}]}, "smb_message_echoes")
    assert effect(item) == "MessageSent text: answered, to phone=+66811111111 in 66811111111"


def test_a_notice_in_staffs_own_app_answers_nobody():
    echo = {"id": "a", "to": "66811111111", "type": "system", "system": {"body": "x"}}
    assert read({"message_echoes": [echo]}, "smb_message_echoes") == [items.Ignored("echo_system")]


def test_the_sentence_alone_tells_both_user_ids():
    item = one(
        {"type": "system", "system": {"type": "user_changed_user_id", "body": "User A changed from US.1 to US.2"}}
    )
    assert effect(item) == "IdentifierChanged bsuid=US.1 → bsuid=US.2"


def test_a_code_written_as_text_is_the_same_code():
    statuses = [{"id": "a", "status": "failed", "errors": [{"code": code}]} for code in ("131047", 131047, "soon", "")]
    assert [effect(item).rpartition(" ")[2] for item in read({"statuses": statuses})] == [
        "WINDOW_CLOSED",
        "WINDOW_CLOSED",
        "REJECTED",
        "REJECTED",
    ]


def test_an_order_counts_in_words_too():
    goods = [{"product_retailer_id": "A", "quantity": "3"}, {"product_retailer_id": "B", "quantity": 1.5}, {}]
    item = one({"from": "66811111111", "type": "order", "order": {"product_items": goods}})
    assert isinstance(item, items.Message)
    assert item.text == "3 × A\n1.5 × B\n0 × "


@pytest.mark.timeout(15)
def test_many_contacts_and_many_messages_do_not_multiply():
    contacts = [{"wa_id": str(number), "profile": {"name": f"N{number}"}} for number in range(66811000000, 66811020000)]
    messages = [
        {"id": each["wa_id"], "from": each["wa_id"], "type": "text", "text": {"body": "x"}} for each in contacts
    ]
    said = read({"contacts": contacts, "messages": messages})
    assert [item.customer.display_name for item in said] == [each["profile"]["name"] for each in contacts]
