"""Events as live items: type, ids, version and time, never a text. A new event needs no code here."""

import importlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import msgspec
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass
from google.protobuf.timestamp_pb2 import Timestamp

from lobby.events.v1.batch_pb2 import Batch, Event
from lobby_common.times import to_proto, utc_now
from lobby_gateway import contract
from lobby_gateway.transcode.times import format_time

RESYNC = "resync"
"""Type of the item that says: what you know is too old, read it anew."""
HEARTBEAT = "heartbeat"
_IDS = ("conversation_id", "message_id", "contact_id", "account_id", "agent_id")
_INSIDE = ("conversation", "group")
"""Fields that hold what most of an event is about: their ids are the event's."""
_WORD = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


@dataclass(frozen=True, slots=True)
class Item:
    """One hint, without its id."""

    workspace_id: str
    type: str
    ids: Mapping[str, str]
    chat: str
    """The platform's chat address, for finding the conversation; never shown."""
    version: int
    time: Timestamp
    is_assignment: bool = False
    """It says to whom its conversation belongs from now on: `ids["agent_id"]`, "" for the pool."""

    def json(self, item_id: str) -> str:
        """Returns the item as screens get it."""
        shown = {name: value for name, value in self.ids.items() if value}
        body: dict[str, Any] = {"id": item_id, "type": self.type, **shown, "version": self.version}
        if (time := format_time(self.time)) is not None:
            body["time"] = time
        return msgspec.json.encode(body).decode()


def notice(kind: str) -> Item:
    """Returns an item of the gateway's own: RESYNC or HEARTBEAT."""
    return Item("", kind, {}, "", 0, to_proto(utc_now()))


@cache
def kinds() -> Mapping[str, type[Message]]:
    """Returns the messages that may be events, by full name: those of the files called events.proto."""
    modules = [
        importlib.import_module(file.name.removesuffix(".proto").replace("/", ".") + "_pb2")
        for file in contract.files()
        if file.name.endswith("/events.proto")
    ]
    described = [each for module in modules for each in module.DESCRIPTOR.message_types_by_name.values()]
    return {each.full_name: GetMessageClass(each) for each in described}


def type_of(name: str) -> str:
    """Returns the type of items that tell of the event: `message_received` of MessageReceived."""
    return _WORD.sub("_", name).lower()


def types() -> tuple[str, ...]:
    """Returns the types of all items that there can be, in order; parts of events are none."""
    parts = {
        field.message_type.full_name
        for kind in kinds().values()
        for field in kind.DESCRIPTOR.fields
        if field.message_type is not None
    }
    events = [kind.DESCRIPTOR.name for name, kind in kinds().items() if name not in parts]
    return (*sorted(type_of(event) for event in events), HEARTBEAT, RESYNC)


def events_of(batch: Batch) -> Iterator[tuple[int, Event]]:
    """Yields version and event of everything in a batch: the version is the position in its lane, so it rises."""
    for segment in batch.segments:
        for offset, event in enumerate(segment.events):
            yield segment.first + offset, event


@dataclass(frozen=True, slots=True)
class Shape:
    """What every event of one kind has in common: looked up once, because events come by the thousand."""

    kind: type[Message]
    type: str
    inner: str
    """The field of what it is about, "" where it has none."""
    own: tuple[str, ...]
    """Ids among the event's own fields."""
    inside: tuple[str, ...]
    """Ids that only what it is about has."""
    has_chat: bool
    """The chat is a field of its own; else of what it is about, if that has one."""
    inner_has_chat: bool
    is_assignment: bool


@cache
def shape_of(name: str) -> Shape | None:
    """Returns the shape of events of a type, None for one that this gateway does not know."""
    kind = kinds().get(name)
    if kind is None:
        return None
    fields = kind.DESCRIPTOR.fields_by_name
    inside = {name: fields[name].message_type for name in _INSIDE if name in fields and not fields[name].is_repeated}
    inner, about = next(((name, about) for name, about in inside.items() if about is not None), ("", None))
    below = {} if about is None else about.fields_by_name
    return Shape(
        kind=kind,
        type=type_of(kind.DESCRIPTOR.name),
        inner=inner,
        own=tuple(name for name in _IDS if name in fields),
        inside=tuple(name for name in _IDS if name in below and name not in fields),
        has_chat="chat" in fields,
        inner_has_chat="chat" in below and "chat" not in fields,
        is_assignment=kind.DESCRIPTOR.name in ("ConversationAssigned", "ConversationOwed"),
    )


def item_of(version: int, event: Event) -> Item | None:
    """Returns the item that tells of the event; None for an event that this gateway does not know."""
    shape = shape_of(event.type)
    if shape is None:
        return None
    try:
        payload = shape.kind.FromString(event.payload)
    except DecodeError:
        return None
    ids = dict.fromkeys(_IDS, "")
    for name in shape.own:
        ids[name] = getattr(payload, name)
    chat = payload.chat if shape.has_chat else ""  # type: ignore[attr-defined]  # the shape says so
    if shape.inner:
        inner = getattr(payload, shape.inner)
        for name in shape.inside:
            ids[name] = getattr(inner, name)
        chat = inner.chat if shape.inner_has_chat else chat
    return Item(event.workspace_id, shape.type, ids, chat, version, event.time, shape.is_assignment)
