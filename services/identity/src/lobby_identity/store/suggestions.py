"""Weak evidence, what is made of it, and what people decided."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from lobby_common.events.log import Connection
from lobby_identity.domain.identifiers import EMAIL, PHONE, ContactId, WorkspaceId
from lobby_identity.domain.mentions import AVATAR, Mention
from lobby_identity.likeness.model import Reason
from lobby_identity.store.statements import QUERIES

LIKENESS = "likeness"
"""Evidence of a suggestion: what both have in common. Any other is strong evidence that is held."""


@dataclass(frozen=True, slots=True)
class Mentioned:
    """A value that a contact typed or shows."""

    workspace_id: WorkspaceId
    contact_id: ContactId
    mention: Mention
    at: datetime


@dataclass(frozen=True, slots=True)
class Unweighed:
    """A contact of whom something new is known since it was weighed."""

    contact_id: ContactId
    change_time: datetime


@dataclass(frozen=True, slots=True)
class RecordToWeigh:
    """What may be compared of one record of a person."""

    root: ContactId
    contact_id: ContactId
    display_name: str
    language: str
    country: str
    campaign: str
    touch_time: datetime | None
    own_phones: Sequence[str]
    """Match keys."""
    mentions: Sequence[Mention]
    crm_scopes: Sequence[str] = ()
    """Of the ids of the workspace's own systems that it has."""


@dataclass(frozen=True, slots=True)
class Found:
    """Two contacts that may be one person."""

    suggestion_id: str
    contact_id: ContactId
    other_contact_id: ContactId
    """The greater of both ids."""
    evidence: str
    probability: float
    reasons: Sequence[Reason]


@dataclass(frozen=True, slots=True)
class StoredSuggestion:
    """A suggestion as stored; lists give canonical contacts."""

    suggestion_id: str
    contact_id: ContactId
    other_contact_id: ContactId
    evidence: str
    probability: float
    reasons: Sequence[Reason]
    state: str
    merge_id: str
    actor: str
    create_time: datetime
    decide_time: datetime | None


@dataclass(frozen=True, slots=True)
class Policy:
    """How suggestions are made and confirmed in a workspace."""

    least_probability: float = 0.5
    least_bulk_probability: float = 0.95


async def insert_mentions(conn: Connection, mentioned: Sequence[Mentioned]) -> None:
    """The values are kept, each once per contact."""
    await conn.execute(
        QUERIES["insert_mentions"],
        [each.workspace_id for each in mentioned],
        [each.mention.kind for each in mentioned],
        [each.mention.match_key for each in mentioned],
        [each.contact_id for each in mentioned],
        [each.at for each in mentioned],
    )


async def insert_unweighed(conn: Connection, contacts: Iterable[tuple[WorkspaceId, ContactId]]) -> None:
    """The contacts will be weighed."""
    pairs = sorted(set(contacts))
    await conn.execute(QUERIES["insert_unweighed"], [pair[0] for pair in pairs], [pair[1] for pair in pairs])


async def read_unweighed(conn: Connection, limit: int) -> tuple[WorkspaceId, list[Unweighed]] | None:
    """Returns contacts of one workspace that wait, the longest first; None where nobody waits."""
    rows = await conn.fetch(QUERIES["read_unweighed"], limit)
    if not rows:
        return None
    waiting = [Unweighed(ContactId(row["contact_id"]), row["change_time"]) for row in rows]
    return WorkspaceId(rows[0]["workspace_id"]), waiting


async def delete_unweighed(conn: Connection, workspace_id: WorkspaceId, weighed: Sequence[Unweighed]) -> None:
    """They wait no more, unless something new came meanwhile."""
    await conn.execute(
        QUERIES["delete_unweighed"],
        workspace_id,
        [each.contact_id for each in weighed],
        [each.change_time for each in weighed],
    )


