"""Tags set and taken away by hand or through the API."""

from dataclasses import dataclass
from datetime import datetime

from lobby_common.errors import Conflict, Invalid
from lobby_common.events.log import Connection
from lobby_identity.app import people
from lobby_identity.app.people import Person
from lobby_identity.domain import tags
from lobby_identity.domain.identifiers import ContactId, WorkspaceId
from lobby_identity.domain.tags import Tag
from lobby_identity.store import tags as store


@dataclass(frozen=True, slots=True)
class Tagged:
    """A person after it, and whether it changed anything."""

    person: Person
    is_news: bool


async def set_tag(
    conn: Connection, workspace_id: WorkspaceId, contact_id: str, text: str, *, origin: str, actor: str, now: datetime
) -> Tagged:
    """The record named has the tag by this actor; set again it stays as it is.

    BAD_TAG, CONTACT_NOT_FOUND, CONTACT_ERASED, TOO_MANY_TAGS.
    """
    tag = _read(text)
    person = await _locked(conn, workspace_id, contact_id)
    wanted = Tag(ContactId(contact_id), tag, origin, actor, now)
    if any(_is_same(each, wanted) for each in person.tags):
        return Tagged(person, is_news=False)
    held = tags.names(person.tags)
    if len(held) >= tags.MOST and tag not in held:
        raise Conflict("TOO_MANY_TAGS", f"a contact has at most {tags.MOST} tags")
    await store.set_tag(conn, workspace_id, wanted)
    return Tagged(await people.get(conn, workspace_id, contact_id), is_news=True)


async def remove_tag(
    conn: Connection, workspace_id: WorkspaceId, contact_id: str, text: str, *, actor: str, now: datetime
) -> Tagged:
    """The person does not show the tag, whoever or whatever set it; removing it again changes nothing.

    BAD_TAG, CONTACT_NOT_FOUND, CONTACT_ERASED.
    """
    tag, addressed = _read(text), ContactId(contact_id)
    person = await _locked(conn, workspace_id, contact_id)
    # Also what somebody took away from another record of the person: it stays away from this one when they are parted.
    every = {each.setting_id: each for each in person.tags if each.setting_id}
    stored = await store.read_tags(conn, workspace_id, person.record_ids)
    every |= {each.setting_id or each.contact_id: each for each in stored if each.tag == tag}
    settings = [each for each in every.values() if each.tag == tag and addressed not in each.hidden_from]
    if not settings:
        return Tagged(person, is_news=False)
    await store.hide_tags(conn, workspace_id, tag, settings, hidden_from=addressed, actor=actor, now=now)
    return Tagged(await people.get(conn, workspace_id, contact_id), is_news=tag in tags.names(person.tags))


def _read(text: str) -> str:
    tag = tags.clean(text)
    if not tag:
        raise Invalid("BAD_TAG", "a tag is not empty")
    return tag


def _is_same(one: Tag, other: Tag) -> bool:
    return (one.contact_id, one.tag, one.origin, one.source_id) == (
        other.contact_id,
        other.tag,
        other.origin,
        other.source_id,
    )


async def _locked(conn: Connection, workspace_id: WorkspaceId, contact_id: str) -> Person:
    """Returns the person; the record named is ours to change. CONTACT_NOT_FOUND, CONTACT_ERASED."""
    await people.records(conn, workspace_id, contact_id)
    if not await store.lock_record(conn, workspace_id, ContactId(contact_id)):
        raise Conflict("CONTACT_ERASED", "this contact was forgotten")
    return await people.get(conn, workspace_id, contact_id)
