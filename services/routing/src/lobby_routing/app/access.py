"""Who may see which conversation, and the refusals that all use-cases share."""

from datetime import datetime

from lobby_common.caller import Caller
from lobby_common.errors import Conflict, NotFound
from lobby_common.events import Tx
from lobby_common.ids import is_id
from lobby_common.times import utc_now
from lobby_routing.domain.agents import Agent
from lobby_routing.domain.conversation import ERASED, Conversation
from lobby_routing.domain.floor import Floor
from lobby_routing.events.telling import tell
from lobby_routing.store import floors, views
from lobby_routing.store.views import View


def viewer_of(caller: Caller) -> str:
    """Returns the agent beyond whose own conversations and the pool nothing is shown, "" where all is."""
    return caller.agent_id if caller.role == "agent" else ""


def commands_others(caller: Caller) -> bool:
    """Returns whether the caller may overrule an agent."""
    return caller.role in ("owner", "supervisor")


def conversation_not_found() -> NotFound:
    """Returns the refusal that also hides what the caller may not see."""
    return NotFound("CONVERSATION_NOT_FOUND", "there is no such conversation")


def must_see(caller: Caller, conversation: Conversation) -> None:
    """Raises CONVERSATION_NOT_FOUND where an agent asks for a colleague's conversation."""
    if caller.role == "agent" and conversation.agent_id not in ("", caller.agent_id):
        raise conversation_not_found()


def must_not_be_leased(conversation: Conversation, agent_id: str, now: datetime) -> None:
    """Raises LEASE_HELD where somebody else is answering now."""
    if conversation.leased_to_other(agent_id, now):
        raise Conflict("LEASE_HELD", "another agent is answering this customer now")


def must_not_be_anothers(conversation: Conversation, agent_id: str) -> None:
    """Raises OTHER_AGENT where another agent has it: nobody gives back what is not his."""
    if conversation.agent_id not in ("", agent_id):
        raise Conflict("OTHER_AGENT", "another agent has this conversation")


def must_be_open(conversation: Conversation) -> None:
    """Raises CONVERSATION_CLOSED."""
    if conversation.closed:
        raise Conflict("CONVERSATION_CLOSED", "the conversation is closed; reopen it first")


def must_be_reachable(conversation: Conversation) -> None:
    """Raises CONTACT_ERASED where the customer was forgotten: nobody knows his address any more."""
    if conversation.chat.startswith(ERASED):
        raise Conflict("CONTACT_ERASED", "this customer was forgotten")


def must_exist(floor: Floor, caller: Caller, agent_id: str) -> Agent:
    """Returns the agent. Raises AGENT_NOT_FOUND."""
    agent = floor.rosters[caller.workspace_id].find(agent_id)
    if agent is None:
        raise NotFound("AGENT_NOT_FOUND", "there is no such agent")
    return agent


async def enter(tx: Tx, caller: Caller, conversation_id: str = "") -> Floor:
    """Returns the floor of the caller's workspace, locked, with the conversation. Raises CONVERSATION_NOT_FOUND."""
    if conversation_id and not is_id(conversation_id):
        raise conversation_not_found()
    await floors.lock(tx.conn, [caller.workspace_id])
    floor = await floors.enter(tx.conn, caller.workspace_id, utc_now(), conversation_id)
    if conversation_id and conversation_id not in floor.conversations:
        raise conversation_not_found()
    return floor


async def leave(tx: Tx, floor: Floor) -> None:
    """Whoever was freed has taken the next, and all is stored and told."""
    await floors.drain(tx.conn, floor)
    await floors.save(tx.conn, floor)
    tell(tx, floor)


async def view(tx: Tx, caller: Caller, conversation_id: str, viewer: str) -> View:
    """Returns the conversation as the agent `viewer` sees it ("": the assigned one)."""
    found = await views.find(tx.conn, caller.workspace_id, conversation_id, viewer)
    if found is None:
        raise conversation_not_found()
    return found