async def read_records_to_weigh(
    conn: Connection, workspace_id: WorkspaceId, contacts: Iterable[ContactId]
) -> list[RecordToWeigh]:
    """Returns all records of the persons to whom the contacts belong, the oldest first."""
    return [
        RecordToWeigh(
            ContactId(row["root_id"]),
            ContactId(row["contact_id"]),
            row["display_name"],
            row["language"],
            row["country"],
            row["campaign"],
            row["touch_time"],
            row["own_phones"],
            [
                *(Mention(PHONE, key) for key in row["phones"]),
                *(Mention(EMAIL, key) for key in row["emails"]),
                *(Mention(AVATAR, key) for key in row["avatars"]),
            ],
            row["crm_scopes"],
        )
        for row in await conn.fetch(QUERIES["read_records_to_weigh"], workspace_id, list(contacts))
    ]


async def find_shared(
    conn: Connection, workspace_id: WorkspaceId, mentions: Sequence[Mention], most: Mapping[str, int]
) -> set[Mention]:
    """Returns the values that more contacts have than may, by kind.

    Whoever has one that was not shared before will be weighed again.
    """
    allowed = [most[each.kind] for each in mentions]
    async with conn.transaction():
        marked = await conn.fetch(QUERIES["mark_shared_values"], workspace_id, *_columns(mentions), allowed)
        newly = [Mention(row["kind"], row["match_key"]) for row in marked]
        if newly:
            await conn.execute(QUERIES["insert_mentioners_unweighed"], workspace_id, *_columns(newly))
    rows = await conn.fetch(QUERIES["read_shared_values"], workspace_id, *_columns(mentions))
    return {Mention(row["kind"], row["match_key"]) for row in rows}


def _columns(mentions: Sequence[Mention]) -> tuple[list[str], list[str]]:
    return [each.kind for each in mentions], [each.match_key for each in mentions]


async def replace_keys(conn: Connection, workspace_id: WorkspaceId, contact_id: ContactId, keys: Iterable[int]) -> None:
    """The contact is found by these keys and no others."""
    await conn.execute(QUERIES["replace_likeness_keys"], workspace_id, contact_id, list(keys))


async def find_alike(
    conn: Connection, workspace_id: WorkspaceId, keys: Iterable[int], largest_block: int
) -> set[ContactId]:
    """Returns the canonical contacts that share a key which no more than `largest_block` contacts have."""
    rows = await conn.fetch(QUERIES["find_alike"], workspace_id, list(keys), largest_block)
    return {ContactId(row["root_id"]) for row in rows}


async def sample_contacts(conn: Connection, workspace_id: WorkspaceId, limit: int) -> tuple[list[RecordToWeigh], int]:
    """Returns contacts by chance, and how many contacts there are."""
    rows = await conn.fetch(QUERIES["sample_contacts"], workspace_id, limit)
    sample = [
        RecordToWeigh(
            ContactId(row["contact_id"]),
            ContactId(row["contact_id"]),
            row["display_name"],
            row["language"],
            row["country"],
            row["campaign"],
            row["touch_time"],
            (),
            (),
        )
        for row in rows
    ]
    return sample, rows[0]["contacts"] if rows else 0


async def read_not_same(conn: Connection, contacts: Iterable[ContactId]) -> set[frozenset[ContactId]]:
    """Returns the pairs among the contacts of whom somebody said that they are not the same."""
    rows = await conn.fetch(QUERIES["read_not_same"], list(contacts))
    return {frozenset((ContactId(row["contact_id"]), ContactId(row["other_contact_id"]))) for row in rows}


async def insert_not_same(
    conn: Connection,
    workspace_id: WorkspaceId,
    pair: tuple[ContactId, ContactId],
    *,
    actor: str,
    note: str,
    now: datetime,
) -> None:
    """The two are not one person."""
    await conn.execute(QUERIES["insert_not_same"], workspace_id, *pair, actor, note, now)


async def delete_not_same(conn: Connection, workspace_id: WorkspaceId, pair: tuple[ContactId, ContactId]) -> None:
    """Nobody says any more that the two are not one person."""
    await conn.execute(QUERIES["delete_not_same"], workspace_id, *pair)


