"""The agents of a workspace and how much each carries, while one transaction works on them."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from lobby_routing.domain.conversation import Conversation

ONLINE = "online"
AWAY = "away"
OFFLINE = "offline"


@dataclass(frozen=True, slots=True)
class Agent:
    """The human who answers. Empty `countries` and `teams` mean all."""

    agent_id: str
    workspace_id: str
    display_name: str
    languages: tuple[str, ...]
    countries: tuple[str, ...]
    teams: tuple[str, ...]
    capacity: int
    presence: str
    presence_time: datetime
    create_time: datetime
    turn: int = 0
    """When he last got one by round robin: a number that rises over the workspace; 0 is never."""
    load: int = 0
    """Owed conversations that he has, over all channels."""

    @property
    def has_room(self) -> bool:
        """Whether he takes another one."""
        return self.presence == ONLINE and self.load < self.capacity


class Roster:
    """The agents of one workspace; loads follow the conversations as they change."""

    def __init__(self, agents: Iterable[Agent]) -> None:
        self._agents = {agent.agent_id: agent for agent in agents}
        self._last_turn = max((agent.turn for agent in self._agents.values()), default=0)
        self.turned: dict[str, int] = {}
        """New turns by agent, to be saved."""

    def agents(self) -> list[Agent]:
        """Returns all of them, oldest first."""
        return list(self._agents.values())

    def find(self, agent_id: str) -> Agent | None:
        """Returns an agent, None where there is none."""
        return self._agents.get(agent_id)

    def put(self, agent: Agent) -> None:
        """The agent is as given."""
        self._agents[agent.agent_id] = agent

    def has_room(self) -> bool:
        """Returns whether anybody takes another one."""
        return any(agent.has_room for agent in self._agents.values())

    def room(self) -> int:
        """Returns how many more could be taken by all together."""
        return sum(agent.capacity - agent.load for agent in self._agents.values() if agent.has_room)

    def takes_turn(self, agent_id: str) -> None:
        """The agent is now the last in the round."""
        self._last_turn += 1
        self.turned[agent_id] = self._last_turn
        self._agents[agent_id] = replace(self._agents[agent_id], turn=self._last_turn)

    def follow(self, before: Conversation | None, after: Conversation) -> bool:
        """Loads are as after the change; returns whether somebody carries less than before."""
        was = "" if before is None else _carrier(before)
        now = _carrier(after)
        if was == now:
            return False
        self._carry(now, 1)
        return self._carry(was, -1)

    def _carry(self, agent_id: str, change: int) -> bool:
        agent = self._agents.get(agent_id)
        if agent is None:
            return False
        self._agents[agent_id] = replace(agent, load=agent.load + change)
        return True


def _carrier(conversation: Conversation) -> str:
    return conversation.agent_id if conversation.owed_since is not None else ""
