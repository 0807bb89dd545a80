"""Customers who write through platforms that deliver as platforms do: each webhook again until it is answered 200."""

import asyncio
import random
import time
from collections import deque
from collections.abc import Sequence

import aiohttp

from tests.chaos.crowd.bodies import Body, Writer
from tests.chaos.crowd.plan import Line, Plan
from tests.chaos.journal import Journal

PATIENCE = 6.0
"""Seconds that a platform waits for an answer."""
REFUSED = (401, 404, 413)
"""Answers after which a platform does not come again."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 1.0
_REMEMBERED = 1_000
_STORM_CONNECTIONS = 50


class Customers:
    """All customers of a plan. Each waits for the answer to his message before he writes the next."""

    def __init__(self, plan: Plan, session: aiohttp.ClientSession, journal: Journal) -> None:
        self._plan = plan
        self._session = session
        self._journal = journal
        self._ids = 0
        self._stopped = asyncio.Event()
        self._accepted: deque[tuple[int, Line, Body]] = deque(maxlen=_REMEMBERED)
        self.rate = plan.rate

    def stop(self) -> None:
        """Nobody begins another message."""
        self._stopped.set()

    async def write(self) -> None:
        """Returns when all have stopped, and everything was answered."""
        writers = [(line, customer) for line in self._plan.lines for customer in line.customers]
        async with asyncio.TaskGroup() as group:
            for line, customer in writers:
                group.create_task(self._write(line, customer, len(writers)))

    async def repost(self, times: int) -> None:
        """What was accepted last is posted again so many times, as fast as it goes."""
        again = [each for each in self._accepted for _ in range(times)]
        shares = [again[start::_STORM_CONNECTIONS] for start in range(_STORM_CONNECTIONS)]
        await asyncio.gather(*map(self._post_all, shares))

    async def _post_all(self, deliveries: Sequence[tuple[int, Line, Body]]) -> None:
        for number, line, body in deliveries:
            await self._attempt(number, line, body)

    async def _write(self, line: Line, customer: str, writers: int) -> None:
        chance = random.Random(f"{self._plan.seed} {line.account_id} {customer}")
        writer = Writer(self._plan, line, customer, chance)
        while not await self._stops_within(chance.expovariate(self.rate / writers)):
            await self._deliver(line, writer.next_message(), chance)
            for extra in writer.extras():
                await self._deliver(line, extra, chance)

    async def _stops_within(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                return await self._stopped.wait()
        except TimeoutError:
            return False

    async def _deliver(self, line: Line, body: Body, chance: random.Random) -> None:
        self._ids += 1
        number = self._ids
        self._journal.write(
            "body",
            body=number,
            account=line.account_id,
            kind=body.kind,
            digest=body.digest,
            chat=body.chat,
            message=body.message,
            n=body.n,
        )
        pause = _FIRST_PAUSE
        while (status := await self._attempt(number, line, body)) != 200 and status not in REFUSED:
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)
        if status == 200:
            self._accepted.append((number, line, body))
            if chance.random() < self._plan.duplicates:
                await self._attempt(number, line, body)

    async def _attempt(self, number: int, line: Line, body: Body) -> int:
        """Returns the answer's status; 0 where there was none, so that nobody knows what became of it."""
        url = f"{self._plan.gateway_url}/webhooks/{line.platform}/{line.account_id}"
        self._journal.write("sent", body=number)
        began = time.perf_counter()
        try:
            timeout = aiohttp.ClientTimeout(total=PATIENCE)
            async with self._session.post(url, data=body.data, headers=body.headers, timeout=timeout) as answer:
                await answer.read()
                status = answer.status
        except (aiohttp.ClientError, TimeoutError):
            status = 0
        self._journal.write("answer", body=number, status=status, took=round(time.perf_counter() - began, 4))
        return status
