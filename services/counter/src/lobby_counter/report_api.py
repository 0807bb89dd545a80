"""ReportService: figures put together for a question."""

from collections import defaultdict
from datetime import datetime
from zoneinfo import ZoneInfo

import asyncpg

from lobby.counter.v1 import count_service_pb2 as count_pb
from lobby.counter.v1 import report_service_pb2 as pb
from lobby.counter.v1.report_service_pb2_grpc import ReportServiceServicer
from lobby_common import caller
from lobby_common.errors import Invalid
from lobby_common.times import from_proto, to_proto
from lobby_counter import commands
from lobby_counter.api import CountApi
from lobby_counter.asking import BEGINNING, bounds, filter_of, read_time, whole_bounds
from lobby_counter.calendars import find_zone
from lobby_counter.clients import MOMENT, Calendars
from lobby_counter.comparing import QUERIES

_SUMMED = ("new", "repeat", "excluded", "messages_in", "messages_out")
"""Figures of which those of two hours add up: people would be counted twice."""
_GROUP = ("account_id", "platform", "agent_id", "campaign_id", "language", "country", "sheet_id")


class ReportApi(ReportServiceServicer):
    """Answers for the workspace of the caller; an agent sees only his own."""

    def __init__(self, pool: asyncpg.Pool, calendars: Calendars, counts: CountApi) -> None:
        self._pool = pool
        self._calendars = calendars
        self._counts = counts

    async def GetHeatMap(self, request: pb.GetHeatMapRequest, _context: object) -> pb.GetHeatMapResponse:
        """Returns figures by hour and day of the week."""
        zone = await self._zone(request.time_zone, request.counter_id)
        asked = count_pb.GetCountsRequest(
            bucket=count_pb.BUCKET_HOUR,
            time_zone=zone.key,
            account_id=request.account_id,
            platform=request.platform,
            agent_id=request.agent_id,
            counter_id=request.counter_id,
        )
        _copy_period(request, asked)
        found = await self._counts.count(asked, people=False)
        cells: defaultdict[tuple[int, int], pb.HeatMapCell] = defaultdict(pb.HeatMapCell)
        for row in found.rows:
            wall = from_proto(row.bucket_start).astimezone(zone)
            cell = cells[wall.isoweekday(), wall.hour]
            cell.weekday, cell.hour = wall.isoweekday(), wall.hour
            for name in _SUMMED:
                setattr(cell, name, getattr(cell, name) + getattr(row, name))
        shown = [cell for _, cell in sorted(cells.items()) if any(getattr(cell, name) for name in _SUMMED)]
        return pb.GetHeatMapResponse(cells=shown)

    async def GetPeriodComparison(
        self, request: pb.GetPeriodComparisonRequest, context: object
    ) -> pb.GetPeriodComparisonResponse:
        """Returns the figures of two periods."""
        start, end = bounds(request)
        if start is None:
            raise Invalid("INVALID_PERIOD", "from has to be given: a period is compared with one as long")
        other_start, other_end = _other_period(request, start, end)
        asked = count_pb.GetCountsRequest(
            group_by=request.group_by,
            view=request.view,
            account_id=request.account_id,
            platform=request.platform,
            agent_id=request.agent_id,
            counter_id=request.counter_id,
        )
        _set_period(asked, start, end)
        counts = await self._counts.GetCounts(asked, context)
        _set_period(asked, other_start, other_end)
        other = await self._counts.GetCounts(asked, context)
        rows, others = ({_group(row): row for row in each.rows} for each in (counts, other))
        return pb.GetPeriodComparisonResponse(
            rows=[_compared(rows.get(group), others.get(group)) for group in sorted({**rows, **others}, key=_sortable)],
            totals=pb.ComparedCounts(counts=counts.totals, other=other.totals),
            other_from=to_proto(other_start),
            other_to=to_proto(other_end),
        )

    async def GetTouches(self, request: pb.GetTouchesRequest, _context: object) -> pb.GetTouchesResponse:
        """Returns what campaigns and ads brought."""
        period = whole_bounds(request)
        async with self._pool.acquire() as conn, conn.transaction(isolation="repeatable_read", readonly=True):
            counter = await commands.named_or_adopted(conn, caller.current().workspace_id, request.counter_id)
            only = filter_of(request, counter.counter_id)
            rows = await conn.fetch(
                QUERIES["count_touches"],
                only.workspace_id,
                *period,
                only.counter_id,
                only.account_id,
                only.platform,
                only.agent_id,
            )
        return pb.GetTouchesResponse(rows=[pb.Touches(**dict(row)) for row in rows])

    async def _zone(self, name: str, counter_id: str) -> ZoneInfo:
        """Returns the zone that is named, else the counter's. Raises Invalid INVALID_TIME_ZONE."""
        workspace_id = caller.current().workspace_id
        if not name:
            async with self._pool.acquire() as conn:
                name = (await commands.named_or_adopted(conn, workspace_id, counter_id)).policy.time_zone
        if not name:
            return (await self._calendars.get(workspace_id, MOMENT)).zone
        try:
            return find_zone(name)
        except ValueError:
            raise Invalid("INVALID_TIME_ZONE", "time_zone is no IANA time zone, such as Asia/Bangkok") from None


def _copy_period(request: pb.GetHeatMapRequest, asked: count_pb.GetCountsRequest) -> None:
    bounds(request)
    for name in ("from", "to"):
        if request.HasField(name):
            getattr(asked, name).CopyFrom(getattr(request, name))


def _set_period(asked: count_pb.GetCountsRequest, start: datetime, end: datetime) -> None:
    getattr(asked, "from").CopyFrom(to_proto(start))
    asked.to.CopyFrom(to_proto(end))


def _other_period(request: pb.GetPeriodComparisonRequest, start: datetime, end: datetime) -> tuple[datetime, datetime]:
    """Returns the period that is named, else as long a one before. Raises Invalid INVALID_PERIOD."""
    other_end = read_time(request.other_to) if request.HasField("other_to") else start
    if request.HasField("other_from"):
        other_start = read_time(request.other_from)
    else:
        other_start = BEGINNING if end - start > other_end - BEGINNING else other_end - (end - start)
    if other_start >= other_end:
        raise Invalid("INVALID_PERIOD", "other_from must be before other_to")
    return other_start, other_end


Group = tuple[str | int | None, ...]


def _group(row: count_pb.Counts) -> Group:
    return tuple(getattr(row, name) if row.HasField(name) else None for name in _GROUP)  # type: ignore[arg-type]  # its fields


def _sortable(group: Group) -> list[tuple[bool, str | int | None]]:
    return [(value is not None, value) for value in group]


def _compared(counts: count_pb.Counts | None, other: count_pb.Counts | None) -> pb.ComparedCounts:
    """The row; of a group that one of the periods does not have its figures are zero."""
    known = counts or other
    assert known is not None
    empty = count_pb.Counts(**{name: getattr(known, name) for name in _GROUP if known.HasField(name)})  # type: ignore[arg-type]
    return pb.ComparedCounts(counts=counts or empty, other=other or empty)
