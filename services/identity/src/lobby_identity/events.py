"""What identity hears from connectors and what it tells the others.

Applying a batch twice is harmless: ids of people, links and events follow from the ids of the events heard.
"""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime

import structlog
from google.protobuf.message import Message

from lobby.connectors.v1 import events_pb2 as connectors
from lobby.connectors.v1.message_pb2 import MESSAGE_KIND_UNSPECIFIED, MESSAGE_KIND_UNSUPPORTED
from lobby.identity.v1 import events_pb2 as pb
from lobby_common import tracing
from lobby_common.events import EventLog, Incoming, Tx
from lobby_common.events.log import Connection
from lobby_common.ids import derive_id
from lobby_common.times import from_proto, utc_now
from lobby_identity import metrics, store
from lobby_identity.app import identify, ruling
from lobby_identity.app.identify import Change, Heard, Hold, Identity, Merge, Outcome, Refusal
from lobby_identity.app.linking import Undone
from lobby_identity.app.ruling import RuleBook, Wrote
from lobby_identity.domain.graph import Record
from lobby_identity.domain.identifiers import PHONE, Address, ContactId, WorkspaceId, address
from lobby_identity.domain.mentions import avatar_mentions, find_mentions
from lobby_identity.domain.profile import Hints
from lobby_identity.domain.resolution import Sighting
from lobby_identity.domain.touches import Source
from lobby_identity.mending import restore, without_forgotten

_LOG = structlog.get_logger("identity")
_TEXT_START = 200


class NoIdentifier(ValueError):
    """An event names nobody: it cannot be said whose it is."""


class PeopleHandler:
    """Hears who wrote, and tells who that is."""

    handles: tuple[type[Message], ...] = (
        connectors.MessageReceived,
        connectors.IdentifierChanged,
        connectors.ReferralSeen,
    )
    evident: tuple[type[Message], ...] = (connectors.MessageReceived,)

    def __init__(self, log: EventLog, book: RuleBook | None = None) -> None:
        self._log = log
        self._book = book or RuleBook()

    async def apply(self, tx: Tx, events: Sequence[Incoming]) -> None:
        """Every message is identified; people are what all events so far say."""
        now = utc_now()
        heard = [_READERS[type(each.payload)](each) for each in events]
        outcome = await identify.identify(tx.conn, heard, now=now)
        for incoming, identity in zip(events, outcome.identities, strict=True):
            if isinstance(incoming.payload, connectors.MessageReceived):
                _tell_identified(tx, incoming, incoming.payload, identity, now)
        for merge in outcome.merges:
            _tell_merged(tx, events[merge.place], merge, now)
        for refusal in outcome.refusals:
            _log_refusal(events[refusal.place], refusal)
        for hold in outcome.holds:
            _log_hold(events[hold.place], hold)
        for change in outcome.changes:
            _tell_changed(tx, events[change.place], change, heard[change.place].sighting.at, now)
        if wrote := self._under_rules(events, outcome):
            for place in await ruling.hear(tx.conn, self._book, wrote):
                _tell_tagged(tx, events[place], outcome.identities[place], now)

    def _under_rules(self, events: Sequence[Incoming], outcome: Outcome) -> list[Wrote]:
        """Returns the messages that came to workspaces which have rules."""
        return [
            Wrote(
                place,
                WorkspaceId(each.event.workspace_id),
                identity.record_id,
                from_proto(each.payload.occurred_time),
                each.payload.text,
            )
            for place, (each, identity) in enumerate(zip(events, outcome.identities, strict=True))
            if isinstance(each.payload, connectors.MessageReceived) and self._book.of(each.event.workspace_id)
        ]

    async def find_effectless(self, conn: Connection, events: Sequence[Incoming]) -> Collection[str]:
        """Returns the messages whose writer is not known by each of the identifiers that they name."""
        asked = [
            (n, sought.key)
            for n, each in enumerate(events)
            if isinstance(each.payload, connectors.MessageReceived)
            for sought in _addresses(WorkspaceId(each.event.workspace_id), each.payload.identifiers)
        ]
        unknown = [events[n] for n in sorted(await store.find_unknown(conn, asked))]
        return {each.event.id for each in await without_forgotten(conn, self._log, unknown)}

    async def mend(self, tx: Tx, events: Sequence[Incoming]) -> None:
        """Lost identifiers lead to whom they led; what nobody was named for is heard."""
        unheard = await restore(tx.conn, self._log, events)
        if unheard:
            await self.apply(tx, unheard)


