"""Agents who answer customers through the gateway, and an owner who makes keys.

What is not answered is asked again; some of what is answered, too, as by a double click: nothing may come of that.
"""

import asyncio
import random
from typing import Any

import aiohttp

from lobby_common.ids import new_id
from tests.chaos.crowd.plan import Plan
from tests.chaos.journal import Journal

_PAUSE = 0.2
_PATIENCE = 10.0
_KEY_EVERY = 2.0
_SENT_TWICE = 0.3
"""The share of answers that are sent once more after they were taken; every key is asked for twice."""


class Agents:
    """What staff does at the gateway."""

    def __init__(self, plan: Plan, session: aiohttp.ClientSession, journal: Journal) -> None:
        self._plan = plan
        self._session = session
        self._journal = journal
        self._chance = random.Random(plan.seed)
        self._stopped = asyncio.Event()

    def stop(self) -> None:
        """Nobody begins anything more."""
        self._stopped.set()

    async def answer(self) -> None:
        """Owed conversations are answered, one by one; returns when stopped, and everything asked was answered."""
        while not await self._stops_within(1 / self._plan.answers):
            owed = await self._get("/v1/conversations", state="owed", page_size="50")
            if owed is not None and owed["conversations"]:
                await self._answer(self._chance.choice(owed["conversations"]))

    async def make_keys(self) -> None:
        """Keys are made, now and then; returns when stopped."""
        while not await self._stops_within(_KEY_EVERY):
            token = new_id()
            self._journal.write("key", token=token)
            status, made = await self._insist_twice("/v1/keys", {"role": "viewer", "display_name": token}, token)
            self._journal.write("key_made", token=token, status=status, key_id=made.get("key", {}).get("key_id", ""))

    async def _answer(self, conversation: Any) -> None:
        path = f"/v1/conversations/{conversation['conversation_id']}/messages"
        listed = await self._get(path, page_size="200")
        if listed is None or not listed["messages"]:
            return
        token = new_id()
        body = {
            "text": f"{self._plan.marker} {token}",
            "agent_id": self._plan.agent_id,
            "last_seen_message_id": listed["messages"][-1]["message_id"],
            # In the language in which it is written, or an engine would make other words of the token.
            "language": "en",
            "send_original": True,
        }
        self._journal.write("send", token=token, account=conversation["account_id"], platform=conversation["platform"])
        insist = self._insist_twice if self._chance.random() < _SENT_TWICE else self._insist
        status, answer = await insist(path, body, token)
        message_id = answer.get("message", {}).get("message_id", "")
        self._journal.write(
            "send_answer", token=token, status=status, message_id=message_id, reason=answer.get("reason", "")
        )

    async def _insist_twice(self, path: str, body: Any, token: str) -> tuple[int, Any]:
        """Returns status and body of the second answer: what only the first one names is too much."""
        await self._insist(path, body, token)
        return await self._insist(path, body, token)

    async def _insist(self, path: str, body: Any, token: str) -> tuple[int, Any]:
        """Returns status and body of the first answer that says something: the same request until then."""
        headers = {"Idempotency-Key": token}
        while True:
            try:
                timeout = aiohttp.ClientTimeout(total=_PATIENCE)
                async with self._session.post(
                    self._plan.gateway_url + path, json=body, headers=headers, timeout=timeout
                ) as answer:
                    if answer.status < 500 and answer.status != 429:
                        return answer.status, await answer.json(content_type=None)
            except (aiohttp.ClientError, TimeoutError, ValueError):
                pass
            await asyncio.sleep(_PAUSE)

    async def _get(self, path: str, **query: str) -> Any:
        try:
            timeout = aiohttp.ClientTimeout(total=_PATIENCE)
            async with self._session.get(self._plan.gateway_url + path, params=query, timeout=timeout) as answer:
                return await answer.json() if answer.status == 200 else None
        except (aiohttp.ClientError, TimeoutError, ValueError):
            return None

    async def _stops_within(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                return await self._stopped.wait()
        except TimeoutError:
            return False
