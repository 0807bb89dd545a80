"""Every arrow of a message's way dies once, at the worst instant (row 19); each point is proved to have been passed."""

from collections import Counter
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import asyncpg
import pytest
import pytest_asyncio
from google.protobuf.message import Message

from lobby.connectors.v1.events_pb2 import MessageReceived
from lobby.events.v1.batch_pb2 import Batch
from lobby.identity.v1.events_pb2 import MessageIdentified
from lobby_local import Stack
from tests.chaos import faults
from tests.chaos.crashes import points
from tests.chaos.crashes.points import ALL, CLERK, MENDING, POINTS, SPOOL_IN, SPOOL_OUT, Point
from tests.lobby import until

pytestmark = pytest.mark.asyncio(loop_scope="session")

HEARD = {
    "identity": ("connectors", MessageReceived),
    "routing": ("identity", MessageIdentified),
    "counter": ("identity", MessageIdentified),
    "translate": ("connectors", MessageReceived),
}
"""Of whom each hears of a message."""
Death = tuple[str, Point]
"""The service that dies, and where."""
_FIRED_WITHIN = 240.0
_SERVES_WITHIN = 60.0


class Crashes:
    """Points of one stack, armed and fired."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.said: list[str] = []
        """What the supervisor reported."""
        self.due = 0
        """How many had to die."""

    def arm(self, deaths: Iterable[Death]) -> None:
        """The next process of the service that comes to the point dies there."""
        for service, point in deaths:
            (self.folder / f"{service} {point.name}").touch()
            self.due += 1

    def armed(self) -> list[str]:
        """Returns who has still to die, and where."""
        return sorted(path.name for path in self.folder.iterdir())

    def were_deaths(self) -> None:
        """For each point that was passed the supervisor saw somebody die."""
        killed = sum("ended (signal 9)" in line for line in self.said)
        print(f"{self.due} crash points, {killed} deaths")
        assert killed >= self.due

    async def all_fired(self, deaths: Iterable[Death]) -> None:
        """Everybody died where he should."""
        names = {f"{service} {point.name}" for service, point in deaths}

        async def gone() -> bool:
            return not names.intersection(self.armed())

        try:
            await until(gone, seconds=_FIRED_WITHIN)
        except TimeoutError:
            raise AssertionError(f"never passed: {self.armed()}") from None


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def crashing(tmp_path_factory) -> AsyncIterator[tuple[Stack, Crashes]]:
    folder = tmp_path_factory.mktemp("crashes")
    points.write(ALL, folder / "packages")
    crashes = Crashes(folder / "armed")
    crashes.folder.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(folder / "packages"))
        patch.setenv("CHAOS_CRASHES", str(crashes.folder))
        async with Stack(folder / "home", port=0, report=crashes.said.append) as stack:
            yield stack, crashes


@pytest.fixture
def stack(crashing):
    return crashing[0]


@pytest.fixture
def crashes(crashing):
    return crashing[1]


def in_one_service_each(chosen: Iterable[Point]) -> list[Death]:
    """Each point in one of its services: the one that dies least so far."""
    load: Counter[str] = Counter()
    deaths = []
    for point in sorted(chosen, key=lambda each: len(each.services)):
        service = min(point.services, key=lambda each: load[each])
        load[service] += 1
        deaths.append((service, point))
    return deaths


def short(chosen: Iterable[Point]) -> list[Point]:
    return [point for point in chosen if point.short]


def in_every_service(chosen: Iterable[Point]) -> list[Death]:
    return [(service, point) for point in chosen for service in point.services]


@pytest.mark.chaos
async def test_whoever_dies_at_the_worst_instant_loses_and_doubles_nothing(world, crashes):
    await world.write()
    await die(world, crashes, in_one_service_each(short(POINTS)))
    await spool(world, crashes, short(SPOOL_IN), short(SPOOL_OUT))
    await world.answers_more()
    await world.is_exactly_once()
    crashes.were_deaths()


@pytest.mark.chaos_full
@pytest.mark.timeout(600, func_only=True)
async def test_every_service_dies_at_every_point_and_nothing_is_lost_or_doubled(world, crashes):
    await world.write()
    await die(world, crashes, in_every_service(POINTS))
    not_put, put = SPOOL_IN
    await spool(world, crashes, [not_put], [])
    await spool(world, crashes, [put], SPOOL_OUT)
    await world.answers_more()
    await world.is_exactly_once()
    crashes.were_deaths()


@pytest.mark.chaos_full
async def test_each_day_gets_its_statement_whoever_dies_over_it(world, crashes):
    await world.write()
    await grow_old(world)
    await until(lambda: everyone_serves(world), seconds=_SERVES_WITHIN)
    with world.fault(told(in_every_service(CLERK))):
        crashes.arm(in_every_service(CLERK))
        await faults.kill(world.stack, "gateway")
        await crashes.all_fired(in_every_service(CLERK))
        await until(lambda: everyone_serves(world), seconds=_SERVES_WITHIN)

    async def all_written() -> bool:
        statements = (await world.lobby.get("/v1/proof/statements"))["statements"]
        today = datetime.now(UTC).date()
        return [each["day"] for each in statements] == [(today - timedelta(days=ago)).isoformat() for ago in (3, 2, 1)]

    await until(all_written)
    await world.is_exactly_once()
    crashes.were_deaths()


@pytest.mark.chaos_full
async def test_what_is_lost_is_mended_once_whoever_dies_over_it(world, crashes):
    """A range row of each service that hears connectors is taken away; asking for the proof brings it back."""
    await world.write()
    await world.answers_more(100)
    await world.crowd.tell("stop", seconds=120)
    lost = await lose_ranges(world)
    deaths = in_every_service(MENDING)
    with world.fault(told(deaths)):
        crashes.arm(deaths)

        async def fired() -> bool:
            await world.lobby.ask("GET", "/v1/proof", **an_hour())
            return not crashes.armed()

        await until(fired, seconds=_FIRED_WITHIN)
        await until(lambda: everyone_serves(world), seconds=_SERVES_WITHIN)
    violations, _ = await world.judged()
    print(*violations, sep="\n")
    assert [each.sentence.partition(":")[0] for each in violations] == [f"{lost} effects that had to be made again"]
    crashes.were_deaths()


async def die(world, crashes, deaths: Sequence[Death]) -> None:
    """Everybody died where he should, in the order in which traffic brings him there."""
    with world.fault(told(deaths)):
        crashes.arm(deaths)
        await crashes.all_fired(deaths)
        await until(lambda: everyone_serves(world), seconds=_SERVES_WITHIN)


async def spool(world, crashes, inward: Sequence[Point], outward: Sequence[Point]) -> None:
    """Connectors dies over the spool, while the database stands still and after it."""
    deaths = in_every_service([*inward, *outward])
    with world.fault(told(deaths)):
        crashes.arm(deaths)
        async with faults.standing_still(world.stack, "postgres"):
            await crashes.all_fired(in_every_service(inward))
        await crashes.all_fired(in_every_service(outward))
        await until(lambda: everyone_serves(world), seconds=_SERVES_WITHIN)


def told(deaths: Iterable[Death]) -> str:
    return ", ".join(f"{service}: {point.name}" for service, point in deaths)


def an_hour() -> dict[str, str]:
    now = datetime.now(UTC)
    return {"from": (now - timedelta(hours=1)).isoformat(), "to": (now + timedelta(hours=1)).isoformat()}


async def everyone_serves(world) -> bool:
    """Whether each service says that it is ready."""
    try:
        for at in world.stack.ready().services.values():
            async with world.session.get(f"http://{at.http}/readyz") as answer:
                if answer.status != 200:
                    return False
    except aiohttp.ClientError:
        return False
    return True


async def grow_old(world) -> None:
    """The workspace is three days old, which have no statement yet."""
    connection = await asyncpg.connect(world.stack.ready().database_url)
    try:
        query = "UPDATE gateway.workspace SET create_time = create_time - interval '3 days' WHERE workspace_id = $1"
        await connection.execute(query, world.workspace_id)
    finally:
        await connection.close()


async def lose_ranges(world) -> int:
    """Returns how many events are no longer known to have been applied: one of each service that hears."""
    lost = 0
    connection = await asyncpg.connect(world.stack.ready().database_url)
    try:
        for service, (producer, kind) in HEARD.items():
            # Not the last of its lane: a process that begins takes its position back to there, and hears it again.
            applied = await connection.fetch(
                f"SELECT a.lane, a.first FROM {service}.applied_range AS a WHERE a.producer = $1 AND a.count = 1"
                f" AND EXISTS (SELECT FROM {service}.applied_range AS later"
                " WHERE later.producer = a.producer AND later.lane = a.lane AND later.first > a.first)",
                producer,
            )
            alone = {(row["lane"], row["first"]) for row in applied}
            lane, position = next(at for at in await told_at(connection, producer, kind) if at in alone)
            await connection.execute(
                f"DELETE FROM {service}.applied_range WHERE producer = $1 AND lane = $2 AND first = $3",
                *(producer, lane, position),
            )
            lost += 1
    finally:
        await connection.close()
    return lost


async def told_at(connection: asyncpg.Connection, producer: str, kind: type[Message]) -> list[tuple[int, int]]:
    """Lane and position of each event of a kind, the newest first."""
    rows = await connection.fetch(f"SELECT data FROM {producer}.event_batch ORDER BY batch_id DESC LIMIT 200")
    return [
        (segment.lane, segment.first + offset)
        for row in rows
        for segment in Batch.FromString(row["data"]).segments
        for offset, event in enumerate(segment.events)
        if event.type == kind.DESCRIPTOR.full_name
    ]
