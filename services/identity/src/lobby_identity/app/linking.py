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
from lobby_identity.domain.graph import NotSame, Outcome, People, Record, Roots, TooLarge
from lobby_identity.domain.identifiers import ContactId, WorkspaceId
from lobby_identity.store import NewLink, StoredLink, suggestions

_ATTEMPTS = 50
"""A root moves between reading and locking only if somebody else made progress: this many in a row mean a fault."""

GROUP_TOO_LARGE = "group_too_large"
NOT_SAME = "not_same"


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


_END_REASONS: Mapping[type, str] = {TooLarge: GROUP_TOO_LARGE, NotSame: NOT_SAME}
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
    people = await _lock(conn, contacts)
    made_before = await store.find_links(conn, [request.link_id for request in requests])
    versions = iter(await store.draw_versions(conn, len(requests)))
    outcomes: list[Outcome | None] = []
    links: dict[str, NewLink] = {}
    for request in requests:
        if request.link_id in made_before or request.link_id in links:
            outcomes.append(None)
            continue
        if await _is_refused(conn, people, request):
            outcome: Outcome = NotSame(Roots(*_roots(people, request), 0))
            await _hold(conn, request)
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


async def _is_refused(conn: Connection, people: People, request: Request) -> bool:
    """Returns whether a rule wants what somebody said is wrong. What a person wants is done."""
    one, other = _roots(people, request)
    if request.actor or one == other:
        return False
    groups = [{each.contact_id for each in people.group(root)} for root in (one, other)]
    said = await suggestions.read_not_same(conn, groups[0] | groups[1])
    return any(pair & groups[0] and pair & groups[1] for pair in said)


def _roots(people: People, request: Request) -> tuple[ContactId, ContactId]:
    return people.root_of(request.contact_id), people.root_of(request.other_contact_id)


async def _hold(conn: Connection, request: Request) -> None:
    """The evidence is there for a person to look at."""
    pair = request.contact_id, request.other_contact_id
    suggestion_id = derive_id(None, "suggestion", request.workspace_id, *sorted(pair))
    await suggestions.hold_for_a_person(conn, request.workspace_id, suggestion_id, pair, request.evidence)


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
