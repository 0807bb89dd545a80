"""What a WhatsApp message holds: kind, text, attachments, cards."""

import msgspec
from msgspec import Struct

from lobby_connectors.domain.items import Attachment, ContactCard
from lobby_connectors.domain.kinds import Kind
from lobby_connectors.platforms import phones
from lobby_connectors.platforms.reading import ParseError, address, ident, name
from lobby_connectors.platforms.whatsapp import wire

_ANSWERS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_VALUE = msgspec.json.Decoder(str)
_MEDIA = {
    "image": Kind.IMAGE,
    "video": Kind.VIDEO,
    "audio": Kind.AUDIO,
    "document": Kind.DOCUMENT,
    "sticker": Kind.STICKER,
}
_MOST_CARDS = 257
"""WhatsApp sends no more; all of them have to fit into one event."""


class Content(Struct, frozen=True):
    """What was said."""

    kind: Kind
    text: str = ""
    attachments: tuple[Attachment, ...] = ()
    cards: tuple[ContactCard, ...] = ()


UNSUPPORTED = Content(Kind.UNSUPPORTED)


def content_of(message: wire.Message) -> Content:
    """Returns the content; of a type that we do not know, or whose own field is missing, that it is unsupported."""
    if message.type == "text" and message.text:
        return Content(Kind.TEXT, message.text.body)
    kind = _MEDIA.get(message.type or "")
    media: wire.Media | None = getattr(message, message.type) if kind and message.type else None
    if kind and media:
        return Content(kind, media.caption or "", (_file(kind, media),))
    return _other(message)


def _other(message: wire.Message) -> Content:
    match message.type:
        case "interactive" if message.interactive:
            return _interactive(message.interactive)
        case "button" if message.button:
            return Content(Kind.BUTTON, message.button.text or message.button.payload or "")
        case "location" if message.location:
            return Content(Kind.LOCATION, "", (_place(message.location),))
        case "contacts" if message.contacts:
            return _cards(message.contacts, message.origin)
        case "order" if message.order:
            return Content(Kind.ORDER, _order(message.order))
    return UNSUPPORTED


def edited_text(edited: wire.Edited | None) -> str:
    """Returns the text or caption that a message has now."""
    if edited is None:
        return ""
    media = edited.image or edited.video or edited.document
    return edited.text.body if edited.text else (media.caption or "" if media else "")


def _file(kind: Kind, media: wire.Media) -> Attachment:
    return Attachment(
        kind=kind.name.lower(),
        url=address(media.url, "$.url"),
        file_name=name(media.filename),
        mime_type=name(media.mime_type),
        platform_file_id=ident(media.id, "$.id"),
    )


def _place(place: wire.Location) -> Attachment:
    title = ", ".join(part for part in (place.name, place.address) if part)
    return Attachment(kind="location", latitude=place.latitude, longitude=place.longitude, title=name(title))


def _cards(cards: list[wire.Card], origin: str | None) -> Content:
    if len(cards) > _MOST_CARDS:
        raise ParseError("$.contacts", f"{len(cards)} cards in one message")
    read = tuple(_card(card, origin) for card in cards)
    shown = tuple(Attachment(kind="contact", title=card.display_name or card.phone) for card in read)
    return Content(Kind.CONTACT, "", shown, read)


def _card(card: wire.Card, origin: str | None) -> ContactCard:
    """WhatsApp vouches only for the card that its own request button brought (origin contact_request)."""
    own = (card.origin or origin) == "contact_request"
    first = card.phones[0] if card.phones else wire.CardPhone()
    vouched = phones.of_digits(ident(first.wa_id, "$.phones[0].wa_id"))
    written = phones.of_text(first.phone or "")
    phone = written or vouched or (phones.of_digits(first.phone or "") if own else "")
    shown = card.name.formatted_name or card.name.first_name if card.name else None
    return ContactCard(phone, own and bool(phone), name(shown))


def _interactive(answer: wire.Interactive) -> Content:
    reply = answer.button_reply or answer.list_reply
    if reply:
        return Content(Kind.BUTTON, reply.title or "")
    if answer.nfm_reply:
        return Content(Kind.BUTTON, _form(answer.nfm_reply))
    return UNSUPPORTED


def _form(form: wire.FlowReply) -> str:
    """Returns the form's answers, a line each, so that the agent reads what the customer filled in."""
    lines = [form.body or ""]
    try:
        answers = _ANSWERS.decode(form.response_json or "{}")
        lines += [f"{key}: {_plain(raw)}" for key, raw in answers.items() if key != "flow_token"]
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        lines.append(form.response_json or "")
    return "\n".join(line for line in lines if line).replace("\x00", "\ufffd")


def _plain(raw: msgspec.Raw) -> str:
    try:
        return _VALUE.decode(raw)
    except msgspec.ValidationError:
        return bytes(raw).decode()


def _order(order: wire.Order) -> str:
    lines = [f"{_count(item)} × {ident(item.product_retailer_id, '$')}" for item in order.product_items or []]
    return "\n".join(([order.text] if order.text else []) + lines)


def _count(item: wire.Product) -> str:
    return name(item.quantity) if isinstance(item.quantity, str) else f"{item.quantity or 0:g}"
