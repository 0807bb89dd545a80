"""What LINE refuses, and the words it does it with."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from lobby_sandbox.merge import Json

TEXT_LIMIT = 5_000
MESSAGES_LIMIT = 5
RECIPIENTS_LIMIT = 500
URL_LIMIT = 500

USER_ID = re.compile(r"[Uu][0-9a-f]{32}")
_CHAT_ID = re.compile(r"[UuCR][0-9a-f]{32}")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class LineError:
    """An error of the Messaging API."""

    status: int
    message: str
    details: tuple[tuple[str, str], ...] = ()
    """Pairs of a message and the property that it is about."""

    def body(self) -> Json:
        """The error as LINE writes it."""
        details = [{"message": message, "property": name} for message, name in self.details]
        return {"message": self.message} | ({"details": details} if details else {})


NO_TOKEN = LineError(
    401,
    "Authentication failed due to the following reason: invalid token. Confirm that the access token in the "
    "authorization header is valid.",
)
BROKEN_JSON = LineError(400, "The request body could not be parsed as JSON (line: 1, column: 1)")
NOT_FOUND = LineError(404, "Not found")
BAD_REPLY_TOKEN = LineError(400, "Invalid reply token")
BAD_RETRY_KEY = LineError(400, "Invalid X-Line-Retry-Key")
RETRY_KEY_NOT_SUPPORTED = LineError(400, "X-Line-Retry-Key is not supported by this API")
RETRY_KEY_ACCEPTED = LineError(409, "The retry key is already accepted")
BAD_ENDPOINT = LineError(400, "Invalid webhook endpoint URL")
NO_ENDPOINT = LineError(404, "Webhook endpoint not found")

_FAILURES = {
    401: NO_TOKEN.message,
    403: "Access to this API is not available for your account",
    404: NOT_FOUND.message,
    409: RETRY_KEY_ACCEPTED.message,
    413: "Request body is too large",
    429: "The API rate limit has been exceeded. Try again later.",
}


def failure(status: int) -> LineError:
    """The error that stands for this status when nobody said more."""
    other = "Failed to send messages" if status < 500 else "Internal server error"  # noqa: PLR2004 - a class
    return LineError(status, _FAILURES.get(status, other))


def invalid(name: str) -> LineError:
    """A property has a value that it cannot have."""
    return LineError(400, f"The property, '{name}', in the request body is invalid (line: -, column: -)")


def refuse_retry_key(key: str | None) -> LineError | None:
    """Why this value of X-Line-Retry-Key is not accepted, or None."""
    return None if key is None or _UUID.fullmatch(key) else BAD_RETRY_KEY


def refuse_push(body: Json) -> LineError | None:
    """Why this push is not accepted, or None."""
    to = body.get("to")
    if to is not None and not (isinstance(to, str) and (not to or _CHAT_ID.fullmatch(to))):
        return invalid("to")
    return _verdict([] if to else [("May not be empty", "to")], body)


def refuse_multicast(body: Json) -> LineError | None:
    """Why this multicast is not accepted, or None."""
    to = body.get("to")
    if not isinstance(to, list) or not all(isinstance(one, str) and USER_ID.fullmatch(one) for one in to):
        return invalid("to")
    good = 0 < len(to) <= RECIPIENTS_LIMIT
    return _verdict([] if good else [(f"Size must be between 1 and {RECIPIENTS_LIMIT}", "to")], body)


def refuse_reply(body: Json) -> LineError | None:
    """Why this reply is not accepted, or None; the token's worth is looked at elsewhere."""
    token = body.get("replyToken")
    if token is not None and not isinstance(token, str):
        return invalid("replyToken")
    return _verdict([] if token else [("May not be empty", "replyToken")], body)


def good_endpoint(url: Any) -> bool:
    """It could be a webhook address. Loopback addresses without TLS are good enough here."""
    if not isinstance(url, str) or len(url) > URL_LIMIT:
        return False
    return urlsplit(url).scheme in {"http", "https"} and bool(urlsplit(url).netloc)


def _verdict(faults: list[tuple[str, str]], body: Json) -> LineError | None:
    """The error with all faults of the request, or None."""
    messages = body.get("messages")
    if messages is not None and not isinstance(messages, list):
        return invalid("messages")
    if not messages or len(messages) > MESSAGES_LIMIT:
        faults.append((f"Size must be between 1 and {MESSAGES_LIMIT}", "messages"))
    else:
        for place, message in enumerate(messages):
            faults += _faults_of(message, f"messages[{place}]")
    return LineError(400, f"The request body has {len(faults)} error(s)", tuple(faults)) if faults else None


def _faults_of(message: Any, name: str) -> list[tuple[str, str]]:
    if not isinstance(message, dict):
        return [("Must be an object", name)]
    check = _MESSAGES.get(str(message.get("type")))
    if check is None:
        return [(f"Must be one of the following values: [{', '.join(_MESSAGES)}]", f"{name}.type")]
    return [(fault, f"{name}.{field}") for fault, field in check(message)]


Faults = list[tuple[str, str]]


def _check_text(message: Json) -> Faults:
    text = message.get("text")
    if not isinstance(text, str) or not text:
        return [("May not be empty", "text")]
    too_long = len(text.encode("utf-16-le", errors="surrogatepass")) // 2 > TEXT_LIMIT
    return [(f"Length must be between 0 and {TEXT_LIMIT}", "text")] if too_long else []


def _check_fields(*fields: str) -> Callable[[Json], Faults]:
    def check(message: Json) -> Faults:
        return [("May not be empty", field) for field in fields if message.get(field) in (None, "")]

    return check


_MESSAGES: dict[str, Callable[[Json], Faults]] = {
    "text": _check_text,
    "textV2": _check_text,
    "sticker": _check_fields("packageId", "stickerId"),
    "image": _check_fields("originalContentUrl", "previewImageUrl"),
    "video": _check_fields("originalContentUrl", "previewImageUrl"),
    "audio": _check_fields("originalContentUrl", "duration"),
    "location": _check_fields("title", "address", "latitude", "longitude"),
    "template": _check_fields("altText", "template"),
    "imagemap": _check_fields("baseUrl", "altText", "baseSize", "actions"),
    "flex": _check_fields("altText", "contents"),
}
