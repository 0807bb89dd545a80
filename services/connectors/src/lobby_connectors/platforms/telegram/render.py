"""Our messages as requests to the Telegram Bot API."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import msgspec

from lobby_connectors.domain.items import Attachment
from lobby_connectors.domain.pacing import Pace
from lobby_connectors.platforms.interface import Account, Limits, Outgoing, Request

API_BASE = "https://api.telegram.org"

LIMITS = Limits(
    text_units=4096,
    pace=Pace.within(30, 1.0, burst=5),
    fastest=30,
    chat_pace=Pace(1.0, burst=3),
    media=frozenset(("image", "video", "audio", "document")),
    https_only=False,
)
"""About 30 messages a second and bot, one a second and chat with short bursts (core.telegram.org/bots/faq, "My bot is
hitting limits"; groups, with 20 a minute, are not written to). The real figures change: `retry_after` has the last
word. The thousand a second of paid broadcasts needs a flag that we do not set."""

ALLOWED_UPDATES = ("message", "edited_message", "callback_query", "message_reaction", "my_chat_member")
"""What the webhook brings; the platform's default leaves reactions out."""

_CAPTION_UNITS = 1024
_METHODS = {
    "image": ("sendPhoto", "photo"),
    "video": ("sendVideo", "video"),
    "audio": ("sendAudio", "audio"),
    "document": ("sendDocument", "document"),
}


def render(account: Account, message: Outgoing) -> list[Request]:
    """Returns one request per attachment, and one for the text where it is too long to be the first one's caption."""
    caption = message.text if message.attachments and len(message.text) <= _CAPTION_UNITS else ""
    requests = [
        _media(account, message.chat, each, caption if i == 0 else "") for i, each in enumerate(message.attachments)
    ]
    if message.text and not caption:
        requests.insert(0, request(account, "sendMessage", {"chat_id": _chat_id(message.chat), "text": message.text}))
    return requests


def request(account: Account, method: str, payload: Mapping[str, Any]) -> Request:
    """Returns a call of a method; its path holds the token."""
    return Request(
        "POST",
        f"/bot{_token(account)}/{method}",
        {"Content-Type": "application/json"},
        msgspec.json.encode(payload),
    )


def file(account: Account, path: str) -> Request:
    """Returns the download of a file at the path that getFile told; the address holds the token."""
    return Request("GET", f"/file/bot{_token(account)}/{path}", {})


def _token(account: Account) -> str:
    return quote(account.credentials["bot_token"], safe=":")


def _media(account: Account, chat: str, attachment: Attachment, caption: str) -> Request:
    method, field = _METHODS[attachment.kind]
    payload: dict[str, Any] = {"chat_id": _chat_id(chat), field: attachment.url}
    if caption:
        payload["caption"] = caption
    return request(account, method, payload)


def _chat_id(chat: str) -> int | str:
    return int(chat) if chat.removeprefix("-").isdecimal() and chat.isascii() else chat
