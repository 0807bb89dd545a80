"""Joining persons and taking links away, under the locks of their roots.

Locks are taken in order, and every root is read again after its lock: a person that moved meanwhile means starting
over. So nobody waits for a lock out of order, and nobody changes a person without holding its root.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from lobby_common.errors import NotFound, Unavailable
from lobby_common.events.log import Connection
from lobby_common.ids import derive_id
from lobby_identity import store
from lobby_identity.domain.graph import NotSame, Outcome, People, Record, Roots, SeveralIds, TooLarge
from lobby_identity.domain.identifiers import ContactId, WorkspaceId
from lobby_identity.likeness.model import Reason
from lobby_identity.store import NewLink, StoredLink, suggestions

_ATTEMPTS = 50
"""A root moves between reading and locking only if somebody else made progress: this many in a row mean a fault."""

GROUP_TOO_LARGE = "group_too_large"
NOT_SAME = "not_same"
SEVERAL_IDS = "several_crm_ids"

_IDS_DIFFER = Reason("crm_id", "different", 0.0)
"""Said with evidence that is held; how much it weighs a person decides."""


@dataclass(frozen=True, slots=True)
class Request:
    """A link to make between exactly these two contacts."""

    link_id: str
    workspace_id: WorkspaceId
    contact_id: ContactId
    other_contact_id: ContactId
    evidence: str
    actor: str = ""
    note: str = ""
    cause_id: str = ""
    contact_survives: bool = False
    """The first contact becomes the root; otherwise the older of both roots does."""
    despite_ids: bool = False
    """Whoever asks has said that two ids of the workspace's own system are no reason against it."""


@dataclass(frozen=True, slots=True)
class United:
    """What became of the requests: an outcome each, None where the link had been made before."""

    outcomes: Sequence[Outcome | None]
    roots: Mapping[ContactId, ContactId]
    """Root of every record of the persons that were touched."""


@dataclass(frozen=True, slots=True)
class Undone:
    """A link that no longer holds and who its two ends are now."""

    link: StoredLink
    roots: Sequence[ContactId]
    """Of the persons of both ends; one where they are still one."""
    groups: Sequence[tuple[Record, ...]] = ()
    """The persons after it, where this call split one or gave one his former id back."""
    version: int = 0


_END_REASONS: Mapping[type, str] = {TooLarge: GROUP_TOO_LARGE, NotSame: NOT_SAME, SeveralIds: SEVERAL_IDS}
"""Links that never held, and why."""


class _RootMoved(Exception):
    """Somebody else changed a person between reading its root and locking it."""


async def unite(conn: Connection, requests: Sequence[Request], *, now: datetime) -> United:
    """The links are there and the persons are what the links say."""
    for _ in range(_ATTEMPTS):
        try:
            async with conn.transaction():  # a savepoint: rolling back gives the locks back
                return await _unite(conn, requests, now)
        except _RootMoved:
            continue
    raise Unavailable("PEOPLE_BUSY", "these contacts are being changed by many at once")


async def _unite(conn: Connection, requests: Sequence[Request], now: datetime) -> United:
    contacts = {each for request in requests for each in (request.contact_id, request.other_contact_id)}
    by_rule = [each.workspace_id for each in requests if not each.actor]
    if by_rule:
        await store.share_ids(conn, by_rule)
    people = await _lock(conn, contacts)
    made_before = await store.find_links(conn, [request.link_id for request in requests])
    scopes = await store.read_crm_scopes(conn, list(people.roots())) if by_rule else {}
    versions = iter(await store.draw_versions(conn, len(requests)))
    outcomes: list[Outcome | None] = []
    links: dict[str, NewLink] = {}
    for request in requests:
        if request.link_id in made_before or request.link_id in links:
            outcomes.append(None)
            continue
        outcome: Outcome | None = await _refusal(conn, people, request, scopes)
        if outcome is not None:
            await _hold(conn, request, [_IDS_DIFFER] if isinstance(outcome, SeveralIds) else [])
        else:
            outcome = _join(people, request, next(versions))
        outcomes.append(outcome)
        links[request.link_id] = _new_link(request, outcome, now)
    if links:
        await store.insert_links(conn, list(links.values()))
    if changed := people.changed():
        await store.update_records(conn, changed)
    return United(outcomes, people.roots())


