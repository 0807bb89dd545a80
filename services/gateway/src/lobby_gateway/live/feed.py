"""What one screen gets, whichever door it came through: what it missed, then what happens, with heartbeats between."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from lobby_common.errors import LobbyError
from lobby_common.events.stream import StreamLost
from lobby_gateway.domain import Principal
from lobby_gateway.live import items, place
from lobby_gateway.live.hub import Hint, Hub, Listener
from lobby_gateway.live.items import HEARTBEAT, RESYNC, Item
from lobby_gateway.live.place import Place
from lobby_gateway.live.replay import TooOld, missed
from lobby_gateway.live.streams import Streams

HEARTBEAT_SECONDS = 15.0
RECHECK_SECONDS = 2.0
"""How often a key that another replica may have revoked is looked at again; what the keyring remembers comes on top,
and 5 s is promised. One revoked here ends its screens at once."""

KEY_REVOKED, TOO_SLOW, GOING_AWAY = 4001, 4008, 1012
"""Codes with which a WebSocket is closed."""


@dataclass(frozen=True, slots=True)
class Frame:
    """An item and its id."""

    id: str
    item: Item

    @property
    def is_heartbeat(self) -> bool:
        """It only says that the line is alive, and where the screen stands."""
        return self.item.type == HEARTBEAT


class Ended(Exception):
    """The screen is closed with this code."""

    def __init__(self, code: int) -> None:
        super().__init__(str(code))
        self.code = code


class Gate(Protocol):
    """Says what is still allowed."""

    async def still_holds(self, secret: str, principal: Principal) -> bool:
        """Returns whether the key still stands for the same. Raises LobbyError."""

    async def is_visible(self, principal: Principal, item: Item) -> bool:
        """Returns whether the agent may hear of the item. Raises LobbyError."""


@dataclass(slots=True)
class Feed:
    """Makes frames for screens."""

    hub: Hub
    streams: Streams
    gate: Gate

    async def frames(self, listener: Listener, secret: str, last_id: str) -> AsyncIterator[Frame]:
        """Yields frames until the screen goes; raises Ended where it has to."""
        if last_id:
            for frame in await self._missed(listener, last_id, listener.joined_at):
                yield frame
        beat_at = check_at = time.monotonic()
        beat_at += HEARTBEAT_SECONDS
        while True:
            hint = await _next(listener)
            now = time.monotonic()
            if now >= check_at:
                await self._check(secret, listener.principal)
                check_at = now + RECHECK_SECONDS
            if hint is not None and await self._may_have(listener.principal, hint):
                yield Frame(place.encode(hint.place), hint.item)
            elif hint is None and now >= beat_at and listener.hints.empty():
                # What came while the key was looked at comes first: the place of a heartbeat is behind it.
                yield Frame(place.encode(self.hub.here), items.notice(HEARTBEAT))
                beat_at = now + HEARTBEAT_SECONDS

    async def _missed(self, listener: Listener, last_id: str, until: Place) -> Sequence[Frame]:
        """What the screen missed, or the one item that tells it to read everything anew."""
        since = place.decode(last_id)
        try:
            if since is None:
                raise TooOld("the id is none of ours")
            if not self.hub.is_whole_since(since):
                raise TooOld("something never came since")
            workspace = listener.principal.workspace_id
            found = await missed(self.streams, since, until, self.hub.owners, workspace)
        except (TooOld, StreamLost):
            return [Frame(place.encode(until), items.notice(RESYNC))]
        hints = [
            Hint(heard.item, at, is_certain=verdict is True)
            for heard, at in found
            if (verdict := listener.verdict(heard)) is not False
        ]
        principal = listener.principal
        return [Frame(place.encode(hint.place), hint.item) for hint in hints if await self._may_have(principal, hint)]

    async def _check(self, secret: str, principal: Principal) -> None:
        """Raises Ended where the key does not hold any more; while nobody can tell, it holds."""
        try:
            holds = await self.gate.still_holds(secret, principal)
        except LobbyError:
            return
        if not holds:
            raise Ended(KEY_REVOKED)

    async def _may_have(self, principal: Principal, hint: Hint) -> bool:
        if hint.is_certain:
            return True
        try:
            return await self.gate.is_visible(principal, hint.item)
        except LobbyError:
            # A hint that cannot be judged is not given: the screen reads by REST what it may see.
            return False


async def _next(listener: Listener) -> Hint | None:
    """Returns the next hint, None where there was none for a while. Raises Ended."""
    _check_not_revoked(listener)
    if listener.is_cut_off:
        raise Ended(TOO_SLOW)
    if listener.hints.empty():
        try:
            async with asyncio.timeout(RECHECK_SECONDS):
                hint = await listener.hints.get()
        except TimeoutError:
            return None
    else:
        hint = listener.hints.get_nowait()
    _check_not_revoked(listener)
    if hint is None:
        raise Ended(GOING_AWAY)
    return hint


def _check_not_revoked(listener: Listener) -> None:
    """Raises Ended where the key was revoked here, also while its screen waited."""
    if listener.is_revoked:
        raise Ended(KEY_REVOKED)
