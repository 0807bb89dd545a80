"""What routing decides: pure, without clock, ids or I/O.

`conversation` says what a customer is owed, `agents` who could answer, `deciding` who shall, `urgency` in which order,
and `floor` applies all of it to the conversations and agents that one transaction holds.
"""

from lobby_routing.domain.agents import Agent
from lobby_routing.domain.conversation import Conversation
from lobby_routing.domain.deciding import Candidate, Decision, Policy, decide
from lobby_routing.domain.floor import Cause, Floor

__all__ = ["Agent", "Candidate", "Cause", "Conversation", "Decision", "Floor", "Policy", "decide"]
