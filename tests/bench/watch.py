"""Looks at the pipeline from outside: how far each service is, and what each process costs."""

import asyncio
from dataclasses import dataclass, field

import asyncpg
import psutil

EDGES = (
    ("connectors", "identity"),
    ("identity", "routing"),
    ("identity", "counter"),
    ("connectors", "translate"),
    ("routing", "counter"),
    ("translate", "routing"),
    ("translate", "counter"),
    ("connectors", "counter"),
    ("routing", "translate"),
)
"""Who must have applied whose events before a message went through all services."""


@dataclass
class Backlog:
    """Events told and not yet applied, the longest of all edges, refreshed twenty times a second."""

    url: str
    events: int = 0
    counted: int = 0
    history: list[int] = field(default_factory=list)

    async def follow(self) -> None:
        """Refreshes until cancelled."""
        connection = await asyncpg.connect(self.url)
        try:
            while True:
                self.events, self.counted = await self._read(connection)
                self.history.append(self.events)
                await asyncio.sleep(0.05)
        finally:
            await connection.close()

    async def _read(self, connection: asyncpg.Connection) -> tuple[int, int]:
        producers = sorted({producer for producer, _ in EDGES})
        consumers = sorted({consumer for _, consumer in EDGES})
        heads = " UNION ALL ".join(
            f"SELECT '{name}' AS producer, sum(position) AS head FROM {name}.lane" for name in producers
        )
        marks = " UNION ALL ".join(
            f"SELECT '{name}' AS consumer, producer, sum(position) AS mark FROM {name}.consumer_position"
            " GROUP BY producer"
            for name in consumers
        )
        rows = await connection.fetch(
            f"SELECT consumer, producer, head - mark AS behind, mark"
            f" FROM ({heads}) AS h JOIN ({marks}) AS m USING (producer)"
        )
        behind = {(row["producer"], row["consumer"]): row for row in rows}
        longest = max((int(behind[edge]["behind"]) for edge in EDGES if edge in behind), default=0)
        counted = min(int(behind["identity", "counter"]["mark"]), int(behind["connectors", "translate"]["mark"]))
        return longest, counted


def cost(pids: dict[str, int]) -> dict[str, tuple[float, float]]:
    """Returns CPU seconds used so far and resident MB of each process with its children.

    Pages that Postgres' processes share are counted once (proportional set size).
    """
    found = {}
    for name, pid in pids.items():
        process = psutil.Process(pid)
        # The supervisor's children are the others.
        family = [process] if name == "supervisor" else [process, *process.children(recursive=True)]
        seconds = megabytes = 0.0
        for each in family:
            try:
                times = each.cpu_times()
                seconds += times.user + times.system
                megabytes += (each.memory_full_info().pss if len(family) > 1 else each.memory_info().rss) / 1e6
            except psutil.NoSuchProcess:
                continue
        found[name] = (seconds, megabytes)
    return found
