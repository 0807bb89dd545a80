"""Contacts as people see them: one person, all addresses of the group."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from lobby_common.errors import NotFound
from lobby_common.events.log import Connection
from lobby_common.ids import is_id
from lobby_identity import store
from lobby_identity.app import ruling
from lobby_identity.app.ruling import Known
from lobby_identity.domain import attributes, purchases, stages, tags, touches
from lobby_identity.domain import profile as profiles
from lobby_identity.domain.attributes import Held
from lobby_identity.domain.identifiers import ContactId, WorkspaceId
from lobby_identity.domain.profile import Profile
from lobby_identity.domain.purchases import Spend
from lobby_identity.domain.stages import LifeCycle, StageChange, Timed
from lobby_identity.domain.tags import Tag
from lobby_identity.domain.touches import Touch
from lobby_identity.store import IdentifierRow, ProfileRow
from lobby_identity.store import attributes as attribute_store
from lobby_identity.store import purchases as purchase_store
from lobby_identity.store import stages as stage_store
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
    spends: tuple[Spend, ...]
    """What he spent, by currency."""
    attributes: tuple[Held, ...]
    """What the workspace says of him, by name."""
    stage: str
    """Where he stands in his life cycle."""
    stage_time: datetime | None
    """Since when; None where he was never moved."""
    stage_origin: str
    """Who or what moved him there; "" where nobody did."""
    stage_source_id: str


async def get(conn: Connection, workspace_id: WorkspaceId, contact_id: str) -> Person:
    """Returns the person behind an id. Raises NotFound for what is no contact of this workspace."""
    found = await read(conn, workspace_id, [ContactId(contact_id)]) if is_id(contact_id) else []
    if not found:
        raise _not_found()
    return found[0]


def _not_found() -> NotFound:
    return NotFound("CONTACT_NOT_FOUND", "there is no such contact in this workspace")


async def records(conn: Connection, workspace_id: WorkspaceId, contact_id: str) -> tuple[ContactId, ...]:
    """Returns all records of the person behind an id, and nothing else of him. Raises NotFound as `get` does."""
    found = await store.read_profiles(conn, workspace_id, [ContactId(contact_id)]) if is_id(contact_id) else []
    if not found:
        raise _not_found()
    return tuple(row.contact_id for row in found)


async def read(conn: Connection, workspace_id: WorkspaceId, contacts: Sequence[ContactId]) -> list[Person]:
    """Returns the persons to whom the contacts belong, each once, in the order asked.

    One statement reads the records, so merges that run meanwhile are seen whole or not at all.
    """
    if not contacts:
        return []
    rows = await store.read_profiles(conn, workspace_id, contacts)
    groups: dict[ContactId, _Group] = {}
    for row in rows:
        groups.setdefault(row.root, _Group()).rows.append(row)
    by_contact = {row.contact_id: groups[row.root] for row in rows}
    by_user = {row.channel_user_id: groups[row.root] for row in rows}
    for address in await store.read_identifiers(conn, list(by_user)):
        by_user[address.channel_user_id].addresses.append(address)
    for touch in await store.read_touches(conn, workspace_id, list(by_user)):
        by_user[touch.channel_user_id].touches.append(touch)
    for tag in await tag_store.read_tags(conn, workspace_id, list(by_contact)):
        by_contact[tag.contact_id].tags.append(tag)
    for contact_id, spend in await purchase_store.read_spends(conn, list(by_contact)):
        by_contact[contact_id].spends.append(spend)
    for held in await attribute_store.read_values(conn, workspace_id, list(by_contact)):
        by_contact[held.contact_id].attributes.append(held)
    for change in await stage_store.read_last(conn, list(by_contact)):
        by_contact[change.contact_id].changes.append(change)
    life_cycle = await stage_store.find_life_cycle(conn, workspace_id)
    known = {root: group.known() for root, group in groups.items()}
    for root, by_rule in (await ruling.held(conn, workspace_id, known)).items():
        groups[root].tags += by_rule.tags
        groups[root].timed += by_rule.timed
    asked = dict.fromkeys(by_contact[each].root for each in contacts if each in by_contact)
    return [groups[root].person(life_cycle) for root in asked]


@dataclass(slots=True)
class _Group:
    """What is read of all records of a person."""

    rows: list[ProfileRow] = field(default_factory=list)
    addresses: list[IdentifierRow] = field(default_factory=list)
    tags: list[Tag] = field(default_factory=list)
    touches: list[Touch] = field(default_factory=list)
    spends: list[Spend] = field(default_factory=list)
    attributes: list[Held] = field(default_factory=list)
    changes: list[StageChange] = field(default_factory=list)
    timed: list[Timed] = field(default_factory=list)

    @property
    def root(self) -> ContactId:
        return self.rows[0].root

    def known(self) -> Known:
        entries = [row.profile.first_entry_time for row in self.rows if row.profile.first_entry_time]
        spent = {each.currency: each.amount_minor for each in purchases.total(self.spends)}
        return Known(tuple(row.contact_id for row in self.rows), min(entries, default=None), spent)

    def person(self, life_cycle: LifeCycle) -> Person:
        change = stages.last(self.changes)
        record_ids = tuple(row.contact_id for row in self.rows)
        return Person(
            self.root,
            profiles.of_person(self.root, [(row.contact_id, row.profile) for row in self.rows]),
            _once(self.addresses),
            record_ids,
            tags.shown(record_ids, self.tags),
            touches.first(self.touches),
            purchases.total(self.spends),
            attributes.shown(self.attributes),
            *_stage(life_cycle, change, stages.by_clock(life_cycle, change, self.timed)),
        )


def _stage(
    life_cycle: LifeCycle, change: StageChange | None, timed: Timed | None
) -> tuple[str, datetime | None, str, str]:
    """Returns where a person stands, since when, and who or what moved him there."""
    if timed is not None:
        return timed.stage, timed.time, tags.RULE, timed.rule_id
    if change is not None:
        return change.stage, change.time, change.origin, change.source_id
    return life_cycle.first, None, "", ""


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