# Heard


def _addresses(workspace_id: WorkspaceId, identifiers: Sequence[connectors.Identifier]) -> tuple[Address, ...]:
    return tuple(address(workspace_id, each.kind, each.scope, each.value) for each in identifiers if each.value)


def _read_message(incoming: Incoming) -> Heard:
    payload = incoming.payload
    assert isinstance(payload, connectors.MessageReceived)
    workspace_id = WorkspaceId(incoming.event.workspace_id)
    at = from_proto(payload.occurred_time)
    sighting = Sighting(
        incoming.event.id,
        workspace_id,
        at,
        payload.platform,
        _addresses(workspace_id, payload.identifiers),
        own_phones=tuple(
            address(workspace_id, PHONE, "", card.phone) for card in payload.cards if card.own and card.phone
        )
        if payload.cards
        else (),
    )
    hints = Hints(at, payload.display_name, payload.locale, payload.country, payload.greeting)
    heard = _heard(sighting, hints, payload.account_id, payload.referral if payload.HasField("referral") else None)
    mentions = find_mentions(payload.text, payload.country) if payload.text else ()
    return heard._replace(mentions=mentions) if mentions else heard


def _read_change(incoming: Incoming) -> Heard:
    payload = incoming.payload
    assert isinstance(payload, connectors.IdentifierChanged)
    workspace_id = WorkspaceId(incoming.event.workspace_id)
    at = from_proto(payload.change_time)
    sighting = Sighting(
        incoming.event.id,
        workspace_id,
        at,
        payload.platform,
        _addresses(workspace_id, payload.current),
        _addresses(workspace_id, payload.retired),
    )
    heard = _heard(sighting, Hints(at, payload.display_name, payload.locale))
    mentions = avatar_mentions(payload.avatar_hash)
    return heard._replace(mentions=mentions) if mentions else heard


def _read_referral(incoming: Incoming) -> Heard:
    payload = incoming.payload
    assert isinstance(payload, connectors.ReferralSeen)
    workspace_id = WorkspaceId(incoming.event.workspace_id)
    at = from_proto(payload.occurred_time)
    sighting = Sighting(
        incoming.event.id, workspace_id, at, payload.platform, _addresses(workspace_id, payload.identifiers)
    )
    return _heard(sighting, Hints(at), payload.account_id, payload.referral)


def _heard(
    sighting: Sighting, hints: Hints, account_id: str = "", referral: connectors.Referral | None = None
) -> Heard:
    if not sighting.addresses and not sighting.retired:
        raise NoIdentifier("the event names no identifier")
    source = None
    if referral is not None:
        source = Source(*(_storable(getattr(referral, field)) for field in Source._fields))
    return Heard(sighting, hints, account_id, source)


def _storable(text: str) -> str:
    return text.replace("\x00", "\ufffd")


_READERS: dict[type[Message], Callable[[Incoming], Heard]] = {
    connectors.MessageReceived: _read_message,
    connectors.IdentifierChanged: _read_change,
    connectors.ReferralSeen: _read_referral,
}


# Told


