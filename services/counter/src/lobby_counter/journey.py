"""The counter's part of a message's journey."""

from collections.abc import Sequence
from uuid import UUID

from lobby.events.v1.event_log_service_pb2 import EventRef, JourneyStep
from lobby_common.events.log import Connection
from lobby_common.ids import is_id
from lobby_common.times import to_proto
from lobby_counter.store import QUERIES

_INBOUND = 1


async def describe(conn: Connection, refs: Sequence[EventRef], message_id: str) -> list[JourneyStep]:
    """Returns that the message was counted, and what entry it made if any; nothing for events of something else."""
    if not is_id(message_id):
        return []
    row = await conn.fetchrow(QUERIES["find_step"], UUID(message_id))
    if row is None or row["event_id"] not in {ref.event_id for ref in refs}:
        return []
    counted = JourneyStep(
        service="counter",
        step="counted",
        time=to_proto(row["counted_time"]),
        event_id=row["event_id"],
        detail="message_in" if row["direction"] == _INBOUND else "message_out",
    )
    if row["direction"] != _INBOUND:
        return [counted]
    return [
        counted,
        JourneyStep(
            service="counter",
            step="no_entry" if row["verdict"] is None else "entry_judged",
            time=to_proto(row["judged_time"] or row["counted_time"]),
            event_id=row["event_id"],
            detail="no_entry" if row["verdict"] is None else f"{row['verdict']} {row['reason']}",
        ),
    ]
