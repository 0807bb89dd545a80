"""Everything at once: commands of agents while customers write and answers are accepted."""

import asyncio
import random
from collections import Counter

import pytest

from lobby.routing.v1 import events_pb2 as told_pb
from lobby_common.errors import Conflict, NotFound
from tests.component.routing.conftest import WA

CHATS = [f"customer {number}" for number in range(12)]
DICE = random.Random(7)  # the same story every time


async def customers(routing) -> None:
    for _ in range(25):
        await routing.hear(*(routing.wrote(WA, DICE.choice(CHATS)) for _ in range(3)))


async def platform(routing, agents: list[str]) -> None:
    for _ in range(25):
        seen = DICE.randint(1, 3)
        await routing.hear(routing.sent(WA, DICE.choice(CHATS), agent_id=DICE.choice(agents), seen_seq=seen))


async def person(routing, agent: str) -> None:
    for _ in range(20):
        try:
            with routing.as_agent(agent):
                act = DICE.choice((routing.claim, routing.release, routing.close, routing.reopen))
                await act(WA, DICE.choice(CHATS))
        except (Conflict, NotFound):
            continue


async def door(routing, agent: str) -> None:
    for _ in range(10):
        await routing.presence(agent, DICE.choice(("online", "away", "offline")))
    await routing.presence(agent, "online")


@pytest.fixture
async def aftermath(routing) -> list[str]:
    """The agents, after much happened at once."""
    agents = [await routing.agent(capacity=3) for _ in range(3)]
    await routing.hear(*(routing.wrote(WA, chat) for chat in CHATS))
    people = (person(routing, agent) for agent in agents)
    await asyncio.gather(customers(routing), platform(routing, agents), *people, door(routing, agents[0]))
    return agents


async def test_nothing_is_lost_doubled_or_stuck(routing, aftermath):
    rows = await routing.pool.fetch("SELECT agent_id::text, owed_since, inbound_seq, closed FROM conversation")
    carried = Counter(row["agent_id"] for row in rows if row["owed_since"] is not None)
    assert [await routing.load(agent) for agent in aftermath] == [carried[agent] for agent in aftermath]
    assert all(row["owed_since"] is None for row in rows if row["closed"])
    assert sum(row["inbound_seq"] for row in rows) == len(CHATS) + 75

    lines = await routing.pool.fetch(
        """
        SELECT c.inbound_seq, count(*) AS lines, max(m.seq) AS newest, count(DISTINCT m.seq) AS different
        FROM conversation AS c
        JOIN conversation_message AS m USING (conversation_id)
        WHERE m.inbound
        GROUP BY c.conversation_id
        """
    )
    assert all(row["inbound_seq"] == row["lines"] == row["newest"] == row["different"] for row in lines)

    # What was told, folded, is what is stored.
    stored = await routing.pool.fetch("SELECT conversation_id::text, agent_id::text FROM conversation")
    told = {
        each.conversation.conversation_id: each.agent_id for each in await routing.told(told_pb.ConversationAssigned)
    }
    assert {row["conversation_id"]: row["agent_id"] for row in stored if row["agent_id"]} == {
        conversation_id: agent for conversation_id, agent in told.items() if agent
    }
