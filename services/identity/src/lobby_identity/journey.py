"""Identity's part of a message's journey, read from what it told when it applied the message."""

from collections.abc import Sequence

from lobby.events.v1.batch_pb2 import Event
from lobby.events.v1.event_log_service_pb2 import EventRef, JourneyStep
from lobby.identity.v1.events_pb2 import ContactMerged, MessageIdentified
from lobby_common.events import EventLog
from lobby_common.events.log import Connection


class Journey:
    """Tells who was resolved, and which merges followed from it."""

    def __init__(self, log: EventLog) -> None:
        self._log = log

    async def describe(self, conn: Connection, refs: Sequence[EventRef], message_id: str) -> Sequence[JourneyStep]:
        """Returns the steps of the events that identity applied; none for those that say nothing of people."""
        steps: list[JourneyStep] = []
        for ref in refs:
            applied = await self._log.find_applied(conn, ref)
            if applied is None:
                continue
            for _, event in await self._log.find_told(conn, applied):
                if event.cause_id == ref.event_id and (step := _step(event)) is not None:
                    steps.append(step)
        return steps


def _step(event: Event) -> JourneyStep | None:
    if event.type == MessageIdentified.DESCRIPTOR.full_name:
        is_new = MessageIdentified.FromString(event.payload).first_message
        name, detail = "contact_resolved", "new_contact" if is_new else "known_contact"
    elif event.type == ContactMerged.DESCRIPTOR.full_name:
        name, detail = "merged", ContactMerged.FromString(event.payload).evidence
    else:
        return None
    return JourneyStep(service="identity", step=name, time=event.time, event_id=event.id, detail=detail)
