"""Texts as they arrive: which languages they are in, and how they are rendered for their reader. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from lobby.connectors.v1.account_pb2 import Platform
from lobby.connectors.v1.events_pb2 import MessageEdited, MessageReceived
from lobby_common import ids
from lobby_common.events import Incoming
from lobby_common.times import from_proto
from lobby_translate.detect import Detection, Hints, detect, known
from lobby_translate.rendering import Rendering, Wish, render
from lobby_translate.sticky import ChatLanguage, follow
from lobby_translate.store import Assignment, Cause, Chat, ChatKey, NewMessage, RecentText, Told

_NO_CHAT: Final = Chat()
_NO_TIME: Final = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Arrival:
    """A text that came, in its first or another wording."""

    message_id: str
    workspace_id: str
    chat: ChatKey
    text: str
    occurred_time: datetime
    hints: Hints
    cause: Cause


@dataclass(frozen=True, slots=True)
class Draft:
    """An arrival with its language, and its rendering as far as it is known."""

    arrival: Arrival
    found: Detection
    customer_language: str
    rendering: Rendering | Wish | None


def draft_all(
    arrivals: Iterable[Arrival], chats: Mapping[ChatKey, Chat]
) -> tuple[list[Draft], dict[ChatKey, tuple[str, ChatLanguage]]]:
    """The arrivals with their languages, each after those before it; and the chats whose language turned or is new."""
    states = {key: chat.language for key, chat in chats.items()}
    turned: dict[ChatKey, tuple[str, ChatLanguage]] = {}
    drafts: list[Draft] = []
    for arrival in arrivals:
        before = states.get(arrival.chat)
        state = before or ChatLanguage()
        found = detect(arrival.text, arrival.hints.in_chat(state.language))
        after = follow(state, found)
        if after != before:
            states[arrival.chat] = after
            turned[arrival.chat] = (arrival.workspace_id, after)
        reader = chats.get(arrival.chat, _NO_CHAT).reader
        rendering = render(arrival.text, found, reader, arrival.workspace_id) if reader else None
        drafts.append(Draft(arrival, found, after.language, rendering))
    return drafts, turned


def again(text: RecentText, reader: Sequence[str], cause: Cause) -> Draft | None:
    """The text rendered for another reader; None where what was told holds for him too."""
    found = known(text.text, text.language, text.confidence, text.basis)
    rendering = render(text.text, found, reader, text.workspace_id)
    target = rendering.target if isinstance(rendering, Wish) else rendering.language
    if text.target == target and text.status not in {"", "untranslated"}:
        return None
    arrival = Arrival(text.message_id, text.workspace_id, text.chat, text.text, _NO_TIME, Hints(), cause)
    return Draft(arrival, found, "", rendering)


def received(events: Sequence[Incoming]) -> dict[str, Arrival]:
    """The messages with text, each once."""
    found: dict[str, Arrival] = {}
    for one in events:
        payload = one.payload
        if isinstance(payload, MessageReceived) and payload.text.strip():
            hints = Hints(
                locale=payload.locale,
                country=payload.country,
                platform=Platform.Name(payload.platform).removeprefix("PLATFORM_").lower(),
            )
            arrival = _arrival(one, from_proto(payload.occurred_time), hints)
            found.setdefault(arrival.message_id, arrival)
    return found


def edited(events: Sequence[Incoming]) -> list[Arrival]:
    """The other wordings, in their order."""
    return [
        _arrival(one, from_proto(one.payload.edit_time), Hints())
        for one in events
        if isinstance(one.payload, MessageEdited)
    ]


def _arrival(one: Incoming, at: datetime, hints: Hints) -> Arrival:
    payload: Any = one.payload
    return Arrival(
        id_of(payload.message_id),
        id_of(one.event.workspace_id),
        chat_of(payload),
        payload.text.replace("\x00", ""),  # PostgreSQL keeps no NUL
        at,
        hints,
        cause_of(one),
    )


def new_message(draft: Draft) -> NewMessage:
    """The row of a message that is new."""
    arrival, rendering = draft.arrival, draft.rendering
    return NewMessage(
        arrival.message_id,
        arrival.workspace_id,
        arrival.chat,
        draft.found,
        arrival.occurred_time,
        arrival.text,
        arrival.cause,
        rendering if isinstance(rendering, Rendering) else None,
        rendering.target if isinstance(rendering, Wish) else "",
    )


def first_version(draft: Draft) -> Told:
    """What is told first of a message."""
    arrival, found = draft.arrival, draft.found
    return Told(
        arrival.message_id,
        arrival.workspace_id,
        arrival.chat,
        found.language,
        found.confidence,
        found.basis,
        1,
        draft.customer_language,
    )


def assignment(one: Incoming) -> Assignment:
    """Who reads the chat from now on. A tag with a comma is none."""
    payload: Any = one.payload
    languages = tuple(tag for tag in payload.agent_languages if tag and "," not in tag)
    return Assignment(id_of(one.event.workspace_id), payload.agent_id, languages, assign_time(one))


def assign_time(one: Incoming) -> datetime:
    """When the conversation went to its agent."""
    payload: Any = one.payload
    return from_proto(payload.assign_time)


def cause_of(one: Incoming) -> Cause:
    """The event as the cause of what is told because of it."""
    return Cause(one.event.id, one.traceparent)


def chat_of(payload: Any) -> ChatKey:
    """The chat that a payload names."""
    return id_of(payload.account_id), payload.chat


def id_of(text: str) -> str:
    """The id. ValueError where it is none, so that the event goes to quarantine and not round and round."""
    if not ids.is_id(text):
        raise ValueError("an id of the event is malformed")
    return text
