"""What the audit log says of calls that the contracts call `audited`: who asked for what, and how it ended."""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress

import asyncpg
from google.protobuf.message import Message

from lobby_common.errors import LobbyError, Unavailable
from lobby_common.postgres import AWAY
from lobby_gateway import store
from lobby_gateway.descriptors import Route
from lobby_gateway.domain import Principal
from lobby_gateway.http.access import caller_of


class Recorder:
    """Puts calls on record."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def record(
        self, route: Route, ids: Mapping[str, str], principal: Principal, ask: Callable[[], Awaitable[Message]]
    ) -> Message:
        """Returns the answer; nothing is asked before it is on record. Raises Unavailable, and what the call raises."""
        try:
            await self._write(f"{route.audited}_started", ids, principal)
        except (asyncpg.PostgresError, *AWAY) as error:
            raise Unavailable("DATABASE_AWAY", "the call cannot be put on record now; try again") from error
        outcome = "UNKNOWN"
        try:
            given = await ask()
            outcome = "done"
        except LobbyError as error:
            outcome = error.reason
            raise
        finally:
            # What is done is done: that it began is on record.
            with suppress(asyncpg.PostgresError, *AWAY):
                await self._write(f"{route.audited}_ended", ids, principal, outcome=outcome)
        return given

    async def _write(self, action: str, ids: Mapping[str, str], principal: Principal, **more: str) -> None:
        async with self._pool.acquire() as conn:
            await store.audit(
                conn,
                workspace_id=principal.workspace_id,
                actor=caller_of(principal).actor,
                action=action,
                subject_id="/".join(ids.values()),
                detail=more,
            )
