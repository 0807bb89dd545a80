"""A crowd in a process of its own, so that no fault reaches it: `python -m tests.chaos.crowd FOLDER`.

It obeys lines on its standard input (write, rate N, repost N, sign ACCOUNT CREDENTIAL VALUE, key SECRET, stop) and
answers each with a line when it is done.
"""

import asyncio
import contextlib
import sys
from pathlib import Path

import aiohttp

from tests.chaos.crowd.agents import Agents
from tests.chaos.crowd.customers import Customers
from tests.chaos.crowd.plan import load
from tests.chaos.crowd.screens import Screen
from tests.chaos.journal import Journal

_TURN = 0.05


class Crowd:
    """Customers, agents and browsers of one workspace."""

    def __init__(self, folder: Path, session: aiohttp.ClientSession, staff: aiohttp.ClientSession) -> None:
        plan = load(folder)
        self.journals = {name: Journal(folder / f"{name}.jsonl") for name in ("customers", "agents", "screens")}
        self._lines = {line.account_id: line for line in plan.lines}
        self._staff = staff
        self._customers = Customers(plan, session, self.journals["customers"])
        self._agents = Agents(plan, staff, self.journals["agents"])
        self._screens = [Screen(number, plan, staff, self.journals["screens"]) for number in range(plan.screens)]
        self._busy: asyncio.Task[None] | None = None

    async def obey(self, words: list[str]) -> None:
        """What was asked for is done, or has begun where it lasts."""
        match words:
            case ["write"]:
                await asyncio.gather(*(screen.opened.wait() for screen in self._screens))
                self._busy = asyncio.create_task(self._work())
            case ["rate", rate]:
                self._customers.rate = float(rate)
            case ["repost", times]:
                await self._customers.repost(int(times))
            case ["sign", account_id, credential, value]:
                # What was signed before keeps its signature, however often it still has to be posted.
                self._lines[account_id].credentials[credential] = value
            case ["key", secret]:
                self._staff.headers["Authorization"] = f"Bearer {secret}"
            case ["stop"]:
                self._customers.stop()
                self._agents.stop()
                if self._busy is not None:
                    await self._busy
            case _:
                raise ValueError(f"what is {words}?")

    def background(self) -> list[asyncio.Task[None]]:
        """Returns what lasts until the process ends."""
        works = [journal.keep() for journal in self.journals.values()] + [screen.look() for screen in self._screens]
        return [asyncio.create_task(work) for work in (*works, self._tell_lateness())]

    async def _work(self) -> None:
        async with asyncio.TaskGroup() as group:
            for work in (self._customers.write(), self._agents.answer(), self._agents.make_keys()):
                group.create_task(work)

    async def _tell_lateness(self) -> None:
        """How late the machine lets this process run: what it does to us, it does to Lobby too."""
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + _TURN
            await asyncio.sleep(_TURN)
            self.journals["customers"].write("late", seconds=round(loop.time() - due, 4))


async def main(folder: Path) -> None:
    """Obeys until the input ends."""
    connector = aiohttp.TCPConnector(limit=0)
    headers = {"Authorization": f"Bearer {load(folder).api_key}"}
    async with (
        aiohttp.ClientSession(connector=connector) as session,
        aiohttp.ClientSession(headers=headers) as staff,
    ):
        crowd = Crowd(folder, session, staff)
        background = crowd.background()
        while line := await asyncio.to_thread(sys.stdin.readline):
            await crowd.obey(line.split())
            print("done", flush=True)
        for task in background:
            task.cancel()
        for task in background:
            with contextlib.suppress(asyncio.CancelledError):
                await task


asyncio.run(main(Path(sys.argv[1])))
