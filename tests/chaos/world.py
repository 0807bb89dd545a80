"""A workspace under traffic, and what has to be so when it is quiet again."""

import asyncio
import contextlib
import json
import os
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import nats

from lobby_common.ids import new_id
from lobby_local import Stack
from tests.chaos import checker, history, journal
from tests.chaos.crowd.plan import Line, Plan
from tests.chaos.evidence import evidence
from tests.chaos.history import Fault
from tests.chaos.observe import Observer, last_batches
from tests.chaos.outside import Crowd, Sandbox
from tests.e2e.conftest import new_workspace
from tests.lobby import Lobby, until

CUSTOMERS = 8
"""Of each account."""
_NO_ANSWER = (OSError, asyncpg.PostgresError, nats.errors.Error)
"""What a store that is away says to who looks."""
_SOME = 40
"""Webhooks answered 200 that are enough to go on."""


@dataclass(kw_only=True)
class World:
    """One workspace: its stack, the crowd that uses it, the faults that it has seen."""

    stack: Stack
    session: aiohttp.ClientSession
    lobby: Lobby
    workspace_id: str
    earlier: Mapping[str, int]
    """The last batch of each service before this test."""
    crowd: Crowd
    plan: Plan
    faults: list[Fault] = field(default_factory=list)
    retired: list[str] = field(default_factory=list)
    """Secrets that were replaced: no log may show them either."""
    stream_is_whole: bool = True
    """False once a test has harmed the broker's store on purpose."""
    began: float = field(default_factory=time.time)

    async def write(self) -> None:
        """Customers write, agents answer and screens look on from now on."""
        await self.crowd.tell("write")
        await self.answers_more()

    async def answers_more(self, some: int = _SOME, *, seconds: float = 60.0) -> None:
        """So many more webhooks were answered 200."""
        enough = self.crowd.accepted() + some

        async def grew() -> bool:
            return self.crowd.accepted() >= enough

        await until(grew, seconds=seconds)

    async def attempts_more(self, some: int) -> None:
        """So many more webhooks were posted and have no answer yet, or a new one."""
        enough = self.crowd.posted() + some

        async def grew() -> bool:
            return self.crowd.posted() >= enough

        await until(grew, seconds=30)

    @contextlib.contextmanager
    def fault(self, name: str) -> Iterator[None]:
        """What happens inside is a fault of this name."""
        began = time.time()
        try:
            yield
        finally:
            self.faults.append(Fault(name, began, time.time()))

    async def ready(self, service: str = "gateway") -> bool:
        """Whether a service says that work may be sent to it."""
        return await self._answers_200(f"http://{self.stack.ready().services[service].http}/readyz")

    async def serving(self) -> bool:
        """Whether the gateway is ready, and the API answers."""
        return await self.ready() and await self._answers_200(self.lobby.url + "/v1/accounts")

    async def _answers_200(self, url: str) -> bool:
        try:
            timeout = aiohttp.ClientTimeout(total=3)
            async with self.session.get(url, headers=self.lobby.headers, timeout=timeout) as answer:
                return answer.status == 200
        except (aiohttp.ClientError, TimeoutError):
            return False

    def observer(self) -> Observer:
        """Returns who looks at this workspace."""
        return Observer(
            self.stack.ready(), self.workspace_id, self.lobby.sandbox_url, self.stack.home.logs, self.earlier
        )

    async def is_exactly_once(self) -> checker.Balance:
        """Everybody stops, and within thirty seconds every invariant holds. Prints what was found."""
        violations, balance = await self.judged()
        if violations:
            print(evidence(self.stack.home.logs, self.crowd.folder, self.began))
        assert not violations, "\n".join(map(str, violations))
        return balance

    async def judged(
        self, *, within: float = checker.DRAINED_WITHIN
    ) -> tuple[list[checker.Violation], checker.Balance]:
        """Everybody stops; returns what does not hold once all is quiet, or after so many seconds."""
        await self.crowd.tell("stop", seconds=120)
        stopped = time.time()
        deadline = stopped + within
        observer = self.observer()
        draining = asyncio.create_task(self._drained(observer, stopped, deadline))
        violations, balance = await self._first_look(observer, deadline)
        if violations:
            took = await draining
            violations, balance = await self._look(observer, took)
            while violations and time.time() < deadline:
                violations, balance = await self._look(observer, took)
        await self.crowd.end()
        self._report(balance, draining.result() if draining.done() else time.time() - stopped)
        draining.cancel()
        return violations, balance

    async def _first_look(self, observer: Observer, deadline: float) -> tuple[list[checker.Violation], checker.Balance]:
        """Right after a fault a store may not answer yet; raises what it says at the deadline."""
        while True:
            try:
                return await self._look(observer, 0.0)
            except _NO_ANSWER:
                if time.time() >= deadline:
                    raise
                await asyncio.sleep(0.2)

    async def _drained(self, observer: Observer, stopped: float, deadline: float) -> float:
        """Nothing is under way any more, or the deadline has passed. Returns the seconds; after it, one more."""
        while time.time() < deadline:
            with contextlib.suppress(*_NO_ANSWER):
                if not await observer.pending():
                    return time.time() - stopped
            await asyncio.sleep(0.2)
        return deadline - stopped + 1

    async def _look(self, observer: Observer, took: float) -> tuple[list[checker.Violation], checker.Balance]:
        told = history.load(self.crowd.folder, self.faults, took)
        observed = await observer.look(self.session, self.lobby, self.secrets(), with_streams=self.stream_is_whole)
        tokens = {send.token for send in told.sends}
        taken = [each for each in observed.platform_took if each[0] in tokens or each[1] in self._accounts()]
        observed = replace(observed, platform_took=taken)
        return checker.check(told, observed), checker.balance(told, observed)

    def _accounts(self) -> set[str]:
        return {line.account_id for line in self.plan.lines}

    def secrets(self) -> list[str]:
        """What no log may show: the word in every text, what accounts and keys are kept with, customers' addresses."""
        credentials = [value for line in self.plan.lines for name, value in line.credentials.items() if _secret(name)]
        return [
            self.plan.marker,
            self.plan.api_key,
            *credentials,
            *self.retired,
            *(c for line in self.plan.lines for c in line.customers),
        ]

    def _report(self, balance: checker.Balance, seconds: float) -> None:
        ends = [fault.ended for fault in self.faults]
        figures = {
            "test": os.environ.get("PYTEST_CURRENT_TEST", "").rpartition(" (")[0].rpartition("::")[2],
            "messages": balance.messages,
            "lost": balance.lost,
            "doubled": balance.doubled,
            "faults": len(self.faults),
            "seconds_to_serve": round(max(map(self._until_served, ends), default=0.0), 1),
            "seconds_to_drain": round(seconds, 1),
            "answers": {str(status): number for status, number in sorted(self.crowd.statuses.items())},
        }
        print("\n" + json.dumps(figures), flush=True)

    def _until_served(self, end: float) -> float:
        """Seconds from the end of a fault to the first webhook that was answered 200."""
        told = journal.read(self.crowd.folder / "customers.jsonl")
        served = [line["at"] for line in told if line["event"] == "answer" and line["status"] == 200]
        return next((at - end for at in served if at >= end), 0.0)


