"""Merge and undo, as people ask for them."""

from dataclasses import dataclass
from datetime import datetime

from lobby_common.errors import Conflict, NotFound
from lobby_common.events.log import Connection
from lobby_common.ids import is_id, new_id
from lobby_identity import store
from lobby_identity.app import linking, people
from lobby_identity.app.linking import Undone
from lobby_identity.domain.graph import LARGEST_GROUP, Joined, TooLarge
from lobby_identity.domain.identifiers import ContactId, WorkspaceId
from lobby_identity.store import StoredLink

MANUAL = "manual"


@dataclass(frozen=True, slots=True)
class Merged:
    """A link made by a person and whom it joins."""

    link: StoredLink
    root: ContactId
    joined: Joined | None
    """None where both were one person already."""


async def merge(
    conn: Connection,
    workspace_id: WorkspaceId,
    contact_id: str,
    other_contact_id: str,
    *,
    note: str,
    actor: str,
    now: datetime,
    elder_survives: bool = False,
) -> Merged:
    """The two contacts named are linked; the first one's id survives, or that of the elder person.

    CONTACT_NOT_FOUND, SAME_CONTACT, GROUP_TOO_LARGE.
    """
    for each in (contact_id, other_contact_id):
        await people.records(conn, workspace_id, each)
    if contact_id == other_contact_id:
        raise Conflict("SAME_CONTACT", "a contact cannot be merged with itself")
    contacts = ContactId(contact_id), ContactId(other_contact_id)
    request = linking.Request(
        new_id(),
        workspace_id,
        *contacts,
        MANUAL,
        actor,
        note.replace("\x00", "\ufffd"),
        contact_survives=not elder_survives,
    )
    united = await linking.unite(conn, [request], now=now)
    outcome = united.outcomes[0]
    if isinstance(outcome, TooLarge):
        raise Conflict(
            "GROUP_TOO_LARGE",
            f"together they have {outcome.size} channel users, and a person has {LARGEST_GROUP} at most",
        )
    link = await store.find_link(conn, workspace_id, request.link_id)
    assert link is not None
    return Merged(link, united.roots[contacts[0]], outcome if isinstance(outcome, Joined) else None)


async def find_link(conn: Connection, workspace_id: WorkspaceId, merge_id: str) -> StoredLink:
    """Returns a link of the workspace. MERGE_NOT_FOUND."""
    link = await store.find_link(conn, workspace_id, merge_id) if is_id(merge_id) else None
    if link is None:
        raise NotFound("MERGE_NOT_FOUND", "there is no such merge in this workspace")
    return link


async def undo(conn: Connection, workspace_id: WorkspaceId, merge_id: str, *, actor: str, now: datetime) -> Undone:
    """The link no longer holds; undoing twice changes nothing. MERGE_NOT_FOUND."""
    await find_link(conn, workspace_id, merge_id)
    return await linking.undo(conn, workspace_id, merge_id, actor=actor, now=now)
