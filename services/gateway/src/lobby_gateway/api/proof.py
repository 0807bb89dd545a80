"""ProofService: the proof that nothing is missed, composed from all services."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import asyncpg
import grpc
from google.protobuf.timestamp_pb2 import Timestamp

from lobby.connectors.v1.acceptance_service_pb2 import Acceptance, ListAcceptancesRequest
from lobby.connectors.v1.acceptance_service_pb2_grpc import AcceptanceServiceStub
from lobby.events.v1.proof_service_pb2 import GetStageRequest, Stage
from lobby.events.v1.proof_service_pb2_grpc import ProofServiceStub
from lobby.gateway.v1 import proof_service_pb2 as pb
from lobby.gateway.v1.proof_service_pb2_grpc import ProofServiceServicer
from lobby_common import caller, pages
from lobby_common.errors import Invalid
from lobby_common.times import from_proto, to_proto, utc_now
from lobby_gateway import proof, store
from lobby_gateway.statements import Statement

_SECONDS = 9.0
"""Longer than others may take: services examine for six seconds, and say what they had no time for."""
_LARGEST_NUMBER = 2**63 - 1


class ProofApi(ProofServiceServicer):
    """Serves the proof."""

    def __init__(self, services: proof.Services, pool: asyncpg.Pool) -> None:
        self._services = services
        self._pool = pool

    async def GetProof(self, request: pb.GetProofRequest, context: object) -> pb.GetProofResponse:
        """Returns the proof of a period."""
        start = _time(getattr(request, "from")) if request.HasField("from") else None
        end = _time(request.to) if request.HasField("to") else None
        found = await proof.prove(self._services, *proof.period(start, end, utc_now()))
        return pb.GetProofResponse(
            accounts=found.accounts,
            stages=found.stages,
            missed=found.missed,
            balanced=found.balanced,
            complete=found.complete,
        )

    async def ListStatements(self, request: pb.ListStatementsRequest, context: object) -> pb.ListStatementsResponse:
        """Lists statements, oldest first."""
        size = pages.size(request.page_size)
        after = pages.decode(request.page_token, 1)
        number = 0 if after is None else after[0]
        if not isinstance(number, int) or not 0 <= number <= _LARGEST_NUMBER:
            raise Invalid("BAD_PAGE_TOKEN", "page_token is not one that this list gave")
        found = await store.list_statements(self._pool, caller.current().workspace_id, number, size + 1)
        answer = pb.ListStatementsResponse(statements=map(_statement, found[:size]))
        if len(found) > size:
            answer.next_page_token = pages.encode(found[size - 1].number)
        return answer


def _statement(statement: Statement) -> pb.Statement:
    assert statement.create_time is not None, "it was read from the table"
    return pb.Statement(
        number=statement.number,
        day=statement.day.isoformat(),
        accepted=statement.accepted,
        accounted=statement.accounted,
        missed=statement.missed,
        balanced=statement.balanced,
        text=statement.text,
        digest=statement.digest,
        create_time=to_proto(statement.create_time),
    )


def _time(given: Timestamp) -> datetime:
    try:
        return from_proto(given)
    except OverflowError:
        raise Invalid("INVALID_PERIOD", "from and to lie in the years 1 to 9999") from None


class RemoteStages:
    """The services behind proof.Services, asked over gRPC as the caller in hand."""

    def __init__(self, channel: Callable[[str], grpc.aio.Channel]) -> None:
        self._acceptances = AcceptanceServiceStub(channel("connectors"))
        self._proofs = {service: ProofServiceStub(channel(service)) for service in proof.STAGES}

    async def acceptances(self, start: datetime, end: datetime) -> Sequence[Acceptance]:
        """Returns what became of what platforms said, per account."""
        answer = await self._acceptances.ListAcceptances(
            ListAcceptancesRequest(**_period(start, end)), timeout=_SECONDS
        )
        found: Sequence[Acceptance] = answer.acceptances
        return found

    async def stage(self, service: str, start: datetime, end: datetime) -> Stage:
        """Returns what became of the events that a service was told."""
        answer = await self._proofs[service].GetStage(GetStageRequest(**_period(start, end)), timeout=_SECONDS)
        found: Stage = answer.stage
        return found


def _period(start: datetime, end: datetime) -> dict[str, Any]:
    return {"from": to_proto(start), "to": to_proto(end)}
