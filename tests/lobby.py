"""Lobby seen from outside: its HTTP, the sandbox, and waiting for what shall become true."""

import asyncio
import io
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import aiohttp

from lobby_common.ids import new_id
from tests import platforms
from tests.platforms import Channel

T = TypeVar("T")

CREDENTIALS = {
    "whatsapp": {
        "app_secret": "app-secret",
        "access_token": "token-{id}",
        "verify_token": "verify",
        "phone_number_id": "{number}",
        "waba_id": "102290129340398",
    },
    "telegram": {"bot_token": "{number}:AA{id}", "webhook_secret": "secret-{id}"},
    "line": {"channel_secret": "channel-secret-{id}", "channel_access_token": "token-{id}"},
}


async def until(condition: Callable[[], Awaitable[T]], *, seconds: float = 20.0) -> T:
    """Returns the first true answer of `condition`; TimeoutError after so many seconds."""
    async with asyncio.timeout(seconds):
        while not (answer := await condition()):
            await asyncio.sleep(0.05)
        return answer


@dataclass(frozen=True)
class Answer:
    """What the server said."""

    status: int
    body: Any
    headers: Any


class Lobby:
    """One workspace of a running stack, with one key."""

    def __init__(self, session: aiohttp.ClientSession, url: str, api_key: str, sandbox_url: str) -> None:
        self._session = session
        self.url = url
        self.api_key = api_key
        self.sandbox_url = sandbox_url

    def with_key(self, api_key: str) -> "Lobby":
        """The same stack seen with another key."""
        return Lobby(self._session, self.url, api_key, self.sandbox_url)

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.api_key}"}

    async def ask(self, method: str, path: str, body: Any = None, headers: Any = None, **query: Any) -> Answer:
        """Returns the answer, whatever it is."""
        data = body if isinstance(body, bytes) else None
        async with self._session.request(
            method,
            self.url + path,
            params=query,
            data=data,
            json=None if data is not None else body,
            headers=self.headers | (headers or {}),
        ) as answer:
            text = await answer.text(errors="replace")
            is_json = answer.content_type.endswith("json")
            return Answer(answer.status, json.loads(text) if is_json else text, answer.headers)

    async def get(self, path: str, **query: Any) -> Any:
        """Returns the body of a 200."""
        answer = await self.ask("GET", path, **query)
        assert answer.status == 200, (path, answer.status, answer.body)
        return answer.body

    async def post(self, path: str, body: Any = None, **headers: str) -> Any:
        """Returns the body of a 200."""
        answer = await self.ask("POST", path, body if body is not None else {}, headers=headers)
        assert answer.status == 200, (path, answer.status, answer.body)
        return answer.body

    async def account(self, platform: str, **settings: str) -> str:
        """Returns the id of a new account that the sandbox plays."""
        return (await self.channel(platform, **settings)).account_id

    async def channel(self, platform: str, **settings: str) -> Channel:
        """Returns a new account that the sandbox plays, with what its platform knows of it."""
        unique = new_id().replace("-", "")
        number = str(int(unique[:15], 16))[:13]
        credentials = {name: value.format(id=unique, number=number) for name, value in CREDENTIALS[platform].items()}
        body = {
            "platform": platform,
            "display_name": f"{platform} test",
            "credentials": credentials,
            "api_base_url": f"{self.sandbox_url}/{platform}",
            "settings": settings,
        }
        account = (await self.post("/v1/accounts", body))["account"]
        registered = {
            "account_id": account["account_id"],
            "webhook_url": account["webhook_url"],
            "credentials": credentials,
        }
        await self.sandbox(f"/{platform}/accounts", registered)
        return Channel(platform, account["account_id"], credentials)

    async def webhook(self, channel: Channel, body: Any, headers: Any = None) -> Answer:
        """Posts what the platform says, signed; JSON unless it is bytes. Returns the answer, whatever it is."""
        data = platforms.dump(body)
        signed = platforms.signature(channel.platform, channel.credentials, data) if headers is None else headers
        url = f"{self.url}/webhooks/{channel.platform}/{channel.account_id}"
        async with self._session.post(url, data=io.BytesIO(data), headers=signed) as answer:
            text = await answer.text(errors="replace")
            is_json = "json" in answer.headers.get("Content-Type", "")
            return Answer(answer.status, json.loads(text) if is_json else text, answer.headers)

    async def accepted(self, channel: Channel, *bodies: Any) -> None:
        """Each was posted in order and answered 200."""
        for body in bodies:
            answer = await self.webhook(channel, body)
            assert answer.status == 200, (answer.status, answer.body)

    async def quarantine(self, account_id: str) -> list[Any]:
        """Returns what is in quarantine of an account, newest first."""
        return list((await self.get("/v1/quarantine", account_id=account_id))["items"])

    async def agent(self, name: str = "Ana", languages: tuple[str, ...] = ("en",), **more: Any) -> str:
        """Returns the id of a new agent who is online."""
        body = {"display_name": name, "languages": list(languages), "capacity": 1000} | more
        agent_id = (await self.post("/v1/agents", body))["agent"]["agent_id"]
        await self.post(f"/v1/agents/{agent_id}:setPresence", {"presence": "online"})
        return str(agent_id)

    async def sandbox(self, path: str, body: Any) -> Any:
        """Returns the sandbox's answer."""
        async with self._session.post(self.sandbox_url + path, json=body) as answer:
            assert answer.status == 200, (path, answer.status, await answer.text())
            return await answer.json()

    async def say(self, platform: str, account_id: str, customer: str, text: str = "", **more: Any) -> Any:
        """A customer writes; the gateway said 200."""
        body = {"account_id": account_id, "text": text} | more
        said = await self.sandbox(f"/{platform}/customers/{customer}/say", body)
        assert said["status"] == 200, said
        return said

    async def sent(self, platform: str, account_id: str) -> list[Any]:
        """Returns what the platform accepted."""
        url = f"{self.sandbox_url}/{platform}/sent"
        async with self._session.get(url, params={"account_id": account_id}) as answer:
            return list((await answer.json())["sent"])

    async def conversations(self, account_id: str, **query: str) -> list[Any]:
        """Returns the conversations of an account."""
        listed = await self.get("/v1/conversations", account_id=account_id, **query)
        return list(listed["conversations"])

    async def one_conversation(self, account_id: str, **wanted: Any) -> Any:
        """Returns the account's only conversation, once it is as wanted."""

        async def look() -> Any:
            found = await self.conversations(account_id, state="all")
            fits = len(found) == 1 and all(found[0].get(name) == value for name, value in wanted.items())
            return found[0] if fits else None

        return await until(look)

    async def messages(self, conversation_id: str, **query: str) -> list[Any]:
        """Returns the messages of a conversation, oldest first."""
        listed = await self.get(f"/v1/conversations/{conversation_id}/messages", **query)
        return list(listed["messages"])

    async def totals(self, **query: str) -> dict[str, int]:
        """Returns the figures over everything."""
        return dict((await self.get("/v1/counts", **query))["totals"])

    async def until_counted(self, new: int, repeat: int, **query: str) -> dict[str, int]:
        """Returns the figures once they say so many new and repeat people."""

        async def look() -> Any:
            totals = await self.totals(**query)
            return totals if (totals["new"], totals["repeat"]) == (new, repeat) else None

        return await until(look)