def _tell_identified(
    tx: Tx,
    incoming: Incoming,
    message: connectors.MessageReceived,
    identity: Identity,
    now: datetime,
) -> None:
    payload = pb.MessageIdentified(
        message_id=message.message_id,
        account_id=message.account_id,
        platform=message.platform,
        chat=message.chat,
        channel_user_id=identity.channel_user_id,
        contact_id=identity.contact_id,
        kind=message.kind if message.kind != MESSAGE_KIND_UNSPECIFIED else MESSAGE_KIND_UNSUPPORTED,
        text_start=message.text[:_TEXT_START],
        occurred_time=message.occurred_time,
        received_time=message.received_time,
        display_name=message.display_name,
        locale=message.locale,
        country=message.country,
        referral=message.referral if message.HasField("referral") else None,
        window_close_time=message.window_close_time if message.HasField("window_close_time") else None,
        greeting=message.greeting,
        first_message=identity.is_new,
    )
    tx.tell(
        payload,
        workspace_id=incoming.event.workspace_id,
        key=incoming.event.key,
        # By the time received: platforms write whole seconds, and entries of one second are ordered by this id.
        event_id=derive_id(from_proto(message.received_time), "message_identified", message.message_id),
        time=now,
        traceparent=incoming.traceparent,
        cause_id=incoming.event.id,
    )


def _tell_merged(tx: Tx, incoming: Incoming, merge: Merge, now: datetime) -> None:
    joined = merge.joined
    tx.tell(
        merged(merge.link_id, joined.members, joined.merged_root, joined.roots.version, evidence=merge.evidence),
        workspace_id=incoming.event.workspace_id,
        key=joined.root,
        event_id=merged_id(merge.link_id),
        time=now,
        traceparent=incoming.traceparent,
        cause_id=incoming.event.id,
    )


def _tell_changed(tx: Tx, incoming: Incoming, change: Change, at: datetime, now: datetime) -> None:
    tx.tell(
        pb.ContactChanged(contact_id=change.contact_id, fields=change.fields),
        workspace_id=incoming.event.workspace_id,
        key=change.contact_id,
        event_id=derive_id(at, "contact_changed", incoming.event.id),
        time=now,
        traceparent=incoming.traceparent,
        cause_id=incoming.event.id,
    )


def _tell_tagged(tx: Tx, incoming: Incoming, identity: Identity, now: datetime) -> None:
    tx.tell(
        pb.ContactChanged(contact_id=identity.contact_id, fields=["tags"]),
        workspace_id=incoming.event.workspace_id,
        key=identity.contact_id,
        event_id=derive_id(None, "contact_tagged", incoming.event.id),
        time=now,
        traceparent=incoming.traceparent,
        cause_id=incoming.event.id,
    )


def _log_hold(incoming: Incoming, hold: Hold) -> None:
    metrics.HELD.labels(hold.evidence).inc()
    _LOG.info("merge_held", event_id=incoming.event.id, link_id=hold.link_id, evidence=hold.evidence)


def _log_refusal(incoming: Incoming, refusal: Refusal) -> None:
    _LOG.warning("group_too_large", link_id=refusal.link_id, event_id=incoming.event.id, channel_users=refusal.size)


def merged(
    link_id: str,
    members: Sequence[Record],
    merged_root: ContactId,
    version: int,
    *,
    evidence: str,
    actor: str = "",
) -> pb.ContactMerged:
    """Returns the event that two persons became one."""
    return pb.ContactMerged(
        merge_id=link_id,
        group=group(members),
        merged_contact_id=merged_root,
        version=version,
        evidence=evidence,
        actor=actor,
    )


def merged_id(link_id: str) -> str:
    """Returns the id of the event that tells a link's merge: a link merges once."""
    return derive_id(None, "contact_merged", link_id)


def split_id(link_id: str) -> str:
    """Returns the id of the event that tells a link's undo: a link ends once."""
    return derive_id(None, "contact_split", link_id)


def tell_split(tx: Tx, workspace_id: str, undone: Undone, *, actor: str) -> None:
    """Neighbours hear who is whom again."""
    tx.tell(
        pb.ContactSplit(
            merge_id=undone.link.link_id,
            groups=[group(members) for members in undone.groups],
            version=undone.version,
            actor=actor,
        ),
        workspace_id=workspace_id,
        key=undone.roots[0],
        event_id=split_id(undone.link.link_id),
        traceparent=tracing.current(),
    )


def group(members: Sequence[Record]) -> pb.ContactGroup:
    """Returns the whole membership of a person."""
    return pb.ContactGroup(
        contact_id=members[0].root, channel_user_ids=sorted(each.channel_user_id for each in members)
    )
