"""The period of a proof, and in which order it is asked for."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from lobby.events.v1.proof_service_pb2 import Stage
from lobby_common.errors import Invalid
from lobby_common.times import FIRST
from lobby_gateway.proof import STAGES, period, prove

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def test_a_day_up_to_now_is_proved_unless_said_otherwise():
    assert period(None, None, NOW) == (NOW - timedelta(days=1), NOW)
    assert period(None, FIRST + timedelta(hours=1), NOW) == (FIRST, FIRST + timedelta(hours=1))


@pytest.mark.parametrize(("start", "end"), [(None, FIRST), (NOW, NOW), (NOW - timedelta(days=32), NOW)])
def test_what_is_no_period_or_too_long_is_refused(start, end):
    with pytest.raises(Invalid) as refused:
        period(start, end, NOW)
    assert refused.value.reason == "INVALID_PERIOD"


async def test_what_was_accepted_is_counted_after_every_service_has_said_what_is_still_to_come():
    asked = []

    class Services:
        async def acceptances(self, start, end):
            asked.append("accepted")
            return []

        async def stage(self, service, start, end):
            await asyncio.sleep(0)
            asked.append("stage")
            return Stage(service=service)

    await prove(Services(), NOW - timedelta(days=1), NOW)
    assert asked == ["stage"] * len(STAGES) + ["accepted"]
