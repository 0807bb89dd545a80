"""Contacts as they are searched: by address, by name, and by what they show."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lobby_common.errors import Invalid
from lobby_common.events.log import Connection
from lobby_common.times import utc_now
from lobby_identity import store
from lobby_identity.app import people
from lobby_identity.app.people import Person
from lobby_identity.domain import attributes, filters, tags
from lobby_identity.domain.filters import Filter
from lobby_identity.domain.identifiers import ContactId, WorkspaceId, search_keys
from lobby_identity.domain.profile import name_key
from lobby_identity.store import attributes as attribute_store
from lobby_identity.store import filters as filter_store
from lobby_identity.store import rules as rule_store
from lobby_identity.store import stages as stage_store
from lobby_identity.store.filters import Search


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


@dataclass(frozen=True, slots=True)
class Found:
    """Who may be in a list, in order, and where to look on; None: there is nobody more."""

    rows: list[Row]
    end: Place | None


async def read_filter(
    conn: Connection, workspace_id: WorkspaceId, asked_tags: Sequence[str], stage: str, values: Sequence[str]
) -> Filter:
    """Returns what a list asks for; each of the values is `name=value`.

    BAD_TAG, UNKNOWN_ATTRIBUTE, BAD_ATTRIBUTE_VALUE.
    """
    cleaned = tuple(dict.fromkeys(map(tags.clean, asked_tags)))
    if not all(cleaned):
        raise Invalid("BAD_TAG", "a tag is not empty")
    kinds: Mapping[str, str] = {}
    if values:
        kinds = {each.name: each.kind for each in await attribute_store.list_attributes(conn, workspace_id)}
    asked: dict[str, attributes.Value] = {}
    for each in values:
        name, equals, text = each.partition("=")
        if name not in kinds:
            raise Invalid("UNKNOWN_ATTRIBUTE", "attributes are asked for as name=value, with the name of an attribute")
        value = attributes.read(kinds[name], text) if equals else None
        if value is None:
            raise Invalid("BAD_ATTRIBUTE_VALUE", f"{name} holds a {kinds[name]}")
        if asked.setdefault(name, value) != value:
            raise Invalid("BAD_ATTRIBUTE_VALUE", f"{name} has one value, not two")
    return Filter(cleaned, tags.clean(stage), asked)


async def look_for(conn: Connection, workspace_id: WorkspaceId, wanted: Filter, *, at_length: bool) -> Search:
    """Returns what the database can look for in a list of those who fit; `at_length` where the newest were walked."""
    if not wanted:
        return Search(workspace_id)
    life_cycle = await stage_store.find_life_cycle(conn, workspace_id)
    of = await rule_store.list_rules(conn, workspace_id)
    asked = Search(workspace_id, filters.signs(wanted, life_cycle, of, utc_now()))
    return await filter_store.narrow(conn, asked, filter_store.MANY if at_length else filter_store.FEW)


async def read_fitting(
    conn: Connection, workspace_id: WorkspaceId, rows: Sequence[Row], wanted: Filter
) -> list[tuple[Row, Person]]:
    """Returns those of the rows whose persons fit, each person once."""
    found = await people.read(conn, workspace_id, [row.contact_id for row in rows])
    by_record = {record: person for person in found for record in person.record_ids if _fits(person, wanted)}
    chosen: dict[ContactId, tuple[Row, Person]] = {}
    for row in rows:
        if person := by_record.get(row.contact_id):
            chosen.setdefault(person.contact_id, (row, person))
    return list(chosen.values())


def _fits(person: Person, wanted: Filter) -> bool:
    return wanted.fits(tags.names(person.tags), person.stage, {each.name: each.value for each in person.attributes})


async def search(conn: Connection, asked: Search, query: str, after: Place | None, limit: int) -> Found:
    """Returns canonical contacts: by address, newest first, then by the start of a name; without a query all."""
    if not query:
        roots, end = await filter_store.list_roots(conn, asked, after.contact_id if after else None, limit)
        return _found([Row(root, Place(root)) for root in roots], Place(end) if end else None, limit)
    keys = search_keys(query)
    rows: list[Row] = []
    if after is None or after.name_key is None:
        roots = await store.find_roots_by_identifier(
            conn, asked.workspace_id, keys, after.contact_id if after else None, limit
        )
        rows = [Row(root, Place(root)) for root in roots]
    prefix = name_key(query)
    place: tuple[str, str] | None = None
    if len(rows) < limit and prefix:
        start = (after.name_key, after.contact_id) if after and after.name_key is not None else None
        names, place = await filter_store.list_names(
            conn, asked, prefix, start, without_keys=keys, limit=limit - len(rows)
        )
        rows += [Row(each.root, Place(each.contact_id, each.name_key)) for each in names]
    return _found(rows, Place(place[1], place[0]) if place else None, limit)


def _found(rows: list[Row], end: Place | None, limit: int) -> Found:
    """The last of `limit` rows says only that there is somebody more."""
    return Found(rows[: limit - 1], rows[limit - 2].place) if len(rows) == limit else Found(rows, end)
