"""What agents and supervisors do with conversations."""

import asyncio
import time
from dataclasses import replace

import asyncpg

from lobby_common import ids, tracing
from lobby_common.caller import Caller
from lobby_common.errors import Invalid, NotFound
from lobby_common.events import EventLog, Tx
from lobby_common.events.log import Connection
from lobby_common.ids import is_id
from lobby_common.times import utc_now
from lobby_routing.app import access, agents
from lobby_routing.domain import deciding
from lobby_routing.domain.floor import Cause, Reason
from lobby_routing.events.telling import tell_seen
from lobby_routing.store import views
from lobby_routing.store.views import View

_CATCH_UP_SECONDS = 1.5
"""How long a message that connectors shows already may take to reach the conversation."""


def command(caller: Caller, name: str, request_id: str) -> Cause:
    """Returns the cause that a person's command is."""
    key = f"{caller.workspace_id}/{name}/{request_id}" if request_id else ids.new_id()
    return Cause(key, traceparent=tracing.current())


async def claim(tx: Tx, caller: Caller, conversation_id: str, agent_id: str, cause: Cause) -> View:
    """The agent has the conversation and the lease."""
    cause = replace(cause, agent_id=agent_id)
    floor = await access.enter(tx, caller, conversation_id)
    conversation = floor.conversations[conversation_id]
    # Before visibility: who loses a race for one of the pool must learn that a colleague was faster.
    access.must_not_be_leased(conversation, agent_id, floor.now)
    access.must_see(caller, conversation)
    access.must_be_open(conversation)
    access.must_exist(floor, caller, agent_id)
    floor.give(conversation_id, agent_id, Reason(deciding.CLAIM, "claimed"), cause)
    floor.lease(conversation_id, agent_id)
    await access.leave(tx, floor)
    return await access.view(tx, caller, conversation_id, agent_id)


async def release(tx: Tx, caller: Caller, conversation_id: str, agent_id: str, cause: Cause) -> View:
    """The conversation is not his any more: another one has it, or it waits in the pool."""
    cause = replace(cause, agent_id=agent_id)
    floor = await access.enter(tx, caller, conversation_id)
    conversation = floor.conversations[conversation_id]
    access.must_see(caller, conversation)
    access.must_exist(floor, caller, agent_id)
    access.must_not_be_leased(conversation, agent_id, floor.now)
    access.must_not_be_anothers(conversation, agent_id)
    floor.release(conversation_id, "given back", cause)
    await access.leave(tx, floor)
    return await access.view(tx, caller, conversation_id, agent_id)


async def transfer(tx: Tx, caller: Caller, conversation_id: str, cause: Cause, *, agent_id: str, team: str) -> View:
    """The agent has it, or one of the team by the rules. Owner and supervisor may take it from who is answering."""
    if bool(agent_id) == bool(team):
        raise Invalid("TARGET_REQUIRED", "name either the agent or the team that gets it")
    cause = replace(cause, agent_id=access.viewer_of(caller))
    floor = await access.enter(tx, caller, conversation_id)
    conversation = floor.conversations[conversation_id]
    access.must_see(caller, conversation)
    if not access.commands_others(caller):
        access.must_not_be_leased(conversation, caller.agent_id, floor.now)
    access.must_be_open(conversation)
    if team:
        floor.hand_to_team(conversation_id, team, cause)
    else:
        access.must_exist(floor, caller, agent_id)
        floor.give(conversation_id, agent_id, Reason(deciding.TRANSFER, "handed on"), cause)
    await access.leave(tx, floor)
    return await access.view(tx, caller, conversation_id, access.viewer_of(caller))


async def close(tx: Tx, caller: Caller, conversation_id: str, cause: Cause, *, agent_id: str, reason: str) -> View:
    """It is closed and nothing is owed; a closed one stays as it is."""
    floor = await access.enter(tx, caller, conversation_id)
    conversation = floor.conversations[conversation_id]
    access.must_see(caller, conversation)
    access.must_exist(floor, caller, agent_id)
    access.must_not_be_leased(conversation, agent_id, floor.now)
    floor.close(conversation_id, reason, agent_id, cause)
    await access.leave(tx, floor)
    return await access.view(tx, caller, conversation_id, agent_id)


async def reopen(tx: Tx, caller: Caller, conversation_id: str, agent_id: str, cause: Cause) -> View:
    """It is open; an open one stays as it is."""
    floor = await access.enter(tx, caller, conversation_id)
    access.must_see(caller, floor.conversations[conversation_id])
    access.must_exist(floor, caller, agent_id)
    access.must_be_reachable(floor.conversations[conversation_id])
    floor.reopen(conversation_id, cause)
    await access.leave(tx, floor)
    return await access.view(tx, caller, conversation_id, agent_id)


async def mark_seen(log: EventLog, caller: Caller, conversation_id: str, message_id: str, agent_id: str) -> View:
    """The agent has seen everything up to the message, and no more changes; told where an answer is owed."""
    async with log.pool.acquire() as conn:
        await find_visible(conn, caller, conversation_id)
        await agents.get(conn, caller, agent_id)
    seq = await await_seq(log.pool, conversation_id, message_id)
    async with log.transaction() as tx:
        rose = await views.save_seen(tx.conn, conversation_id, agent_id, seq)
        found = await views.find(tx.conn, caller.workspace_id, conversation_id, agent_id)
        if found is None:
            raise access.conversation_not_found()
        if rose and found.conversation.owed_since is not None:
            tell_seen(tx, found.conversation, agent_id, utc_now())
    return found


async def find_visible(conn: Connection, caller: Caller, conversation_id: str) -> View:
    """Returns the conversation. Raises CONVERSATION_NOT_FOUND, also for what the caller may not see."""
    found = None
    if is_id(conversation_id):
        found = await views.find(conn, caller.workspace_id, conversation_id, access.viewer_of(caller))
    if found is None:
        raise access.conversation_not_found()
    access.must_see(caller, found.conversation)
    return found


async def must_be_answerable(conn: Connection, caller: Caller, conversation_id: str, agent_id: str) -> None:
    """Raises LEASE_HELD or CONVERSATION_NOT_FOUND, as a send would."""
    found = None
    if is_id(conversation_id):
        # As the assigned agent sees it: `agent_id` may still be any text.
        found = await views.find(conn, caller.workspace_id, conversation_id, "")
    if found is None:
        raise access.conversation_not_found()
    access.must_not_be_leased(found.conversation, agent_id, utc_now())
    access.must_see(caller, found.conversation)


async def await_seq(pool: asyncpg.Pool, conversation_id: str, message_id: str) -> int:
    """Returns where the message stands in the conversation. Raises MESSAGE_NOT_FOUND.

    Screens read messages from connectors, which is a moment ahead of the events: a fresh message is waited for.
    """
    deadline = time.monotonic() + _CATCH_UP_SECONDS
    while is_id(message_id):
        async with pool.acquire() as conn:
            seq = await views.find_seq(conn, conversation_id, message_id)
        if seq is not None:
            return seq
        if time.monotonic() > deadline:
            break
        await asyncio.sleep(0.05)
    raise NotFound("MESSAGE_NOT_FOUND", "the conversation has no such message")
