"""What routing itself has to show for the proof: whatever it told to have gone to somebody was decided."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

from google.protobuf.message import Message

from lobby.routing.v1.events_pb2 import ConversationAssigned
from lobby_common.events import Incoming, Tx
from lobby_common.events.log import Connection
from lobby_common.times import from_proto
from lobby_routing.domain import deciding
from lobby_routing.store import floors
from lobby_routing.store.statements import QUERIES


class OwnDecisions:
    """Holds what routing told against its decisions: an assignment and its decision have the same time and agent."""

    handles: tuple[type[Message], ...] = (ConversationAssigned,)
    evident = handles

    async def find_effectless(self, conn: Connection, events: Sequence[Incoming]) -> Collection[str]:
        """Returns the assignments without their decision."""
        ids = [each.event.id for each in events]
        rows = await conn.fetch(QUERIES["find_undecided"], ids, *_places(_told(events)))
        return {row["event_id"] for row in rows}

    async def mend(self, tx: Tx, events: Sequence[Incoming]) -> None:
        """The decisions are there, with what the events tell; who else was looked at is not known any more."""
        await floors.lock(tx.conn, [each.event.workspace_id for each in events])
        told = _told(events)
        await tx.conn.execute(
            QUERIES["restore_decisions"],
            *_places(told),
            [each.strategy if each.agent_id else deciding.NONE for each in told],
            [each.message_id or None for each in told],
        )


def _told(events: Iterable[Incoming]) -> list[ConversationAssigned]:
    return [each.payload for each in events if isinstance(each.payload, ConversationAssigned)]


def _places(told: Sequence[ConversationAssigned]) -> tuple[list[str], list[datetime], list[str | None]]:
    return (
        [each.conversation.conversation_id for each in told],
        [from_proto(each.assign_time) for each in told],
        [each.agent_id or None for each in told],
    )
