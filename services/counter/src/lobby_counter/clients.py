"""The one neighbour that the counter asks: the gateway knows when a workspace's days begin."""

import asyncio
import time
from collections.abc import Callable, Iterable
from typing import Protocol
from zoneinfo import ZoneInfo

import asyncpg
import grpc
import structlog

from lobby.gateway.v1.workspace_service_pb2 import GetWorkspaceRequest, GetWorkspaceResponse
from lobby.gateway.v1.workspace_service_pb2_grpc import WorkspaceServiceStub
from lobby_common import caller
from lobby_common.caller import Caller
from lobby_common.errors import LobbyError
from lobby_counter.calendars import Calendar, UnknownTimeZone, find_zone
from lobby_counter.store import QUERIES

_LOG = structlog.get_logger("calendars")

MOMENT = 1.0
"""How many seconds old a calendar may be by which figures are cut: who changes it sees them change."""
_FRESH_SECONDS = 60.0
_PAUSE_SECONDS = 1.0
_UTC = Calendar(ZoneInfo("UTC"))


class CalendarSource(Protocol):
    """Where a workspace's calendar is asked for."""

    async def get(self, workspace_id: str) -> Calendar:
        """Returns the calendar now. Raises LobbyError while nobody can say."""


class GatewayCalendars:
    """Asks the gateway, over gRPC."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = WorkspaceServiceStub(channel)

    async def get(self, workspace_id: str) -> Calendar:
        """Returns what the gateway says; UTC where it names a zone that this machine does not know."""
        with caller.use(Caller(workspace_id, "service")):
            answer: GetWorkspaceResponse = await self._stub.GetWorkspace(GetWorkspaceRequest())
        try:
            zone = find_zone(answer.workspace.time_zone or "UTC")
        except UnknownTimeZone:
            _LOG.warning("unknown_time_zone", time_zone=answer.workspace.time_zone)
            zone = _UTC.zone
        return Calendar(zone, answer.workspace.day_start_hour)


class Calendars:
    """Calendars as they were known last, at most a minute old for workspaces in which something happens.

    The event path reads them from memory and asks nobody; they are kept in a table across restarts.
    """

    def __init__(self, source: CalendarSource, pool: asyncpg.Pool, clock: Callable[[], float] = time.monotonic) -> None:
        self._source = source
        self._pool = pool
        self._clock = clock
        self._known: dict[str, Calendar] = {}
        self._asked: dict[str, float] = {}
        self._active: set[str] = set()
        self._wake = asyncio.Event()

    def see(self, workspace_ids: Iterable[str]) -> None:
        """Something happens in these workspaces: their calendars are kept fresh, unknown ones are fetched at once."""
        for workspace_id in workspace_ids:
            self._active.add(workspace_id)
            if workspace_id not in self._known:
                self._wake.set()

    def known(self, workspace_id: str) -> Calendar:
        """Returns the calendar known last; UTC in the first moments of a workspace's life."""
        return self._known.get(workspace_id, _UTC)

    async def ask(self, workspace_id: str) -> Calendar:
        """Returns what the gateway says now, for what is frozen by it. Raises LobbyError while it is away."""
        await self._fetch(workspace_id)
        return self._known[workspace_id]

    async def get(self, workspace_id: str, seconds: float = _FRESH_SECONDS) -> Calendar:
        """Returns the calendar, at most so old; an older one while the gateway is away. Raises LobbyError."""
        if not self._is_fresh(workspace_id, seconds):
            try:
                await self._fetch(workspace_id)
            except LobbyError:
                if workspace_id not in self._known:
                    raise
        return self._known[workspace_id]

    async def keep(self) -> None:
        """Calendars are read from the table, then kept fresh until cancelled."""
        for row in await self._pool.fetch(QUERIES["read_calendars"]):
            zone = find_zone(row["time_zone"])
            self._known.setdefault(row["workspace_id"], Calendar(zone, row["day_start_hour"]))
        while True:
            active, self._active = self._active, set()
            for workspace_id in sorted(active):
                if not self._is_fresh(workspace_id):
                    await self._refresh(workspace_id)
            try:
                await asyncio.wait_for(self._wake.wait(), _FRESH_SECONDS)
            except TimeoutError:
                continue
            self._wake.clear()

    def _is_fresh(self, workspace_id: str, seconds: float = _FRESH_SECONDS) -> bool:
        asked = self._asked.get(workspace_id)
        return asked is not None and self._clock() - asked < seconds

    async def _refresh(self, workspace_id: str) -> None:
        try:
            await self._fetch(workspace_id)
        except LobbyError as error:
            _LOG.info("calendar_unknown", workspace_id=workspace_id, reason=error.reason)
            # The next batch of the workspace asks again; not at once, the gateway may be starting.
            await asyncio.sleep(_PAUSE_SECONDS)

    async def _fetch(self, workspace_id: str) -> None:
        calendar = await self._source.get(workspace_id)
        if self._known.get(workspace_id) != calendar:
            await self._pool.execute(
                QUERIES["write_calendar"], workspace_id, calendar.zone.key, calendar.day_start_hour
            )
        self._known[workspace_id] = calendar
        self._asked[workspace_id] = self._clock()
