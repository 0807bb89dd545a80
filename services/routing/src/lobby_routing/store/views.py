"""Reads for people: conversations as an agent sees them, agents, decisions."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from lobby_common.events.log import Connection
from lobby_routing.domain.agents import Agent
from lobby_routing.domain.conversation import Conversation
from lobby_routing.domain.deciding import Candidate, Decision
from lobby_routing.domain.urgency import Rank
from lobby_routing.store.floors import Row, agent_of, conversation_of
from lobby_routing.store.statements import QUERIES

NEWEST = (datetime(9999, 1, 1, tzinfo=UTC), "ffffffff-ffff-ffff-ffff-ffffffffffff")


@dataclass(frozen=True, slots=True)
class View:
    """A conversation as somebody sees it."""

    conversation: Conversation
    language: str
    """Language of the customer: as found in his texts, else as his client says."""
    seen_seq: int | None
    """How much the asking or else the assigned agent has seen; None where it is nobody or nothing."""
    by_agent: bool
    """There is such an agent."""

    @property
    def unseen_count(self) -> int:
        """Messages of the customer that the agent has not seen; without an agent, that nobody has answered."""
        floor = self.seen_seq or (0 if self.by_agent else self.conversation.answered_seq)
        return max(self.conversation.inbound_seq - floor, 0)


@dataclass(frozen=True, slots=True)
class Filters:
    """Which conversations to list; None and False do not restrict."""

    workspace_id: str
    platform: str | None = None
    account_id: str | None = None
    agent_id: str | None = None
    unassigned: bool = False
    viewer: str | None = None
    """Only his own and the pool's."""


async def find(conn: Connection, workspace_id: str, conversation_id: str, viewer: str) -> View | None:
    """Returns a conversation as the agent `viewer` sees it ("": as the assigned one does)."""
    row = await conn.fetchrow(QUERIES["get_view"], conversation_id, workspace_id, viewer or None)
    return None if row is None else _view_of(row, viewer or None)


async def list_owed(conn: Connection, filters: Filters, as_of: datetime, after: Rank, limit: int) -> list[View]:
    """Returns owed conversations, the most urgent first, as of a time."""
    rows = await conn.fetch(
        QUERIES["list_owed"],
        filters.workspace_id,
        filters.platform,
        filters.account_id,
        filters.agent_id,
        filters.unassigned,
        as_of,
        filters.viewer,
        *after,
        limit,
    )
    return [_view_of(row, filters.viewer) for row in rows]


async def list_recent(
    conn: Connection,
    filters: Filters,
    *,
    owed: bool | None,
    closed: bool | None,
    before: tuple[datetime, str],
    limit: int,
) -> list[View]:
    """Returns conversations, the newest message first."""
    rows = await conn.fetch(
        QUERIES["list_recent"],
        filters.workspace_id,
        filters.platform,
        filters.account_id,
        filters.agent_id,
        filters.unassigned,
        before[0],
        filters.viewer,
        owed,
        closed,
        before[1],
        limit,
    )
    return [_view_of(row, filters.viewer) for row in rows]


async def count_owed(conn: Connection, filters: Filters) -> int:
    """Returns how many are owed."""
    count: int = await conn.fetchval(
        QUERIES["count_owed"],
        filters.workspace_id,
        filters.platform,
        filters.account_id,
        filters.agent_id,
        filters.unassigned,
        filters.viewer,
    )
    return count


async def list_chats(conn: Connection, conversation_id: str) -> list[str]:
    """Returns the chat addresses of a conversation, the newest last."""
    return [row["chat"] for row in await conn.fetch(QUERIES["list_chats"], conversation_id)]


async def list_decisions(
    conn: Connection, conversation_id: str, after: tuple[datetime, int], limit: int
) -> list[tuple[int, Decision]]:
    """Returns decisions with their numbers, oldest first, after (time, number)."""
    return [
        (row["decision_id"], _decision_of(row))
        for row in await conn.fetch(QUERIES["list_decisions"], conversation_id, *after, limit)
    ]


async def list_agents(
    conn: Connection, workspace_id: str, after: tuple[datetime, str] | None, limit: int
) -> list[Agent]:
    """Returns agents, oldest first."""
    created, agent_id = after or (None, None)
    rows = await conn.fetch(QUERIES["list_agents"], workspace_id, None, created, agent_id, limit)
    return [agent_of(row) for row in rows]


async def find_agent(conn: Connection, workspace_id: str, agent_id: str) -> Agent | None:
    """Returns an agent."""
    row = await conn.fetchrow(QUERIES["list_agents"], workspace_id, agent_id, None, None, 1)
    return None if row is None else agent_of(row)


async def find_seq(conn: Connection, conversation_id: str, message_id: str) -> int | None:
    """Returns where a message stands in a conversation."""
    seq: int | None = await conn.fetchval(QUERIES["find_seq"], message_id, conversation_id)
    return seq


async def find_seen(conn: Connection, conversation_id: str, agent_id: str) -> int:
    """Returns how much an agent has seen."""
    return await conn.fetchval(QUERIES["find_seen"], conversation_id, agent_id) or 0


async def save_seen(conn: Connection, conversation_id: str, agent_id: str, seq: int) -> bool:
    """The agent has seen that much; it never gets less. Returns whether it was less before."""
    return await conn.fetchval(QUERIES["save_seen"], conversation_id, agent_id, seq) is not None


async def filter_contacts(conn: Connection, workspace_id: str, agent_id: str, contact_ids: Sequence[str]) -> set[str]:
    """Returns those in whose conversations the agent may look."""
    rows = await conn.fetch(QUERIES["filter_contacts"], workspace_id, agent_id, contact_ids)
    return {row["contact_id"] for row in rows}


async def filter_messages(conn: Connection, workspace_id: str, agent_id: str, message_ids: Sequence[str]) -> set[str]:
    """Returns those that the agent may read."""
    rows = await conn.fetch(QUERIES["filter_messages"], workspace_id, agent_id, message_ids)
    return {row["message_id"] for row in rows}


def _view_of(row: Row, viewer: str | None) -> View:
    conversation = conversation_of(row, offset=2)
    return View(conversation, row["spoken"], row["seen_seq"], bool(viewer or conversation.agent_id))


def _decision_of(row: Row) -> Decision:
    candidates = tuple(Candidate(*each) for each in json.loads(row["candidates"]))
    return Decision(row["decide_time"], row["agent_id"], row["strategy"], row["reason"], candidates)
