"""Routing's part of a message's journey."""

from collections.abc import Sequence

from lobby.events.v1.event_log_service_pb2 import EventRef, JourneyStep
from lobby_common.events.log import Connection
from lobby_common.ids import is_id
from lobby_common.times import to_proto
from lobby_routing.store.statements import QUERIES


async def describe(conn: Connection, refs: Sequence[EventRef], message_id: str) -> list[JourneyStep]:
    """Returns what the message did here: opened or continued, assigned (by which strategy), owed, answered."""
    if not is_id(message_id):
        return []
    steps = []
    for row in await conn.fetch(QUERIES["read_effects"], [message_id]):
        for effect in filter(None, row["effects"].split(",")):
            step, _, detail = effect.partition(":")
            steps.append(
                JourneyStep(
                    service="routing",
                    step=step,
                    time=to_proto(row["apply_time"]),
                    event_id=_cause(refs),
                    detail=detail,
                )
            )
    return steps


def _cause(refs: Sequence[EventRef]) -> str:
    """Returns the event that brought the message here: identity tells inbound ones, connectors outbound ones."""
    brought = [ref for ref in refs if ref.service == "identity"] or list(refs)
    return brought[0].event_id if brought else ""
