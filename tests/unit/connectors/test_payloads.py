"""Every recorded body is accepted, and causes what stands here: entry, owed, contact, conversation, event."""

import json
from pathlib import Path

import pytest

from lobby_connectors.domain import items
from lobby_connectors.domain.items import ContactCard
from lobby_connectors.domain.kinds import Kind
from lobby_connectors.platforms.registry import PLATFORMS
from tests.unit.connectors.effects import effect

FOLDER = Path(__file__).parents[2] / "payloads"

BSUIDS = "bsuid=US.13491208655302741918 bsuid=US.ENT.11815799212886844830"
NAMED = f"phone=+972987654321 {BSUIDS} in 972987654321"
LINE = "line_user_id=U206d25c2ea6bd87c17655609a1c37cb8 in U206d25c2ea6bd87c17655609a1c37cb8"
LINE_OLD = "line_user_id=u206d25c2ea6bd87c17655609a1c37cb8 in u206d25c2ea6bd87c17655609a1c37cb8"
LINH = "telegram_id=7301234567 in 7301234567"
TEST = "telegram_id=1111111 in 1111111"
SOJAN = "telegram_id=23 in 23"


def of(line_user: str) -> str:
    return f"line_user_id={line_user} in {line_user}"


EFFECTS = {
    "line/batch_28_events.json": [
        f"MessageReceived text: entry, owed, contact {LINE}",
        "ignored: group",
        f"MessageReceived video: entry, owed, contact {LINE}",
        f"MessageReceived audio: entry, owed, contact {LINE}",
        f"MessageReceived location: entry, owed, contact {LINE}",
        f"MessageReceived sticker: entry, owed, contact {LINE}",
        "ignored: follow",
        "ignored: blocked",
        "ignored: group",
        "ignored: group",
        f"MessageReceived button: entry, owed, contact {LINE}",
        "ignored: beacon",
        "ignored: beacon",
        "ignored: account_link",
        "ignored: group",
        "ignored: group",
        f"MessageReceived button: entry, owed, contact {LINE}",
        f"MessageReceived button: entry, owed, contact {LINE}",
        f"MessageReceived button: entry, owed, contact {LINE}",
        "ignored: group",
        "ignored: group",
        f"MessageReceived document: entry, owed, contact {LINE}",
        "ignored: group",
        "ignored: video_played",
        f"MessageReceived image: entry, owed, contact {LINE}",
        f"MessageReceived text: entry, owed, contact {LINE}",
        "MessageEdited 325708: Hello, edited world",
        "ignored: unknown_event",
    ],
    "line/file.json": [
        f"MessageReceived document: entry, owed, contact {LINE_OLD}",
    ],
    "line/follow.json": [
        "ignored: follow",
    ],
    "line/image_external.json": [
        f"MessageReceived image: entry, owed, contact {LINE_OLD}",
    ],
    "line/location.json": [
        f"MessageReceived location: entry, owed, contact {LINE_OLD}",
    ],
    "line/postback.json": [
        f"MessageReceived button: entry, owed, contact {LINE_OLD}",
    ],
    "line/redelivered_text.json": [
        f"MessageReceived text: entry, owed, contact {LINE_OLD}",
    ],
    "line/sticker.json": [
        f"MessageReceived sticker: entry, owed, contact {LINE_OLD}",
    ],
    "line/text.json": [
        f"MessageReceived text: entry, owed, contact {LINE_OLD}",
    ],
    "line/text_line_emoji.json": [
        f"MessageReceived text: entry, owed, contact {LINE_OLD}",
    ],
    "line/text_quote_and_audio_current.json": [
        f"MessageReceived text: entry, owed, contact {of('U0123456789abcdef0123456789abcdef')}",
        f"MessageReceived audio: entry, owed, contact {of('Ufedcba9876543210fedcba9876543210')}",
    ],
    "line/unfollow.json": [
        "ignored: blocked",
    ],
    "line/unsend.json": [
        "MessageDeleted 325708",
    ],
    "line/verify_empty_events.json": [],
    "line/video_external.json": [
        "MessageReceived video: entry, owed, contact line_user_id=U4af4980629... in U4af4980629...",
    ],
    "telegram/album_item.json": [
        f"MessageReceived image: entry, owed, contact {LINH}",
    ],
    "telegram/callback_query.json": [
        "answer the button 313589",
        f"MessageReceived button: entry, owed, contact {LINH}",
    ],
    "telegram/callback_query_inline.json": [
        "answer the button 4382bf",
        "ignored: inline",
    ],
    "telegram/contact.json": [
        f"MessageReceived contact: entry, owed, contact {LINH}",
    ],
    "telegram/document_pdf.json": [
        f"MessageReceived document: entry, owed, contact {TEST}",
    ],
    "telegram/edited_message.json": [
        "MessageEdited 1365: Edited text",
    ],
    "telegram/location.json": [
        f"MessageReceived location: entry, owed, contact {LINH}",
    ],
    "telegram/message_reaction.json": [
        "ReactionChanged 6: none",
    ],
    "telegram/my_chat_member_blocked.json": [
        "ignored: blocked",
    ],
    "telegram/photo_no_caption.json": [
        f"MessageReceived image: entry, owed, contact {SOJAN}",
    ],
    "telegram/reply_to_message.json": [
        f"MessageReceived text: entry, owed, contact {TEST}",
    ],
    "telegram/start_command.json": [
        f"MessageReceived text: entry, owed, contact {TEST}",
    ],
    "telegram/start_deep_link.json": [
        f"MessageReceived text: entry, owed, contact {LINH}",
    ],
    "telegram/sticker_animated.json": [
        f"MessageReceived sticker: entry, owed, contact {SOJAN}",
    ],
    "telegram/text.json": [
        f"MessageReceived text: entry, owed, contact {SOJAN}",
    ],
    "telegram/text_with_quote.json": [
        f"MessageReceived text: entry, owed, contact {LINH}",
    ],
    "telegram/voice.json": [
        f"MessageReceived audio: entry, owed, contact {SOJAN}",
    ],
    "whatsapp/account_update_disabled.json": [
        "AccountStateChanged logged_out schedule_for_disable",
    ],
    "whatsapp/account_update_partner_removed.json": [
        "AccountStateChanged logged_out partner_removed",
    ],
    "whatsapp/account_update_restriction.json": [
        "AccountStateChanged transient_disconnect account_restriction",
    ],
    "whatsapp/batch_entries_changes_messages.json": [
        "IdentifierChanged bsuid=IN.PREVIOUSBSUID → bsuid=IN.CURRENTBSUID",
        "MessageReceived text: entry, owed, contact bsuid=IN.CURRENTBSUID in IN.CURRENTBSUID",
        "MessageReceived text: entry, owed, contact phone=+16505551212 in 16505551212",
        "MessageReceived text: entry, owed, contact phone=+16505551212 in 16505551212",
        "DeliveryChanged id.out-9 read",
    ],
    "whatsapp/button_reply.json": [
        f"MessageReceived button: entry, owed, contact {NAMED}",
    ],
    "whatsapp/contacts_three.json": [
        f"MessageReceived contact: entry, owed, contact {NAMED}",
    ],
    "whatsapp/document_caption.json": [
        f"MessageReceived document: entry, owed, contact {NAMED}",
    ],
    "whatsapp/edit_image_caption.json": [
        "MessageEdited M0VBRAA=: Updated image caption",
    ],
    "whatsapp/errors_only.json": [
        "ignored: platform_error",
    ],
    "whatsapp/flow_completion.json": [
        f"MessageReceived button: entry, owed, contact {NAMED}",
    ],
    "whatsapp/image_media_url.json": [
        f"MessageReceived image: entry, owed, contact {NAMED}",
    ],
    "whatsapp/list_reply.json": [
        f"MessageReceived button: entry, owed, contact {NAMED}",
    ],
    "whatsapp/location_named.json": [
        f"MessageReceived location: entry, owed, contact {NAMED}",
    ],
    "whatsapp/order_cart.json": [
        f"MessageReceived order: entry, owed, contact {NAMED}",
    ],
    "whatsapp/phone_number_quality_update_throughput.json": [
        "ignored: account_notice",
    ],
    "whatsapp/reaction_add.json": [
        "ReactionChanged .yzxyzx=: 😮",
    ],
    "whatsapp/reaction_removed_empty.json": [
        "ReactionChanged .yzxyzx=: none",
    ],
    "whatsapp/referral_ctwa_ad.json": [
        "MessageReceived text: entry, owed, contact phone=+255718573302 bsuid=TZ.1040042605869930 in 255718573302",
    ],
    "whatsapp/reply_quoted.json": [
        f"MessageReceived text: entry, owed, contact {NAMED}",
    ],
    "whatsapp/revoke.json": [
        "MessageDeleted RDNFQUEA",
    ],
    "whatsapp/smb_echo_text.json": [
        "MessageSent text: answered, to phone=+16505551234 bsuid=US.13491208655302741918 in 16505551234",
    ],
    "whatsapp/status_delivered_bsuid_only.json": [
        "DeliveryChanged MUMxMAA= delivered",
    ],
    "whatsapp/status_failed_131047_window.json": [
        "DeliveryChanged MTE4RTUA failed: WINDOW_CLOSED",
    ],
    "whatsapp/status_failed_131049.json": [
        "DeliveryChanged MUMxMAA= failed: REJECTED",
    ],
    "whatsapp/status_read.json": [
        "DeliveryChanged d.xyzxyz read",
    ],
    "whatsapp/status_sent.json": [
        "DeliveryChanged d.xyzxyz sent",
    ],
    "whatsapp/sticker_animated.json": [
        f"MessageReceived sticker: entry, owed, contact {NAMED}",
    ],
    "whatsapp/system_user_changed_user_id.json": [
        f"IdentifierChanged bsuid=US.10101010101010101010 → {BSUIDS}",
    ],
    "whatsapp/template_quick_reply.json": [
        f"MessageReceived button: entry, owed, contact {NAMED}",
    ],
    "whatsapp/text.json": [
        "MessageReceived text: entry, owed, contact phone=+491234567890 in 491234567890",
    ],
    "whatsapp/text_bsuid_only.json": [
        f"MessageReceived text: entry, owed, contact {BSUIDS} in US.13491208655302741918",
    ],
    "whatsapp/text_phone_and_bsuid.json": [
        f"MessageReceived text: entry, owed, contact {NAMED}",
    ],
    "whatsapp/unsupported.json": [
        f"MessageReceived unsupported: entry, owed, contact {NAMED}",
    ],
    "whatsapp/user_preferences_resume.json": [
        "ignored: marketing_preference",
    ],
    "whatsapp/video_caption_forwarded.json": [
        f"MessageReceived video: entry, owed, contact {NAMED}",
    ],
    "whatsapp/voice_note.json": [
        f"MessageReceived audio: entry, owed, contact {NAMED}",
    ],
}


