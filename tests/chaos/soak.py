"""`python -m tests.chaos.soak MINUTES`: random faults under traffic, and what each process does with memory and files.

Prints one JSON object a line: faults as they come, at the end each process and the balance. Ends with 1 where memory or
open files grew, or where an invariant does not hold.
"""

import asyncio
import json
import random
import shutil
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import psutil

from lobby_local import Stack
from tests.chaos import faults
from tests.chaos.outside import Sandbox
from tests.chaos.world import World, new_world
from tests.lobby import until

MOST_MEGABYTES_A_MINUTE = 1.0
MOST_FILES = 20
"""By which the open files of a process may grow."""
HELD_OPEN = {"postgres": 240}
"""Files of which a process keeps so many open on purpose: its growth is no leak as long as there are not more.

Each process of PostgreSQL holds the files of tables that it has met, `max_files_per_process` (200) of them; then there
are sockets and pipes.
"""
MOST_PROCESSES = 8
"""By which a family may grow: connections that nobody closes are processes of PostgreSQL."""
WITHIN_SECONDS = 180.0
"""In which everything is looked at: there is half an hour of it, a look takes its time."""
SAMPLE_SECONDS = 5.0
CALM_SECONDS = 20.0
"""Between two faults."""
WARM_UP_MINUTES = 5.0
"""Of a process's life, in which caches fill."""
ENOUGH_MINUTES = 4.0
"""A process that was warm for a shorter time says nothing."""


@dataclass(frozen=True)
class Sample:
    """A process at one moment."""

    minutes: float
    megabytes: float
    """Resident memory that it and its children share with nobody."""
    files: int
    """Of whichever of them has most."""
    processes: int = 1


@dataclass(frozen=True)
class Growth:
    """What a process did in its life."""

    process: str
    pid: int
    minutes: float
    megabytes: float
    megabytes_a_minute: float
    files: int
    more_files: int
    processes: int
    more_processes: int

    @property
    def is_fine(self) -> bool:
        return (
            self.megabytes_a_minute < MOST_MEGABYTES_A_MINUTE
            and self._keeps_its_files
            and self.more_processes <= MOST_PROCESSES
        )

    @property
    def _keeps_its_files(self) -> bool:
        most = HELD_OPEN.get(self.process)
        return self.more_files <= MOST_FILES if most is None else self.files <= most


def growth(process: str, pid: int, samples: Sequence[Sample]) -> Growth | None:
    """Returns how a process grew once it was warm; None where it did not live long enough."""
    warm = [each for each in samples if each.minutes - samples[0].minutes >= WARM_UP_MINUTES]
    if not warm or (minutes := warm[-1].minutes - warm[0].minutes) < ENOUGH_MINUTES:
        return None
    return Growth(
        process=process,
        pid=pid,
        minutes=round(minutes, 1),
        megabytes=round(warm[-1].megabytes, 1),
        megabytes_a_minute=round(slope([(each.minutes, each.megabytes) for each in warm]), 3),
        files=warm[-1].files,
        more_files=warm[-1].files - warm[0].files,
        processes=warm[-1].processes,
        more_processes=warm[-1].processes - warm[0].processes,
    )


def slope(points: Sequence[tuple[float, float]]) -> float:
    """Returns the slope of the line that fits best."""
    mean_x = sum(x for x, _ in points) / len(points)
    mean_y = sum(y for _, y in points) / len(points)
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / spread if spread else 0.0


