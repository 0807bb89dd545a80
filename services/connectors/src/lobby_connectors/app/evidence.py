"""What connectors itself has to show for the proof: every message that it told is in its table."""

from collections.abc import Collection, Sequence

from google.protobuf.message import Message

from lobby.connectors.v1.events_pb2 import MessageReceived
from lobby_common.events import Incoming, Tx
from lobby_common.events.log import Connection
from lobby_connectors.store import QUERIES


class OwnMessages:
    """Holds what was told against what is kept. Connectors hears nobody: its own log stands for what it had to do."""

    handles: tuple[type[Message], ...] = (MessageReceived,)
    evident = handles

    async def find_effectless(self, conn: Connection, events: Sequence[Incoming]) -> Collection[str]:
        """Returns the events whose messages are not kept."""
        by_message = {_message_id(each): each.event.id for each in events}
        rows = await conn.fetch(QUERIES["find_messageless"], list(by_message))
        return {by_message[row["message_id"]] for row in rows}

    async def mend(self, tx: Tx, events: Sequence[Incoming]) -> None:
        """The webhooks are parsed again: ids follow from what they say, so what is there is not there twice."""
        await tx.conn.execute(QUERIES["parse_again"], sorted({each.event.cause_id for each in events}))


def _message_id(each: Incoming) -> str:
    assert isinstance(each.payload, MessageReceived)
    return each.payload.message_id
