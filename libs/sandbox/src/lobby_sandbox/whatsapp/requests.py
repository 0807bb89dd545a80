"""What WhatsApp refuses, and the words it does it with."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from lobby_sandbox.merge import Json
from lobby_sandbox.whatsapp.customers import USER_ID

TEXT_LIMIT = 4096
CAPTION_LIMIT = 1024
CALLBACK_DATA_LIMIT = 512

_PHONE = re.compile(r"\+?[\d\s().-]{3,30}")
_MEDIA = ("image", "video", "audio", "document", "sticker")


@dataclass(frozen=True, slots=True)
class GraphError:
    """An error of the Graph API."""

    code: int
    message: str
    details: str | None = None
    status: int = 400
    subcode: int | None = None

    def body(self, trace_id: str) -> Json:
        """The error as the Graph API writes it."""
        error: Json = {"message": self.message, "type": "OAuthException", "code": self.code}
        if self.subcode is not None:
            error["error_subcode"] = self.subcode
        if self.details is not None:
            error["error_data"] = {"messaging_product": "whatsapp", "details": self.details}
        return {"error": error | {"fbtrace_id": trace_id}}


def required(parameter: str) -> GraphError:
    """A parameter is missing."""
    return GraphError(100, f"(#100) The parameter {parameter} is required.")


def invalid(details: str) -> GraphError:
    """A parameter has a value that it cannot have."""
    return GraphError(100, "(#100) Invalid parameter", details)


NO_TOKEN = GraphError(190, "Invalid OAuth access token - Cannot parse access token", status=401)
BROKEN_JSON = invalid("The request body could not be parsed as JSON.")


def no_object(object_id: str, verb: str) -> GraphError:
    """The object is not there, or is not this token's."""
    message = (
        f"Unsupported {verb} request. Object with ID '{object_id}' does not exist, cannot be loaded due to "
        "missing permissions, or does not support this operation."
    )
    return GraphError(100, message, subcode=33)


# What an unexplained failure with this status most likely is.
FAILURES = {
    401: GraphError(190, "Error validating access token: Session has expired.", status=401, subcode=463),
    403: GraphError(10, "(#10) Application does not have permission for this action", status=403),
    404: GraphError(100, "Unsupported request.", status=404, subcode=33),
    429: GraphError(
        130429,
        "(#130429) Rate limit hit",
        "Message failed to send because there were too many messages sent from this phone number in a short "
        "period of time",
        status=429,
    ),
    503: GraphError(131016, "(#131016) Service unavailable", "A service is temporarily unavailable.", 503),
}


def failure(status: int) -> GraphError:
    """The error that stands for this status when nobody said more."""
    if status in FAILURES:
        return FAILURES[status]
    if status < 500:  # noqa: PLR2004 - beyond it the fault is the platform's
        return GraphError(100, "(#100) Invalid parameter", status=status)
    return GraphError(131000, "(#131000) Something went wrong", "Unknown error. Please try again.", status)


def refuse_message(body: Json) -> GraphError | None:
    """Why the message is not accepted, or None."""
    if body.get("messaging_product") != "whatsapp":
        return required("messaging_product")
    if body.get("status") == "read":
        return None if _is_text(body.get("message_id")) else required("message_id")
    if (refusal := _refuse_recipient(body)) is not None:
        return refusal
    data = body.get("biz_opaque_callback_data")
    if data is not None and not (isinstance(data, str) and len(data) <= CALLBACK_DATA_LIMIT):
        return invalid(f"Param biz_opaque_callback_data must be at most {CALLBACK_DATA_LIMIT} characters long.")
    return _refuse_content(body)


def _refuse_recipient(body: Json) -> GraphError | None:
    to, recipient = body.get("to"), body.get("recipient")
    if to is None and recipient is None:
        return required("to")
    if to is not None:
        if body.get("recipient_type") == "group":
            return None if _is_text(to) else invalid("Param to must be a group id.")
        good = isinstance(to, str) and _PHONE.fullmatch(to) is not None
        return None if good else invalid("Param to must be a valid phone number.")
    if isinstance(recipient, str) and USER_ID.fullmatch(recipient):
        return None
    return invalid("Param recipient must be a valid business-scoped user ID.")


def _refuse_content(body: Json) -> GraphError | None:
    type_ = str(body.get("type", "text"))
    if type_ not in CHECKS:
        return invalid(f'Param type must be one of {{{", ".join(sorted(CHECKS)).upper()}}} - got "{type_}".')
    content = body.get(type_)
    if not content:
        return GraphError(131008, "(#131008) Required parameter is missing", f"Param {type_} is missing.")
    if not isinstance(content, list if type_ == "contacts" else dict):
        return invalid(f"Param {type_} must be a JSON {'array' if type_ == 'contacts' else 'object'}.")
    return CHECKS[type_](content)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


def _too_long(parameter: str, value: Any, limit: int) -> GraphError | None:
    if isinstance(value, str) and len(value) <= limit:
        return None
    return invalid(f"Param {parameter} must be at most {limit} characters long.")


def _check_text(text: Json) -> GraphError | None:
    if not text.get("body"):
        return required("text['body']")
    return _too_long("text['body']", text["body"], TEXT_LIMIT)


def _check_media(kind: str) -> Callable[[Json], GraphError | None]:
    def check(media: Json) -> GraphError | None:
        if not _is_text(media.get("id")) and not _is_text(media.get("link")):
            return invalid(f"Param {kind} must have one of ['id', 'link'].")
        return _too_long(f"{kind}['caption']", media.get("caption", ""), CAPTION_LIMIT)

    return check


def _check_fields(kind: str, *fields: str) -> Callable[[Any], GraphError | None]:
    def check(content: Any) -> GraphError | None:
        missing = [name for name in fields if content.get(name) in (None, "")]
        return required(f"{kind}['{missing[0]}']") if missing else None

    return check


def _check_interactive(interactive: Json) -> GraphError | None:
    if not _is_text(interactive.get("type")):
        return required("interactive['type']")
    body = interactive.get("body")
    text = body.get("text", "") if isinstance(body, dict) else ""
    return _too_long("interactive['body']['text']", text, CAPTION_LIMIT)


CHECKS: dict[str, Callable[[Any], GraphError | None]] = {
    "text": _check_text,
    **{kind: _check_media(kind) for kind in _MEDIA},
    "location": _check_fields("location", "latitude", "longitude"),
    "reaction": _check_fields("reaction", "message_id"),
    "template": _check_fields("template", "name", "language"),
    "interactive": _check_interactive,
    "contacts": lambda _: None,
}
