"""Applies what identity, connectors and translate tell.

Running twice is harmless: inbound messages are known by id, answers only raise watermarks, pointers carry a version,
and what waits is deleted in the transaction that applies it.
"""

from collections.abc import Collection, Iterable, Sequence

from google.protobuf.message import Message

from lobby.connectors.v1.events_pb2 import MessageSent
from lobby.identity.v1.events_pb2 import (
    ContactErased,
    ContactGroup,
    ContactMerged,
    ContactSplit,
    MessageIdentified,
)
from lobby.translate.v1.events_pb2 import MessageTranslated
from lobby_common.events.consumer import Incoming
from lobby_common.events.log import Connection, Tx
from lobby_common.times import from_proto, utc_now
from lobby_routing.domain.languages import canonical
from lobby_routing.events.messages import ABOUT, Heard, Messages, conversation_id_of
from lobby_routing.store import floors
from lobby_routing.store.statements import QUERIES


class Hearing:
    """The consumer of routing: all effects of a batch in its transaction."""

    handles: tuple[type[Message], ...] = (
        *ABOUT,
        ContactMerged,
        ContactSplit,
        ContactErased,
        MessageTranslated,
    )
    evident: tuple[type[Message], ...] = (MessageIdentified, MessageSent)

    async def apply(self, tx: Tx, events: Sequence[Incoming]) -> None:
        """Conversations, pool and loads are as after all events; what changed is told."""
        groups = [event for event in events if isinstance(event.payload, ContactMerged | ContactSplit)]
        heard = [
            Heard(event.event, event.payload, event.traceparent) for event in events if isinstance(event.payload, ABOUT)
        ]
        if groups or heard:
            await floors.lock(tx.conn, [event.event.workspace_id for event in events])
        if groups:
            await _move_contacts(tx.conn, groups)
        if heard:
            await Messages(tx.conn, utc_now()).apply(tx, heard)
        await _save_languages(tx.conn, events)
        await _forget(tx.conn, events)

    async def find_effectless(self, conn: Connection, events: Sequence[Incoming]) -> Collection[str]:
        """Returns those about messages that stand in no conversation and wait for none, or lack the pool's decision."""
        sought = [each for each in events if isinstance(each.payload, MessageIdentified | MessageSent)]
        rows = await conn.fetch(
            QUERIES["find_unplaced"],
            [each.event.id for each in sought],
            [each.payload.message_id for each in sought if isinstance(each.payload, MessageIdentified | MessageSent)],
        )
        return {row["event_id"] for row in rows}

    async def mend(self, tx: Tx, events: Sequence[Incoming]) -> None:
        """Messages that their conversations count get their numbers back, and nobody is owed anew; others are heard."""
        await floors.lock(tx.conn, [event.event.workspace_id for event in events])
        restored = await _restore(tx.conn, [event.payload for event in events])
        await self.apply(tx, [event for event in events if _message_of(event.payload) not in restored])
        await tx.conn.execute(
            QUERIES["restore_pooled"], [message_id for event in events if (message_id := _message_of(event.payload))]
        )


def _message_of(payload: Message) -> str:
    return payload.message_id if isinstance(payload, MessageIdentified) else ""


async def _restore(conn: Connection, payloads: Iterable[Message]) -> set[str]:
    """Returns the messages that were restored."""
    lost = [each for each in payloads if isinstance(each, MessageIdentified) and each.greeting]
    rows = await conn.fetch(
        QUERIES["restore_messages"],
        [each.message_id for each in lost],
        [conversation_id_of(each) for each in lost],
        [from_proto(each.occurred_time) for each in lost],
        [from_proto(each.received_time) for each in lost],
    )
    return {row["message_id"] for row in rows}


async def _move_contacts(conn: Connection, groups: Sequence[Incoming]) -> None:
    newest: dict[str, tuple[str, int]] = {}
    for incoming in groups:
        payload = incoming.payload
        assert isinstance(payload, ContactMerged | ContactSplit)
        members: Iterable[ContactGroup] = [payload.group] if isinstance(payload, ContactMerged) else payload.groups
        for group in members:
            for channel_user_id in group.channel_user_ids:
                if channel_user_id not in newest or newest[channel_user_id][1] < payload.version:
                    newest[channel_user_id] = (group.contact_id, payload.version)
    await conn.execute(
        QUERIES["save_pointers"],
        list(newest),
        [contact_id for contact_id, _ in newest.values()],
        [version for _, version in newest.values()],
    )


async def _forget(conn: Connection, events: Sequence[Incoming]) -> None:
    """Conversations of people who were forgotten will be emptied."""
    erased = [
        (channel_user_id, event.event.workspace_id, from_proto(event.event.time))
        for event in events
        if isinstance(event.payload, ContactErased)
        for channel_user_id in event.payload.channel_user_ids
    ]
    if erased:
        await conn.execute(QUERIES["insert_forgetting"], *map(list, zip(*erased, strict=True)))


async def _save_languages(conn: Connection, events: Sequence[Incoming]) -> None:
    newest = {
        (event.payload.account_id, event.payload.chat): canonical(event.payload.customer_language)
        for event in events
        if isinstance(event.payload, MessageTranslated) and event.payload.customer_language
    }
    if newest:
        places = sorted(newest)
        await conn.execute(
            QUERIES["save_languages"],
            [account_id for account_id, _ in places],
            [chat for _, chat in places],
            [newest[place] for place in places],
        )
