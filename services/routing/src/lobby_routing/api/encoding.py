"""The domain as protos."""

from datetime import datetime

from lobby.routing.v1 import conversation_pb2 as pb
from lobby_common.times import to_proto, utc_now
from lobby_routing.domain.agents import Agent
from lobby_routing.domain.deciding import Decision
from lobby_routing.events.telling import platform_number
from lobby_routing.store.views import View


def conversation(view: View) -> pb.Conversation:
    """Returns the conversation as its viewer sees it."""
    c = view.conversation
    state = pb.Conversation.STATE_CLOSED if c.closed else pb.Conversation.STATE_OPEN
    message = pb.Conversation(
        conversation_id=c.conversation_id,
        contact_id=c.contact_id,
        account_id=c.account_id,
        platform=platform_number(c.platform),
        agent_id=c.agent_id,
        state=state,
        owed=c.owed_since is not None,
        unseen_count=view.unseen_count,
        priority=c.priority,
        language=view.language,
        last_message_text=c.last_message_text,
        display_name=c.display_name,
        episode=c.episode,
        inbound_seq=c.inbound_seq,
    )
    _set(message, "owed_since", c.owed_since)
    _set(message, "last_message_time", c.last_message_time)
    _set(message, "window_close_time", c.window_close_time)
    if c.lease_expire_time is not None and c.lease_expire_time > utc_now():
        message.lease_agent_id = c.lease_agent_id
        _set(message, "lease_expire_time", c.lease_expire_time)
    return message


def agent(found: Agent) -> pb.Agent:
    """Returns the agent."""
    return pb.Agent(
        agent_id=found.agent_id,
        display_name=found.display_name,
        languages=found.languages,
        countries=found.countries,
        capacity=found.capacity,
        teams=found.teams,
        presence=pb.Presence.Value(f"PRESENCE_{found.presence.upper()}"),
        presence_time=to_proto(found.presence_time),
        load=found.load,
        create_time=to_proto(found.create_time),
    )


def decision(found: Decision) -> pb.Decision:
    """Returns the decision with all who were looked at."""
    return pb.Decision(
        time=to_proto(found.time),
        agent_id=found.agent_id,
        strategy=found.strategy,
        reason=found.reason,
        candidates=[
            pb.Candidate(
                agent_id=each.agent_id,
                load=each.load,
                capacity=each.capacity,
                excluded_because=each.excluded_because or None,
            )
            for each in found.candidates
        ],
    )


def _set(message: pb.Conversation, name: str, at: datetime | None) -> None:
    """An unset time is left out."""
    if at is not None:
        getattr(message, name).CopyFrom(to_proto(at))
