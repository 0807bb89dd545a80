"""ContactService: proto in, use-case, proto out."""

import time
from collections.abc import Sequence
from datetime import datetime

from lobby.connectors.v1.account_pb2 import Platform
from lobby.connectors.v1.events_pb2 import Referral
from lobby.identity.v1 import contact_service_pb2 as pb
from lobby.identity.v1.attribute_pb2 import AttributeValue
from lobby.identity.v1.contact_pb2 import (
    Contact,
    ContactAttribute,
    ContactIdentifier,
    ContactTag,
    FirstTouch,
    Merge,
    TagOrigin,
)
from lobby.identity.v1.contact_service_pb2_grpc import ContactServiceServicer
from lobby.identity.v1.events_pb2 import ContactErased
from lobby.identity.v1.purchase_pb2 import Spend
from lobby_common import caller, pages, tracing
from lobby_common.caller import Caller
from lobby_common.errors import Invalid, NotFound
from lobby_common.events import EventLog, Tx
from lobby_common.events.log import Connection
from lobby_common.ids import derive_id, is_id
from lobby_common.requests import answer_once
from lobby_common.times import to_proto, utc_now
from lobby_identity import events
from lobby_identity.app import erasing, listing, merging, people
from lobby_identity.app.erasing import Forgotten
from lobby_identity.app.listing import Place, Row
from lobby_identity.app.merging import Merged
from lobby_identity.app.people import Person
from lobby_identity.clients import Visibility
from lobby_identity.domain import purchases, tags
from lobby_identity.domain.attributes import Held
from lobby_identity.domain.filters import Filter
from lobby_identity.domain.identifiers import WorkspaceId
from lobby_identity.domain.tags import Tag
from lobby_identity.domain.touches import Touch
from lobby_identity.store import IdentifierRow, StoredLink

AGENT_ROLE = "agent"
_ROUNDS = 20
"""Pages that are looked through for contacts that are in the list, before the caller gets what was found so far."""
_PATIENCE = 1.0
"""Seconds after which no further one is looked through."""


class ContactApi(ContactServiceServicer):
    """Answers for contacts, merges and undos. Agents see the contacts that routing lets them see."""

    def __init__(self, log: EventLog, visibility: Visibility) -> None:
        self._log = log
        self._visibility = visibility

    async def GetContact(self, request: pb.GetContactRequest, context: object) -> pb.GetContactResponse:
        """Returns a person; a merged-away id answers with the canonical contact."""
        who = caller.current()
        person = await visible_person(self._log, self._visibility, who, request.contact_id)
        return pb.GetContactResponse(contact=contact_proto(person))

    async def ListContacts(self, request: pb.ListContactsRequest, context: object) -> pb.ListContactsResponse:
        """Returns a page of canonical contacts."""
        who = caller.current()
        size = pages.size(request.page_size)
        query = request.query.replace("\x00", "\ufffd").strip()
        after = _place(request.page_token)
        async with self._log.pool.acquire() as conn:
            wanted = await listing.read_filter(
                conn, WorkspaceId(who.workspace_id), request.tags, request.stage, request.attributes
            )
        found, end = await self._page(who, query, wanted, after, size)
        return pb.ListContactsResponse(
            contacts=[contact_proto(person) for person in found],
            next_page_token="" if end is None else pages.encode(end.contact_id, end.name_key),
        )

    async def MergeContacts(self, request: pb.MergeContactsRequest, context: object) -> pb.MergeContactsResponse:
        """Links two contacts; the URL's id survives."""
        who = caller.current()
        for each in (request.contact_id, request.other_contact_id):
            await visible_person(self._log, self._visibility, who, each)

        async with self._log.transaction() as tx:

            async def make() -> pb.MergeContactsResponse:
                return await _merge(tx, who, request)

            return await answer_once(tx, "MergeContacts", request.request_id, pb.MergeContactsResponse, make)

    async def UndoMerge(self, request: pb.UndoMergeRequest, context: object) -> pb.UndoMergeResponse:
        """Takes one link away."""
        who = caller.current()
        workspace_id = WorkspaceId(who.workspace_id)
        async with self._log.pool.acquire() as conn:
            link = await merging.find_link(conn, workspace_id, request.merge_id)
        for each in (link.contact_id, link.other_contact_id):
            await visible_person(self._log, self._visibility, who, each)

        async with self._log.transaction() as tx:

            async def make() -> pb.UndoMergeResponse:
                return await _undo(tx, who, request.merge_id)

            return await answer_once(tx, "UndoMerge", request.request_id, pb.UndoMergeResponse, make)

    async def EraseContact(self, request: pb.EraseContactRequest, context: object) -> pb.EraseContactResponse:
        """Nothing personal is left of a person."""
        who = caller.current()
        now = utc_now()
        async with self._log.transaction() as tx:
            forgotten = await erasing.erase(tx.conn, WorkspaceId(who.workspace_id), request.contact_id, now)
            if forgotten.is_news:
                _tell_erased(tx, who, forgotten, now)
            return pb.EraseContactResponse(contact=contact_proto(forgotten.person))

    async def _page(
        self, who: Caller, query: str, wanted: Filter, after: Place | None, size: int
    ) -> tuple[list[Person], Place | None]:
        """Returns the contacts of a page that the caller may see, and where the next begins; None at the end."""
        page: dict[str, tuple[Row, Person]] = {}
        workspace_id = WorkspaceId(who.workspace_id)
        most = size if who.role != AGENT_ROLE else pages.LARGEST
        began, rare = time.monotonic(), False
        for _ in range(_ROUNDS):
            # What a stretch held and where it ended is of one moment.
            async with self._log.pool.acquire() as conn, conn.transaction(isolation="repeatable_read", readonly=True):
                asked = await listing.look_for(conn, workspace_id, wanted, at_length=rare)
                found = await listing.search(conn, asked, query, after, most + 1)
            rows = await self._visible(who, found.rows)
            async with self._log.pool.acquire() as conn:
                for row, person in await listing.read_fitting(conn, workspace_id, rows, wanted):
                    page.setdefault(person.contact_id, (row, person))
            after, rare = found.end, len(found.rows) < most
            if len(page) > size or (len(page) == size and after is not None):
                chosen = list(page.values())[:size]
                return [person for _, person in chosen], chosen[-1][0].place
            if after is None or time.monotonic() - began > _PATIENCE:
                break
        return [person for _, person in page.values()], after

    async def _visible(self, who: Caller, rows: Sequence[Row]) -> list[Row]:
        if who.role != AGENT_ROLE or not rows:
            return list(rows)
        visible = await self._visibility.of([row.contact_id for row in rows])
        return [row for row in rows if row.contact_id in visible]


