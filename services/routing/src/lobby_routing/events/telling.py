"""Facts become events. Their ids are derived from the cause, so the same cause tells the same events again."""

from collections.abc import Callable
from datetime import datetime

from google.protobuf.message import Message

from lobby.connectors.v1.account_pb2 import Platform
from lobby.routing.v1 import events_pb2
from lobby_common import tracing
from lobby_common.events.log import Tx
from lobby_common.ids import derive_id, new_id
from lobby_common.times import to_proto
from lobby_routing.domain import facts
from lobby_routing.domain.attention import Handled
from lobby_routing.domain.conversation import Conversation
from lobby_routing.domain.floor import Cause, Floor


def tell(tx: Tx, floor: Floor) -> None:
    """All that became true on the floor is told, in order."""
    for fact, cause in floor.told:
        if isinstance(fact, facts.PresenceChanged):
            key, workspace_id = fact.agent.agent_id, fact.agent.workspace_id
        else:
            key, workspace_id = fact.conversation.conversation_id, fact.conversation.workspace_id
        payload = _ENCODERS[type(fact)](fact, floor.now, cause)
        # Of an event only its id counts, for it may be applied again later; a command happens once.
        at = None if cause.event_id else floor.now
        tx.tell(
            payload,
            workspace_id=workspace_id,
            key=key,
            event_id=derive_id(at, payload.DESCRIPTOR.name, cause.key, key),
            time=floor.now,
            traceparent=cause.traceparent,
            cause_id=cause.event_id,
        )


def tell_seen(tx: Tx, conversation: Conversation, agent_id: str, now: datetime) -> None:
    """It is told that the agent saw more of the conversation than before."""
    tx.tell(
        events_pb2.ConversationSeen(conversation=_reference(conversation), agent_id=agent_id, seen_time=to_proto(now)),
        workspace_id=conversation.workspace_id,
        key=conversation.conversation_id,
        event_id=new_id(),
        time=now,
        traceparent=tracing.current(),
    )


def tell_handled(tx: Tx, conversation: Conversation, agent_id: str, handled: Handled) -> None:
    """It is told that the agent handled the conversation."""
    tx.tell(
        events_pb2.ConversationHandled(
            conversation=_reference(conversation),
            agent_id=agent_id,
            start_time=to_proto(handled.start_time),
            end_time=to_proto(handled.end_time),
            wrap_up=handled.wrap_up,
        ),
        workspace_id=conversation.workspace_id,
        key=agent_id,
        event_id=new_id(),
        time=handled.end_time,
        traceparent=tracing.current(),
    )


def platform_number(platform: str) -> Platform.ValueType:
    """Returns the platform's number in the contract."""
    return Platform.Value(f"PLATFORM_{platform.upper()}")


def platform_name(platform: int) -> str:
    """Returns the platform's name, such as "whatsapp"."""
    return Platform.Name(platform).removeprefix("PLATFORM_").lower()  # type: ignore[arg-type]  # an open enum


def _reference(conversation: Conversation) -> events_pb2.ConversationRef:
    return events_pb2.ConversationRef(
        conversation_id=conversation.conversation_id,
        account_id=conversation.account_id,
        platform=platform_number(conversation.platform),
        channel_user_id=conversation.channel_user_id,
        contact_id=conversation.contact_id,
        chat=conversation.chat,
    )


def _opened(fact: facts.Opened, now: datetime, _: Cause) -> Message:
    return events_pb2.ConversationOpened(
        conversation=_reference(fact.conversation),
        episode=fact.conversation.episode,
        open_time=to_proto(now),
    )


def _assigned(fact: facts.Assigned, now: datetime, cause: Cause) -> Message:
    return events_pb2.ConversationAssigned(
        conversation=_reference(fact.conversation),
        agent_id=fact.conversation.agent_id,
        agent_languages=fact.agent_languages,
        strategy=fact.strategy,
        first=fact.first,
        assign_time=to_proto(now),
        message_id=cause.message_id,
        pool_reason=fact.pool_reason,
        by_agent_id=cause.agent_id,
    )


def _owed(fact: facts.Owed, _now: datetime, _: Cause) -> Message:
    assert fact.conversation.owed_since is not None
    return events_pb2.ConversationOwed(
        conversation=_reference(fact.conversation),
        owed_since=to_proto(fact.conversation.owed_since),
        agent_id=fact.conversation.agent_id,
        received_time=to_proto(fact.received_time),
        pool_reason=fact.pool_reason,
    )


def _window_closed(fact: facts.WindowClosed, _now: datetime, _: Cause) -> Message:
    return events_pb2.ReplyWindowClosed(
        conversation=_reference(fact.conversation),
        owed_since=to_proto(fact.owed_since),
        window_close_time=to_proto(fact.window_close_time),
    )


def _bot_answered(fact: facts.BotAnswered, _now: datetime, _: Cause) -> Message:
    return events_pb2.BotAnswered(
        conversation=_reference(fact.conversation),
        owed_since=to_proto(fact.owed_since),
        answer_time=to_proto(fact.answer_time),
    )


def _answered(fact: facts.Answered, _now: datetime, _: Cause) -> Message:
    return events_pb2.ConversationAnswered(
        conversation=_reference(fact.conversation),
        owed_since=to_proto(fact.owed_since),
        answer_time=to_proto(fact.answer_time),
        agent_id=fact.agent_id,
        message_id=fact.message_id,
    )


def _closed(fact: facts.Closed, now: datetime, _: Cause) -> Message:
    return events_pb2.ConversationClosed(
        conversation=_reference(fact.conversation),
        reason=fact.reason,
        agent_id=fact.agent_id,
        close_time=to_proto(now),
        owed_since=None if fact.owed_since is None else to_proto(fact.owed_since),
    )


def _presence(fact: facts.PresenceChanged, _now: datetime, _: Cause) -> Message:
    return events_pb2.AgentPresenceChanged(
        agent_id=fact.agent.agent_id,
        presence=fact.agent.presence,
        presence_time=to_proto(fact.agent.presence_time),
    )


_ENCODERS: dict[type[facts.Fact], Callable[..., Message]] = {
    facts.Opened: _opened,
    facts.Assigned: _assigned,
    facts.Owed: _owed,
    facts.WindowClosed: _window_closed,
    facts.BotAnswered: _bot_answered,
    facts.Answered: _answered,
    facts.Closed: _closed,
    facts.PresenceChanged: _presence,
}
