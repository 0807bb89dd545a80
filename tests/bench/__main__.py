"""`make bench`: Lobby beside a bare endpoint, on this machine, in one run; one JSON object a line (interface.md)."""

import argparse
import asyncio
import contextlib
import json
import platform
import statistics
import sys
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import psutil
import uvloop

from lobby_local import Stack
from lobby_local.ports import free_port
from tests.bench import messages
from tests.bench.load import Load
from tests.bench.screen import Screen, latencies
from tests.bench.watch import Backlog, cost

SECRET = "bench-app-secret"
PHONE_NUMBER_ID = "106540352242922"
UNFINISHED_SECONDS = 0.7
"""Messages on their way at once, in seconds of work: every service is busy, and the backlog is below a second."""
FEWEST_UNFINISHED = 800
CONNECTIONS = 256
"""Platforms open as many as they like; with 128, which each wait for their answer, the machine is not busy."""
MOST_RPS = 10_000
"""More than any machine of this size does: how many requests are prepared per second of a run."""


def say(name: str, value: float | str, unit: str, **more: Any) -> None:
    """Prints one figure."""
    shown = round(value, 3) if isinstance(value, float) else value
    print(json.dumps({"name": name, "value": shown, "unit": unit, **more}), flush=True)


@dataclass
class Bench:
    """Everything that runs."""

    stack: Stack
    account_id: str
    bare_port: int
    seconds: float
    unfinished: int = FEWEST_UNFINISHED * 2
    """Messages on their way at once; at first a guess."""

    async def bare(self, connections: int, seconds: float, *, rate: float | None = None) -> Load:
        """A run of the bare endpoint."""
        how_many = int(seconds * (rate or MOST_RPS)) + 1000
        _, prepared = messages.requests("/", SECRET, PHONE_NUMBER_ID, how_many)
        load = Load(self.bare_port, prepared)
        await load.open(connections)
        took = await load.run(seconds, may_send=lambda: 1 << 30, rate=rate)
        load.close()
        load.tally.seconds.sort()
        self.bare_rps = load.tally.accepted / took
        return load

    async def pipeline(
        self, seconds: float, *, connections: int = CONNECTIONS, rate: float | None = None
    ) -> dict[str, Any]:
        """A run of everything: messages are admitted while few enough are on their way.

        A screen looks on where there is a `rate`: no screen follows as much as the machine can do, and when it is cut
        off for being too slow is a matter of chance.
        """
        how_many = int(seconds * (rate or MOST_RPS)) + 1000
        path = f"/webhooks/whatsapp/{self.account_id}"
        run, prepared = messages.requests(path, SECRET, PHONE_NUMBER_ID, how_many)
        ready = self.stack.ready()
        port = int(ready.gateway_url.rpartition(":")[2])
        backlog, screen = Backlog(ready.database_url), Screen(ready.gateway_url, ready.api_key)
        load = Load(port, prepared)
        await load.open(connections)
        async with background(backlog.follow(), *([screen.follow()] if rate else [])):
            await asyncio.sleep(1)
            before, counted = cost(ready.processes), backlog.counted

            def may_send() -> int:
                return max(self.unfinished - (len(load.tally.sent) - (backlog.counted - counted)), 0)

            took = await load.run(seconds, may_send=may_send, rate=rate)
            await asyncio.sleep(0.3)
            finished = backlog.counted - counted
            left = backlog.events
            after = cost(ready.processes)
            await drained(backlog)
            await asyncio.sleep(1)
            shown = await latencies(ready.database_url, run, load.tally.sent, screen)
        load.close()
        return {
            "load": load,
            "accepted_rps": load.tally.accepted / took,
            "end_to_end_rps": finished / took,
            "backlog_seconds": left / max(finished / took, 1),
            "shown": shown,
            "cost": {
                name: ((after[name][0] - before[name][0]) / max(finished, 1) * 1e6, after[name][1]) for name in before
            },
        }


@contextlib.asynccontextmanager
async def background(*works: Any) -> AsyncIterator[None]:
    """The works run inside the block."""
    tasks = [asyncio.create_task(work) for work in works]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def drained(backlog: Backlog) -> None:
    """Everything that was told is applied."""
    async with asyncio.timeout(120):
        while backlog.events > 0:
            await asyncio.sleep(0.1)


async def prepare(stack: Stack) -> str:
    """Returns the id of a WhatsApp account; three agents are online."""
    ready = stack.ready()
    headers = {"Authorization": f"Bearer {ready.api_key}"}
    async with aiohttp.ClientSession(ready.gateway_url, headers=headers) as session:
        for name, languages in (("Wei", ["zh-Hans"]), ("Emma", ["en"]), ("Ana", ["pt"])):
            body = {"display_name": name, "languages": languages, "capacity": 100_000}
            async with session.post("/v1/agents", json=body) as answer:
                agent = (await answer.json())["agent"]["agent_id"]
            await session.post(f"/v1/agents/{agent}:setPresence", json={"presence": "online"})
        account = {
            "platform": "whatsapp",
            "display_name": "Bench",
            "api_base_url": f"{ready.sandbox_url}/whatsapp",
            "credentials": {
                "app_secret": SECRET,
                "access_token": "bench",
                "verify_token": "bench",
                "phone_number_id": PHONE_NUMBER_ID,
                "waba_id": "102290129340398",
            },
        }
        async with session.post("/v1/accounts", json=account) as answer:
            answer.raise_for_status()
            account_id: str = (await answer.json())["account"]["account_id"]
    return account_id


