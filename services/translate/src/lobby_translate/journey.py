"""Translate's part of a message's journey."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from lobby.events.v1.event_log_service_pb2 import EventRef, JourneyStep
from lobby_common import ids
from lobby_common.events import EventLog
from lobby_common.events.log import Connection
from lobby_common.times import to_proto
from lobby_translate.store import QUERIES

_SUBJECT: Final = "connectors"
"""Who tells the message itself; the rest of its journey adds nothing here."""


class Journey:
    """Says what was done with a message."""

    def __init__(self, log: EventLog) -> None:
        self._log = log

    async def describe(self, conn: Connection, refs: Sequence[EventRef], message_id: str) -> list[JourneyStep]:
        """The language found and what came of it; no_text where there was none."""
        ref = next((one for one in refs if one.service == _SUBJECT), None)
        if ref is None or not ids.is_id(message_id):
            return []
        row = await conn.fetchrow(QUERIES["find_told"], message_id)
        if row is None:
            at = await self._log.find_applied(conn, ref)
            return [_step("no_text", at, ref)] if at is not None else []
        steps = [_step("language_detected", row["create_time"], ref, f"{row['language']} {row['basis']}")]
        if row["deleted"]:
            steps.append(_step("text_dropped", row["outcome_time"] or row["create_time"], ref))
        elif row["status"]:
            step = row["reason"] or row["status"]
            steps.append(_step(step, row["outcome_time"], ref, row["provider"] or row["target"]))
        return steps


def _step(step: str, at: datetime, ref: EventRef, detail: str = "") -> JourneyStep:
    return JourneyStep(service="translate", step=step, time=to_proto(at), event_id=ref.event_id, detail=detail)
