"""The faults under which mutants show. Each begins while customers write."""

import asyncio
import shutil
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

import asyncpg
import nats
import psutil

from tests.chaos import faults
from tests.chaos.power import Power
from tests.chaos.world import World
from tests.lobby import until

Scene = Callable[[World], Awaitable[None]]
"""Returns when the fault is over and the crowd may stop."""


async def nothing(world: World) -> None:
    await world.answers_more(200)


async def connectors_dies_while_postgres_stands_still(world: World) -> None:
    for _ in range(3):
        with world.fault("connectors dies before a commit"):
            async with faults.standing_still(world.stack, "postgres"):
                await world.attempts_more(30)
                await faults.kill(world.stack, "connectors")
            await until(world.serving, seconds=30)
        await world.answers_more(20)


async def postgres_dies(world: World) -> None:
    for _ in range(3):
        with world.fault("kill postgres"):
            await faults.kill(world.stack, "postgres")
            await until(world.serving, seconds=30)
        await world.answers_more(20)


async def consumers_die(world: World) -> None:
    for _ in range(3):
        for name in ("routing", "counter", "translate"):
            with world.fault(f"kill {name}"):
                await faults.kill(world.stack, name)
        await world.answers_more(30)


async def the_gateway_dies(world: World) -> None:
    for _ in range(3):
        with world.fault("kill gateway"):
            await faults.kill(world.stack, "gateway")
            await until(world.serving, seconds=30)
        await world.answers_more(30)


async def the_broker_stands_still_and_dies(world: World) -> None:
    """What was on its way to it is gone, and nobody was told so."""
    for _ in range(2):
        with world.fault("nats stands still and dies"):
            pid = world.stack.ready().processes["nats"]
            frozen = faults.freeze([pid])
            await asyncio.sleep(2.5)
            faults.slay(frozen)
            await faults.restarted(world.stack, "nats", pid)
        await world.answers_more()


async def the_broker_tells_again(world: World) -> None:
    """The newest batches of each stream stand there once more, without the id by which the broker knows a repeat."""
    world.stream_is_whole = False
    client = await nats.connect(world.stack.plan.nats.url())
    try:
        jetstream = client.jetstream()
        with world.fault("repeats"):
            for service in ("connectors", "identity", "routing", "translate"):
                last = (await jetstream.stream_info(service.upper())).state.last_seq
                for sequence in range(max(last - 20, 1), last + 1):
                    told = await jetstream.get_msg(service.upper(), sequence)
                    await jetstream.publish(f"lobby.{service}", told.data)
        await world.answers_more()
    finally:
        await client.close()


async def the_stream_is_emptied_while_routing_is_away(world: World) -> None:
    world.stream_is_whole = False
    client = await nats.connect(world.stack.plan.nats.url())
    try:
        with world.fault("purge"):
            async with faults.away(world.stack, "routing", world.stack._programs["routing"]):
                await world.answers_more()
                for name in ("CONNECTORS", "IDENTITY"):
                    await client.jetstream().purge_stream(name)
        await world.answers_more()
    finally:
        await client.close()


async def counter_stands_still_and_goes_on(world: World) -> None:
    """One of two replicas, until the other one has its lanes and has written there."""
    process = psutil.Process(world.stack.ready().processes["counter"])
    connection = await asyncpg.connect(world.stack.ready().database_url)

    async def is_stopped() -> bool:
        return process.status() == psutil.STATUS_STOPPED

    async def is_followed() -> bool:
        return not await connection.fetchval(
            "SELECT count(*) FROM counter.lease AS l JOIN counter.replica AS r ON r.process = l.owner"
            " WHERE r.name = 'counter'"
        )

    try:
        for _ in range(4):
            with world.fault("counter stands still"):
                await until(is_stopped, seconds=60)
                await until(is_followed, seconds=30)
                await world.answers_more(100)
                process.resume()
            await world.answers_more()
    finally:
        process.resume()
        await connection.close()


async def connectors_dies_during_calls(world: World) -> None:
    """The platforms take what they are sent at once, and answer late: the process is dead by then.

    One message at least was taken by Telegram, which tells nobody afterwards that it has it, nor takes a key.
    """
    connection = await asyncpg.connect(world.stack.ready().database_url)
    try:
        for _ in range(3):
            for platform in ("whatsapp", "telegram", "line"):
                await world.lobby.sandbox(f"/{platform}/faults", {"next": [{"delay_ms": 3000}] * 5})

            async def under_way() -> bool:
                taken = {token for token, _ in await world.observer().taken(world.session)}
                texts = await connection.fetch(
                    "SELECT text FROM connectors.message JOIN connectors.account USING (account_id)"
                    " WHERE platform = 'telegram' AND direction = 2 AND accept_time IS NULL"
                )
                return any(token in row["text"] for row in texts for token in taken)

            with world.fault("kill connectors during a call"):
                await until(under_way, seconds=30)
                await faults.kill(world.stack, "connectors")
                await until(world.serving, seconds=30)
            for platform in ("whatsapp", "telegram", "line"):
                await world.lobby.sandbox(f"/{platform}/faults", {"next": []})
            await world.answers_more()
    finally:
        await connection.close()


async def connectors_dies_with_a_full_spool(world: World) -> None:
    """Whoever drains it waits for the database with something in his hands."""
    for _ in range(2):
        with world.fault("connectors dies with a full spool"):
            async with faults.away(world.stack, "postgres", world.stack.plan.postgres):
                await world.answers_more(60)
                await faults.kill(world.stack, "connectors")
            await until(world.serving, seconds=30)
        await world.answers_more(20)


async def the_spool_is_lost_while_postgres_is_away(world: World, *, left: str = "an older image") -> None:
    """What was put there is gone, or what was put there last; what comes afterwards is newer."""
    broker, store = world.stack.plan.nats, world.stack.home.nats / "jetstream"
    world.stream_is_whole = False
    with (
        tempfile.TemporaryDirectory() as folder,
        world.fault(f"postgres is away; of the broker's store {left} is left"),
    ):
        older = Path(folder) / "older"

        def lose() -> None:
            shutil.rmtree(store)
            if left == "an older image":
                shutil.copytree(older, store)

        async with faults.away(world.stack, "postgres", world.stack.plan.postgres):
            await world.answers_more(60)
            faults.copy_live(store, older)
            await world.answers_more(60)
            faults.before_restart(broker, lose)
            await faults.kill(world.stack, "nats")
            await world.answers_more(60)
        await until(world.serving, seconds=30)
    await world.answers_more()


async def the_database_loses_its_power(world: World, power: Power) -> None:
    for _ in range(3):
        with world.fault("power cut of postgres"):
            await power.cut(["postgres"])
            await until(world.serving, seconds=60)
        await world.answers_more()


SCENES: dict[str, Scene] = {
    "nothing happens": nothing,
    "connectors dies while the database stands still": connectors_dies_while_postgres_stands_still,
    "the database dies": postgres_dies,
    "consumers die": consumers_die,
    "the gateway dies": the_gateway_dies,
    "the broker stands still and dies": the_broker_stands_still_and_dies,
    "the broker tells again what it told before": the_broker_tells_again,
    "the stream is emptied while routing is away": the_stream_is_emptied_while_routing_is_away,
    "connectors dies during calls to platforms": connectors_dies_during_calls,
    "connectors dies with a full spool": connectors_dies_with_a_full_spool,
    "the spool is set back while the database is away": the_spool_is_lost_while_postgres_is_away,
}
