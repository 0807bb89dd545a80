"""Our messages as requests to the WhatsApp Cloud API."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import msgspec

from lobby_connectors.domain.items import Attachment
from lobby_connectors.domain.pacing import Pace
from lobby_connectors.platforms.interface import Account, Limits, Outgoing, Request
from lobby_connectors.platforms.whatsapp.people import is_user_id

API_BASE = "https://graph.facebook.com"
API_VERSION = "v25.0"

LIMITS = Limits(
    text_units=4096,
    pace=Pace.within(80, 1.0, burst=8),
    fastest=1000,
    chat_pace=Pace(6.0, burst=45),
    media=frozenset(("image", "video", "audio", "document")),
    https_only=True,
    window_hours=24,
)
"""80 messages a second and number, 1,000 after an upgrade, 20 for numbers that staff also use in the app (to be named
in the account's settings); one message to a user in 6 s, with up to 45 at once that are borrowed from the future
(developers.facebook.com/documentation/business-messaging/whatsapp/throughput). What comes in counts too, and has the
room that the burst leaves."""

_CAPTION_UNITS = 1024
_CAPTIONED = frozenset(("image", "video", "document"))


def render(account: Account, message: Outgoing) -> list[Request]:
    """Returns one request per attachment, and one for the text where no attachment can carry it as a caption."""
    first = next((a for a in message.attachments if a.kind in _CAPTIONED), None)
    caption = message.text if first and len(message.text) <= _CAPTION_UNITS else ""
    bodies = [_media(each, caption if each is first else "") for each in message.attachments]
    if message.text and not caption:
        bodies.insert(0, {"type": "text", "text": {"body": message.text, "preview_url": False}})
    return [_request(account, message, body, opaque(message.message_id, part)) for part, body in enumerate(bodies)]


def opaque(message_id: str, part: int) -> str:
    """Returns what comes back in receipts: the message's id, with the part behind it where there are several."""
    return message_id if part == 0 else f"{message_id}.{part}"


def _media(attachment: Attachment, caption: str) -> Mapping[str, Any]:
    media = {"link": attachment.url}
    if caption:
        media["caption"] = caption
    if attachment.kind == "document" and attachment.file_name:
        media["filename"] = attachment.file_name
    return {"type": attachment.kind, attachment.kind: media}


def _request(account: Account, message: Outgoing, body: Mapping[str, Any], told: str) -> Request:
    # `to` without "+" and country code would get the business number's country code, and reach a stranger.
    to = {"recipient": message.chat} if is_user_id(message.chat) else {"to": f"+{message.chat.removeprefix('+')}"}
    payload = {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        **to,
        **body,
        "biz_opaque_callback_data": told,
    }
    return Request(
        "POST",
        f"/{API_VERSION}/{quote(account.credentials['phone_number_id'], safe='')}/messages",
        {
            "Authorization": f"Bearer {account.credentials['access_token']}",
            "Content-Type": "application/json",
        },
        msgspec.json.encode(payload),
    )