def parsed(name: str) -> items.Parsed:
    return PLATFORMS[name.partition("/")[0]].parse((FOLDER / name).read_bytes(), "scope")


def the_message(name: str) -> items.Message:
    (message,) = [
        item for section in parsed(name).sections for item in section.items if isinstance(item, items.Message)
    ]
    return message


def test_every_recorded_body_stands_in_the_table():
    assert {str(path.relative_to(FOLDER)) for path in FOLDER.glob("*/*.json")} == set(EFFECTS)


@pytest.mark.parametrize("name", EFFECTS)
def test_a_recorded_body_causes_what_the_table_says(name):
    result = parsed(name)
    assert result.problems == []
    assert [effect(item) for section in result.sections for item in section.items] == EFFECTS[name]


@pytest.mark.parametrize("name", EFFECTS)
def test_a_recorded_body_says_the_same_however_it_is_written(name):
    platform = PLATFORMS[name.partition("/")[0]]
    raw = (FOLDER / name).read_bytes()
    assert platform.parse(json.dumps(json.loads(raw)).encode(), "scope") == platform.parse(raw, "scope")


@pytest.mark.parametrize("name", EFFECTS)
def test_a_message_has_the_platforms_id_and_an_address_to_answer_to(name):
    for section in parsed(name).sections:
        for item in section.items:
            if isinstance(item, items.Message | items.Echo):
                assert item.platform_message_id
                assert item.customer.chat
                assert item.customer.identifiers


