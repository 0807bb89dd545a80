"""EventLogService, the same in every service; and its client, through which consumers refill."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import grpc

from lobby.events.v1 import event_log_service_pb2 as pb
from lobby.events.v1.event_log_service_pb2_grpc import EventLogServiceServicer, EventLogServiceStub
from lobby_common.events.log import LARGEST_PAGE, QUERIES, Connection, EventLog
from lobby_common.times import from_proto, to_proto

_DEFAULT_LIMIT = 100


@dataclass(frozen=True, slots=True)
class Beginning:
    """Where a message's journey begins: what this service did by itself, and the events that it told of it."""

    steps: Sequence[pb.JourneyStep] = ()
    refs: Sequence[pb.EventRef] = ()
    traceparent: str = ""


Describe = Callable[[Connection, Sequence[pb.EventRef], str], Awaitable[Sequence[pb.JourneyStep]]]
"""Says what a service did with events of a message that it applied: (connection, refs, message id) -> steps."""

Begin = Callable[[Connection, str], Awaitable[Beginning]]
"""Says what a service knows of a message without having heard of it."""


@dataclass(slots=True)
class Journey:
    """How a service tells its part of a message's journey."""

    describe: Describe | None = None
    begin: Begin | None = None


@dataclass(slots=True)
class EventLogApi(EventLogServiceServicer):
    """Serves a log."""

    log: EventLog
    journey: Journey = field(default_factory=Journey)

    async def GetHeads(self, request: pb.GetHeadsRequest, context: object) -> pb.GetHeadsResponse:
        """Returns the last position of each lane."""
        rows = await self.log.pool.fetch(QUERIES["read_heads"])
        return pb.GetHeadsResponse(positions=[row["position"] for row in rows])

    async def ReadBatches(self, request: pb.ReadBatchesRequest, context: object) -> pb.ReadBatchesResponse:
        """Returns batches after an id."""
        limit = request.limit or _DEFAULT_LIMIT
        batches = await self.log.read(request.after_batch_id, request.lanes, limit, largest=LARGEST_PAGE)
        return pb.ReadBatchesResponse(batches=batches)

    async def ReadPeriod(self, request: pb.ReadPeriodRequest, context: object) -> pb.ReadPeriodResponse:
        """Returns batches of a period."""
        start = from_proto(getattr(request, "from"))
        after = (from_proto(request.after_time) if request.HasField("after_time") else start, request.after_batch_id)
        batches = await self.log.read_period(start, from_proto(request.to), after)
        return pb.ReadPeriodResponse(batches=batches)

    async def ListSteps(self, request: pb.ListStepsRequest, context: object) -> pb.ListStepsResponse:
        """Returns what was done with the events and what was told because of them."""
        answer = pb.ListStepsResponse()
        async with self.log.pool.acquire() as conn:
            if self.journey.begin is not None and not request.refs:
                beginning = await self.journey.begin(conn, request.message_id)
                answer.steps.extend(beginning.steps)
                answer.produced.extend(beginning.refs)
                answer.traceparent = beginning.traceparent
            applied = [ref for ref in request.refs if await self._follow(conn, ref, answer)]
            if applied and self.journey.describe is not None:
                answer.steps.extend(await self.journey.describe(conn, applied, request.message_id))
        return answer

    async def _follow(self, conn: Connection, ref: pb.EventRef, answer: pb.ListStepsResponse) -> bool:
        at = await self.log.find_applied(conn, ref)
        if at is None:
            return False
        answer.steps.add(
            service=self.log.service,
            step="applied",
            time=to_proto(at),
            event_id=ref.event_id,
            detail=ref.service,
        )
        for produced, event in await self.log.find_told(conn, at):
            if event.cause_id == ref.event_id:
                answer.produced.append(produced)
                answer.traceparent = answer.traceparent or event.traceparent
        return True


class RemoteLog:
    """A producer's log, read over gRPC."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = EventLogServiceStub(channel)

    async def heads(self) -> Sequence[int]:
        """Returns the last position of each lane."""
        answer: pb.GetHeadsResponse = await self._stub.GetHeads(pb.GetHeadsRequest())
        return answer.positions

    async def read(self, after: int, lanes: Sequence[int]) -> Sequence[bytes]:
        """Returns some batches, none at the end."""
        request = pb.ReadBatchesRequest(after_batch_id=after, lanes=lanes)
        answer: pb.ReadBatchesResponse = await self._stub.ReadBatches(request, timeout=20)
        return answer.batches

    async def read_period(self, start: datetime, end: datetime, after: tuple[datetime, int]) -> Sequence[bytes]:
        """Returns some batches, none at the end."""
        period = {"from": to_proto(start), "to": to_proto(end)}
        request = pb.ReadPeriodRequest(after_time=to_proto(after[0]), after_batch_id=after[1], **period)
        answer: pb.ReadPeriodResponse = await self._stub.ReadPeriod(request, timeout=20)
        return answer.batches
