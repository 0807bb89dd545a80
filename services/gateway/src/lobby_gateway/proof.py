"""The proof that nothing is missed: what was accepted, and what was told, against what became of it."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from lobby.connectors.v1.acceptance_service_pb2 import Acceptance
from lobby.events.v1.proof_service_pb2 import Stage
from lobby_common.errors import Invalid
from lobby_common.times import FIRST

STAGES = ("connectors", "identity", "routing", "translate", "counter")
"""Who has effects to show, in the order of a message's way."""
LONGEST = timedelta(days=31)
"""The longest period: the logs are kept for thirty days."""
_A_DAY = timedelta(days=1)


class Services(Protocol):
    """Whom the proof asks. Both raise LobbyError: a proof that lacks a part is none."""

    async def acceptances(self, start: datetime, end: datetime) -> Sequence[Acceptance]:
        """Returns what became of what platforms said, per account."""

    async def stage(self, service: str, start: datetime, end: datetime) -> Stage:
        """Returns what became of the events that a service was told."""


@dataclass(frozen=True, slots=True)
class Proof:
    """What was found."""

    accounts: Sequence[Acceptance]
    stages: Sequence[Stage]

    @property
    def missed(self) -> int:
        """How many events are missing, over all stages."""
        return sum(stage.missing for stage in self.stages)

    @property
    def complete(self) -> bool:
        """Whether every stage was examined over the whole period."""
        return not any(stage.unexamined for stage in self.stages)

    @property
    def balanced(self) -> bool:
        """Whether everything was examined, nothing is missing, and every account and stage adds up."""
        adds_up = all(map(_adds_up, self.accounts)) and all(map(_is_whole, self.stages))
        return self.complete and not self.missed and adds_up


def period(start: datetime | None, end: datetime | None, now: datetime) -> tuple[datetime, datetime]:
    """Returns the period asked for; what is absent is now, and a day before its end. Raises Invalid INVALID_PERIOD."""
    end = now if end is None else end
    start = end - min(_A_DAY, end - FIRST) if start is None else start
    if start >= end:
        raise Invalid("INVALID_PERIOD", "from must be before to")
    if end - start > LONGEST:
        raise Invalid("INVALID_PERIOD", f"the period is longer than {LONGEST.days} days")
    return start, end


async def prove(services: Services, start: datetime, end: datetime) -> Proof:
    """Returns the proof of a period. Raises LobbyError."""
    stages = await asyncio.gather(*(services.stage(service, start, end) for service in STAGES))
    # Afterwards: where connectors says that nothing waits to be taken in, all of it is in the figures.
    return Proof(await services.acceptances(start, end), stages)


def _adds_up(account: Acceptance) -> bool:
    return account.accepted == account.new + account.duplicate + account.ignored + account.quarantined


def _is_whole(stage: Stage) -> bool:
    return stage.expected == stage.applied + stage.pending + stage.quarantined
