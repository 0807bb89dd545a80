"""What agents have in the foreground, or wrap up: each says so for himself, what he handled is told when that ended."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Any

from lobby_common.caller import Caller
from lobby_common.errors import Conflict
from lobby_common.events import EventLog, Tx
from lobby_common.times import utc_now
from lobby_routing.app import agents, conversations
from lobby_routing.domain import attention
from lobby_routing.domain.agents import ONLINE
from lobby_routing.domain.attention import IDLE, Focus, Handled
from lobby_routing.events.telling import tell_handled
from lobby_routing.store.floors import conversation_of
from lobby_routing.store.statements import QUERIES

_PAUSE_SECONDS = 30.0


async def focus(tx: Tx, caller: Caller, conversation_id: str, agent_id: str) -> None:
    """The agent has the conversation in the foreground. Raises AGENT_NOT_ONLINE."""
    await _turn(tx, caller, (conversation_id, agent_id), attention.beat)


async def wrap_up(tx: Tx, caller: Caller, conversation_id: str, agent_id: str) -> None:
    """The agent wraps the conversation up until he says that he is done. Raises AGENT_NOT_ONLINE."""
    await _turn(tx, caller, (conversation_id, agent_id), attention.wrap_up)


Turn = Callable[[Focus | None, str, datetime], tuple[Focus, Handled | None]]
"""What an agent says of a conversation: what is in the foreground then, and what he has handled until then."""


async def _turn(tx: Tx, caller: Caller, what: tuple[str, str], turn: Turn) -> None:
    conversation_id, agent_id = what
    found = await _check(tx, caller, conversation_id, agent_id)
    if found.presence != ONLINE:
        raise Conflict("AGENT_NOT_ONLINE", "an agent who is away or offline handles nothing; set his presence first")
    now = utc_now()
    # A row to lock; where it is new it says nothing yet.
    fresh = await tx.conn.fetchval(QUERIES["begin_focus"], agent_id, caller.workspace_id, conversation_id, now)
    before = await _lock(tx, agent_id)
    after, handled = turn(None if fresh else before, conversation_id, now)
    await tx.conn.execute(
        QUERIES["save_focus"], agent_id, after.conversation_id, after.start_time, after.beat_time, after.wrap_up
    )
    await _tell(tx, caller.workspace_id, agent_id, handled)


async def blur(tx: Tx, caller: Caller, conversation_id: str, agent_id: str) -> None:
    """The agent does not have the conversation in the foreground."""
    await _check(tx, caller, conversation_id, agent_id)
    known = await _lock(tx, agent_id)
    if known is not None and known.conversation_id == conversation_id:
        await _end(tx, caller.workspace_id, agent_id, known)


async def leave(tx: Tx, workspace_id: str, agent_id: str) -> None:
    """The agent has nothing in the foreground."""
    known = await _lock(tx, agent_id)
    if known is not None:
        await _end(tx, workspace_id, agent_id, known)


class Idlers:
    """Ends the times of agents whose screens say nothing any more."""

    def __init__(self, log: EventLog) -> None:
        self._log = log

    async def run(self) -> None:
        """What idle agents handled is told within a minute, until cancelled."""
        while True:
            await self.step()
            await asyncio.sleep(_PAUSE_SECONDS)

    async def step(self) -> None:
        """What agents handled who are idle now is told."""
        for agent_id, workspace_id in await self._log.pool.fetch(QUERIES["find_idle"], utc_now() - IDLE):
            async with self._log.transaction() as tx:
                known = await _lock(tx, agent_id)
                if known is not None and known.is_idle(utc_now()):
                    await _end(tx, workspace_id, agent_id, known)


async def _check(tx: Tx, caller: Caller, conversation_id: str, agent_id: str) -> Any:
    await conversations.find_visible(tx.conn, caller, conversation_id)
    return await agents.get(tx.conn, caller, agent_id)


async def _lock(tx: Tx, agent_id: str) -> Focus | None:
    row = await tx.conn.fetchrow(QUERIES["lock_focus"], agent_id)
    return None if row is None else Focus(*row)


async def _end(tx: Tx, workspace_id: str, agent_id: str, known: Focus) -> None:
    await tx.conn.execute(QUERIES["end_focus"], agent_id)
    await _tell(tx, workspace_id, agent_id, attention.end(known, utc_now()))


async def _tell(tx: Tx, workspace_id: str, agent_id: str, handled: Handled | None) -> None:
    if handled is None:
        return
    row = await tx.conn.fetchrow(QUERIES["load_conversation"], handled.conversation_id, workspace_id)
    if row is not None:
        tell_handled(tx, conversation_of(row), agent_id, handled)
