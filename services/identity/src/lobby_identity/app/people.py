"""Contacts as people see them: one person, all addresses of the group."""

from collections.abc import Sequence
from dataclasses import dataclass

from lobby_common.errors import NotFound
from lobby_common.events.log import Connection
from lobby_common.ids import is_id
from lobby_identity import store
from lobby_identity.domain import profile as profiles
from lobby_identity.domain import tags, touches
from lobby_identity.domain.identifiers import ContactId, WorkspaceId, search_keys
from lobby_identity.domain.profile import Profile, name_key
from lobby_identity.domain.tags import Tag
from lobby_identity.domain.touches import Touch
from lobby_identity.store import IdentifierRow, ProfileRow
from lobby_identity.store import tags as tag_store


@dataclass(frozen=True, slots=True)
class Person:
    """A person: the canonical id, what is known, every address, every record, every tag, where he came from."""

    contact_id: ContactId
    profile: Profile
    identifiers: tuple[IdentifierRow, ...]
    record_ids: tuple[ContactId, ...]
    tags: tuple[Tag, ...]
    """Those that are shown, by name."""
    first_touch: Touch | None


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


async def get(conn: Connection, workspace_id: WorkspaceId, contact_id: str) -> Person:
    """Returns the person behind an id. Raises NotFound for what is no contact of this workspace."""
    found = await read(conn, workspace_id, [ContactId(contact_id)]) if is_id(contact_id) else []
    if not found:
        raise NotFound("CONTACT_NOT_FOUND", "there is no such contact in this workspace")
    return found[0]


async def read(conn: Connection, workspace_id: WorkspaceId, contacts: Sequence[ContactId]) -> list[Person]:
    """Returns the persons to whom the contacts belong, each once, in the order asked.

    One statement reads the records, so merges that run meanwhile are seen whole or not at all.
    """
    if not contacts:
        return []
    rows = await store.read_profiles(conn, workspace_id, contacts)
    records: dict[ContactId, list[ProfileRow]] = {}
    for row in rows:
        records.setdefault(row.root, []).append(row)
    roots = {row.contact_id: row.root for row in rows}
    root_by_user = {row.channel_user_id: row.root for row in rows}
    addresses: dict[ContactId, list[IdentifierRow]] = {root: [] for root in records}
    for each in await store.read_identifiers(conn, list(root_by_user)):
        addresses[root_by_user[each.channel_user_id]].append(each)
    tagged: dict[ContactId, list[Tag]] = {root: [] for root in records}
    for tag in await tag_store.read_tags(conn, workspace_id, list(roots)):
        tagged[roots[tag.contact_id]].append(tag)
    came: dict[ContactId, list[Touch]] = {root: [] for root in records}
    for touch in await store.read_touches(conn, workspace_id, list(root_by_user)):
        came[root_by_user[touch.channel_user_id]].append(touch)
    asked = dict.fromkeys(roots[each] for each in contacts if each in roots)
    return [_person(root, records[root], addresses[root], tagged[root], came[root]) for root in asked]


def _person(
    root: ContactId,
    rows: Sequence[ProfileRow],
    addresses: Sequence[IdentifierRow],
    tagged: Sequence[Tag],
    came: Sequence[Touch],
) -> Person:
    known = profiles.of_person(root, [(row.contact_id, row.profile) for row in rows])
    record_ids = tuple(row.contact_id for row in rows)
    return Person(root, known, _once(addresses), record_ids, tags.shown(record_ids, tagged), touches.first(came))


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
