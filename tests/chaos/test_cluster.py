"""NATS as a cluster of three (row 15): who leads dies, a minority is cut off, the majority dies."""

import asyncio
from collections.abc import AsyncIterator
from types import SimpleNamespace

import nats
import pytest
import pytest_asyncio
from nats.js.api import StreamConfig

import lobby_local.plan
from lobby_local import Stack
from tests.chaos import faults
from tests.chaos.cluster import SERVERS, Cluster
from tests.lobby import until

pytestmark = [pytest.mark.chaos_full, pytest.mark.asyncio(loop_scope="session")]

STREAMS = ("CONNECTORS", "IDENTITY", "SPOOL")
CUT_OFF_SECONDS = 8.0
QUORUM = SERVERS // 2 + 1


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def three(tmp_path_factory) -> AsyncIterator[SimpleNamespace]:
    """A stack whose streams are kept by three servers."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lobby_local.plan, "Nats", Cluster)
        patch.setenv("LOBBY_NATS_REPLICAS", str(SERVERS))
        async with Stack(tmp_path_factory.mktemp("cluster"), port=0) as stack:
            yield SimpleNamespace(stack=stack, cluster=stack.plan.nats)


@pytest.fixture
def stack(three):
    return three.stack


@pytest.fixture
def cluster(three):
    return three.cluster


async def kill(*members) -> None:
    faults.slay(process for member in members for process in faults.family(member.pid))
    for member in members:
        await member.exited()


async def revive(*members) -> None:
    for member in members:
        await member.spawn()
    for member in members:
        await member.ready()


async def test_every_stream_is_kept_three_times(world, cluster):
    client = await nats.connect(cluster.url())
    try:
        infos = await client.jetstream().streams_info()
    finally:
        await client.close()
    assert {"CONNECTORS", "IDENTITY", "ROUTING", "COUNTER", "TRANSLATE", "SPOOL"} <= {
        each.config.name for each in infos
    }
    assert {each.config.num_replicas for each in infos} == {SERVERS}


async def test_whoever_leads_dies_and_nothing_is_lost_or_doubled(world, cluster):
    await world.write()
    for stream in STREAMS:
        leader = await cluster.leader(stream)
        with world.fault(f"{leader.member} dies, which leads {stream}"):
            await kill(leader)
            await world.answers_more()
            await until(world.serving, seconds=30)
            await revive(leader)
        await world.answers_more()
    await until(cluster.works, seconds=30)
    await world.is_exactly_once()


@pytest.mark.parametrize("leads", [True, False])
async def test_a_minority_that_is_cut_off_costs_time_only(world, cluster, leads):
    await world.write()
    leader = await cluster.leader("CONNECTORS")
    cut_off = leader if leads else next(each for each in cluster.members if each is not leader)
    with world.fault(f"{cut_off.member} stands still"):
        frozen = faults.freeze([cut_off.pid])
        try:
            await asyncio.sleep(CUT_OFF_SECONDS)
            await world.answers_more()
        finally:
            for process in frozen:
                process.resume()
        await until(world.serving, seconds=30)
    await world.answers_more()
    await until(cluster.works, seconds=30)
    await world.is_exactly_once()


async def test_without_a_majority_nothing_is_acknowledged_and_nothing_is_lost(world, cluster):
    """Two of three die. PostgreSQL takes webhooks alone; where it stands still as well, nobody is told 200."""
    await world.write()
    acknowledged = Acknowledged(cluster)
    await acknowledged.publish(20)
    with world.fault("two of three die"):
        await kill(*cluster.members[:QUORUM])
        assert not await acknowledged.publish(1)
        await world.answers_more()
        async with faults.standing_still(world.stack, "postgres"):
            await world.attempts_more(120)
            before = world.crowd.accepted()
            await world.attempts_more(120)
            assert world.crowd.accepted() == before
        await revive(*cluster.members[:QUORUM])
        await until(cluster.works, seconds=30)
        await until(world.serving, seconds=30)
    await until(lambda: acknowledged.publish(1), seconds=30)
    await world.answers_more()
    await world.is_exactly_once()
    assert await acknowledged.lost() == set()


class Acknowledged:
    """A stream of our own, and what of it the cluster has acknowledged."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._told: set[int] = set()
        self._next = 0

    async def publish(self, times: int) -> int:
        """Returns how many more were acknowledged."""
        done = 0
        try:
            client = await nats.connect([member.url() for member in self._cluster.members], connect_timeout=2)
        except (OSError, nats.errors.Error):
            return 0
        try:
            jetstream = client.jetstream(timeout=5)
            if not self._next:
                await jetstream.add_stream(StreamConfig(name="CANARY", subjects=["canary"], num_replicas=SERVERS))
            for _ in range(times):
                self._next += 1
                await jetstream.publish("canary", str(self._next).encode())
                self._told.add(self._next)
                done += 1
        except (nats.errors.Error, nats.js.errors.Error):
            pass
        finally:
            await client.close()
        return done

    async def lost(self) -> set[int]:
        """Returns what was acknowledged and is not there."""
        client = await nats.connect(self._cluster.url())
        try:
            jetstream = client.jetstream()
            last = (await jetstream.stream_info("CANARY")).state.last_seq
            held = {int((await jetstream.get_msg("CANARY", number)).data) for number in range(1, last + 1)}
        finally:
            await client.close()
        return self._told - held
