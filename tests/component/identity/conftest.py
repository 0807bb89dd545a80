"""Identity with a real database; what connectors says is handed to it directly, as its consumer would."""

import itertools
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest_asyncio
from google.protobuf.message import Message

from lobby.connectors.v1 import account_pb2, events_pb2, message_pb2
from lobby.events.v1.batch_pb2 import Batch, Event
from lobby.identity.v1 import contact_service_pb2 as pb
from lobby.identity.v1 import events_pb2 as told_pb
from lobby.identity.v1 import tag_service_pb2
from lobby_common import caller, ids, postgres
from lobby_common.caller import Caller
from lobby_common.events import EventLog, Incoming
from lobby_common.times import to_proto
from lobby_identity.api import ContactApi
from lobby_identity.attribute_api import AttributeApi
from lobby_identity.events import PeopleHandler
from lobby_identity.life_cycle_api import LifeCycleApi
from lobby_identity.purchase_api import PurchaseApi
from lobby_identity.tag_api import TagApi

TEN = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
WA1, WA2, TG1, LN1, LN2 = (ids.derive_id(TEN, name) for name in ("WA1", "WA2", "TG1", "LN1", "LN2"))
PLATFORMS = {
    WA1: account_pb2.PLATFORM_WHATSAPP,
    WA2: account_pb2.PLATFORM_WHATSAPP,
    TG1: account_pb2.PLATFORM_TELEGRAM,
    LN1: account_pb2.PLATFORM_LINE,
    LN2: account_pb2.PLATFORM_LINE,
}
_numbers = itertools.count(1)


def at(minutes: float) -> datetime:
    return TEN + timedelta(minutes=minutes)


def identifier(text: str) -> events_pb2.Identifier:
    """`phone:+66…`, `bsuid@portfolio:BR.1001`, `telegram_id:777`."""
    kind, _, value = text.partition(":")
    kind, _, scope = kind.partition("@")
    return events_pb2.Identifier(kind=kind, scope=scope, value=value)


def wrote(account: str, *identifiers: str, minutes: float = 0, **more: Any) -> events_pb2.MessageReceived:
    own_phone = more.pop("own_phone", "")
    other_phone = more.pop("other_phone", "")
    cards = [events_pb2.ContactCard(phone=own_phone, own=True)] if own_phone else []
    cards += [events_pb2.ContactCard(phone=other_phone)] if other_phone else []
    return events_pb2.MessageReceived(
        message_id=ids.derive_id(at(minutes), "message", str(next(_numbers))),
        account_id=account,
        platform=PLATFORMS[account],
        chat=identifiers[0],
        identifiers=[identifier(each) for each in identifiers],
        kind=message_pb2.MESSAGE_KIND_TEXT,
        occurred_time=to_proto(at(minutes)),
        received_time=to_proto(at(minutes)),
        greeting=more.pop("greeting", True),
        cards=cards,
        **more,
    )


def changed(
    account: str, *, retired: Sequence[str] = (), current: Sequence[str] = (), minutes: float = 0, **more: Any
) -> events_pb2.IdentifierChanged:
    return events_pb2.IdentifierChanged(
        account_id=account,
        platform=PLATFORMS[account],
        chat=(*retired, *current)[0],
        retired=[identifier(each) for each in retired],
        current=[identifier(each) for each in current],
        change_time=to_proto(at(minutes)),
        **more,
    )


@dataclass
class Everything:
    """What routing lets an agent see; None is everything."""

    seen: set[str] | None = None

    async def of(self, contacts: Sequence[str]) -> set[str]:
        return set(contacts) if self.seen is None else self.seen & set(contacts)


