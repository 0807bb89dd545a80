"""Whole webhook bodies of WhatsApp, with the test's own JSON laid over them."""

from collections.abc import Mapping

from lobby_sandbox.contract import Speech
from lobby_sandbox.merge import Json, Level, dig, lay_over
from lobby_sandbox.whatsapp.customers import Customer
from lobby_sandbox.whatsapp.messages import HINTS, KINDS, Scene
from lobby_sandbox.whatsapp.webhooks import Number, envelope, seconds

_BODY = frozenset({"object", "entry"})
_VALUE = frozenset({"messaging_product", "metadata", "contacts", "messages", "statuses", "message_echoes"})
_MESSAGE = frozenset(
    {
        *("id", "timestamp", "type", "from", "from_user_id", "from_parent_user_id", "to", "to_user_id"),
        *("group_id", "context", "referral", "errors", "text", "image", "video", "audio", "document"),
        *("sticker", "location", "contacts", "reaction", "interactive", "button", "order", "system"),
        *("edit", "revoke", "unsupported"),
    }
)


def message_body(number: Number, scene: Scene, speech: Speech, kind: str, message_id: str) -> Json:
    """The webhook that tells of one thing a customer did, or of one message that staff wrote on the phone."""
    part = KINDS[kind](scene)
    message: Json = {
        **_ends(number, scene.customer, kind),
        "id": message_id,
        "timestamp": seconds(speech.at),
        "type": part.type,
        **(part.beside or {}),
        part.field: part.value,
    }
    array = "message_echoes" if kind == "echo" else "messages"
    content: Json = {} if part.type == "system" else {"contacts": [scene.customer.contact()]}
    field = "smb_message_echoes" if kind == "echo" else "messages"
    body = envelope(number, field, {**content, array: [message]})

    inner = [Level(message, _MESSAGE), Level(part.value)] if isinstance(part.value, dict) else [Level(message)]
    hints = HINTS.get(kind, frozenset())
    # `contacts` names the senders of a webhook, but in a contact message it names the cards.
    value_keys = _VALUE - {"contacts"} if kind == "contact" else _VALUE
    outer = [Level(body, _BODY), Level(_value(body), value_keys)]
    lay_over([*outer, *inner], {key: value for key, value in speech.payload.items() if key not in hints})
    return body


def status_body(number: Number, customer: Customer, status: Json) -> Json:
    """The webhook with one status of a message to this customer; a phone he did not show stays hidden."""
    recipient = {"recipient_id": customer.phone} if customer.phone is not None else {}
    full = {**status, **recipient, "recipient_user_id": customer.user_id}
    return envelope(number, "messages", {"contacts": [customer.contact()], "statuses": [full]})


def custom_status_body(number: Number, customer: Customer, status: Json, payload: Json) -> Json:
    """A status webhook that says what the test wants."""
    body = status_body(number, customer, status)
    value = _value(body)
    lay_over([Level(body, _BODY), Level(value, _VALUE), Level(value["statuses"][0])], payload)
    return body


def message_of(body: Mapping[str, object]) -> Json:
    """The first message, echo or status of a body, or nothing."""
    value = _value(body)
    found = (dig(value, array, 0) for array in ("messages", "message_echoes", "statuses"))
    return next((message for message in found if isinstance(message, dict)), {})


def _value(body: Mapping[str, object]) -> Json:
    value = dig(body, "entry", 0, "changes", 0, "value")
    return value if isinstance(value, dict) else {}


def _ends(number: Number, customer: Customer, kind: str) -> Json:
    """Who wrote, and to whom if that is not the business."""
    if kind == "user_changed_user_id":
        return {}
    phone = customer.phone
    if kind == "echo":
        to = {} if phone is None else {"to": phone}
        return {"from": number.display, **to, "to_user_id": customer.user_id}
    sender = {} if phone is None else {"from": phone}
    return {**sender, "from_user_id": customer.user_id}
