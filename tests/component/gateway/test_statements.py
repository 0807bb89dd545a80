"""A statement a day: chained, never changed, and only when the day has settled."""

from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from lobby.connectors.v1.acceptance_service_pb2 import Acceptance
from lobby.events.v1.proof_service_pb2 import Stage
from lobby_cli.statements import find_break
from lobby_common import caller
from lobby_common.errors import Unavailable
from lobby_common.times import utc_now
from lobby_gateway.clerk import Clerk

ENDED = timedelta(minutes=20)
"""After midnight: the day before has ended and settled."""


class Services:
    """Every day ten messages came; on some days something is missing or not yet there."""

    def __init__(self) -> None:
        self.missing: dict[int, str] = {}
        self.pending: set[int] = set()
        self.away = False
        self.asked: set[str] = set()

    async def acceptances(self, start: datetime, end: datetime) -> list[Acceptance]:
        if self.away:
            raise Unavailable("AWAY", "the service is away")
        self.asked.add(caller.current().workspace_id)
        assert end - start == timedelta(days=1)
        return [Acceptance(account_id="a", accepted=10, new=7, duplicate=1, ignored=1, quarantined=1)]

    async def stage(self, service: str, start: datetime, end: datetime) -> Stage:
        lost = [self.missing[start.day]] if start.day in self.missing else []
        late = int(start.day in self.pending)
        return Stage(
            service=service,
            expected=20,
            applied=20 - len(lost) - late,
            pending=late,
            missing=len(lost),
            missing_event_ids=lost,
        )


@pytest.fixture
async def admin(gateway):
    connection = await asyncpg.connect(gateway.database.url, server_settings={"search_path": "gateway"})
    yield connection
    await connection.close()


@pytest.fixture
def services() -> Services:
    return Services()


@pytest.fixture
def clerk(gateway, services) -> Clerk:
    return Clerk(gateway.runtime.pool, services)


def midnight(days: int) -> datetime:
    """The beginning of a day, so many days after today."""
    return datetime.combine(utc_now().date(), datetime.min.time(), UTC) + timedelta(days=days)


async def listed(gateway, **params: str):
    status, answer = await gateway.ask("GET", "/v1/proof/statements", params=params)
    assert status == 200, answer
    return answer


async def test_a_day_that_has_ended_has_one_statement_and_they_are_chained(gateway, clerk, services):
    await clerk.write_due(midnight(1))
    assert (await listed(gateway))["statements"] == []
    await clerk.write_due(midnight(1) + ENDED)
    await clerk.write_due(midnight(3) + ENDED)
    await clerk.write_due(midnight(3) + ENDED)
    found = (await listed(gateway))["statements"]
    assert [each["number"] for each in found] == [1, 2, 3]
    assert [each["day"] for each in found] == [midnight(day).date().isoformat() for day in range(3)]
    assert all((each["accepted"], each["accounted"], each["missed"]) == (10, 10, 0) for each in found)
    assert find_break(found) == ""
    assert services.asked == {gateway.workspace_id}


@pytest.mark.parametrize(
    "change",
    [
        lambda found: found[1].update(text=found[1]["text"].replace('"accepted":10', '"accepted":11')),
        lambda found: found[1].update(accepted=11),
        lambda found: found.pop(1),
        lambda found: found.pop(0),
        lambda found: found.reverse(),
        lambda found: found[2].update(text="no JSON"),
    ],
)
async def test_whoever_has_the_statements_sees_that_one_was_changed(gateway, clerk, change):
    await clerk.write_due(midnight(3) + ENDED)
    found = (await listed(gateway))["statements"]
    change(found)
    assert find_break(found)


async def test_a_day_with_something_still_to_come_is_waited_for_a_day_long(gateway, clerk, services):
    services.pending.add(midnight(0).day)
    await clerk.write_due(midnight(1) + ENDED)
    assert (await listed(gateway))["statements"] == []
    await clerk.write_due(midnight(2) + ENDED)
    first, second = (await listed(gateway))["statements"]
    assert '"pending":1' in first["text"]
    assert '"pending":1' not in second["text"]


async def test_what_is_missing_is_named_for_ever(gateway, clerk, services):
    services.missing[midnight(0).day] = "lost-1"
    await clerk.write_due(midnight(1) + ENDED)
    services.missing.clear()
    await clerk.write_due(midnight(1) + ENDED)
    (found,) = (await listed(gateway))["statements"]
    assert (found["missed"], found["balanced"]) == (5, False)
    assert "lost-1" in found["text"]


async def test_while_a_service_is_away_nothing_is_stated(gateway, clerk, services):
    services.away = True
    await clerk.write_due(midnight(1) + ENDED)
    assert (await listed(gateway))["statements"] == []


async def test_two_clerks_write_one_statement(gateway, clerk, services):
    other = Clerk(gateway.runtime.pool, services)
    for each in (clerk, other):
        await each.write_due(midnight(2) + ENDED)
    assert len((await listed(gateway))["statements"]) == 2


async def test_a_statement_cannot_be_changed_or_taken_away(clerk, admin):
    await clerk.write_due(midnight(1) + ENDED)
    for statement in ("UPDATE statement SET missed = 0", "DELETE FROM statement"):
        with pytest.raises(asyncpg.PostgresError, match="never changed"):
            await admin.execute(statement)


async def test_statements_are_those_of_the_own_workspace_page_by_page_and_for_who_manages(gateway, clerk):
    other = await gateway.other_workspace()
    await clerk.write_due(midnight(3) + ENDED)
    page = await listed(gateway, page_size="2")
    rest = await listed(gateway, page_size="2", page_token=page["next_page_token"])
    assert [each["number"] for each in page["statements"] + rest["statements"]] == [1, 2, 3]
    assert rest["next_page_token"] == ""
    _, theirs = await gateway.ask("GET", "/v1/proof/statements", key=other)
    assert {each["digest"] for each in theirs["statements"]}.isdisjoint(each["digest"] for each in page["statements"])
    status, _ = await gateway.ask("GET", "/v1/proof/statements", key=await gateway.key("viewer"))
    assert status == 403
    status, problem = await gateway.ask("GET", "/v1/proof/statements", params={"page_token": "W10"})
    assert (status, problem["reason"]) == (400, "BAD_PAGE_TOKEN")
