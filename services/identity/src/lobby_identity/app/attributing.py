"""Attributes made for a workspace, and values set by hand or through the API."""

from collections.abc import Mapping
from dataclasses import dataclass

from lobby_common.errors import Conflict, Invalid, NotFound
from lobby_common.events.log import Connection
from lobby_identity.app import people
from lobby_identity.app.people import Person
from lobby_identity.domain import tags
from lobby_identity.domain.attributes import MOST, Attribute, Value
from lobby_identity.domain.identifiers import ContactId, WorkspaceId
from lobby_identity.store import attributes as store
from lobby_identity.store import tags as records


@dataclass(frozen=True, slots=True)
class Changed:
    """A person after it, and whether it changed anything."""

    person: Person
    is_news: bool


async def create(conn: Connection, workspace_id: WorkspaceId, name: str, kind: str, display_name: str) -> Attribute:
    """The attribute is there. ATTRIBUTE_DIFFERS, TOO_MANY_ATTRIBUTES."""
    before = await store.list_attributes(conn, workspace_id)
    if len(before) >= MOST and name not in {each.name for each in before}:
        raise Conflict("TOO_MANY_ATTRIBUTES", f"a workspace has at most {MOST} attributes")
    await store.insert_attribute(conn, workspace_id, name, kind, display_name or name)
    [made] = [each for each in await store.list_attributes(conn, workspace_id) if each.name == name]
    if made.kind != kind:
        raise Conflict("ATTRIBUTE_DIFFERS", f"{name} is there already and holds a {made.kind}")
    return made


async def set_values(
    conn: Connection,
    workspace_id: WorkspaceId,
    contact_id: str,
    values: Mapping[str, Value],
    *,
    origin: str,
    actor: str,
) -> Changed:
    """The record named has these values; those that the person has already stay as they were set.

    CONTACT_NOT_FOUND, CONTACT_ERASED, ATTRIBUTE_NOT_FOUND, BAD_ATTRIBUTE_VALUE.
    """
    kinds = {each.name: each.kind for each in await store.list_attributes(conn, workspace_id)}
    for name, value in values.items():
        if name not in kinds:
            raise NotFound("ATTRIBUTE_NOT_FOUND", f"this workspace has no attribute {name}")
        if not value.fits(kinds[name]):
            raise Invalid("BAD_ATTRIBUTE_VALUE", f"{name} holds a {kinds[name]}")
    await people.records(conn, workspace_id, contact_id)
    if not await records.lock_record(conn, workspace_id, ContactId(contact_id)):
        raise Conflict("CONTACT_ERASED", "this contact was forgotten")
    held = await store.read_values(conn, workspace_id, [ContactId(contact_id)])
    before = {each.name: each.value for each in held if each.origin != tags.IMPORT}
    shown = {each.name: each.value for each in (await people.get(conn, workspace_id, contact_id)).attributes}
    news = {
        name: value
        for name, value in values.items()
        if (before.get(name, Value()), shown.get(name, Value())) != (value, value)
    }
    if news:
        await store.set_values(conn, workspace_id, ContactId(contact_id), news, origin=origin, source_id=actor)
    return Changed(await people.get(conn, workspace_id, contact_id), is_news=bool(news))
