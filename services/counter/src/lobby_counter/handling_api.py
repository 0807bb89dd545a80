"""HandlingService: how much of their time agents spent on customers."""

from typing import Any

import asyncpg

from lobby.counter.v1 import handling_service_pb2 as pb
from lobby.counter.v1.handling_service_pb2_grpc import HandlingServiceServicer
from lobby_common.errors import Invalid
from lobby_common.times import to_proto, utc_now
from lobby_counter import asking, handling
from lobby_counter.clients import Calendars
from lobby_counter.handling import Handling, HandlingKey

_SPLIT = {"account", "platform", "agent"}


class HandlingApi(HandlingServiceServicer):
    """Answers for the workspace of the caller; an agent sees only his own."""

    def __init__(self, pool: asyncpg.Pool, calendars: Calendars) -> None:
        self._pool = pool
        self._calendars = calendars

    async def GetHandling(self, request: pb.GetHandlingRequest, _context: object) -> pb.GetHandlingResponse:
        """Returns the figures of a period."""
        only, by = asking.filter_of(request), asking.groups(request.group_by)
        if by - _SPLIT:
            raise Invalid("NOT_AVAILABLE", "handling can be split by account, platform and agent")
        period = await asking.period(
            self._pool, self._calendars, request, only.workspace_id, find_beginning=handling.find_beginning
        )
        if period is None:
            return pb.GetHandlingResponse(totals=_row(Handling()))
        found = await handling.read(self._pool, only, period, by, utc_now())
        answer = pb.GetHandlingResponse(totals=_row(found.totals))
        for key in sorted(found.rows, key=lambda each: [(value is not None, value) for value in each]):
            row = _row(found.rows[key], key)
            if request.bucket in asking.CUT:
                row.bucket_start.CopyFrom(to_proto(period.cuts[key.bucket - 1]))
            answer.rows.append(row)
        return answer


def _row(figures: Handling, key: HandlingKey | None = None) -> pb.Handling:
    group: dict[str, Any] = {} if key is None else key._asdict()
    online = figures.online_seconds
    return pb.Handling(
        **{name: value for name, value in group.items() if name != "bucket" and value is not None},
        handle_seconds=round(figures.seconds),
        conversations=figures.conversations,
        online_seconds=None if online is None else round(online),
        occupancy=figures.seconds / online if online else None,
        wrap_up_seconds=round(figures.wrap_up_seconds),
    )
