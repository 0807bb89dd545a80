"""LINE Messaging API webhooks: bytes in, typed items out. Nothing here waits, logs or knows the time."""

import hashlib

from msgspec.json import Decoder

from lobby_connectors.domain.items import (
    Attachment,
    Customer,
    Deletion,
    Edit,
    Identifier,
    Ignored,
    Item,
    Message,
    Parsed,
    Section,
)
from lobby_connectors.domain.kinds import Kind
from lobby_connectors.platforms.line import wire
from lobby_connectors.platforms.reading import ParseError, address, decode, ident, limited, millis, name, required, size

_BODY = Decoder(wire.Body)
_EVENT = Decoder(wire.Event)

# Events that are no message of a customer, with the rule by which they are left out.
_IGNORED = {
    "follow": "follow",
    "unfollow": "blocked",
    "join": "group",
    "leave": "group",
    "memberJoined": "group",
    "memberLeft": "group",
    "beacon": "beacon",
    "accountLink": "account_link",
    "videoPlayComplete": "video_played",
    "membership": "membership",
    "module": "account_notice",
    "activated": "account_notice",
    "deactivated": "account_notice",
    "botSuspended": "account_notice",
    "botResumed": "account_notice",
    "delivery": "notice_delivered",
    "things": "things",
}
_FILES = {"image": Kind.IMAGE, "video": Kind.VIDEO, "audio": Kind.AUDIO, "file": Kind.DOCUMENT}


def parse(body: bytes, user_scope: str) -> Parsed:
    """Returns what the body says. Raises ParseError where it is no LINE webhook at all."""
    section = Section([])
    problems: list[str] = []
    events = decode(_BODY, body).events
    limited(len(events), "$.events")
    for i, raw in enumerate(events):
        path = f"$.events[{i}]"
        try:
            section.items.append(_read(decode(_EVENT, raw, path), user_scope, path))
        except ParseError as error:
            problems.append(str(error))
    return Parsed([section], problems)


def _read(event: wire.Event, scope: str, path: str) -> Item:  # noqa: PLR0911  # a table, one line per kind
    if event.mode == "standby":
        return Ignored("standby")
    if event.type in _IGNORED:
        return Ignored(_IGNORED[event.type])
    if event.source is None or event.source.type in ("group", "room"):
        return Ignored("group" if event.source else "no_source")
    match event.type:
        case "message":
            return _message(event, scope, path)
        case "postback":
            return _postback(event, scope, path)
        case "unsend" if event.unsend:
            return Deletion(required(event.unsend.messageId, f"{path}.unsend.messageId"), "", millis(event.timestamp))
        case "messageEdited" if event.message:
            target = required(event.message.id, f"{path}.message.id")
            return Edit(target, "", millis(event.timestamp), event.message.text or "")
    return Ignored("unknown_event")


def _message(event: wire.Event, scope: str, path: str) -> Item:
    if event.message is None:
        raise ParseError(f"{path}.message", "missing")
    platform_id = required(event.message.id, f"{path}.message.id")
    kind, text, attachments = _content(event.message)
    customer = _customer(event, scope, path)
    return Message(
        # The event's id is left out by old senders; the message's own id is there in every delivery.
        platform_message_id=platform_id,
        id_scope=customer.chat,
        customer=customer,
        time=millis(event.timestamp),
        kind=kind,
        text=text,
        attachments=attachments,
        reply_to=ident(event.message.quotedMessageId, f"{path}.message.quotedMessageId"),
    )


def _postback(event: wire.Event, scope: str, path: str) -> Item:
    """A postback has no message id: the event's id is its key, and without one what it says at its time."""
    if event.postback is None:
        raise ParseError(f"{path}.postback", "missing")
    customer = _customer(event, scope, path)
    time, data = millis(event.timestamp), event.postback.data or ""
    said = hashlib.sha256(data.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    key = ident(event.webhookEventId, path) or f"postback/{customer.chat}/{time.timestamp() if time else ''}/{said}"
    return Message(
        platform_message_id=key,
        id_scope=customer.chat,
        customer=customer,
        time=time,
        kind=Kind.BUTTON,
        text=data,
    )


def _content(content: wire.Content) -> tuple[Kind, str, tuple[Attachment, ...]]:
    if content.type == "text" and content.text is not None:
        return Kind.TEXT, content.text, ()
    if content.type in _FILES:
        kind = _FILES[content.type]
        return kind, "", (_file(kind, content),)
    if content.type == "sticker":
        shown = content.text or ", ".join(content.keywords or ())
        return Kind.STICKER, "", (Attachment("sticker", title=name(shown)),)
    if content.type == "location":
        title = ", ".join(part for part in (content.title, content.address) if part)
        place = Attachment(
            "location", latitude=content.latitude or 0.0, longitude=content.longitude or 0.0, title=name(title)
        )
        return Kind.LOCATION, "", (place,)
    return Kind.UNSUPPORTED, content.text or "", ()


def _file(kind: Kind, content: wire.Content) -> Attachment:
    """A file at LINE itself is fetched by the message's id; one elsewhere by its address."""
    elsewhere = content.contentProvider.originalContentUrl if content.contentProvider else None
    return Attachment(
        kind=kind.name.lower(),
        url=address(elsewhere, "$.originalContentUrl"),
        file_name=name(content.fileName),
        size=size(content.fileSize),
        platform_file_id="" if elsewhere else ident(content.id, "$.id"),
    )


def _customer(event: wire.Event, scope: str, path: str) -> Customer:
    user = required(event.source.userId if event.source else None, f"{path}.source.userId")
    return Customer(user, (Identifier("line_user_id", scope, user),))
