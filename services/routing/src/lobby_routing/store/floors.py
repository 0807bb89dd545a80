"""Builds floors from the database and saves them.

Every function here runs inside a transaction that has locked the workspaces concerned with `lock`, before it touched
anything else of them.
"""

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from lobby_common.events.log import Connection
from lobby_routing.domain import conversation as law
from lobby_routing.domain.agents import Agent, Roster
from lobby_routing.domain.conversation import Conversation, Echo, Unanswered
from lobby_routing.domain.floor import Floor
from lobby_routing.domain.urgency import FIRST_RANK
from lobby_routing.store.statements import QUERIES

Row = Any
"""An asyncpg.Record: a sequence of what the statement selects."""

_PAGE = 200

_STORED = Conversation._fields[:-1]
"""All but the priority, which belongs to the platform."""
_NULLS = frozenset(("agent_id", "answer_agent_id", "released_by", "ended_by", "lease_agent_id", "last_message_id"))
"""Ids that are "" in the domain and NULL in the table."""


async def lock(conn: Connection, workspace_ids: Sequence[str]) -> None:
    """Nobody else assigns or changes conversations of the workspaces until the transaction ends."""
    wanted = sorted(set(workspace_ids))
    if len(await conn.fetch(QUERIES["lock_workspaces"], wanted)) < len(wanted):
        await conn.execute(QUERIES["ensure_workspaces"], wanted)
        await conn.fetch(QUERIES["lock_workspaces"], wanted)


async def load_rosters(conn: Connection, workspace_ids: Iterable[str]) -> dict[str, Roster]:
    """Returns the agents of the workspaces with what they carry."""
    agents: dict[str, list[Agent]] = {workspace_id: [] for workspace_id in workspace_ids}
    for row in await conn.fetch(QUERIES["load_agents"], list(agents)):
        agent = agent_of(row)
        agents[agent.workspace_id].append(agent)
    return {workspace_id: Roster(found) for workspace_id, found in agents.items()}


async def enter(conn: Connection, workspace_id: str, now: datetime, conversation_id: str = "") -> Floor:
    """Returns a floor with the agents of a locked workspace and, where it exists there, the conversation."""
    floor = Floor(now, await load_rosters(conn, [workspace_id]))
    if conversation_id:
        row = await conn.fetchrow(QUERIES["load_conversation"], conversation_id, workspace_id)
        if row is not None:
            floor.put(conversation_of(row))
    return floor


async def load_owed_by(conn: Connection, floor: Floor, workspace_id: str, agent_id: str) -> None:
    """What the agent owes is on the floor."""
    for row in await conn.fetch(QUERIES["load_owed_by"], workspace_id, agent_id):
        floor.put(conversation_of(row))


async def load_ends(
    conn: Connection,
    floor: Floor,
    answered: Sequence[Conversation],
    late: Sequence[tuple[str, datetime]],
) -> None:
    """The floor knows what is unanswered in `answered`, and which echoes came since in `late`."""
    rows = await conn.fetch(
        QUERIES["load_ends"],
        [conversation.conversation_id for conversation in answered],
        [conversation.answered_seq for conversation in answered],
        [conversation_id for conversation_id, _ in late],
        [since for _, since in late],
    )
    for conversation_id, message_id, seq, occurred_time, received_time, is_echo in rows:
        if is_echo:
            floor.echoes.setdefault(conversation_id, []).append(Echo(message_id, occurred_time, received_time))
            continue
        message = Unanswered(seq, occurred_time, received_time)
        if not law.is_answered(floor.conversations[conversation_id], message):
            floor.unanswered.setdefault(conversation_id, []).append(message)


async def drain(conn: Connection, floor: Floor) -> None:
    """The most urgent of the pool are with those who have room, wherever somebody was freed."""
    for workspace_id in list(floor.freed):
        roster = floor.rosters[workspace_id]
        after = FIRST_RANK
        while room := roster.room():
            limit = min(room, _PAGE)
            takers = [agent for agent in roster.agents() if agent.has_room]
            rows = await conn.fetch(
                QUERIES["load_pool"],
                workspace_id,
                floor.now,
                _union([agent.countries for agent in takers]),
                _union([agent.teams for agent in takers]),
                *after,
                limit,
            )
            pool = [conversation_of(row, offset=1) for row in rows]
            floor.acquaintances.update(
                {found.conversation_id: row[0] for found, row in zip(pool, rows, strict=True) if row[0]}
            )
            floor.drain(workspace_id, pool)
            if len(pool) < limit:
                break
            after = floor.rank_of(pool[-1])


async def save(conn: Connection, floor: Floor) -> None:
    """What changed on the floor is stored."""
    quiet, loud = floor.changes()
    if floor.lines or quiet:
        await conn.execute(QUERIES["save_messages"], *_line_columns(floor), *_quiet_columns(quiet))
    if loud:
        await conn.execute(QUERIES["save_conversations"], *_loud_columns(loud))
    if floor.decisions:
        await conn.execute(QUERIES["save_decisions"], *_decision_columns(floor))
    turned = {agent_id: turn for roster in floor.rosters.values() for agent_id, turn in roster.turned.items()}
    if turned:
        await conn.execute(QUERIES["save_turns"], list(turned), list(turned.values()))


def agent_of(row: Row) -> Agent:
    """Returns the agent of a row of load_agents or list_agents."""
    return Agent(*row[:3], *map(tuple, row[3:6]), *row[6:])


def conversation_of(row: Row, *, offset: int = 0) -> Conversation:
    """Returns the conversation whose columns start at `offset`; conversation_columns has the fields in order."""
    return Conversation(*row[offset:])


def _columns(rows: Sequence[tuple[object, ...]], width: int) -> list[Sequence[object]]:
    """Returns the arrays that unnest takes."""
    return list(zip(*rows, strict=True)) or [()] * width


def _line_columns(floor: Floor) -> list[Sequence[object]]:
    rows = {
        line.message_id: (
            line.message_id,
            line.conversation_id,
            line.seq,
            line.inbound,
            line.effective,
            line.echo,
            line.occurred_time,
            line.received_time,
            ",".join(line.effects),
        )
        for line in floor.lines
    }
    return _columns(list(rows.values()), 9)


def _quiet_columns(conversations: Sequence[Conversation]) -> list[Sequence[object]]:
    rows = [
        (
            c.conversation_id,
            c.inbound_seq,
            c.owed_since,
            c.inbound_time,
            c.last_message_id or None,
            c.last_message_text,
            c.last_message_time,
            c.window_close_time,
        )
        for c in conversations
    ]
    return _columns(rows, 8)


def _loud_columns(conversations: Sequence[Conversation]) -> list[Sequence[object]]:
    rows = [tuple(None if name in _NULLS and not each else each for name, each in _stored(c)) for c in conversations]
    return _columns(rows, len(_STORED))


def _stored(conversation: Conversation) -> Iterable[tuple[str, object]]:
    return zip(_STORED, conversation, strict=False)


def _decision_columns(floor: Floor) -> list[Sequence[object]]:
    rows = [
        (
            conversation.conversation_id,
            decision.time,
            decision.agent_id or None,
            decision.strategy,
            decision.reason,
            json.dumps(
                [[each.agent_id, each.load, each.capacity, each.excluded_because] for each in decision.candidates]
            ),
            cause.message_id or None,
        )
        for conversation, decision, cause in floor.decisions
    ]
    return _columns(rows, 7)


def _union(allowed: Sequence[tuple[str, ...]]) -> list[str] | None:
    """Returns all that somebody allows, None where somebody allows everything."""
    if not all(allowed):
        return None
    return sorted({each for some in allowed for each in some})
