"""Hears the streams of all services once, and gives every screen what it may know, each through a bounded queue."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from google.protobuf.message import DecodeError

from lobby.events.v1.batch_pb2 import Batch
from lobby_common.events.stream import Received, StreamLost
from lobby_common.log import get_logger
from lobby_gateway import metrics, roles
from lobby_gateway.domain import Principal
from lobby_gateway.live import items, owners
from lobby_gateway.live.items import RESYNC, Item
from lobby_gateway.live.lanes import PATIENCE, Order, Turn
from lobby_gateway.live.owners import Heard, Owners, heard_in
from lobby_gateway.live.place import NOWHERE, PRODUCERS, Head, Place
from lobby_gateway.live.streams import Streams

_LOG = get_logger("live")
_LONGEST_PAUSE = 2.0


@dataclass(frozen=True, slots=True)
class Hint:
    """An item on its way to one screen."""

    item: Item
    place: Place
    """Where the screen stands once it has it: the item's id."""
    is_certain: bool = True
    """False where routing has to be asked first whether this agent may hear it."""


class Listener:
    """One screen's queue. It is cut off when it is full: its reader is too slow, and comes again with its last id."""

    def __init__(self, principal: Principal, most: int, joined_at: Place) -> None:
        self.principal = principal
        self.joined_at = joined_at
        """What comes after it is queued; what was missed ends here."""
        self.hints: asyncio.Queue[Hint | None] = asyncio.Queue(most)
        """None says that the gateway stops."""
        self.is_cut_off = False
        self.is_revoked = False

    @property
    def agent_id(self) -> str:
        """The agent whose conversations this screen may hear of; "" hears of all."""
        return self.principal.agent_id if self.principal.role == roles.AGENT else ""

    def offer(self, heard: Heard, at: Place) -> None:
        """The item is queued, where this screen may hear it."""
        verdict = self.verdict(heard)
        if verdict is not False and not self.is_cut_off:
            self._put(Hint(heard.item, at, is_certain=verdict is True))

    def verdict(self, heard: Heard) -> bool | None:
        """Returns whether this screen may hear the item; None where only routing knows."""
        return owners.may_hear(self.agent_id, heard) if self.agent_id else True

    def resync(self, at: Place) -> None:
        """The screen is told to read everything anew."""
        if not self.is_cut_off:
            self._put(Hint(items.notice(RESYNC), at))

    def send_away(self) -> None:
        """The screen is told to go elsewhere, after what is queued."""
        self._put(None)

    def revoke(self) -> None:
        """The screen gets nothing more, not even what is queued: its key holds no longer."""
        self.is_revoked = True
        self._put(None)

    def _put(self, hint: Hint | None) -> None:
        try:
            self.hints.put_nowait(hint)
        except asyncio.QueueFull:
            self.is_cut_off = True
            metrics.LIVE_DROPPED.inc()


