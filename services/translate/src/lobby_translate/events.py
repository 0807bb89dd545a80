"""What translate does with what it hears.

Running twice is harmless: a message is added once by its id, an assignment changes nothing the second time, a deletion
deletes nothing more; only an edit that is repeated tells its wording once more, under a higher version.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from google.protobuf.message import Message

from lobby.connectors.v1.events_pb2 import MessageDeleted, MessageEdited, MessageReceived
from lobby.routing.v1.events_pb2 import ConversationAssigned, ConversationErased
from lobby_common.events import Incoming, Tx
from lobby_common.events.log import Connection
from lobby_translate import erasing, store
from lobby_translate.arrivals import (
    Arrival,
    Draft,
    again,
    assign_time,
    assignment,
    cause_of,
    chat_of,
    draft_all,
    edited,
    first_version,
    id_of,
    new_message,
    received,
)
from lobby_translate.chain import Chain
from lobby_translate.rendering import Rendering, Wish, target_of
from lobby_translate.telling import tell

PRODUCERS: Final = ("connectors", "routing")
_RECENT: Final = 20
"""Texts of a chat that are rendered anew for another agent."""


class TranslateEvents:
    """Finds languages, renders what can be rendered at once, and queues the rest.

    A chat's messages come from one producer and its assignments from another, in lanes that two replicas may hold: its
    lock keeps them from missing each other.
    """

    handles: tuple[type[Message], ...] = (
        MessageReceived,
        MessageEdited,
        MessageDeleted,
        ConversationAssigned,
        ConversationErased,
    )
    evident: tuple[type[Message], ...] = (MessageReceived,)

    def __init__(self, chain: Chain, ring: Callable[[], None]) -> None:
        self._chain = chain
        self._ring = ring
        """Tells the worker that texts wait."""

    async def apply(self, tx: Tx, events: Sequence[Incoming]) -> None:
        """Languages, renderings and jobs of the batch are kept and told: new messages take two or three statements."""
        erased = [one for one in events if isinstance(one.payload, ConversationErased)]
        events = [one for one in events if not isinstance(one.payload, ConversationErased)]
        assigned = [one for one in events if isinstance(one.payload, ConversationAssigned)]
        edits = {one.message_id: one for one in edited(events)}
        if assigned or edits or erased:
            # All at once, so that nobody waits for a chat while he holds one; new messages alone lock theirs later.
            await store.lock_chats(tx.conn, {*map(_chat_of, events), *await erasing.find_chats(tx.conn, erased)})
        # Readers first: a message of the same batch is then rendered for its reader at once. What undoes comes last.
        await self._assign(tx, assigned)
        await self._receive(tx, received(events))
        await self._reword(tx, edits)
        await self._forget(tx, [one for one in events if isinstance(one.payload, MessageDeleted)])
        await erasing.erase(tx, erased)

    async def find_effectless(self, conn: Connection, events: Sequence[Incoming]) -> Collection[str]:
        """Messages with text whose language is not known."""
        said: list[tuple[Any, str]] = [(one.payload, one.event.id) for one in events]
        heard = {
            payload.message_id: event_id
            for payload, event_id in said
            if isinstance(payload, MessageReceived) and payload.text.strip()
        }
        return {heard[message_id] for message_id in await store.find_unknown(conn, heard)}

    async def mend(self, tx: Tx, events: Sequence[Incoming]) -> None:
        """The events are heard again: what is there stays as it is."""
        await self.apply(tx, events)

    async def _receive(self, tx: Tx, arrivals: Mapping[str, Arrival]) -> None:
        if not arrivals:
            return
        chats = await store.load_chats(tx.conn, {one.chat for one in arrivals.values()})
        drafts, turned = draft_all(arrivals.values(), chats)
        drafts = await self._resolve(tx, drafts)
        new = await store.add_messages(tx.conn, [new_message(one) for one in drafts], turned)
        for one in drafts:
            if one.arrival.message_id in new:
                rendering = one.rendering if isinstance(one.rendering, Rendering) else None
                tell(tx, first_version(one), rendering, one.arrival.cause)
        if any(isinstance(one.rendering, Wish) for one in drafts):
            self._ring()

    async def _resolve(self, tx: Tx, drafts: Sequence[Draft]) -> list[Draft]:
        """Wishes that the memory grants are renderings now, and those that no engine could grant."""
        wishes = {one.rendering.key for one in drafts if isinstance(one.rendering, Wish)}
        remembered = await store.find_remembered(tx.conn, wishes)
        return [
            replace(one, rendering=self._settle(one.rendering, remembered)) if isinstance(one.rendering, Wish) else one
            for one in drafts
        ]

    def _settle(self, wish: Wish, remembered: Mapping[bytes, tuple[str, str]]) -> Rendering | Wish:
        if wish.key in remembered:
            return wish.granted(remembered[wish.key][0], "memory")
        return wish if self._chain.serves(wish.source, wish.target) else wish.unserved()

    async def _reword(self, tx: Tx, edits: Mapping[str, Arrival]) -> None:
        """The last wording of each message counts; one that comes before its message is its message."""
        if not edits:
            return
        before = await store.lock_messages(tx.conn, edits)
        await self._receive(tx, {key: edit for key, edit in edits.items() if key not in before and edit.text.strip()})
        late = [edit for key, edit in edits.items() if key in before and not before[key].deleted]
        if not late:
            return
        chats = await store.load_chats(tx.conn, {one.chat for one in late})
        drafts, turned = draft_all(late, chats)
        await store.reword_messages(tx.conn, {one.arrival.message_id: (one.found, one.arrival.text) for one in drafts})
        await store.turn_chats(tx.conn, turned)
        await self._tell_again(tx, drafts)

    async def _tell_again(self, tx: Tx, drafts: Sequence[Draft], *, only_news: bool = False) -> None:
        """Known messages have another rendering, or wait for one; each gets a new version.

        With `only_news` those that wait get none, and those of which the same was told.
        """
        drafts = await self._resolve(tx, drafts)
        outcomes = {
            one.arrival.message_id: one.rendering if isinstance(one.rendering, Rendering) else None
            for one in drafts
            if isinstance(one.rendering, Rendering) or not only_news
        }
        causes = {one.arrival.message_id: one.arrival.cause for one in drafts}
        for told in await store.tell_outcomes(tx.conn, outcomes, only_news=only_news):
            tell(tx, told, outcomes[told.message_id], causes[told.message_id])
        waiting = {
            one.arrival.message_id: (one.rendering.target, one.arrival.cause)
            for one in drafts
            if isinstance(one.rendering, Wish)
        }
        await store.add_jobs(tx.conn, waiting)
        if waiting:
            self._ring()

    async def _forget(self, tx: Tx, events: Sequence[Incoming]) -> None:
        payloads: list[tuple[Any, str]] = [(one.payload, one.event.workspace_id) for one in events]
        gone = {
            id_of(payload.message_id): (id_of(workspace_id), chat_of(payload)) for payload, workspace_id in payloads
        }
        if gone:
            # Messages before their jobs: the worker locks them in this order too.
            await store.lock_messages(tx.conn, gone)
            await store.forget_messages(tx.conn, dict(sorted(gone.items())))

    async def _assign(self, tx: Tx, events: Sequence[Incoming]) -> None:
        """Where the reader of a chat has other languages, its last texts are rendered for him."""
        last: dict[store.ChatKey, Incoming] = {}
        for one in events:
            payload: Any = one.payload
            key = chat_of(payload.conversation)
            if key not in last or assign_time(one) >= assign_time(last[key]):
                last[key] = one
        if not last:
            return
        changed = await store.assign_chats(tx.conn, {key: assignment(one) for key, one in last.items()})
        if not changed:
            return
        causes = {key: cause_of(last[key]) for key in changed}
        recent = await store.list_recent(tx.conn, changed, _RECENT)
        drafts = [draft for text in recent if (draft := again(text, changed[text.chat], causes[text.chat]))]
        await self._tell_again(tx, drafts, only_news=True)
        await store.drop_jobs(tx.conn, {key: target_of(reader) for key, reader in changed.items()})


def _chat_of(incoming: Incoming) -> store.ChatKey:
    payload: Any = incoming.payload
    return chat_of(payload.conversation if isinstance(payload, ConversationAssigned) else payload)