@dataclass
class Identity:
    """The service under test and what it told."""

    pool: asyncpg.Pool
    workspace_id: str = field(default_factory=ids.new_id)
    visibility: Everything = field(default_factory=Everything)

    def __post_init__(self) -> None:
        self.log = EventLog("identity", self.pool)
        self.api = ContactApi(self.log, self.visibility)
        self.tags = TagApi(self.log, self.visibility)
        self.purchases = PurchaseApi(self.log, self.visibility)
        self.attributes = AttributeApi(self.log, self.visibility)
        self.life_cycle = LifeCycleApi(self.log, self.visibility)
        self.handler = PeopleHandler(self.log)

    def incoming(self, payload: Message) -> Incoming:
        event_id = ids.derive_id(None, "event", payload.SerializeToString(deterministic=True).hex())
        event = Event(
            id=event_id,
            type=payload.DESCRIPTOR.full_name,
            workspace_id=self.workspace_id,
            key=f"{payload.account_id}/{payload.chat}",
        )
        return Incoming("connectors", 0, 0, event, payload)

    async def hear(self, *payloads: Message) -> list[told_pb.MessageIdentified]:
        """One batch. Returns what is said of its messages."""
        async with self.log.transaction() as tx:
            await self.handler.apply(tx, [self.incoming(each) for each in payloads])
        told = {each.message_id: each for each in await self.told(told_pb.MessageIdentified)}
        return [told[each.message_id] for each in payloads if isinstance(each, events_pb2.MessageReceived)]

    async def told(self, kind: type[Message] | None = None) -> list[Any]:
        """The payloads told so far, in order."""
        kinds = {each.DESCRIPTOR.full_name: each for each in _KINDS}
        wanted = None if kind is None else kind.DESCRIPTOR.full_name
        events = [each for each in await self.events() if wanted in (None, each.type)]
        return [kinds[each.type].FromString(each.payload) for each in events]

    async def events(self) -> list[Event]:
        rows = await self.pool.fetch("SELECT data FROM event_batch ORDER BY batch_id")
        batches = [Batch.FromString(row["data"]) for row in rows]
        events = [event for batch in batches for segment in batch.segments for event in segment.events]
        return [each for each in events if each.workspace_id == self.workspace_id]

    def calls(self, role: str = "owner", agent_id: str = "") -> Any:
        return caller.use(Caller(self.workspace_id, role, agent_id, "key-1"))

    async def contact(self, contact_id: str) -> Any:
        with self.calls():
            return (await self.api.GetContact(pb.GetContactRequest(contact_id=contact_id), None)).contact

    async def merge(self, contact_id: str, other: str, **more: str) -> pb.MergeContactsResponse:
        with self.calls():
            request = pb.MergeContactsRequest(contact_id=contact_id, other_contact_id=other, **more)
            return await self.api.MergeContacts(request, None)

    async def undo(self, merge_id: str, **more: str) -> pb.UndoMergeResponse:
        with self.calls():
            return await self.api.UndoMerge(pb.UndoMergeRequest(merge_id=merge_id, **more), None)

    async def tag(
        self, contact_id: str, tag: str, *, role: str = "owner", agent_id: str = "", request_id: str = ""
    ) -> Any:
        with self.calls(role, agent_id):
            request = tag_service_pb2.SetTagRequest(contact_id=contact_id, tag=tag, request_id=request_id)
            return (await self.tags.SetTag(request, None)).contact

    async def untag(self, contact_id: str, tag: str, *, role: str = "owner", agent_id: str = "") -> Any:
        with self.calls(role, agent_id):
            request = tag_service_pb2.RemoveTagRequest(contact_id=contact_id, tag=tag)
            return (await self.tags.RemoveTag(request, None)).contact

    async def search(
        self, query: str = "", *, role: str = "owner", page_size: int = 0, page_token: str = "", **more: Any
    ) -> pb.ListContactsResponse:
        with self.calls(role):
            request = pb.ListContactsRequest(query=query, page_size=page_size, page_token=page_token, **more)
            return await self.api.ListContacts(request, None)


_KINDS = (
    told_pb.MessageIdentified,
    told_pb.ContactMerged,
    told_pb.ContactSplit,
    told_pb.ContactChanged,
    told_pb.BaseImported,
    told_pb.BaseUndone,
    told_pb.ContactErased,
    told_pb.ContactStageChanged,
)


async def erase(identity: Identity, contact_id: str) -> Any:
    """The person is forgotten. Returns what is left of him."""
    with identity.calls():
        return (await identity.api.EraseContact(pb.EraseContactRequest(contact_id=contact_id), None)).contact


def addresses(contact: Any, *, retired: bool | None = None) -> set[str]:
    """The contact's identifiers as texts; only those retired, or only those that hold, where asked."""
    return {
        f"{each.kind}@{each.scope}:{each.value}" if each.scope else f"{each.kind}:{each.value}"
        for each in contact.identifiers
        if retired is None or each.HasField("retired_time") == retired
    }


@pytest_asyncio.fixture
async def pool(database) -> AsyncIterator[asyncpg.Pool]:
    pool = await postgres.create_pool(database.url, schema="identity", size=4)
    yield pool
    await pool.close()


@pytest_asyncio.fixture
async def identity(pool) -> Identity:
    return Identity(pool)
