"""Contacts as people see them: one person, all addresses of the group."""

from collections.abc import Sequence
from dataclasses import dataclass

from lobby_common.errors import NotFound
from lobby_common.events.log import Connection
from lobby_common.ids import is_id
from lobby_identity import store
from lobby_identity.domain import profile as profiles
from lobby_identity.domain.identifiers import ContactId, WorkspaceId, search_keys
from lobby_identity.domain.profile import Profile, name_key
from lobby_identity.store import IdentifierRow


@dataclass(frozen=True, slots=True)
class Person:
    """A person: the canonical id, what is known, every address, every record."""

    contact_id: ContactId
    profile: Profile
    identifiers: tuple[IdentifierRow, ...]
    record_ids: tuple[ContactId, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """After which contact a list goes on: found by address, or by name."""

    contact_id: str
    name_key: str | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """A contact of a list and its place in it."""

    contact_id: ContactId
    place: Place


async def root_of(conn: Connection, workspace_id: WorkspaceId, contact_id: str) -> ContactId:
    """Returns the canonical contact. Raises NotFound for what is no contact of this workspace."""
    root = await store.find_root(conn, workspace_id, ContactId(contact_id)) if is_id(contact_id) else None
    if root is None:
        raise NotFound("CONTACT_NOT_FOUND", "there is no such contact in this workspace")
    return root


async def read(conn: Connection, workspace_id: WorkspaceId, roots: Sequence[ContactId]) -> list[Person]:
    """Returns the persons in the order asked."""
    if not roots:
        return []
    rows = await store.read_profiles(conn, workspace_id, roots)
    root_by_user = {row.channel_user_id: row.root for row in rows}
    addresses: dict[ContactId, list[IdentifierRow]] = {root: [] for root in roots}
    for each in await store.read_identifiers(conn, list(root_by_user)):
        addresses[root_by_user[each.channel_user_id]].append(each)
    people = []
    for root in roots:
        records = [(row.contact_id, row.profile) for row in rows if row.root == root]
        people.append(
            Person(
                root,
                profiles.of_person(root, records),
                _once(addresses[root]),
                tuple(contact_id for contact_id, _ in records),
            )
        )
    return people


def _once(rows: Sequence[IdentifierRow]) -> tuple[IdentifierRow, ...]:
    """An address met twice is shown once: as it stands now."""
    shown: dict[tuple[str, str, str], IdentifierRow] = {}
    for row in rows:
        address = row.kind, row.scope, row.value
        other = shown.get(address)
        if other is None or _until(row) > _until(other):
            shown[address] = row
    return tuple(shown.values())


def _until(row: IdentifierRow) -> float:
    return float("inf") if row.retired_time is None else row.retired_time.timestamp()


async def search(conn: Connection, workspace_id: WorkspaceId, query: str, after: Place | None, limit: int) -> list[Row]:
    """Returns canonical contacts: by address, newest first, then by the start of a name; without a query all."""
    if not query:
        roots = await store.list_roots(conn, workspace_id, after.contact_id if after else None, limit)
        return [Row(root, Place(root)) for root in roots]
    keys = search_keys(query)
    rows: list[Row] = []
    if after is None or after.name_key is None:
        roots = await store.find_roots_by_identifier(
            conn, workspace_id, keys, after.contact_id if after else None, limit
        )
        rows = [Row(root, Place(root)) for root in roots]
    prefix = name_key(query)
    if len(rows) < limit and prefix:
        start = (after.name_key, after.contact_id) if after and after.name_key is not None else None
        names = await store.list_names(conn, workspace_id, prefix, start, without_keys=keys, limit=limit - len(rows))
        rows += [Row(root, Place(record, key)) for key, record, root in names]
    return rows
