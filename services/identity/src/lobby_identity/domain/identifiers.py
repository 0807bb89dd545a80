"""Identifiers: the addresses by which platforms know people, and what makes two of them equal."""

import hashlib
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import NamedTuple, NewType

ChannelUserId = NewType("ChannelUserId", str)
ContactId = NewType("ContactId", str)
WorkspaceId = NewType("WorkspaceId", str)

PHONE = "phone"
EMAIL = "email"
CRM_ID = "crm_id"
"""An id of the workspace's own system: two of them are two people, unless a person says otherwise."""

FOREVER = datetime.max.replace(tzinfo=UTC)
"""The retired time of an identifier that holds."""

_LONGEST = 256
"""Bytes of a key at most: indexes are bounded, and no platform has longer ids."""

_OLD_NOTATIONS = (
    (re.compile(r"521[0-9]{10}"), 3),
    (re.compile(r"549[0-9]{10}"), 3),
    (re.compile(r"55[0-9]{2}9[6-9][0-9]{7}"), 5),
)
"""Numbers of Mexico, Argentina and Brazil with a digit that not everybody writes, and the place of that digit."""

_PHONE_QUERY = re.compile(r"\+?[0-9][0-9 ()./-]{4,30}")


class Key(NamedTuple):
    """Equal keys are the same address; order is that in which rows are locked."""

    workspace_id: WorkspaceId
    match_key: str
    kind: str
    scope: str


class Address(NamedTuple):
    """One identifier as a platform gave it, and the key by which it is found."""

    key: Key
    value: str


def address(workspace_id: WorkspaceId, kind: str, scope: str, value: str) -> Address:
    """Returns an identifier inside a workspace."""
    return Address(Key(workspace_id, match_key(kind, value), kind, bounded(scope)), bounded(value))


def match_key(kind: str, value: str) -> str:
    """Returns what two values of one kind have in common when they are the same address."""
    return phone_key(value) if kind == PHONE else bounded(value)


def phone_key(phone: str) -> str:
    """Returns one key for all notations of a number: Mexico's 521, Argentina's 549, Brazil's ninth digit.

    WhatsApp keeps old forms that the numbering plans have left behind, so E.164 alone is not equality.
    """
    digits = phone.removeprefix("+")
    for notation, drop in _OLD_NOTATIONS:
        if notation.fullmatch(digits):
            digits = digits[: drop - 1] + digits[drop:]
            break
    return bounded("+" + digits)


def search_keys(query: str) -> list[str]:
    """Returns the keys under which an identifier that somebody typed may be stored; phones with or without "+"."""
    keys = {bounded(query)}
    if _PHONE_QUERY.fullmatch(query):
        keys.add(phone_key(re.sub(r"[^0-9]", "", query)))
    return sorted(keys)


def bounded(text: str) -> str:
    """Returns `text` as it can be stored and indexed; what is too long keeps its start and gets a digest."""
    text = text.replace("\x00", "\ufffd")
    if len(text) <= _LONGEST // 4 or len(text.encode("utf-8", "replace")) <= _LONGEST:
        return text
    return text[:32] + "#" + hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


class Holding(NamedTuple):
    """A channel user holds an address until it is retired. None does where a claimed phone's owner was not met yet."""

    channel_user_id: ChannelUserId | None
    first_seen_time: datetime
    retired_time: datetime = FOREVER


def holding_at(holdings: Sequence[Holding], at: datetime) -> Holding | None:
    """Returns the holding that holds at a time: the one that was retired next after it."""
    found = None
    for each in holdings:
        if each.retired_time > at and (found is None or each.retired_time < found.retired_time):
            found = each
    return found


def holding_ended_by(holdings: Iterable[Holding], at: datetime) -> Holding | None:
    """Returns the holding that a retirement at a time is about: not one that began later, nor one that ended before."""
    about = [each for each in holdings if each.retired_time >= at and each.first_seen_time <= at]
    return min(about, key=lambda each: each.retired_time, default=None)
