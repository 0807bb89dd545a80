"""Messages, and the facts that are told of them."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from msgspec import Struct

from lobby_common.events.log import Connection
from lobby_connectors.domain.items import Attachment, Refusal
from lobby_connectors.domain.kinds import Delivery, Direction, Kind
from lobby_connectors.domain.sending import Standing
from lobby_connectors.domain.webhooks import SourcedFact
from lobby_connectors.store import QUERIES

_ENCODE = msgspec.json.Encoder().encode
_ATTACHMENTS = msgspec.json.Decoder(tuple[Attachment, ...])
_REFUSAL = msgspec.json.Decoder(Refusal)
_EMOJIS = msgspec.json.Decoder(tuple[str, ...])
_FACT = msgspec.json.Decoder(SourcedFact)

MessageRow = tuple[Any, ...]
"""The columns of insert_messages, in order."""


class Target(Struct, kw_only=True):
    """A message of which something is told; changed in place and written back as it is then."""

    message_id: str
    workspace_id: str
    account_id: str
    chat: str
    platform_message_id: str
    direction: Direction
    kind: Kind
    text: str
    author_kind: str
    author_id: str
    edit_time: datetime | None
    delete_time: datetime | None
    reactions: tuple[str, ...]
    reaction_time: datetime | None
    conversation_id: str
    seen_seq: int
    standing: Standing | None
    """Where it stands, if it is ours."""
    traceparent: str
    delivery_time: datetime | None = None
    claim: int = 0
    """The number under which it is or was sent."""
    expire_time: datetime | None = None
    lock_time: datetime | None = None
    """The database's time when it was locked alone: what is due later is due by that clock."""


class Hit(Struct):
    """A target that a fact speaks of, and which part of it."""

    target: Target
    part: int | None
    generation: int | None


def attachments_json(attachments: Sequence[Attachment]) -> str | None:
    """Returns attachments as they are stored."""
    return _ENCODE(attachments).decode() if attachments else None


def attachments_of(stored: str | None) -> tuple[Attachment, ...]:
    """Returns stored attachments."""
    return _ATTACHMENTS.decode(stored) if stored else ()


def refusal_of(stored: str | None) -> Refusal | None:
    """Returns a stored refusal."""
    return _REFUSAL.decode(stored) if stored else None


def emojis_of(stored: str | None) -> tuple[str, ...]:
    """Returns stored reactions."""
    return _EMOJIS.decode(stored) if stored else ()


async def insert(conn: Connection, rows: Sequence[MessageRow]) -> dict[str, list[SourcedFact]]:
    """The messages are there. Returns the ids of the new ones, each with the facts that waited for it."""
    if not rows:
        return {}
    found = await conn.fetch(QUERIES["insert_messages"], *map(list, zip(*rows, strict=True)))
    return {row["message_id"]: [_FACT.decode(fact) for fact in row["facts"] or ()] for row in found}


async def find_own(conn: Connection, message_ids: Sequence[str], webhook_id: str) -> set[str]:
    """Returns those of the messages that this webhook brought."""
    rows = await conn.fetch(QUERIES["find_own_messages"], message_ids, webhook_id)
    return {row["message_id"] for row in rows}


async def find_chats(conn: Connection, asked: Sequence[tuple[int, str, str]]) -> dict[int, str]:
    """Returns of the chats asked for under one number (number, account, chat) that in which was written last."""
    if not asked:
        return {}
    rows = await conn.fetch(QUERIES["find_chats"], *map(list, zip(*asked, strict=True)))
    return {row["n"]: row["chat"] for row in rows}


async def find_targets(conn: Connection, asked: Sequence[tuple[int, str, str, str, str | None]]) -> dict[int, Hit]:
    """Returns what (number, account, platform's id, chat, our id) speak of, by number; the rows are locked."""
    rows = await conn.fetch(QUERIES["find_targets"], *map(list, zip(*asked, strict=True)))
    targets: dict[str, Target] = {}
    hits: dict[int, Hit] = {}
    for row in rows:
        target = targets.setdefault(row["message_id"], target_of(row))
        hit = Hit(target, row["part"], row["part_generation"])
        # By the platform's id it is known which part it is; ours comes last.
        if row["n"] not in hits or (hits[row["n"]].part is None and hit.part is not None):
            hits[row["n"]] = hit
    return hits


