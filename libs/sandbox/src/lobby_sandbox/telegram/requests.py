"""What the Bot API refuses, and the words it does it with."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from lobby_sandbox.contract import Call
from lobby_sandbox.merge import Json

TEXT_LIMIT = 4096
CAPTION_LIMIT = 1024
SECRET_LIMIT = 256
TOKEN_LIMIT = 80

_TOKEN = re.compile(r"[A-Za-z0-9:_-]+")
_SECRET = re.compile(r"[A-Za-z0-9_-]*")
_INTEGER = re.compile(r"-?\d{1,16}")

# What is missing when a send lacks its content.
_CONTENT = {
    "sendphoto": "photo",
    "senddocument": "document",
    "sendvideo": "video",
    "sendaudio": "audio",
    "sendvoice": "voice",
    "sendanimation": "animation",
    "sendvideonote": "video_note",
    "sendsticker": "sticker",
}


@dataclass(frozen=True, slots=True)
class BotError:
    """An error of the Bot API."""

    code: int
    description: str
    retry_after: int | None = None

    def body(self) -> Json:
        """The error as the Bot API writes it."""
        body: Json = {"ok": False, "error_code": self.code, "description": self.description}
        return body | ({} if self.retry_after is None else {"parameters": {"retry_after": self.retry_after}})


def bad(description: str) -> BotError:
    """The request cannot be served as it is."""
    return BotError(400, f"Bad Request: {description}")


INVALID_TOKEN = BotError(401, "Unauthorized: invalid token specified")
NOT_FOUND = BotError(404, "Not Found")
NO_METHOD = BotError(404, "Not Found: method not found")
BLOCKED = BotError(403, "Forbidden: bot was blocked by the user")
BROKEN_JSON = bad("can't parse JSON object")
NO_CHAT = bad("chat not found")
NO_FILE = bad("wrong file_id or the file is temporarily unavailable")

_NAMES = {400: "Bad Request", 403: "Forbidden: bot was blocked by the user", 401: "Unauthorized"} | {
    404: "Not Found",
    409: "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running",
    500: "Internal Server Error",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Gateway Timeout",
}


def failure(status: int, headers: Mapping[str, str]) -> BotError:
    """The error that stands for this status when nobody said more."""
    if status != 429:  # noqa: PLR2004 - the one that says how long to wait
        return BotError(status, _NAMES.get(status, "Bad Request"))
    told = next((value for name, value in headers.items() if name.lower() == "retry-after"), "1")
    wait = int(told) if told.isascii() and told.isdigit() else 1
    return BotError(429, f"Too Many Requests: retry after {wait}", wait)


def arguments(call: Call) -> Json:
    """What the method was called with: the query, and over it the JSON or form body."""
    return {**call.query, **call.fields}


def good_token(token: str) -> bool:
    """It could be a bot's token."""
    return len(token) <= TOKEN_LIMIT and _TOKEN.fullmatch(token) is not None


def chat_id_of(given: Json) -> int | BotError:
    """The chat that is written to."""
    chat_id = given.get("chat_id")
    if chat_id in (None, ""):
        return bad("chat_id is empty")
    if isinstance(chat_id, bool) or not _INTEGER.fullmatch(str(chat_id)) or int(str(chat_id)) == 0:
        return NO_CHAT
    return int(str(chat_id))


def refuse_send(method: str, given: Json) -> BotError | None:
    """Why this send is not accepted, or None; the chat is looked at elsewhere."""
    if method in _CONTENT:
        return _refuse_file(_CONTENT[method], given)
    check = _CHECKS.get(method)
    return None if check is None else check(given)


def _refuse_file(field: str, given: Json) -> BotError | None:
    if not given.get(field):
        return bad(f"there is no {field.replace('_', ' ')} in the request")
    caption = given.get("caption") or ""
    return bad("message caption is too long") if len(str(caption)) > CAPTION_LIMIT else None


def _refuse_text(given: Json) -> BotError | None:
    text = given.get("text")
    if not isinstance(text, str) or not text.strip():
        return bad("message text is empty")
    return bad("message is too long") if len(text) > TEXT_LIMIT else None


def _refuse_missing(*fields: str) -> Callable[[Json], BotError | None]:
    def check(given: Json) -> BotError | None:
        missing = [field for field in fields if given.get(field) in (None, "")]
        return bad(f"{missing[0].replace('_', ' ')} is empty") if missing else None

    return check


def _refuse_album(given: Json) -> BotError | None:
    return None if album_of(given) else bad("media is empty")


def album_of(given: Json) -> list[Any]:
    """The parts of an album; a form carries them as JSON text."""
    media = given.get("media")
    if isinstance(media, str):
        try:
            media = json.loads(media)
        except json.JSONDecodeError:
            return []
    return media if isinstance(media, list) else []


def refuse_webhook(given: Json) -> BotError | None:
    """Why this webhook is not set, or None. Loopback addresses without TLS are good enough here."""
    url = str(given.get("url") or "")
    if url and (urlsplit(url).scheme not in {"http", "https"} or not urlsplit(url).netloc):
        return bad("invalid webhook URL specified")
    secret = str(given.get("secret_token") or "")
    if len(secret) > SECRET_LIMIT:
        return bad("secret token is too long")
    return None if _SECRET.fullmatch(secret) else bad("secret token contains unallowed characters")


_CHECKS: dict[str, Callable[[Json], BotError | None]] = {
    "sendmessage": _refuse_text,
    "editmessagetext": _refuse_text,
    "sendlocation": _refuse_missing("latitude", "longitude"),
    "sendvenue": _refuse_missing("latitude", "longitude", "title", "address"),
    "sendcontact": _refuse_missing("phone_number", "first_name"),
    "sendmediagroup": _refuse_album,
}

SENDS = frozenset({*_CONTENT, *_CHECKS} - {"editmessagetext"})