def _secret(name: str) -> bool:
    return any(word in name for word in ("secret", "token"))


async def settle(stack: Stack, session: aiohttp.ClientSession, sandbox: Sandbox) -> tuple[Lobby, str, Sequence[Line]]:
    """Returns a fresh workspace with an agent and accounts on three platforms; two of them have the same customers."""
    made = await new_workspace(stack, session)
    lobby = Lobby(session, made.url, made.api_key, sandbox.url)
    agent_id = await lobby.agent()
    lines = []
    run = int(time.time() * 1000) % 1_000_000_000
    for platform, names in (
        ("whatsapp", "5511{run:09d}{n}"),
        ("whatsapp", "5511{run:09d}{n}"),
        ("telegram", "7{run:09d}{n}"),
        ("line", "U{run:031d}{n}"),
    ):
        channel = await lobby.channel(platform)
        customers = tuple(names.format(run=run, n=n) for n in range(CUSTOMERS))
        lines.append(
            Line(
                platform=platform,
                account_id=channel.account_id,
                credentials=dict(channel.credentials),
                customers=customers,
            )
        )
    return lobby, agent_id, lines


@contextlib.asynccontextmanager
async def new_world(
    stack: Stack, session: aiohttp.ClientSession, sandbox: Sandbox, folder: Path, **wishes: Any
) -> AsyncIterator[World]:
    """Inside the block there is a fresh workspace with a crowd before its door; nobody writes yet."""
    earlier = await last_batches(stack.ready().database_url)
    lobby, agent_id, lines = await settle(stack, session, sandbox)
    plan = Plan(
        gateway_url=lobby.url,
        api_key=lobby.api_key,
        agent_id=agent_id,
        lines=tuple(lines),
        marker=f"zq{new_id().replace('-', '')[-12:]}",
        **wishes,
    )
    crowd = Crowd(folder, plan)
    await crowd.start()
    try:
        workspace_id = (await lobby.get("/v1/workspace"))["workspace"]["workspace_id"]
        yield World(
            stack=stack,
            session=session,
            lobby=lobby,
            workspace_id=workspace_id,
            earlier=earlier,
            crowd=crowd,
            plan=plan,
        )
    finally:
        await crowd.end()
