"""Where a message's journey begins: what connectors did with it, and the events that it told of it."""

from typing import Any

from lobby.connectors.v1 import events_pb2, message_pb2
from lobby.events.v1.batch_pb2 import Event
from lobby.events.v1.event_log_service_pb2 import EventRef, JourneyStep
from lobby_common.events import EventLog
from lobby_common.events.log import Connection
from lobby_common.events.service import Beginning
from lobby_common.ids import is_id
from lobby_common.times import to_proto
from lobby_connectors.domain.kinds import Direction
from lobby_connectors.store import QUERIES

_PREFIX = "lobby.connectors.v1."
_STEPS = {
    "MessageReceived": "message_stored",
    "MessageSent": "sent",
    "MessageEdited": "edited",
    "MessageDeleted": "deleted",
    "ReactionChanged": "reaction_changed",
}


class Journeys:
    """Tells connectors' part."""

    def __init__(self, log: EventLog) -> None:
        self._log = log

    async def begin(self, conn: Connection, message_id: str) -> Beginning:
        """Returns the first steps of a message's journey, nothing for one that is not known."""
        row = await conn.fetchrow(QUERIES["find_journey"], message_id) if is_id(message_id) else None
        if row is None:
            return Beginning()
        steps = self._stored(row)
        refs: list[EventRef] = []
        for ref, event in await self._events(conn, row, message_id):
            refs.append(ref)
            steps.append(_step(event))
        steps.sort(key=lambda step: (step.time.seconds, step.time.nanos))
        return Beginning(steps, refs, row["traceparent"])

    def _stored(self, row: Any) -> list[JourneyStep]:
        if row["direction"] == Direction.OUTBOUND and row["webhook_id"] is None:
            return [JourneyStep(service="connectors", step="queued", time=to_proto(row["store_time"]))]
        if row["webhook_received_time"] is None:
            return []
        step = JourneyStep(
            service="connectors",
            step="webhook_accepted",
            time=to_proto(row["webhook_received_time"]),
            detail=row["webhook_id"],
        )
        return [step]

    async def _events(self, conn: Connection, row: Any, message_id: str) -> list[tuple[EventRef, Event]]:
        """Returns the events of the message's own transactions, found by their time."""
        found = []
        for at in dict.fromkeys([row["store_time"], *row["told_times"]]):
            for ref, event in await self._log.find_told(conn, at):
                if _message_of(event) == message_id:
                    found.append((ref, event))
        return found


def _message_of(event: Event) -> str:
    kind = getattr(events_pb2, event.type.removeprefix(_PREFIX), None)
    if kind is None or "message_id" not in kind.DESCRIPTOR.fields_by_name:
        return ""
    return str(kind.FromString(event.payload).message_id)


def _step(event: Event) -> JourneyStep:
    kind = event.type.removeprefix(_PREFIX)
    step = _STEPS.get(kind, "")
    if kind == "DeliveryChanged":
        payload = events_pb2.DeliveryChanged.FromString(event.payload)
        step = message_pb2.Delivery.Name(payload.delivery).removeprefix("DELIVERY_").lower()
        return JourneyStep(
            service="connectors", step=step, time=event.time, event_id=event.id, detail=payload.error.reason
        )
    return JourneyStep(service="connectors", step=step, time=event.time, event_id=event.id)
