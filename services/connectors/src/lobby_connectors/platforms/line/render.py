"""Our messages as requests to the LINE Messaging API."""

from collections.abc import Mapping
from typing import Any

import msgspec

from lobby_connectors.domain.items import Attachment
from lobby_connectors.domain.pacing import Pace
from lobby_connectors.platforms.interface import Account, Limits, Outgoing, Request

API_BASE = "https://api.line.me"

LIMITS = Limits(
    text_units=5000,
    pace=Pace.within(2000, 1.0, burst=100),
    fastest=2000,
    utf16=True,
    media=frozenset(("image", "video", "audio")),
    attachments=4,  # five objects in a push, one of them the text
    https_only=True,
)
"""2,000 pushes a second and channel, none per user (developers.line.biz/en/reference/messaging-api/#rate-limits)."""

_AUDIO_MS = 60_000
"""LINE wants a duration that a link does not tell; it only shows in the player."""


def render(account: Account, message: Outgoing) -> list[Request]:
    """Returns one push with all of it: staff answer minutes later, when a reply token is no longer good."""
    objects: list[Mapping[str, Any]] = [_media(each) for each in message.attachments]
    if message.text:
        objects.append({"type": "text", "text": message.text})
    return [
        Request(
            "POST",
            "/v2/bot/message/push",
            {
                "Authorization": f"Bearer {account.credentials['channel_access_token']}",
                "Content-Type": "application/json",
                "X-Line-Retry-Key": message.retry_key,
            },
            msgspec.json.encode({"to": message.chat, "messages": objects}),
        )
    ]


def _media(attachment: Attachment) -> Mapping[str, Any]:
    media: dict[str, Any] = {"type": attachment.kind, "originalContentUrl": attachment.url}
    if attachment.kind == "audio":
        media["duration"] = _AUDIO_MS
    else:
        media["previewImageUrl"] = attachment.url
    return media