async def lock(conn: Connection, message_id: str, workspace_id: str | None) -> Target | None:
    """Returns a message to be changed."""
    row = await conn.fetchrow(QUERIES["lock_message"], message_id, workspace_id)
    if row is None:
        return None
    target = target_of(row)
    target.claim, target.expire_time, target.lock_time = row["claim"] or 0, row["expire_time"], row["lock_time"]
    return target


def target_of(row: Any) -> Target:
    """Returns the target in a row."""
    return Target(
        message_id=row["message_id"],
        workspace_id=row["workspace_id"],
        account_id=row["account_id"],
        chat=row["chat"],
        platform_message_id=row["platform_message_id"],
        direction=Direction(row["direction"]),
        kind=Kind(row["kind"]),
        text=row["text"],
        author_kind=row["author_kind"],
        author_id=row["author_id"],
        edit_time=row["edit_time"],
        delete_time=row["delete_time"],
        reactions=emojis_of(row["reactions"]),
        reaction_time=row["reaction_time"],
        conversation_id=row["conversation_id"] or "",
        seen_seq=row["seen_seq"] or 0,
        standing=standing_of(row),
        traceparent=row["traceparent"],
    )


def standing_of(row: Any) -> Standing | None:
    """Returns where an outbound message stands."""
    if row["delivery"] is None:
        return None
    return Standing(
        delivery=Delivery(row["delivery"]),
        parts=row["parts"],
        parts_done=row["parts_done"],
        attempts=row["attempts"],
        generation=row["generation"],
        error=refusal_of(row["error"]),
        accept_time=row["accept_time"],
        due_time=row["due_time"],
    )


async def update(conn: Connection, targets: Sequence[Target]) -> None:
    """The messages are as the targets say."""
    if targets:
        await conn.execute(QUERIES["update_messages"], *map(list, zip(*map(_columns, targets), strict=True)))


def _columns(target: Target) -> tuple[Any, ...]:
    standing = target.standing
    return (
        target.message_id,
        target.text,
        target.edit_time,
        target.delete_time,
        _ENCODE(target.reactions).decode() if target.reactions else None,
        target.reaction_time,
        target.platform_message_id,
        standing.delivery if standing else None,
        _ENCODE(standing.error).decode() if standing and standing.error else None,
        standing.accept_time if standing else None,
        target.delivery_time,
        standing.parts_done if standing else None,
        standing.attempts if standing else None,
        standing.due_time if standing else None,
        standing.generation if standing else None,
    )


async def insert_parts(conn: Connection, parts: Sequence[tuple[str, str, str, int, int]]) -> None:
    """(account, platform's id, message, part, generation) can be found by the platform's id."""
    if parts:
        await conn.execute(QUERIES["insert_parts"], *map(list, zip(*parts, strict=True)))


async def insert_waiting(conn: Connection, facts: Sequence[tuple[str, SourcedFact]]) -> set[str]:
    """The facts wait for their message. Returns the ids of those that did not yet."""
    if not facts:
        return set()
    rows = await conn.fetch(
        QUERIES["insert_waiting"],
        [fact_id for fact_id, _ in facts],
        [each.account_id for _, each in facts],
        [each.fact.platform_message_id for _, each in facts],
        [getattr(each.fact, "chat", "") for _, each in facts],
        [_ENCODE(each) for _, each in facts],
    )
    return {row["fact_id"] for row in rows}


async def take_waiting(conn: Connection, limit: int, young: timedelta) -> list[SourcedFact]:
    """Returns facts not older than `young` whose message is there by now; they wait no more."""
    return [_FACT.decode(row["fact"]) for row in await conn.fetch(QUERIES["take_waiting"], limit, young)]


async def insert_told(conn: Connection, facts: Sequence[tuple[str, str]]) -> set[str]:
    """(fact, account) are marked as told. Returns the ids of those that were not."""
    if not facts:
        return set()
    rows = await conn.fetch(QUERIES["insert_told"], [each[0] for each in facts], [each[1] for each in facts])
    return {row["fact_id"] for row in rows}
