"""A message's way through the services: each is asked what it did with the events that led to it."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from lobby.events.v1.event_log_service_pb2 import EventRef, JourneyStep, ListStepsResponse
from lobby_common.errors import LobbyError

Ask = Callable[[str, str, Sequence[EventRef]], Awaitable[ListStepsResponse]]
"""Asks a service what it did with events of a message. Raises LobbyError."""

BEGINS = "connectors"
HEARS: Mapping[str, frozenset[str]] = {
    "identity": frozenset({"connectors"}),
    "routing": frozenset({"connectors", "identity", "translate"}),
    "translate": frozenset({"connectors", "routing"}),
    "counter": frozenset({"connectors", "identity", "routing", "translate"}),
}
"""Whose events each service applies."""
_MOST_REFS = 200
"""Events in one question, as the contract says."""
_MOST_ROUNDS = 12
"""Longer chains of causes do not exist; a loop in what services say must not become one here."""


@dataclass(slots=True)
class Journey:
    """What is known so far."""

    steps: list[JourneyStep] = field(default_factory=list)
    traceparent: str = ""
    _told: set[tuple[str, str, int, int, str]] = field(default_factory=set)
    _asked: set[tuple[str, str]] = field(default_factory=set)
    _found: dict[str, EventRef] = field(default_factory=dict)

    def learn(self, answer: ListStepsResponse) -> None:
        """What a service said is part of the journey; a step that several events lead to is shown once."""
        for step in answer.steps:
            what = (step.service, step.step, step.time.seconds, step.time.nanos, step.detail)
            if what not in self._told:
                self._told.add(what)
                self.steps.append(step)
        self.traceparent = self.traceparent or answer.traceparent
        for ref in answer.produced:
            self._found.setdefault(ref.event_id, ref)

    def questions(self) -> list[tuple[str, list[EventRef]]]:
        """Returns whom to ask about which events next; every pair comes once."""
        open_ones = []
        for service, producers in HEARS.items():
            fresh = [
                ref
                for ref in self._found.values()
                if ref.service in producers and (service, ref.event_id) not in self._asked
            ]
            self._asked.update((service, ref.event_id) for ref in fresh)
            open_ones += [(service, fresh[at : at + _MOST_REFS]) for at in range(0, len(fresh), _MOST_REFS)]
        return open_ones

    def in_order(self) -> list[JourneyStep]:
        """Returns the steps by time; what has no time comes last."""
        return sorted(self.steps, key=_moment)


def _moment(step: JourneyStep) -> tuple[bool, int, int]:
    return (not step.HasField("time"), step.time.seconds, step.time.nanos)


async def draw(ask: Ask, message_id: str) -> Journey:
    """Returns the journey as far as the services know it. Raises LobbyError where its beginning cannot be asked.

    A later service that is away leaves a step that says so: the rest is worth seeing all the more then.
    """
    journey = Journey()
    journey.learn(await ask(BEGINS, message_id, ()))
    for _ in range(_MOST_ROUNDS):
        questions = journey.questions()
        if not questions:
            break
        answers = await asyncio.gather(*(_try(ask, service, message_id, refs) for service, refs in questions))
        for answer in answers:
            journey.learn(answer)
    return journey


async def _try(ask: Ask, service: str, message_id: str, refs: Iterable[EventRef]) -> ListStepsResponse:
    try:
        return await ask(service, message_id, list(refs))
    except LobbyError as error:
        return ListStepsResponse(steps=[JourneyStep(service=service, step="unavailable", detail=error.reason)])