async def visible_person(log: EventLog, visibility: Visibility, who: Caller, contact_id: str) -> Person:
    """Returns the person behind an id. Raises NotFound also for one that the caller may not see."""
    async with log.pool.acquire() as conn:
        person = await people.get(conn, WorkspaceId(who.workspace_id), contact_id)
    # Routing may still know the person by an id that was merged away a moment ago.
    if who.role == AGENT_ROLE and not await visibility.of(person.record_ids):
        raise NotFound("CONTACT_NOT_FOUND", "there is no such contact in this workspace")
    return person


async def _merge(tx: Tx, who: Caller, request: pb.MergeContactsRequest) -> pb.MergeContactsResponse:
    now = utc_now()
    workspace_id = WorkspaceId(who.workspace_id)
    merged = await merging.merge(
        tx.conn,
        workspace_id,
        request.contact_id,
        request.other_contact_id,
        note=request.note,
        actor=who.actor,
        now=now,
    )
    tell_merged(tx, who, merged)
    return await _merge_answer(tx.conn, workspace_id, merged)


def tell_merged(tx: Tx, who: Caller, merged: Merged) -> None:
    """Neighbours hear who is one person now, where that changed."""
    joined = merged.joined
    if joined is None:
        return
    tx.tell(
        events.merged(
            merged.link.link_id,
            joined.members,
            joined.merged_root,
            joined.roots.version,
            evidence=merging.MANUAL,
            actor=who.actor,
        ),
        workspace_id=who.workspace_id,
        key=joined.root,
        event_id=events.merged_id(merged.link.link_id),
        time=merged.link.create_time,
        traceparent=tracing.current(),
    )


async def _merge_answer(conn: Connection, workspace_id: WorkspaceId, merged: Merged) -> pb.MergeContactsResponse:
    person = (await people.read(conn, workspace_id, [merged.root]))[0]
    return pb.MergeContactsResponse(merge=merge_proto(merged.link), contact=contact_proto(person))


