"""Grants wishes: from the memory, else by the engines; the same wish of several at once is granted once."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import asyncpg

from lobby_translate import store
from lobby_translate.chain import Chain, Outcome
from lobby_translate.rendering import Rendering, Wish

REMEMBERED_FOR: Final = timedelta(days=90)
REMEMBERED_BRIEFLY: Final = timedelta(hours=24)
"""What an engine made that is not the first choice for its pair."""


@dataclass(frozen=True, slots=True)
class _Origin:
    """Where wishes come from, by key: their messages, and for whom they are remembered."""

    messages: Mapping[bytes, str]
    makers: Mapping[bytes, str]


class Translator:
    """The memory and the engines behind it."""

    def __init__(self, chain: Chain, pool: asyncpg.Pool) -> None:
        self.chain = chain
        self._pool = pool
        self._flights: dict[bytes, asyncio.Future[Outcome]] = {}

    async def grant(
        self,
        wishes: Sequence[Wish],
        workspace_id: str,
        seconds: float,
        message_ids: Sequence[str] = (),
        *,
        maker: str = "",
    ) -> list[Rendering]:
        """A rendering for each wish, in their order, within about the seconds.

        `message_ids` names the messages that the wishes belong to: the memory of a long text goes with its message.
        `maker` is the mark of the chat of an answer, which is no message yet.
        """
        if not wishes:
            return []
        end = time.monotonic() + seconds
        belongs = dict(zip((wish.key for wish in wishes), message_ids, strict=False))
        makers = {wish.key: belongs.get(wish.key, maker) for wish in wishes}
        own = {wish.key: wish for wish in wishes if wish.key not in self._flights}
        flights = {wish.key: self._flights[wish.key] for wish in wishes if wish.key in self._flights}
        own_flights = {key: asyncio.get_running_loop().create_future() for key in own}
        self._flights.update(own_flights)
        try:
            outcomes = await self._fulfil(own, workspace_id, _Origin(belongs, makers), end)
        except BaseException:
            outcomes = {}
            raise
        finally:
            for key, flight in own_flights.items():
                flight.set_result(outcomes.get(key, Outcome(None, reason="timeout")))
                del self._flights[key]
        outcomes.update(await _landed(flights, end))
        return [_rendering(wish, outcomes[wish.key]) for wish in wishes]

    async def _fulfil(
        self, wishes: Mapping[bytes, Wish], workspace_id: str, origin: _Origin, end: float
    ) -> dict[bytes, Outcome]:
        async with self._pool.acquire() as conn:
            known = await store.find_remembered(conn, wishes)
        outcomes = {key: Outcome(core, "memory") for key, (core, _) in known.items()}
        groups: dict[tuple[str, str], list[bytes]] = defaultdict(list)
        for key, wish in wishes.items():
            if key not in outcomes:
                groups[wish.source, wish.target].append(key)
        made = await asyncio.gather(
            *(
                self.chain.translate(*pair, [wishes[key].core for key in keys], max(end - time.monotonic(), 0.0))
                for pair, keys in groups.items()
            )
        )
        fresh = {
            key: outcome
            for keys, results in zip(groups.values(), made, strict=True)
            for key, outcome in zip(keys, results, strict=True)
        }
        await self._remember(wishes, fresh, workspace_id, origin)
        return outcomes | fresh

    async def _remember(
        self,
        wishes: Mapping[bytes, Wish],
        outcomes: Mapping[bytes, Outcome],
        workspace_id: str,
        origin: _Origin,
    ) -> None:
        memories = [
            store.Memory(
                key,
                workspace_id,
                outcome.core,
                outcome.provider,
                origin.messages.get(key) if wishes[key].is_long else None,
                self._keep(wishes[key], outcome.provider),
                origin.makers.get(key, ""),
            )
            for key, outcome in outcomes.items()
            if outcome.core is not None
        ]
        if memories:
            async with self._pool.acquire() as conn:
                await store.remember(conn, memories)

    def _keep(self, wish: Wish, provider: str) -> timedelta:
        first = self.chain.is_first_choice(provider, wish.source, wish.target)
        return REMEMBERED_FOR if first else REMEMBERED_BRIEFLY


async def _landed(flights: Mapping[bytes, "asyncio.Future[Outcome]"], end: float) -> dict[bytes, Outcome]:
    """What others found for the same wishes; a time-out where they take too long."""
    if not flights:
        return {}
    await asyncio.wait(flights.values(), timeout=max(end - time.monotonic(), 0.0))
    return {
        key: flight.result() if flight.done() else Outcome(None, reason="timeout") for key, flight in flights.items()
    }


def _rendering(wish: Wish, outcome: Outcome) -> Rendering:
    if outcome.core is not None:
        return wish.granted(outcome.core, outcome.provider)
    return wish.unserved() if outcome.reason == "no_provider" else wish.refused(outcome.reason)
