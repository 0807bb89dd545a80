"""What a reader may not see is taken out of a message, by the classes that the contracts give to fields. Pure."""

import hashlib
from collections.abc import Callable, Mapping
from functools import cache

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from lobby.options.v1 import options_pb2
from lobby.options.v1.options_pb2 import (
    PERSONAL_DATA_IDENTIFIER,
    PERSONAL_DATA_NAME,
    PERSONAL_DATA_PLATFORM_ID,
)
from lobby_gateway.roles import Shown, Sight
from lobby_gateway.transcode.names import fields_of, is_map

REACHABLE_KINDS = frozenset({"phone", "email"})
"""Kinds of identifiers by which people are reached outside the platform."""
_SHOWN_OF_ADDRESS = 4
_HIDDEN = "••••"
_MOST_INITIALS = 3
_STAND_IN_BYTES = 16


def masked(message: Message, sight: Sight) -> Message:
    """Returns the message as the reader sees it; the one given stays as it is."""
    if sight.is_full or not _is_personal(message.DESCRIPTOR):
        return message
    copy = type(message)()
    copy.CopyFrom(message)
    _mask(copy, sight)
    return copy


def initials(name: str) -> str:
    """Returns the first letters of at most three words: "Ana Maria" is "A. M.". A name without letters has none."""
    letters = [next((sign for sign in word if sign.isalpha()), "") for word in name.split()]
    return " ".join(f"{letter.upper()}." for letter in [each for each in letters if each][:_MOST_INITIALS])


def last_four(address: str) -> str:
    """Returns the address with all but its last 4 characters hidden; a short one is hidden whole."""
    return _HIDDEN + (address[-_SHOWN_OF_ADDRESS:] if len(address) > _SHOWN_OF_ADDRESS else "")


def stand_in(platform_id: str) -> str:
    """Returns an id that tells nothing and is always the same, so that a reply still finds what it replies to."""
    return hashlib.blake2b(platform_id.encode(), digest_size=_STAND_IN_BYTES).hexdigest()


@cache
def _is_personal(message: Descriptor) -> bool:
    """True where the message or one inside it has a field with a class. Our messages never hold themselves."""
    return any(
        _class_of(field) or (field.message_type is not None and _is_personal(field.message_type))
        for field in fields_of(message)
    )


@cache
def _class_of(field: FieldDescriptor) -> int:
    return int(field.GetOptions().Extensions[options_pb2.personal_data])


def _mask(message: Message, sight: Sight) -> None:
    for field in fields_of(message.DESCRIPTOR):
        if _class_of(field):
            _mask_field(message, field, sight)
        elif field.message_type is not None and _is_personal(field.message_type):
            _mask_inside(message, field, sight)


def _mask_inside(message: Message, field: FieldDescriptor, sight: Sight) -> None:
    value = getattr(message, field.name)
    if is_map(field):
        for key in value:
            _mask(value[key], sight)
    elif field.is_repeated:
        for each in value:
            _mask(each, sight)
    elif message.HasField(field.name):
        _mask(value, sight)


def _mask_field(message: Message, field: FieldDescriptor, sight: Sight) -> None:
    shown = _shown(message, field, sight)
    if shown is Shown.WHOLE:
        return
    is_text = field.type == FieldDescriptor.TYPE_STRING and not field.is_repeated
    if shown is Shown.NOTHING or not is_text:
        message.ClearField(field.name)
        return
    value = getattr(message, field.name)
    if value:
        setattr(message, field.name, _PARTS.get(_class_of(field), last_four)(value))


_PARTS: Mapping[int, Callable[[str], str]] = {PERSONAL_DATA_NAME: initials, PERSONAL_DATA_PLATFORM_ID: stand_in}
"""What is shown of a value that is shown in part; of all others the last 4 characters."""


def _shown(message: Message, field: FieldDescriptor, sight: Sight) -> Shown:
    """How much the reader sees of this field; an address is judged by the `kind` beside it."""
    kind = _class_of(field)
    if kind == PERSONAL_DATA_NAME:
        return sight.names
    if kind == PERSONAL_DATA_IDENTIFIER:
        return sight.reachable if getattr(message, "kind", "") in REACHABLE_KINDS else sight.identifiers
    if kind == PERSONAL_DATA_PLATFORM_ID:
        return Shown.WHOLE if sight.reachable is Shown.WHOLE else Shown.PART
    return sight.texts
