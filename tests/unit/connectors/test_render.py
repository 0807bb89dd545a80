"""Our messages as the platforms want them."""

import json

import pytest

from lobby_connectors.domain.items import Attachment
from lobby_connectors.platforms.interface import Account, Outgoing, Request
from lobby_connectors.platforms.registry import PLATFORMS
from lobby_connectors.platforms.whatsapp.render import opaque

CREDENTIALS = {
    "phone_number_id": "1/2",
    "access_token": "t",
    "bot_token": "1:a/b",
    "channel_access_token": "t",
}
IMAGE = Attachment("image", url="https://example.com/a.jpg")
AUDIO = Attachment("audio", url="https://example.com/a.ogg")
PDF = Attachment("document", url="https://example.com/a.pdf", file_name="offer.pdf")


def render(name: str, text: str = "hello", *attachments: Attachment, chat: str = "66811111111") -> list[Request]:
    account = Account("a", CREDENTIALS, "", "scope")
    return PLATFORMS[name].render(account, Outgoing("m", chat, text, attachments, "key"))


def bodies(requests: list[Request]) -> list[dict]:
    return [json.loads(request.body) for request in requests]


def test_whatsapp_text_goes_to_a_number_with_its_plus():
    (body,) = bodies(render("whatsapp"))
    assert body["to"] == "+66811111111"
    assert "recipient" not in body
    assert body["text"]["body"] == "hello"


def test_whatsapp_customers_without_a_number_are_recipients():
    (body,) = bodies(render("whatsapp", chat="US.13491208655302741918"))
    assert body["recipient"] == "US.13491208655302741918"
    assert "to" not in body


def test_ids_in_paths_are_quoted():
    assert render("whatsapp")[0].path == "/v25.0/1%2F2/messages"
    assert render("telegram")[0].path == "/bot1:a%2Fb/sendMessage"


@pytest.mark.parametrize(
    ("attachments", "expected"),
    [
        ((IMAGE,), [("image", "hello")]),
        ((PDF,), [("document", "hello")]),
        ((AUDIO,), [("text", None), ("audio", None)]),
        ((AUDIO, IMAGE), [("audio", None), ("image", "hello")]),
    ],
)
def test_whatsapp_captions_go_with_the_first_file_that_can_have_one(attachments, expected):
    found = bodies(render("whatsapp", "hello", *attachments))
    assert [(body["type"], body[body["type"]].get("caption")) for body in found] == expected


def test_whatsapp_parts_are_told_apart_in_receipts():
    found = bodies(render("whatsapp", "hello", AUDIO))
    assert [body["biz_opaque_callback_data"] for body in found] == ["m", "m.1"] == [opaque("m", 0), opaque("m", 1)]


def test_a_text_too_long_for_a_caption_goes_first():
    assert [body["type"] for body in bodies(render("whatsapp", "x" * 1025, IMAGE))] == ["text", "image"]
    paths = [request.path.rpartition("/")[2] for request in render("telegram", "x" * 1025, IMAGE)]
    assert paths == ["sendMessage", "sendPhoto"]


def test_telegram_files_have_methods_of_their_own():
    found = render("telegram", "hello", PDF, IMAGE, chat="7")
    assert [request.path.rpartition("/")[2] for request in found] == ["sendDocument", "sendPhoto"]
    assert bodies(found)[0] == {"chat_id": 7, "document": PDF.url, "caption": "hello"}
    assert "caption" not in bodies(found)[1]


def test_line_takes_everything_in_one_push_under_a_retry_key():
    (request,) = render("line", "hello", IMAGE, AUDIO, chat="U1")
    assert (request.path, request.headers["X-Line-Retry-Key"]) == ("/v2/bot/message/push", "key")
    body = json.loads(request.body)
    assert [each["type"] for each in body["messages"]] == ["image", "audio", "text"]
    assert body["to"] == "U1"


@pytest.mark.parametrize(
    ("name", "text", "too_long"),
    [
        ("whatsapp", "x" * 4096, False),
        ("whatsapp", "x" * 4097, True),
        ("telegram", "ก" * 4097, True),
        ("line", "😮" * 2500, False),
        ("line", "😮" * 2500 + "x", True),
    ],
)
def test_limits_count_as_the_platform_counts(name, text, too_long):
    assert PLATFORMS[name].limits.too_long(text) is too_long
