"""Links, and the records that they make one person."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from lobby_common.events.log import Connection
from lobby_identity.domain.graph import Edge, Record, Roots
from lobby_identity.domain.identifiers import ContactId, WorkspaceId
from lobby_identity.store.statements import QUERIES


@dataclass(frozen=True, slots=True)
class NewLink:
    """A link to store."""

    link_id: str
    workspace_id: WorkspaceId
    contact_id: ContactId
    other_contact_id: ContactId
    evidence: str
    actor: str
    note: str
    cause_id: str
    roots: Roots
    create_time: datetime
    end_reason: str = ""


@dataclass(frozen=True, slots=True)
class StoredLink:
    """A link as stored."""

    link_id: str
    contact_id: ContactId
    other_contact_id: ContactId
    roots: Roots
    note: str
    create_time: datetime
    end_time: datetime | None
    end_reason: str


async def lock_roots(conn: Connection, contacts: Iterable[ContactId]) -> list[ContactId]:
    """Returns the roots of the records, locked until the transaction or savepoint ends."""
    return [row["root_id"] for row in await conn.fetch(QUERIES["lock_roots"], list(contacts))]


async def share_ids(conn: Connection, workspaces: Iterable[WorkspaceId]) -> None:
    """No import gives ids to people of these workspaces before the transaction ends."""
    await conn.execute(QUERIES["share_ids"], list(workspaces))


async def read_crm_scopes(conn: Connection, contacts: Sequence[ContactId]) -> dict[ContactId, set[str]]:
    """Returns the scopes of the ids of the workspace's own systems that these records have."""
    found: dict[ContactId, set[str]] = {}
    for row in await conn.fetch(QUERIES["read_crm_scopes"], contacts):
        found.setdefault(ContactId(row["contact_id"]), set()).add(row["scope"])
    return found


async def read_records(conn: Connection, roots: Sequence[ContactId], contacts: Iterable[ContactId]) -> list[Record]:
    """Returns all records below the roots, and the named ones wherever they are."""
    return [
        Record(
            row["contact_id"],
            row["channel_user_id"],
            row["root_id"],
            row["first_seen_time"],
            row["version"],
            row["below_since"],
        )
        for row in await conn.fetch(QUERIES["read_records"], list(roots), list(contacts))
    ]


async def draw_versions(conn: Connection, count: int) -> list[int]:
    """Returns new versions, ascending; drawn under the roots' locks they rise with every change of a person."""
    return sorted(row["version"] for row in await conn.fetch(QUERIES["draw_versions"], count))


async def find_links(conn: Connection, link_ids: Sequence[str]) -> set[str]:
    """Returns those of the links that exist, ended or not."""
    return {row["link_id"] for row in await conn.fetch(QUERIES["find_links"], list(link_ids))}


async def insert_links(conn: Connection, links: Sequence[NewLink]) -> None:
    """The links are stored."""
    await conn.execute(
        QUERIES["insert_links"],
        [each.link_id for each in links],
        [each.workspace_id for each in links],
        [each.contact_id for each in links],
        [each.other_contact_id for each in links],
        [each.evidence for each in links],
        [each.actor for each in links],
        [each.note for each in links],
        [each.cause_id for each in links],
        [each.roots.contact_root for each in links],
        [each.roots.other_root for each in links],
        [each.roots.version for each in links],
        [each.create_time for each in links],
        [each.end_reason for each in links],
    )


async def update_records(conn: Connection, records: Sequence[Record]) -> None:
    """The pointers say what the records say."""
    await conn.execute(
        QUERIES["update_records"],
        [each.contact_id for each in records],
        [each.root for each in records],
        [each.version for each in records],
        [each.below_since for each in records],
    )


async def find_link(conn: Connection, workspace_id: WorkspaceId, link_id: str) -> StoredLink | None:
    """Returns a link of the workspace."""
    row = await conn.fetchrow(QUERIES["find_link"], workspace_id, link_id)
    if row is None:
        return None
    return StoredLink(
        row["link_id"],
        row["contact_id"],
        row["other_contact_id"],
        Roots(row["contact_root_id"], row["other_root_id"], row["version"]),
        row["note"],
        row["create_time"],
        row["end_time"],
        row["end_reason"],
    )


async def end_link(conn: Connection, link_id: str, *, at: datetime, actor: str) -> None:
    """The link no longer holds."""
    await conn.execute(QUERIES["end_link"], link_id, at, actor)


async def read_edges(conn: Connection, contacts: Sequence[ContactId]) -> list[Edge]:
    """Returns the links that hold between the records of whole groups."""
    return [
        Edge(row["link_id"], row["contact_id"], row["other_contact_id"])
        for row in await conn.fetch(QUERIES["read_edges"], list(contacts))
    ]
