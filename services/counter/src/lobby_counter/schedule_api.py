"""ScheduleService: when people of a workspace work."""

from datetime import date, datetime, timedelta

import asyncpg

from lobby.counter.v1 import schedule_service_pb2 as pb
from lobby.counter.v1.schedule_service_pb2_grpc import ScheduleServiceServicer
from lobby_common import caller
from lobby_common.errors import Invalid
from lobby_common.events import EventLog
from lobby_common.requests import answer_once
from lobby_common.times import from_proto, to_proto, utc_now
from lobby_counter import schedules
from lobby_counter.business import DAY_MINUTES, TARGET, Hours, Interval, Version
from lobby_counter.calendars import UnknownTimeZone, find_zone
from lobby_counter.clients import Calendars
from lobby_counter.counter_api import checked_accounts, page_of
from lobby_counter.schedules import Schedule


class ScheduleApi(ScheduleServiceServicer):
    """Schedules of the caller's workspace."""

    def __init__(self, log: EventLog, pool: asyncpg.Pool, calendars: Calendars) -> None:
        self._log = log
        self._pool = pool
        self._calendars = calendars

    async def CreateSchedule(self, request: pb.CreateScheduleRequest, _context: object) -> pb.CreateScheduleResponse:
        """There is a new schedule."""
        who = caller.current()
        calendar = await self._calendars.ask(who.workspace_id)
        hours = _hours(request, calendar.zone.key)
        [account_id] = checked_accounts([request.account_id] if request.account_id else []) or [None]
        target = timedelta(seconds=request.target_seconds) if request.HasField("target_seconds") else TARGET
        async with self._log.transaction() as tx:

            async def make() -> pb.CreateScheduleResponse:
                now = utc_now()
                start = _start(request) if request.HasField("start_time") else now
                made = await schedules.create_schedule(tx.conn, who, Version(start, hours, target), now, account_id)
                return pb.CreateScheduleResponse(schedule=_schedule(made))

            return await answer_once(tx, "CreateSchedule", request.request_id, pb.CreateScheduleResponse, make)

    async def ListSchedules(self, request: pb.ListSchedulesRequest, _context: object) -> pb.ListSchedulesResponse:
        """Returns a page of schedules."""
        async with self._pool.acquire() as conn:
            listed = await schedules.list_schedules(conn, caller.current().workspace_id)
        ids = [each.schedule_id for each in listed]
        shown, token = page_of(listed, ids, request.page_size, request.page_token)
        return pb.ListSchedulesResponse(schedules=map(_schedule, shown), next_page_token=token)

    async def GetSchedule(self, request: pb.GetScheduleRequest, _context: object) -> pb.GetScheduleResponse:
        """Returns a schedule."""
        async with self._pool.acquire() as conn:
            found = await schedules.get_schedule(conn, caller.current().workspace_id, request.schedule_id)
        return pb.GetScheduleResponse(schedule=_schedule(found))


def _start(request: pb.CreateScheduleRequest) -> datetime:
    try:
        return from_proto(request.start_time)
    except OverflowError:
        raise Invalid("INVALID_PERIOD", "start_time lies in the years 1 to 9999") from None


def _hours(request: pb.CreateScheduleRequest, zone: str) -> Hours:
    """Returns when people work. Raises Invalid INVALID_TIME_ZONE, INVALID_HOLIDAY."""
    try:
        found = find_zone(request.time_zone or zone)
    except UnknownTimeZone:
        raise Invalid("INVALID_TIME_ZONE", "time_zone is no IANA time zone, such as Asia/Bangkok") from None
    return Hours(found, tuple(map(_interval, request.intervals)), frozenset(map(_holiday, request.holidays)))


def _interval(given: pb.WorkInterval) -> Interval:
    start, end = _minutes(given.start), _minutes(given.end)
    return Interval(given.weekday - 1, start, end if end > start else end + DAY_MINUTES)


def _minutes(clock: str) -> int:
    hour, minute = clock.split(":")
    return 60 * int(hour) + int(minute)


def _holiday(given: str) -> date:
    try:
        return date.fromisoformat(given)
    except ValueError:
        raise Invalid("INVALID_HOLIDAY", "holidays holds something that is no day, such as 2026-12-25") from None


def _schedule(schedule: Schedule) -> pb.Schedule:
    start, hours, target = schedule.version
    return pb.Schedule(
        schedule_id=schedule.schedule_id,
        start_time=to_proto(start),
        time_zone=hours.zone.key,
        intervals=map(_work_interval, hours.intervals),
        holidays=[day.isoformat() for day in sorted(hours.holidays)],
        target_seconds=int(target.total_seconds()),
        create_time=to_proto(schedule.create_time),
        account_id=schedule.account_id or "",
    )


def _work_interval(interval: Interval) -> pb.WorkInterval:
    end = interval.end if interval.end <= DAY_MINUTES else interval.end - DAY_MINUTES
    return pb.WorkInterval(
        weekday=interval.weekday + 1,  # type: ignore[arg-type]  # the enum's number
        start=_clock(interval.start),
        end=_clock(end),
    )


def _clock(minutes: int) -> str:
    return "{:02}:{:02}".format(*divmod(minutes, 60))
