"""Leases: which replica of a service does what; epochs fence out who was too slow to notice (docs/adr/0009).

Each replica says every second and a half that it lives, and takes what `spread` gives it among those that live. One
that stops saying so loses what it held six seconds later. It is not asked: whoever takes a lane raises the epoch in the
lane's positions, and a transaction with the old epoch falls.
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from datetime import timedelta
from hashlib import blake2b

import asyncpg
import structlog

from lobby_common import sql
from lobby_common.ids import new_id
from lobby_common.postgres import AWAY
from lobby_common.tasks import end

_LOG = structlog.get_logger("leases")
_QUERIES = sql.load("lobby_common")

LANE_LEASES = tuple(f"lane/{lane}" for lane in range(32))
"""Names of the leases of the lanes of all logs that a service hears."""

LIFE = timedelta(seconds=6)
"""How long a replica's word holds."""
_BEAT_SECONDS = 1.5
"""A beat that is late three times in a row still comes before the leases end."""

Work = Callable[[Mapping[str, int]], Awaitable[None]]
"""What is done while something is held: given the epochs of what is held."""


def spread(names: Collection[str], replicas: Collection[str]) -> dict[str, str]:
    """Returns who of the replicas should hold each name: as even as can be, and alike for everyone who asks.

    Rendezvous hashing with a bound on the load.
    """
    room = dict.fromkeys(replicas, -(-len(names) // max(len(replicas), 1)))
    owners: dict[str, str] = {}
    for name in sorted(names):
        if not (free := [replica for replica in room if room[replica]]):
            break
        owners[name] = max(free, key=lambda replica: (_weight(name, replica), replica))
        room[owners[name]] -= 1
    return owners


def _weight(name: str, replica: str) -> bytes:
    return blake2b(f"{replica}\0{name}".encode(), digest_size=8).digest()


class Leases:
    """The leases of one replica. `replica` is its name among the service's: the same after a restart.

    A process that begins under a name takes over what the name held at once, and an older one of that name is fenced.
    """

    def __init__(self, pool: asyncpg.Pool, replica: str) -> None:
        self._pool = pool
        self._replica = replica
        self._process = new_id()
        self._names: set[str] = set()
        self._held: dict[str, int] = {}
        self._holds_until = 0.0
        self._began = False
        self._changed = asyncio.Event()
        self._doubted = asyncio.Event()

    def share(self, names: Collection[str]) -> None:
        """The replicas share these between them; called before `run`."""
        self._names.update(names)

    @property
    def settled(self) -> bool:
        """Whether it is known what this replica holds."""
        return time.monotonic() < self._holds_until

    def held(self, names: Collection[str]) -> dict[str, int]:
        """Returns the epochs of those that this replica holds now."""
        if not self.settled:
            return {}
        return {name: self._held[name] for name in names if name in self._held}

    def doubt(self) -> None:
        """Somebody else seems to hold what this replica thought to hold: it looks at once."""
        self._doubted.set()

    async def prepare(self) -> None:
        """There is a row for each of the names."""
        await self._pool.execute(_QUERIES["ensure_leases"], sorted(self._names))

    async def run(self) -> None:
        """Holds what this replica should hold, until cancelled."""
        while True:
            try:
                await self._beat()
            except (asyncpg.PostgresError, *AWAY) as error:
                _LOG.warning("beat_failed", error=type(error).__name__)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_BEAT_SECONDS):
                    await self._doubted.wait()
            self._doubted.clear()

    async def during(self, names: Collection[str], work: Work) -> None:
        """`work` runs with what is held of the names; it is cancelled and begun anew when that changes.

        Returns when work returns, raises what it raises. While nothing is held nothing runs.
        """
        while True:
            held = self.held(names)
            changed = asyncio.create_task(self._until_other_than(names, held))
            tasks: set[asyncio.Task[None]] = {changed}
            if held:
                tasks.add(asyncio.create_task(_run(work, held)))
            try:
                done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            finally:
                await end(tasks)
            for task in done - {changed}:
                return task.result()

    async def give_up(self) -> None:
        """Others may take at once what this replica held; used once, at stop."""
        self._held, self._holds_until = {}, 0.0
        with contextlib.suppress(asyncpg.PostgresError, *AWAY):
            await self._pool.execute(_QUERIES["leave"], self._process)

    async def _beat(self) -> None:
        """One statement where nothing changes."""
        asked = time.monotonic()
        row = await self._pool.fetchrow(_QUERIES["beat"], self._replica, self._process, LIFE, not self._began)
        assert row is not None
        if not row["is_mine"]:
            if self._held:
                _LOG.error("replica_name_taken", replica=self._replica)
            self._hold({}, 0.0)
            return
        self._began = True
        held = dict(zip(row["names"], row["epochs"], strict=True))
        owners = spread(self._names, {self._replica, *row["others"]})
        due = {name for name, owner in owners.items() if owner == self._replica}
        self._hold({name: epoch for name, epoch in held.items() if name in due}, asked + LIFE.total_seconds())
        if surplus := held.keys() - due:
            await self._pool.execute(_QUERIES["give_up"], self._process, sorted(surplus))
        if wanted := due - held.keys():
            taken = await self._take(sorted(wanted))
            self._hold(self._held | taken, self._holds_until)

    async def _take(self, names: Sequence[str]) -> dict[str, int]:
        """Returns what could be taken. Whoever is still inside a transaction with one is waited for, but not long."""
        async with self._pool.acquire() as conn, conn.transaction():
            await conn.execute(_QUERIES["wait_briefly"])
            rows = await conn.fetch(_QUERIES["take"], self._process, names, LIFE)
        if rows:
            _LOG.info("leases_taken", names=[row["name"] for row in rows])
        return {row["name"]: row["epoch"] for row in rows}

    def _hold(self, held: dict[str, int], until: float) -> None:
        if held != self._held or not self.settled:
            self._held, self._holds_until = held, until
            self._changed.set()
            self._changed = asyncio.Event()
        self._holds_until = until

    async def _until_other_than(self, names: Collection[str], held: Mapping[str, int]) -> None:
        while self.held(names) == held:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(self._holds_until - time.monotonic(), 0) if held else None):
                    await self._changed.wait()


async def _run(work: Work, held: Mapping[str, int]) -> None:
    await work(held)
