"""What people decide about suggestions."""

from dataclasses import dataclass, replace
from datetime import datetime

from lobby_common.errors import Conflict, Invalid, NotFound
from lobby_common.events.log import Connection
from lobby_common.ids import is_id
from lobby_identity import metrics
from lobby_identity.app import merging
from lobby_identity.app.merging import Merged
from lobby_identity.domain.identifiers import WorkspaceId
from lobby_identity.store import suggestions as store
from lobby_identity.store.suggestions import LIKENESS, Policy, StoredSuggestion

OPEN, CONFIRMED, REJECTED = "open", "confirmed", "rejected"

_MOST_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class Confirmed:
    """A suggestion that was confirmed, and the merge it made; None where it had been confirmed before."""

    suggestion: StoredSuggestion
    merged: Merged | None


async def confirm(
    conn: Connection, workspace_id: WorkspaceId, suggestion_id: str, *, note: str, actor: str, now: datetime
) -> Confirmed:
    """The two are one person; the contact that wrote first survives.

    What somebody had said against it no longer holds. SUGGESTION_NOT_FOUND, SUGGESTION_DECIDED, GROUP_TOO_LARGE.
    """
    found = await _lock(conn, workspace_id, suggestion_id)
    if found.state == CONFIRMED:
        return Confirmed(found, None)
    if found.state == REJECTED:
        raise Conflict("SUGGESTION_DECIDED", "the suggestion was rejected; reopen it first")
    pair = found.contact_id, found.other_contact_id
    await store.delete_not_same(conn, workspace_id, pair)
    merged = await merging.merge(conn, workspace_id, *pair, note=note, actor=actor, now=now, elder_survives=True)
    merge_id = merged.link.link_id
    await store.decide(conn, suggestion_id, CONFIRMED, merge_id=merge_id, actor=actor, at=now)
    metrics.DECIDED.labels(CONFIRMED).inc()
    return Confirmed(replace(found, state=CONFIRMED, merge_id=merge_id, actor=actor, decide_time=now), merged)


async def find_likely(conn: Connection, workspace_id: WorkspaceId, least: float) -> list[str]:
    """Returns the open suggestions to confirm in bulk, the likeliest first, at most 200. BELOW_BULK_LEVEL."""
    policy = await store.find_policy(conn, workspace_id)
    level = least or policy.least_bulk_probability
    if level < policy.least_bulk_probability:
        raise Invalid(
            "BELOW_BULK_LEVEL", f"in bulk this workspace confirms from {policy.least_bulk_probability} upwards"
        )
    # Strong evidence is held because something is said against it: that is looked at one by one.
    likely = await store.list_suggestions(conn, workspace_id, OPEN, least=level, limit=_MOST_AT_ONCE, evidence=LIKENESS)
    return [each.suggestion_id for each in likely]


async def reject(
    conn: Connection, workspace_id: WorkspaceId, suggestion_id: str, *, note: str, actor: str, now: datetime
) -> StoredSuggestion:
    """The two are not one person: neither suggested nor merged by a rule. SUGGESTION_NOT_FOUND, SUGGESTION_DECIDED."""
    found = await _lock(conn, workspace_id, suggestion_id)
    if found.state == REJECTED:
        return found
    if found.state == CONFIRMED:
        raise Conflict("SUGGESTION_DECIDED", "the suggestion was confirmed; undo its merge first")
    pair = found.contact_id, found.other_contact_id
    await store.insert_not_same(conn, workspace_id, pair, actor=actor, note=note.replace("\x00", "\ufffd"), now=now)
    await store.decide(conn, suggestion_id, REJECTED, actor=actor, at=now)
    metrics.DECIDED.labels(REJECTED).inc()
    return replace(found, state=REJECTED, actor=actor, decide_time=now)


async def reopen(conn: Connection, workspace_id: WorkspaceId, suggestion_id: str) -> StoredSuggestion:
    """A rejection no longer holds. SUGGESTION_NOT_FOUND, SUGGESTION_NOT_REJECTED."""
    found = await _lock(conn, workspace_id, suggestion_id)
    if found.state == CONFIRMED:
        raise Conflict("SUGGESTION_NOT_REJECTED", "the suggestion was confirmed; undo its merge instead")
    await store.delete_not_same(conn, workspace_id, (found.contact_id, found.other_contact_id))
    await store.decide(conn, suggestion_id, OPEN)
    return replace(found, state=OPEN, actor="", decide_time=None)


async def change_policy(
    conn: Connection, workspace_id: WorkspaceId, *, least: float | None, least_bulk: float | None
) -> Policy:
    """The workspace chooses what is given."""
    before = await store.find_policy(conn, workspace_id)
    after = Policy(
        before.least_probability if least is None else least,
        before.least_bulk_probability if least_bulk is None else least_bulk,
    )
    await store.write_policy(conn, workspace_id, after)
    return after


async def _lock(conn: Connection, workspace_id: WorkspaceId, suggestion_id: str) -> StoredSuggestion:
    found = await store.lock_suggestion(conn, workspace_id, suggestion_id) if is_id(suggestion_id) else None
    if found is None:
        raise NotFound("SUGGESTION_NOT_FOUND", "there is no such suggestion in this workspace")
    return found