@contextlib.asynccontextmanager
async def bare_server(stack: Stack) -> AsyncIterator[int]:
    """Inside the block the bare endpoint serves on the yielded port, beside the stack, in the same Postgres."""
    url = stack.ready().database_url
    connection = await asyncpg.connect(url)
    await connection.execute(
        "CREATE SCHEMA IF NOT EXISTS bare;"
        "CREATE TABLE IF NOT EXISTS bare.bare (id bigserial PRIMARY KEY, body bytea NOT NULL)"
    )
    await connection.execute("ALTER DATABASE lobby SET search_path = bare")
    await connection.close()
    port = free_port()
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "tests.bench.bare", url, str(port))
    try:
        await until_open(port)
        yield port
    finally:
        process.terminate()
        await process.wait()


async def until_open(port: int) -> None:
    """Somebody listens on the port."""
    async with asyncio.timeout(20):
        while True:
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.close()
                return
            await asyncio.sleep(0.1)


async def measure(bench: Bench, rounds: int) -> None:
    """Alternates bare and pipeline, then measures the screen at a quarter of the sustained rate."""
    best = max([(await rps(bench, c, 4), c) for c in (32, 64, 128)])[1]
    await bench.pipeline(8)  # caches and statements
    bench.unfinished = await fitting(bench)
    bare, runs = [], []
    for _ in range(rounds):
        bare.append(await rps(bench, best, min(bench.seconds, 15)))
        runs.append(await bench.pipeline(bench.seconds))
    ratios = [run["end_to_end_rps"] / one for run, one in zip(runs, bare, strict=True)]
    sustained = statistics.mean(run["end_to_end_rps"] for run in runs)
    say("bare_rps", statistics.mean(bare), "1/s", connections=best, spread=spread(bare))
    say("accepted_rps", statistics.mean(run["accepted_rps"] for run in runs), "1/s")
    say("end_to_end_rps", sustained, "1/s", spread=spread([run["end_to_end_rps"] for run in runs]))
    say("end_to_end_ratio", statistics.mean(ratios), "ratio", spread=spread(ratios), rounds=rounds)
    say("unfinished", bench.unfinished, "messages", connections=CONNECTIONS)
    say("backlog_at_end_s", max(run["backlog_seconds"] for run in runs), "s")
    tally = runs[-1]["load"].tally
    say("webhook_p50_ms", tally.percentile_ms(0.5), "ms", at="saturation")
    say("webhook_p99_ms", tally.percentile_ms(0.99), "ms", at="saturation")
    say("refused", sum(sum(run["load"].tally.refused.values()) for run in runs), "webhooks")
    quarter = sustained / 4
    calm = await bench.pipeline(min(bench.seconds, 20), rate=quarter)
    bare_calm = await bench.bare(best, min(bench.seconds, 10), rate=quarter)
    say("bare_p99_ms", bare_calm.tally.percentile_ms(0.99), "ms", rps=round(quarter))
    say("calm_webhook_p99_ms", calm["load"].tally.percentile_ms(0.99), "ms", rps=round(quarter))
    shown = calm["shown"]
    say("screen_p50_ms", shown[len(shown) // 2] * 1000 if shown else -1, "ms", rps=round(quarter), messages=len(shown))
    say("screen_p99_ms", shown[int(len(shown) * 0.99)] * 1000 if shown else -1, "ms", rps=round(quarter))
    for name, (micros, megabytes) in runs[-1]["cost"].items():
        say("cpu_us_per_message", micros, "us", process=name)
        say("rss_mb", megabytes, "MB", process=name)


async def fitting(bench: Bench) -> int:
    """Returns how many messages on their way are UNFINISHED_SECONDS of work."""
    run = await bench.pipeline(6)
    return max(int(run["end_to_end_rps"] * UNFINISHED_SECONDS), FEWEST_UNFINISHED)


async def rps(bench: Bench, connections: int, seconds: float) -> float:
    """Returns what the bare endpoint does."""
    await bench.bare(connections, seconds)
    return bench.bare_rps


def spread(values: list[float]) -> list[float]:
    """Returns the smallest and the largest."""
    return [round(min(values), 3), round(max(values), 3)]


async def main(seconds: float, rounds: int) -> None:
    """Runs everything in a home of its own."""
    say(
        "machine",
        f"{psutil.cpu_count()} cores, {psutil.virtual_memory().total / 2**30:.0f} GiB, "
        f"Python {platform.python_version()}, {platform.system()}",
        "",
    )
    with tempfile.TemporaryDirectory(prefix="lobby-bench-") as home:
        async with Stack(Path(home), port=0, demo=False) as stack:
            idle = cost(stack.ready().processes)
            services = [name for name in idle if name not in ("postgres", "nats", "sandbox", "supervisor")]
            say("idle_services_rss_mb", sum(idle[name][1] for name in services), "MB")
            account_id = await prepare(stack)
            async with bare_server(stack) as port:
                await measure(Bench(stack, account_id, port, seconds), rounds)


if __name__ == "__main__":
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--seconds", type=float, default=60)
    arguments.add_argument("--rounds", type=int, default=3)
    given = arguments.parse_args()
    uvloop.install()
    asyncio.run(main(given.seconds, given.rounds))
