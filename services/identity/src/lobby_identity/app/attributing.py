"""Attributes made for a workspace, and values set by hand or through the API."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

import asyncpg

from lobby_common.errors import Conflict, Invalid, NotFound
from lobby_common.events.log import Connection
from lobby_identity.app import people
from lobby_identity.app.people import Person
from lobby_identity.domain import tags
from lobby_identity.domain.attributes import MOST, Attribute, Value
from lobby_identity.domain.identifiers import ContactId, WorkspaceId
from lobby_identity.store import attributes as store
from lobby_identity.store import tags as records

_PAUSE = 1.0
_SOME = 5_000
"""Values that one transaction removes."""


@dataclass(frozen=True, slots=True)
class Changed:
    """A person after it, and whether it changed anything."""

    person: Person
    is_news: bool


async def create(conn: Connection, workspace_id: WorkspaceId, name: str, kind: str, display_name: str) -> Attribute:
    """The attribute is there. ATTRIBUTE_DIFFERS, TOO_MANY_ATTRIBUTES, ATTRIBUTE_BEING_DELETED."""
    await store.lock_definitions(conn, workspace_id)
    if await store.is_being_deleted(conn, workspace_id, name):
        raise Conflict("ATTRIBUTE_BEING_DELETED", f"values of a former {name} are still being removed; try again")
    before = await store.list_attributes(conn, workspace_id)
    if len(before) >= MOST and name not in {each.name for each in before}:
        raise Conflict("TOO_MANY_ATTRIBUTES", f"a workspace has at most {MOST} attributes")
    await store.insert_attribute(conn, workspace_id, name, kind, display_name or name)
    [made] = [each for each in await store.list_attributes(conn, workspace_id) if each.name == name]
    if made.kind != kind:
        raise Conflict("ATTRIBUTE_DIFFERS", f"{name} is there already and holds a {made.kind}")
    return made


async def update(conn: Connection, workspace_id: WorkspaceId, name: str, display_name: str) -> Attribute:
    """People call the attribute so. ATTRIBUTE_NOT_FOUND."""
    changed = await store.update_attribute(conn, workspace_id, name, display_name or name)
    if changed is None:
        raise _unknown(name)
    return changed


async def delete(conn: Connection, workspace_id: WorkspaceId, name: str, actor: str) -> None:
    """Nobody has the attribute; of many values the last ones are removed by the Remover. ATTRIBUTE_NOT_FOUND."""
    await store.lock_definitions(conn, workspace_id)
    if not await store.delete_attribute(conn, workspace_id, name):
        raise _unknown(name)
    if not await store.delete_values(conn, workspace_id, name, _SOME):
        await store.insert_deleted(conn, workspace_id, name, actor)


class Remover:
    """Removes the values of attributes that were deleted. One at a time, whatever the number of replicas."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def run(self) -> None:
        """Works until cancelled."""
        while True:
            if not await self.take():
                await asyncio.sleep(_PAUSE)

    async def take(self) -> bool:
        """Some values are gone. Returns whether there was anything to remove."""
        async with self._pool.acquire() as conn, conn.transaction():
            found = await store.find_deleted(conn)
            if found is not None and await store.delete_values(conn, *found, _SOME):
                await store.end_deleted(conn, *found)
        return found is not None


def _unknown(name: str) -> NotFound:
    return NotFound("ATTRIBUTE_NOT_FOUND", f"this workspace has no attribute {name}")


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
    await store.share_definitions(conn, workspace_id)
    kinds = {each.name: each.kind for each in await store.list_attributes(conn, workspace_id)}
    for name, value in values.items():
        if name not in kinds:
            raise _unknown(name)
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