async def upsert_suggestions(conn: Connection, workspace_id: WorkspaceId, found: Sequence[Found]) -> None:
    """The pairs weigh what they weigh now; what somebody decided stays."""
    await conn.execute(
        QUERIES["upsert_suggestions"],
        workspace_id,
        [each.suggestion_id for each in found],
        [each.contact_id for each in found],
        [each.other_contact_id for each in found],
        [each.evidence for each in found],
        [each.probability for each in found],
        [_written(each.reasons) for each in found],
    )


async def hold_for_a_person(
    conn: Connection,
    workspace_id: WorkspaceId,
    suggestion_id: str,
    pair: tuple[ContactId, ContactId],
    evidence: str,
    *,
    reasons: Sequence[Reason],
) -> None:
    """Strong evidence for two who are not the same waits for a person, as often as new evidence comes."""
    await conn.execute(QUERIES["hold_for_a_person"], workspace_id, suggestion_id, *pair, evidence, _written(reasons))


async def delete_outweighed(
    conn: Connection, workspace_id: WorkspaceId, contacts: Sequence[ContactId], found: Sequence[Found]
) -> None:
    """Open suggestions with one of these contacts that are not among the found ones are gone."""
    await conn.execute(
        QUERIES["delete_outweighed"], workspace_id, list(contacts), [each.suggestion_id for each in found]
    )


async def list_suggestions(
    conn: Connection,
    workspace_id: WorkspaceId,
    state: str,
    *,
    least: float,
    limit: int,
    after: tuple[float, str] | None = None,
    contact_id: ContactId | None = None,
    evidence: str | None = None,
) -> list[StoredSuggestion]:
    """Returns suggestions, the likeliest first."""
    probability, suggestion_id = after or (None, None)
    rows = await conn.fetch(
        QUERIES["list_suggestions"], workspace_id, state, least, suggestion_id, probability, contact_id, limit, evidence
    )
    return [_suggestion(row) for row in rows]


async def lock_suggestion(conn: Connection, workspace_id: WorkspaceId, suggestion_id: str) -> StoredSuggestion | None:
    """Returns a suggestion of the workspace, ours to decide."""
    row = await conn.fetchrow(QUERIES["lock_suggestion"], workspace_id, suggestion_id)
    return None if row is None else _suggestion(row)


async def decide(
    conn: Connection,
    suggestion_id: str,
    state: str,
    *,
    merge_id: str | None = None,
    actor: str = "",
    at: datetime | None = None,
) -> None:
    """The suggestion is in this state."""
    await conn.execute(QUERIES["decide_suggestion"], suggestion_id, state, merge_id, actor, at)


async def find_policy(conn: Connection, workspace_id: WorkspaceId) -> Policy:
    """Returns what the workspace chose, or the defaults."""
    row = await conn.fetchrow(QUERIES["find_suggestion_policy"], workspace_id)
    return Policy() if row is None else Policy(row["least_probability"], row["least_bulk_probability"])


async def write_policy(conn: Connection, workspace_id: WorkspaceId, policy: Policy) -> None:
    """The workspace chooses this."""
    await conn.execute(
        QUERIES["write_suggestion_policy"], workspace_id, policy.least_probability, policy.least_bulk_probability
    )


def _written(reasons: Sequence[Reason]) -> str:
    return json.dumps([[each.field, each.level, round(each.bits, 2)] for each in reasons])


def _suggestion(row: Any) -> StoredSuggestion:
    return StoredSuggestion(
        row["suggestion_id"],
        ContactId(row["contact_id"]),
        ContactId(row["other_contact_id"]),
        row["evidence"],
        row["probability"],
        [Reason(*each) for each in json.loads(row["reasons"])],
        row["state"],
        row["merge_id"] or "",
        row["actor"],
        row["create_time"],
        row["decide_time"],
    )
