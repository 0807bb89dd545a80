"""What a customer can do on WhatsApp, each as the message object that tells of it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from lobby_sandbox.contract import RefusedError
from lobby_sandbox.media import SAMPLES
from lobby_sandbox.merge import Json
from lobby_sandbox.whatsapp.customers import Customer


@dataclass(frozen=True, slots=True)
class Scene:
    """The facts that a message object is made of."""

    customer: Customer
    business_phone: str
    text: str | None
    hints: Json
    """The fields of the test's payload that this module understands by itself, see HINTS."""

    target: str | None
    """The message that this one is about."""

    media_id: str
    new_user_id: str
    """What a changed BSUID changes to, unless the test says."""


@dataclass(frozen=True, slots=True)
class Part:
    """The kind's own contribution: the message's type, and the field that holds the rest."""

    type: str
    field: str
    value: Any
    beside: Json | None = None
    """More fields of the message."""


HINTS = {
    "edit": frozenset({"message_id"}),
    "delete": frozenset({"message_id"}),
    "reaction": frozenset({"message_id"}),
    "button": frozenset({"data"}),
    "list": frozenset({"data"}),
    "quick_reply": frozenset({"data"}),
    "contact": frozenset({"phone_number", "first_name"}),
    "user_changed_user_id": frozenset({"user_id"}),
    "user_changed_number": frozenset({"wa_id", "user_id"}),
}


def _text(scene: Scene) -> Part:
    return Part("text", "text", {"body": scene.text or ""})


def _media(kind: str, **more: object) -> Callable[[Scene], Part]:
    """A builder of media messages; the type is the kind, but a voice note is an audio."""

    def build(scene: Scene) -> Part:
        sample = SAMPLES[kind]
        media: Json = {"mime_type": sample.mime_type, "sha256": sample.sha256, "id": scene.media_id, **more}
        if scene.text is not None and kind in {"image", "video", "document"}:
            media = {"caption": scene.text, **media}
        type_ = "audio" if kind == "voice" else kind
        return Part(type_, type_, media)

    return build


def _location(scene: Scene) -> Part:
    place: Json = {"latitude": 13.7466, "longitude": 100.5393}
    return Part("location", "location", place | ({"name": scene.text} if scene.text else {}))


def _contact(scene: Scene) -> Part:
    phone = str(scene.hints.get("phone_number") or scene.customer.phone or "").removeprefix("+")
    name = str(scene.hints.get("first_name") or scene.text or "").strip() or scene.customer.person.name
    phones = [{"phone": f"+{phone}", "wa_id": phone, "type": "CELL"}] if phone else []
    card = {"name": {"first_name": name.split(maxsplit=1)[0], "formatted_name": name}, "phones": phones}
    return Part("contacts", "contacts", [card])


def _reaction(scene: Scene) -> Part:
    emoji = "👍" if scene.text is None else scene.text
    return Part("reaction", "reaction", {"message_id": _target(scene), "emoji": emoji})


def _context(scene: Scene) -> Json:
    """Which of the business's messages a button stood under, if there was one."""
    return {"context": {"from": scene.business_phone, "id": scene.target}} if scene.target else {}


def _reply(type_: str) -> Callable[[Scene], Part]:
    """A builder of answers to an interactive message."""

    def build(scene: Scene) -> Part:
        title = scene.text or "Yes"
        chosen = {"id": str(scene.hints.get("data") or title), "title": title}
        return Part("interactive", "interactive", {"type": type_, type_: chosen}, _context(scene))

    return build


def _quick_reply(scene: Scene) -> Part:
    title = scene.text or "Yes"
    button = {"payload": str(scene.hints.get("data") or title), "text": title}
    return Part("button", "button", button, _context(scene))


def _referral(scene: Scene) -> Part:
    ad = {
        "source_url": "https://fb.me/sandbox-ad",
        "source_id": "120210000000000001",
        "source_type": "ad",
        "headline": "Chat with us",
        "body": "New arrivals every week",
        "media_type": "image",
        "image_url": "https://example.com/ad.jpg",
        "ctwa_clid": "ARAsandbox0clickid",
    }
    return Part("text", "referral", ad, {"text": {"body": scene.text or "Hello! Can I get more info on this?"}})


def _order(scene: Scene) -> Part:
    item = {"product_retailer_id": "sku-1", "quantity": 1, "item_price": 10, "currency": "USD"}
    return Part("order", "order", {"catalog_id": "1", "text": scene.text or "", "product_items": [item]})


def _edit(scene: Scene) -> Part:
    message = {"type": "text", "text": {"body": scene.text or ""}}
    return Part("edit", "edit", {"original_message_id": _target(scene), "message": message})


def _revoke(scene: Scene) -> Part:
    return Part("revoke", "revoke", {"original_message_id": _target(scene)})


def _changed_user_id(scene: Scene) -> Part:
    old, new = scene.customer.user_id, str(scene.hints.get("user_id") or scene.new_user_id)
    system = {
        "body": f"User {scene.customer.person.name} changed from {old} to {new}",
        "user_id": new,
        "previous_user_id": old,
        "type": "user_changed_user_id",
    }
    return Part("system", "system", system)


def _changed_number(scene: Scene) -> Part:
    old, new = scene.customer.phone, str(scene.hints.get("wa_id") or "").removeprefix("+")
    if not old or not new:
        raise RefusedError("user_changed_number needs a customer with a phone and payload.wa_id, the new one")
    system = {
        "body": f"User {scene.customer.person.name} changed from {old} to {new}",
        "wa_id": new,
        "user_id": str(scene.hints.get("user_id") or scene.new_user_id),
        "previous_user_id": scene.customer.user_id,
        "type": "user_changed_number",
    }
    return Part("system", "system", system)


def _unsupported(_: Scene) -> Part:
    error = {
        "code": 131051,
        "title": "Message type unknown",
        "message": "Message type unknown",
        "error_data": {"details": "Message type is currently not supported."},
    }
    return Part("unsupported", "unsupported", {"type": "unknown"}, {"errors": [error]})


def _target(scene: Scene) -> str:
    if scene.target is None:
        raise RefusedError("there is no earlier message: say which one in payload.message_id")
    return scene.target


KINDS: dict[str, Callable[[Scene], Part]] = {
    "text": _text,
    "image": _media("image"),
    "video": _media("video"),
    "audio": _media("audio", voice=False),
    "voice": _media("voice", voice=True),
    "document": _media("document", filename="document.pdf"),
    "sticker": _media("sticker", animated=False),
    "location": _location,
    "contact": _contact,
    "reaction": _reaction,
    "button": _reply("button_reply"),
    "list": _reply("list_reply"),
    "quick_reply": _quick_reply,
    "referral": _referral,
    "order": _order,
    "edit": _edit,
    "delete": _revoke,
    "echo": _text,
    "user_changed_user_id": _changed_user_id,
    "user_changed_number": _changed_number,
    "unsupported": _unsupported,
}

ALIASES = {
    "photo": "image",
    "file": "document",
    "contacts": "contact",
    "postback": "button",
    "callback": "button",
    "unsend": "delete",
    "revoke": "delete",
}