def test_a_text_keeps_its_words_time_and_country():
    message = the_message("whatsapp/text.json")
    assert (message.text, message.customer.display_name, message.customer.country) == ("Test", "TestUser", "DE")
    assert message.time is not None
    assert message.time.timestamp() == 1653253313


def test_a_customer_without_a_phone_has_none():
    customer = the_message("whatsapp/text_bsuid_only.json").customer
    assert [each.kind for each in customer.identifiers] == ["bsuid", "bsuid"]
    assert (customer.display_name, customer.country) == ("Sheena Nelson", "US")


def test_the_scope_of_user_ids_is_the_accounts():
    assert {each.scope for each in the_message("whatsapp/text_bsuid_only.json").customer.identifiers} == {"scope"}
    assert {each.scope for each in the_message("line/text.json").customer.identifiers} == {"scope"}
    assert {each.scope for each in the_message("telegram/text.json").customer.identifiers} == {""}


def test_an_ad_is_remembered_with_the_message():
    referral = the_message("whatsapp/referral_ctwa_ad.json").referral
    assert referral == items.Referral(
        "ad", "52558118838064", "AfhcQdP2E4A8wWpeb1FqUzUi", "https://fb.me/3TYpooaRT", "Diana Digital"
    )


def test_a_deep_link_is_remembered_with_the_start():
    assert the_message("telegram/start_deep_link.json").referral == items.Referral("link", "ad_spring-42")
    assert the_message("telegram/start_command.json").referral is None


