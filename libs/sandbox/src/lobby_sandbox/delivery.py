"""Webhooks on their way to whoever registered for them."""

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import aiohttp

from lobby_sandbox.contract import Reply, Webhook


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a platform waits and tries again. Real ones take hours; tests do not have them."""

    answer: float = 10.0
    """Seconds a receiver may take to answer."""

    first: float = 1.0
    """Seconds before the second attempt; each further pause is twice as long."""

    longest: float = 10.0
    """Seconds that a pause never exceeds."""

    total: float = 120.0
    """Seconds of pauses after which the webhook is given up."""

    receipt: float = 0.02
    """Seconds before each receipt of a send."""

    def pause(self, attempt: int, waited: float, asked: float = 0.0) -> float | None:
        """The seconds before the next attempt after this many further ones; None when it is time to give up.

        `waited` is the sum of the pauses so far, `asked` what the receiver itself asked for.
        """
        pause = max(min(self.first * 2**attempt, self.longest), asked)
        return pause if waited + pause <= self.total else None


class Delivery:
    """Posts webhooks. Every task it starts is its own and ends with `close`."""

    def __init__(self, session: aiohttp.ClientSession, patience: Patience | None = None, limit: int = 10_000) -> None:
        self._session = session
        self._patience = patience or Patience()
        self._limit = limit
        self._tasks: set[asyncio.Task[None]] = set()

    async def post(self, webhook: Webhook) -> Reply:
        """How the first attempt was answered; after a failure the same bytes are posted again later."""
        reply = await self.attempt(webhook)
        if not reply.accepted:
            self._begin(self._insist(webhook, reply))
        return reply

    async def attempt(self, webhook: Webhook) -> Reply:
        """How the one and only attempt was answered."""
        return await self._request("POST", webhook.url, data=webhook.body, headers=webhook.headers)

    async def ask(self, url: str, query: Mapping[str, str]) -> Reply:
        """How a GET with this query was answered."""
        return await self._request("GET", url, params=query)

    def follow(self, webhooks: Sequence[Webhook]) -> None:
        """These are posted soon, one after the other."""
        if webhooks:
            self._begin(self._follow(webhooks))

    async def close(self) -> None:
        """Nothing is under way any more."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        """The work runs in the background, unless so much does already that the sandbox gives up on it."""
        if len(self._tasks) >= self._limit:
            work.close()
            return
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _follow(self, webhooks: Sequence[Webhook]) -> None:
        for webhook in webhooks:
            await asyncio.sleep(self._patience.receipt)
            await self.post(webhook)

    async def _insist(self, webhook: Webhook, reply: Reply) -> None:
        attempt, waited = 0, 0.0
        while not reply.accepted:
            pause = self._patience.pause(attempt, waited, reply.retry_after)
            if pause is None:
                return
            await asyncio.sleep(pause)
            attempt, waited = attempt + 1, waited + pause
            reply = await self.attempt(webhook)

    async def _request(self, method: str, url: str, **arguments: Any) -> Reply:
        timeout = aiohttp.ClientTimeout(total=self._patience.answer)
        try:
            async with self._session.request(
                method, url, timeout=timeout, allow_redirects=False, **arguments
            ) as response:
                text = (await response.read()).decode(errors="replace")
                return Reply(response.status, text, retry_after=_seconds(response.headers))
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return Reply(None, error=f"{type(error).__name__}: {error}".rstrip(": "))


def _seconds(headers: Mapping[str, str]) -> float:
    """A numeric Retry-After; platforms ignore dates there."""
    value = headers.get("Retry-After", "")
    return float(value) if value.isascii() and value.isdigit() else 0.0