class Hub:
    """All screens of this replica."""

    def __init__(self, streams: Streams, *, queue: int) -> None:
        self._streams = streams
        self._queue = queue
        self._listeners: dict[str, set[Listener]] = {}
        self.owners = Owners()
        self.place = NOWHERE
        self.started = asyncio.Event()
        self._started: set[int] = set()
        self._orders = [Order() for _ in PRODUCERS]
        self._shown = [0] * len(PRODUCERS)
        self._received = [(0, "")] * len(PRODUCERS)
        """By stream, the furthest message and its id: another there is another stream."""
        self._torn = [0] * len(PRODUCERS)
        """By stream, the last message over which nobody goes on: what is before it is missing, or it came before."""
        self._is_closed = False

    @property
    def here(self) -> Place:
        """Where a screen stands that was shown everything so far."""
        at = self.place
        for producer, (shown, head) in enumerate(zip(self._shown, self.place.heads, strict=True)):
            if shown > head.sequence:
                at = at.behind(producer)
        return at

    def is_whole_since(self, since: Place) -> bool:
        """Returns whether nothing is known to be missing, or twice, in what the streams hold behind a place."""
        return all(torn <= head.sequence for torn, head in zip(self._torn, since.heads, strict=True))

    @contextmanager
    def listening(self, principal: Principal) -> Iterator[Listener]:
        """Inside the block the queue gets the workspace's items, from now on."""
        listener = Listener(principal, self._queue, self.place)
        here = self._listeners.setdefault(principal.workspace_id, set())
        here.add(listener)
        if self.here != self.place:
            # Something was shown ahead of the place at which this screen joins: it would never see that.
            listener.resync(self.here)
        metrics.LIVE_CONNECTIONS.inc()
        try:
            yield listener
        finally:
            metrics.LIVE_CONNECTIONS.dec()
            here.discard(listener)
            if not here and self._listeners.get(principal.workspace_id) is here:
                del self._listeners[principal.workspace_id]

    def revoke(self, holder: str) -> None:
        """The screens of the key, or of the link, end at once."""
        for listeners in self._listeners.values():
            for listener in listeners:
                if listener.principal.holder == holder:
                    listener.revoke()

    async def close(self) -> None:
        """Every screen is told to go elsewhere, and no stream is heard any more."""
        self._is_closed = True
        for listeners in self._listeners.values():
            for listener in listeners:
                listener.send_away()

    async def hear(self, producer: int) -> None:
        """Hears one stream, from its end at the start, until the hub is closed or this is cancelled.

        What breaks is begun again where it broke. The closed hub is asked for besides the cancellation, because
        asyncio.wait_for, on which the client is built, loses one that comes together with an answer (bpo-37658).
        """
        pause = 0.1
        while not self._is_closed:
            try:
                start = await self._start(producer)
                self._has_started(producer)
                if start is not None:
                    pause = 0.1
                    await self._hear_from(producer, start)
            except StreamLost as error:
                _LOG.info("stream_waits", producer=PRODUCERS[producer], reason=str(error))
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)

    async def _hear_from(self, producer: int, start: int) -> None:
        async with self._streams.read(PRODUCERS[producer], start) as messages:
            while not self._is_closed:
                received = await messages.receive(PATIENCE if self._orders[producer].waiting else None)
                if received is not None:
                    self._take(producer, received)
                self._show_overdue(producer)

    async def _start(self, producer: int) -> int | None:
        """Returns where to read on, None where there is no stream yet."""
        extent = await self._streams.extent(PRODUCERS[producer])
        if extent is None:
            return None
        head = self.place.heads[producer]
        known = extent.next_after(head) if producer in self._started else extent.last + 1
        start = known if known is not None else max(extent.first, 1)
        if known is None:
            # Another life of the stream, or an older one: nobody knows what was told in between.
            self._resync()
        elif self._shown[producer] > head.sequence:
            # What was shown ahead is heard again and passed over: whoever stands before it goes on from nowhere.
            self._tear(producer, self._shown[producer])
        self.place = self.place.at(producer, Head(extent.epoch, start - 1))
        self._orders[producer].waiting.clear()
        self._shown[producer] = start - 1
        if known is None or producer not in self._started:
            self._received[producer], self._torn[producer] = (0, ""), 0
        # The last message that is known is read again: whether it still is what it was.
        return min(start, self._received[producer][0] or start)

    def _has_started(self, producer: int) -> None:
        self._started.add(producer)
        if len(self._started) == len(PRODUCERS):
            self.started.set()

    def _take(self, producer: int, received: Received) -> None:
        """What a message says reaches every screen of its workspaces, when its turn has come."""
        furthest, message_id = self._received[producer]
        if received.sequence == furthest and received.message_id != message_id:
            self._tear(producer, received.sequence)
        if received.sequence >= furthest:
            self._received[producer] = (received.sequence, received.message_id)
        if received.sequence <= self.place.heads[producer].sequence:
            return
        try:
            batch = Batch.FromString(received.data)
        except DecodeError:
            batch = Batch()
        for turn in self._orders[producer].hear(received.sequence, batch, time.monotonic()):
            self._show(producer, turn)

    def _show_overdue(self, producer: int) -> None:
        for turn in self._orders[producer].overdue(time.monotonic()):
            self._show(producer, turn)

    def _show(self, producer: int, turn: Turn) -> None:
        """Where something never came, screens read anew. A place claims only what was shown without a gap."""
        if turn.is_torn:
            self._tear(producer, turn.sequence)
        if turn.repeated:
            self._torn[producer] = max(self._torn[producer], turn.sequence)
        is_steady = turn.is_next and self._shown[producer] < turn.sequence
        for shown, heard in heard_in(turn.batch, self.owners, self._is_wanted, turn.repeated):
            at = self.place.after(producer, turn.sequence, shown) if is_steady else self.place.behind(producer)
            for listener in self._listeners.get(heard.item.workspace_id, ()):
                listener.offer(heard, at)
        self._shown[producer] = max(self._shown[producer], turn.sequence)
        if turn.is_last:
            self.place = self.place.past(producer, self._shown[producer])

    def _tear(self, producer: int, sequence: int) -> None:
        """Something before a message never came: screens read anew, those that come back as well."""
        self._torn[producer] = max(self._torn[producer], sequence)
        self._resync()

    def _resync(self) -> None:
        for listeners in self._listeners.values():
            for listener in listeners:
                listener.resync(self.here)

    def _is_wanted(self, workspace_id: str, kind: str) -> bool:
        """Events of conversations are always heard, to know whose they are; others only where somebody looks."""
        return workspace_id in self._listeners or kind.startswith("lobby.routing.")