def test_only_the_senders_own_card_is_vouched_for():
    assert the_message("telegram/contact.json").cards == (ContactCard("+84901234567", own=True, display_name="Linh"),)
    cards = the_message("whatsapp/contacts_three.json").cards
    assert [(card.phone, card.own) for card in cards] == [
        ("+15555555555", False),
        ("+16666666666", False),
        ("+17777777777", False),
    ]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("whatsapp/button_reply.json", "title"),
        ("whatsapp/template_quick_reply.json", "title"),
        ("whatsapp/order_cart.json", "3 × HAMBURGER\n2 × FRENCH_FRIES\n2 × SODA"),
        ("telegram/callback_query.json", "Yes"),
        ("line/postback.json", "action=buyItem&itemId=123123&color=red"),
    ],
)
def test_a_button_or_an_order_reads_as_what_the_customer_saw(name, text):
    assert the_message(name).text == text


def test_a_form_reads_as_its_answers_without_the_token():
    lines = the_message("whatsapp/flow_completion.json").text.splitlines()
    assert lines[:2] == ["Sent", "comment_text: Comment Text"]
    assert not any("flow_token" in line for line in lines)


@pytest.mark.parametrize(
    ("name", "attachment"),
    [
        ("whatsapp/document_caption.json", ("document", "", "filename.pdf", "application/pdf", "1234567890987654321")),
        (
            "telegram/document_pdf.json",
            ("document", "", "Testfile.pdf", "application/pdf", "AwADBAADbXXXXXXXXXXXGBdhD2l6_XX"),
        ),
        ("line/image_external.json", ("image", "https://example.com/original.jpg", "", "", "")),
        ("line/file.json", ("document", "", "sample.pdf", "", "325708")),
    ],
)
def test_a_file_can_be_found_again(name, attachment):
    (found,) = the_message(name).attachments
    assert (found.kind, found.url, found.file_name, found.mime_type, found.platform_file_id) == attachment


def test_an_answer_names_what_it_answers():
    assert the_message("whatsapp/reply_quoted.json").reply_to == "wamid.xyzxyz=="
    assert the_message("telegram/text_with_quote.json").reply_to == "6"


def test_an_unknown_kind_is_a_message_too():
    assert the_message("whatsapp/unsupported.json").kind is Kind.UNSUPPORTED


def test_sections_name_the_number_or_the_waba_that_they_are_about():
    addresses = [section.address for section in parsed("whatsapp/batch_entries_changes_messages.json").sections]
    assert addresses == ["106540352242922", "106540352242923", "106540352242923"]
    assert [s.owner for s in parsed("whatsapp/account_update_partner_removed.json").sections] == ["980198427658004"]
