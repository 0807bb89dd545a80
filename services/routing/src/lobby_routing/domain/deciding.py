"""Who gets a conversation, and why: the same arguments always give the same decision, so a simulator can replay it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from lobby_routing.domain.agents import AWAY, OFFLINE, Agent
from lobby_routing.domain.conversation import Conversation

STICKY = "sticky"
ROUND_ROBIN = "round_robin"
CLAIM = "claim"
TRANSFER = "transfer"
RELEASE = "release"
NONE = "none"

AT_CAPACITY = "at_capacity"
OVER_CAPACITY = "over_capacity"
NOBODY_ON_DUTY = "nobody_on_duty"
RULE = "rule"
"""Why nobody got it: those who are there and may have it have no room; nobody is there; those who are there may not."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What a workspace wishes, and what else is known about the person."""

    sticky: bool = True
    """Somebody who comes back goes to the agent who had him."""
    contact_agent_id: str = ""
    """Who answered this person last in any conversation; "" where nobody did or nobody looked."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """An agent looked at."""

    agent_id: str
    load: int
    capacity: int
    excluded_because: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """Who got it, "" for nobody, and why."""

    time: datetime
    agent_id: str
    strategy: str
    reason: str
    candidates: tuple[Candidate, ...] = ()

    def pool_reason(self) -> str:
        """Returns in one word why nobody got it, "" where somebody did; who has no room counts before who is away."""
        if self.agent_id:
            return ""
        why = {candidate.excluded_because for candidate in self.candidates}
        if AT_CAPACITY in why:
            return OVER_CAPACITY
        return NOBODY_ON_DUTY if why <= {OFFLINE, AWAY} else RULE


def decide(conversation: Conversation, agents: Sequence[Agent], policy: Policy, now: datetime) -> Decision:
    """Returns who shall have the conversation.

    Those who may not have it are left out. Of the rest the one who had this customer gets him (sticky), else the one
    whose last turn is longest ago (round robin over all channels), of those with equal turns the least loaded, then the
    oldest.
    """
    excluded = {agent.agent_id: exclusion(conversation, agent) for agent in agents}
    candidates = tuple(
        Candidate(agent.agent_id, agent.load, agent.capacity, excluded[agent.agent_id]) for agent in agents
    )
    free = [agent for agent in agents if not excluded[agent.agent_id]]
    if not free:
        return Decision(now, "", NONE, _why_nobody(candidates), candidates)
    for preferred in _acquainted(conversation, policy):
        if excluded.get(preferred) == "":
            return Decision(now, preferred, STICKY, "had this customer before", candidates)
    chosen = min(free, key=lambda agent: (agent.turn, agent.load))
    return Decision(now, chosen.agent_id, ROUND_ROBIN, "longest without a turn of those free", candidates)


def exclusion(conversation: Conversation, agent: Agent) -> str:
    """Returns why the agent may not have the conversation, "" where he may."""
    if agent.presence in (OFFLINE, AWAY):
        return agent.presence
    if conversation.team and agent.teams and conversation.team not in agent.teams:
        return "team"
    if conversation.country and agent.countries and conversation.country not in agent.countries:
        return "country"
    if conversation.released_by == agent.agent_id:
        return "released"
    return "" if agent.load < agent.capacity else AT_CAPACITY


def _acquainted(conversation: Conversation, policy: Policy) -> tuple[str, ...]:
    if not policy.sticky:
        return ()
    return (conversation.agent_id, conversation.answer_agent_id, policy.contact_agent_id)


def _why_nobody(candidates: Sequence[Candidate]) -> str:
    if not candidates:
        return "there are no agents"
    counts: dict[str, int] = {}
    for candidate in candidates:
        counts[candidate.excluded_because] = counts.get(candidate.excluded_because, 0) + 1
    return "nobody is free: " + ", ".join(f"{count} {reason}" for reason, count in sorted(counts.items()))
