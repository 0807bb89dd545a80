"""Conversations of people who were forgotten: texts, names and addresses go, here and in connectors; ids, times stay.

Off the event path, and again after a minute, an hour and a day, for a message of his may still have been on its way.
What connectors could not do is tried again; dying anywhere means doing it again, which changes nothing.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from lobby.connectors.v1.message_service_pb2 import EraseConversationRequest
from lobby.routing.v1.events_pb2 import ConversationErased
from lobby_common import caller, tracing
from lobby_common.caller import Caller
from lobby_common.errors import LobbyError
from lobby_common.events import EventLog, Tx
from lobby_common.events import erasing as log_erasing
from lobby_common.ids import derive_id
from lobby_common.log import get_logger
from lobby_common.times import to_proto, utc_now
from lobby_routing.app import access
from lobby_routing.clients import Connectors
from lobby_routing.domain.conversation import ERASED, erased_chat
from lobby_routing.domain.floor import Cause
from lobby_routing.store import floors
from lobby_routing.store.statements import QUERIES

_LOG = get_logger("erasing")

_PAUSE = 1.0
_RETRY_SECONDS = 10.0
_AGAIN = (60.0, 3_600.0, 86_400.0)
"""Seconds to the next look."""
_MESSAGES = 500
"""In one call and in one event."""
_SKEW = timedelta(hours=1)
_REASON = "no_answer_needed"


@dataclass(frozen=True, slots=True)
class _Due:
    """A channel user who was forgotten."""

    channel_user_id: str
    workspace_id: str
    erase_time: datetime
    passes: int


class Forgetter:
    """Empties conversations, one person after the other."""

    def __init__(self, log: EventLog, connectors: Connectors) -> None:
        self._log = log
        self._connectors = connectors

    async def run(self) -> None:
        """Works until cancelled."""
        while True:
            if not await self.take():
                await asyncio.sleep(_PAUSE)

    async def take(self) -> bool:
        """Whoever is due has nothing left in his conversations, or will be tried again. Returns whether anybody was."""
        row = await self._log.pool.fetchrow(QUERIES["find_forgetting"])
        if row is None:
            return False
        due = _Due(*row)
        try:
            found = await self._log.pool.fetch(QUERIES["list_conversations_to_empty"], due.channel_user_id, ERASED)
            for conversation_id, account_id in found:
                await self._empty(due, conversation_id, account_id)
        except LobbyError as error:
            _LOG.warning("not_erased_yet", channel_user_id=due.channel_user_id, reason=error.reason)
            await self._postpone(due, due.passes, _RETRY_SECONDS)
        else:
            await self._finish(due)
        return True

    async def _finish(self, due: _Due) -> None:
        if due.passes == len(_AGAIN):
            await self._log.pool.execute(QUERIES["end_forgetting"], due.channel_user_id)
        else:
            await self._postpone(due, due.passes + 1, _AGAIN[due.passes])

    async def _postpone(self, due: _Due, passes: int, seconds: float) -> None:
        await self._log.pool.execute(QUERIES["postpone_forgetting"], due.channel_user_id, passes, seconds)

    async def _empty(self, due: _Due, conversation_id: str, account_id: str) -> None:
        """Connectors first: where the conversation is empty here, nobody asks any more."""
        rows = await self._log.pool.fetch(QUERIES["list_messages_of"], conversation_id)
        message_ids = [row["message_id"] for row in rows]
        for some in _chunks(message_ids):
            request = EraseConversationRequest(
                conversation_id=conversation_id,
                account_id=account_id,
                message_ids=some,
                erase_time=to_proto(due.erase_time),
            )
            with caller.use(Caller(due.workspace_id, "service")):
                await self._connectors.erase_conversation(request)
        since = rows[0]["since"] if rows else due.erase_time
        async with self._log.transaction() as tx:
            await self._close(tx, due, conversation_id)
            await tx.conn.execute(QUERIES["empty_conversation"], conversation_id, erased_chat(conversation_id))
            marks = [conversation_id, *message_ids]
            await log_erasing.order(tx.conn, due.workspace_id, conversation_id, marks=marks, since=since - _SKEW)
            _tell(tx, due, conversation_id, account_id, message_ids)

    async def _close(self, tx: Tx, due: _Due, conversation_id: str) -> None:
        """Nobody waits for an answer that nobody could send."""
        await floors.lock(tx.conn, [due.workspace_id])
        floor = await floors.enter(tx.conn, due.workspace_id, utc_now(), conversation_id)
        if conversation_id in floor.conversations:
            cause = Cause(f"erased/{due.channel_user_id}/{due.passes}", traceparent=tracing.current())
            floor.close(conversation_id, _REASON, "", cause)
            await access.leave(tx, floor)


def _chunks(message_ids: Sequence[str]) -> list[Sequence[str]]:
    return [message_ids[start : start + _MESSAGES] for start in range(0, len(message_ids), _MESSAGES)]


def _tell(tx: Tx, due: _Due, conversation_id: str, account_id: str, message_ids: Sequence[str]) -> None:
    for some in _chunks(message_ids):
        tx.tell(
            ConversationErased(conversation_id=conversation_id, account_id=account_id, message_ids=some),
            workspace_id=due.workspace_id,
            key=conversation_id,
            event_id=derive_id(due.erase_time, "conversation_erased", conversation_id, str(due.passes), some[0]),
            traceparent=tracing.current(),
        )