async def _undo(tx: Tx, who: Caller, merge_id: str) -> pb.UndoMergeResponse:
    now = utc_now()
    workspace_id = WorkspaceId(who.workspace_id)
    undone = await merging.undo(tx.conn, workspace_id, merge_id, actor=who.actor, now=now)
    if undone.groups:
        events.tell_split(tx, workspace_id, undone, actor=who.actor)
    persons = await people.read(tx.conn, workspace_id, undone.roots)
    return pb.UndoMergeResponse(merge=merge_proto(undone.link), contacts=[contact_proto(person) for person in persons])


def _tell_erased(tx: Tx, who: Caller, forgotten: Forgotten, now: datetime) -> None:
    """Neighbours forget him too."""
    root = forgotten.person.contact_id
    tx.tell(
        ContactErased(
            contact_id=root,
            contact_ids=[each.contact_id for each in forgotten.records],
            channel_user_ids=[each.channel_user_id for each in forgotten.records],
            actor=who.actor,
        ),
        workspace_id=who.workspace_id,
        key=root,
        event_id=derive_id(now, "contact_erased", root),
        time=now,
        traceparent=tracing.current(),
    )


def _place(page_token: str) -> Place | None:
    """Raises Invalid BAD_PAGE_TOKEN."""
    values = pages.decode(page_token, 2)
    if values is None:
        return None
    contact_id, name_key = values
    if not isinstance(contact_id, str) or not is_id(contact_id) or isinstance(name_key, int):
        raise Invalid("BAD_PAGE_TOKEN", "page_token is not one that this list gave")
    return Place(contact_id, name_key)


def contact_proto(person: Person) -> Contact:
    """Returns a person as the contract has it."""
    known = person.profile
    return Contact(
        contact_id=person.contact_id,
        display_name=known.display_name,
        identifiers=[_identifier(row) for row in person.identifiers],
        tags=tags.names(person.tags),
        language=known.language,
        country=known.country,
        first_entry_time=to_proto(known.first_entry_time) if known.first_entry_time else None,
        tag_origins=[_tag(each) for each in person.tags],
        first_touch=_touch(person.first_touch) if person.first_touch else None,
        spends=[_spend(each) for each in person.spends],
        attributes=[_held(each) for each in person.attributes],
        stage=person.stage,
        stage_time=to_proto(person.stage_time) if person.stage_time else None,
        stage_origin=TagOrigin.Value(f"TAG_ORIGIN_{person.stage_origin.upper() or 'UNSPECIFIED'}"),
        stage_source_id=person.stage_source_id,
    )


def _held(each: Held) -> ContactAttribute:
    value = each.value
    return ContactAttribute(
        attribute_name=each.name,
        value=AttributeValue(
            text=value.text,
            number=value.number,
            boolean=value.boolean,
            time=to_proto(value.time) if value.time else None,
        ),
        origin=TagOrigin.Value(f"TAG_ORIGIN_{each.origin.upper()}"),
        source_id=each.source_id,
        set_time=to_proto(each.set_time),
    )


def _spend(each: purchases.Spend) -> Spend:
    return Spend(
        currency=each.currency,
        amount_minor=each.amount_minor,
        amount=purchases.to_decimal(each.amount_minor, each.currency),
        purchase_count=each.purchase_count,
        last_purchase_time=to_proto(each.last_purchase_time),
    )


def _tag(each: Tag) -> ContactTag:
    return ContactTag(
        tag=each.tag,
        origin=TagOrigin.Value(f"TAG_ORIGIN_{each.origin.upper()}"),
        source_id=each.source_id,
        set_time=to_proto(each.set_time) if each.set_time else None,
    )


def _touch(touch: Touch) -> FirstTouch:
    return FirstTouch(
        time=to_proto(touch.at),
        account_id=touch.account_id,
        platform=Platform.ValueType(touch.platform),
        campaign_id=touch.source.source_id,
        referral=Referral(**touch.source._asdict()) if touch.source.source_type else None,
    )


def _identifier(row: IdentifierRow) -> ContactIdentifier:
    return ContactIdentifier(
        kind=row.kind,
        scope=row.scope,
        value=row.value,
        platform=Platform.ValueType(row.platform),
        first_seen_time=to_proto(row.first_seen_time),
        retired_time=to_proto(row.retired_time) if row.retired_time else None,
    )


def merge_proto(link: StoredLink) -> Merge:
    """Returns a link as the contract has it."""
    return Merge(
        merge_id=link.link_id,
        contact_id=link.contact_id,
        other_contact_id=link.other_contact_id,
        note=link.note,
        create_time=to_proto(link.create_time),
        undo_time=to_proto(link.end_time) if link.end_time else None,
    )