class Watch:
    """Samples of all processes of a stack, by name and pid."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._began = time.monotonic()
        self.samples: defaultdict[tuple[str, int], list[Sample]] = defaultdict(list)

    async def follow(self) -> None:
        """Takes samples until cancelled."""
        while True:
            await asyncio.to_thread(self._look)
            await asyncio.sleep(SAMPLE_SECONDS)

    def _look(self) -> None:
        minutes = (time.monotonic() - self._began) / 60
        for name, pid in self._stack.ready().processes.items():
            if name != "supervisor":  # that is this process, with the crowd's journals in its memory
                try:
                    family = faults.family(pid)
                    infos = [each.memory_info() for each in family]
                    files = max(each.num_fds() for each in family)
                except psutil.NoSuchProcess:
                    continue
                own = sum(info.rss - info.shared for info in infos) / 2**20
                self.samples[name, pid].append(Sample(minutes, own, files, len(family)))

    def growths(self) -> list[Growth]:
        """Returns how those grew that lived long enough."""
        found = [growth(name, pid, samples) for (name, pid), samples in self.samples.items() if len(samples) > 1]
        return [each for each in found if each is not None]


Harm = Callable[[World, random.Random], Awaitable[None]]


async def kill(world: World, chance: random.Random) -> None:
    names = [name for name in world.stack.ready().processes if name not in ("supervisor", "sandbox")]
    await faults.kill(world.stack, chance.choice(names))


async def stand_still(world: World, chance: random.Random) -> None:
    names = [name for name in world.stack.ready().processes if name not in ("supervisor", "sandbox")]
    async with faults.standing_still(world.stack, chance.choice(names)):
        await asyncio.sleep(chance.uniform(1, 6))


async def wipe(world: World, _: random.Random) -> None:
    world.stream_is_whole = False
    store = world.stack.home.nats / "jetstream"
    faults.before_restart(world.stack.plan.nats, lambda: shutil.rmtree(store))
    await faults.kill(world.stack, "nats")


async def repost(world: World, chance: random.Random) -> None:
    await world.crowd.tell(f"repost {chance.randint(1, 3)}", seconds=120)


async def platforms_fail(world: World, chance: random.Random) -> None:
    answers = [{"http_status": 500}, {"drop": "after"}, {"http_status": 429, "headers": {"Retry-After": "1"}}]
    for platform in ("whatsapp", "telegram", "line"):
        await world.lobby.sandbox(f"/{platform}/faults", {"next": [chance.choice(answers) for _ in range(5)]})


HARMS: tuple[Harm, ...] = (kill, stand_still, wipe, repost, platforms_fail)


async def trouble(world: World, minutes: float, chance: random.Random) -> None:
    """One fault after the other, with calm between, for so long."""
    end = time.monotonic() + minutes * 60
    while time.monotonic() < end:
        await asyncio.sleep(min(CALM_SECONDS, max(end - time.monotonic(), 0)))
        harm = chance.choice(HARMS)
        with world.fault(harm.__name__):
            await harm(world, chance)
            await until(world.serving, seconds=60)
        say(fault=harm.__name__, accepted=world.crowd.accepted())


def say(**facts: object) -> None:
    print(json.dumps(facts), flush=True)


async def soak(minutes: float, seed: int) -> int:
    """Returns the exit code."""
    say(minutes=minutes, seed=seed)
    with tempfile.TemporaryDirectory(prefix="lobby-soak-") as made:
        folder, sandbox = Path(made), Sandbox()
        await sandbox.start(folder / "sandbox.log")
        try:
            async with Stack(folder / "home", port=0) as stack, aiohttp.ClientSession() as session:
                watch = Watch(stack)
                watching = asyncio.create_task(watch.follow())
                (folder / "crowd").mkdir()
                async with new_world(stack, session, sandbox, folder / "crowd") as world:
                    await world.write()
                    await trouble(world, minutes, random.Random(seed))
                    violations, balance = await world.judged(within=WITHIN_SECONDS)
                watching.cancel()
        finally:
            await sandbox.stop()
    growths = watch.growths()
    for each in growths:
        say(**vars(each), ok=each.is_fine)
    say(messages=balance.messages, lost=balance.lost, doubled=balance.doubled, violations=list(map(str, violations)))
    return int(bool(violations) or not all(each.is_fine for each in growths))


if __name__ == "__main__":
    sys.exit(
        asyncio.run(soak(float(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else random.randrange(1 << 30)))
    )