async def _lock(conn: Connection, contacts: set[ContactId]) -> People:
    """Returns the whole groups of the contacts, ours to change. Raises _RootMoved."""
    roots = await store.lock_roots(conn, contacts)
    people = People(await store.read_records(conn, roots, contacts))
    if any(people.root_of(each) not in roots for each in contacts):
        raise _RootMoved
    return people


async def _refusal(
    conn: Connection, people: People, request: Request, scopes: Mapping[ContactId, set[str]]
) -> NotSame | SeveralIds | None:
    """Returns why a rule does not join the two: what somebody said, or their ids. What a person wants is done.

    `scopes`: those of the ids of the workspace's own systems that each record has. An id leads to one record, so two
    persons that have one of the same scope have two.
    """
    one, other = _roots(people, request)
    if request.actor or one == other:
        return None
    groups = [{each.contact_id for each in people.group(root)} for root in (one, other)]
    said = await suggestions.read_not_same(conn, groups[0] | groups[1])
    if any(pair & groups[0] and pair & groups[1] for pair in said):
        return NotSame(Roots(one, other, 0))
    having = [{scope for each in group for scope in scopes.get(each, ())} for group in groups]
    return SeveralIds(Roots(one, other, 0)) if having[0] & having[1] and not request.despite_ids else None


def _roots(people: People, request: Request) -> tuple[ContactId, ContactId]:
    return people.root_of(request.contact_id), people.root_of(request.other_contact_id)


async def _hold(conn: Connection, request: Request, reasons: Sequence[Reason]) -> None:
    """The evidence is there for a person to look at."""
    pair = request.contact_id, request.other_contact_id
    suggestion_id = derive_id(None, "suggestion", request.workspace_id, *sorted(pair))
    await suggestions.hold_for_a_person(
        conn, request.workspace_id, suggestion_id, pair, request.evidence, reasons=reasons
    )


def _join(people: People, request: Request, version: int) -> Outcome:
    one, other = request.contact_id, request.other_contact_id
    root = one if request.contact_survives else people.elder(one, other)
    return people.join(one, other, root=root, version=version)


def _new_link(request: Request, outcome: Outcome, now: datetime) -> NewLink:
    return NewLink(
        request.link_id,
        request.workspace_id,
        request.contact_id,
        request.other_contact_id,
        request.evidence,
        request.actor,
        request.note,
        request.cause_id,
        outcome.roots,
        now,
        _END_REASONS.get(type(outcome), ""),
    )


async def undo(conn: Connection, workspace_id: WorkspaceId, link_id: str, *, actor: str, now: datetime) -> Undone:
    """The link no longer holds; persons are what the others say. An ended link stays as it is. MERGE_NOT_FOUND."""
    for _ in range(_ATTEMPTS):
        try:
            async with conn.transaction():  # a savepoint: rolling back gives the lock back
                return await _undo(conn, workspace_id, link_id, actor, now)
        except _RootMoved:
            continue
    raise Unavailable("PEOPLE_BUSY", "these contacts are being changed by many at once")


async def _undo(conn: Connection, workspace_id: WorkspaceId, link_id: str, actor: str, now: datetime) -> Undone:
    link = await _find(conn, workspace_id, link_id)
    ends = {link.contact_id, link.other_contact_id}
    people = await _lock(conn, ends)
    link = await _find(conn, workspace_id, link_id)
    if link.end_time is not None:
        return Undone(link, list(dict.fromkeys(people.root_of(each) for each in sorted(ends))))
    members = people.group(people.root_of(link.contact_id))
    held = await store.read_edges(conn, [member.contact_id for member in members])
    edges = [edge for edge in held if edge.link_id != link_id]
    version = (await store.draw_versions(conn, 1))[0]
    heads = people.cut(link.contact_id, link.roots, edges, version=version)
    await store.end_link(conn, link_id, at=now, actor=actor)
    link = replace(link, end_time=now, end_reason="undone")
    if not (changed := people.changed()):
        return Undone(link, heads)
    await store.update_records(conn, changed)
    return Undone(link, heads, [people.group(head) for head in heads], version)


async def _find(conn: Connection, workspace_id: WorkspaceId, link_id: str) -> StoredLink:
    link = await store.find_link(conn, workspace_id, link_id)
    if link is None:
        raise NotFound("MERGE_NOT_FOUND", "there is no such merge in this workspace")
    return link
