"""The demo: three accounts, three agents and a dozen customers, made through the public API."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp

from lobby_local import demo_cast
from lobby_local.home import write_private

HTTP_OK = 200
HTTP_ERROR = 400
CALL_WITHIN_SECONDS = 15
FOUND_WITHIN_SECONDS = 15


class DemoError(Exception):
    """The gateway or the sandbox did not do what the demo asked."""


class Demo:
    """The demo of one home. When it fails that is reported, and the stack is none the worse."""

    def __init__(
        self, memory: Path, *, gateway_url: str, api_key: str, sandbox_url: str, report: Callable[[str], None]
    ) -> None:
        self._memory = memory
        self._gateway_url = gateway_url
        self._api_key = api_key
        self._sandbox_url = sandbox_url
        self._report = report

    async def play(self) -> None:
        """Accounts, agents and customers are there. Only for an empty workspace: it does not look before."""
        await self._reporting(self._play)

    async def resume(self) -> None:
        """The sandbox, which remembers nothing, knows the demo's accounts again, if there are any."""
        if self._memory.exists():
            await self._reporting(self._resume)

    async def _reporting(self, act: Callable[["Calls"], Any]) -> None:
        timeout = aiohttp.ClientTimeout(total=CALL_WITHIN_SECONDS)
        try:
            async with aiohttp.ClientSession(timeout=timeout) as session:
                await act(Calls(session, self._gateway_url, self._api_key, self._sandbox_url))
        except (DemoError, aiohttp.ClientError, TimeoutError) as error:
            self._report(f"the demo was cut short: {error!r}")

    async def _play(self, calls: "Calls") -> None:
        for agent in demo_cast.AGENTS:
            made = await calls.gateway("POST", "/v1/agents", agent)
            agent_id = made["agent"]["agent_id"]
            await calls.gateway("POST", f"/v1/agents/{agent_id}:setPresence", {"presence": "online"})
        accounts = {}
        for platform, credentials in demo_cast.credentials().items():
            accounts[platform] = await calls.make_account(platform, credentials)
            write_private(self._memory, json.dumps({"accounts": accounts}, indent=2) + "\n")
            await calls.register(platform, accounts[platform])
        identifiers = {
            (line.name, line.platform): await calls.say(line, accounts[line.platform]["account_id"])
            for line in demo_cast.SCRIPT
        }
        for name, *platforms in demo_cast.SAME_PERSON:
            await calls.merge([identifiers[name, platform] for platform in platforms])

    async def _resume(self, calls: "Calls") -> None:
        accounts = json.loads(self._memory.read_text())["accounts"]
        for platform, account in accounts.items():
            await calls.register(platform, account)


class Calls:
    """What the demo asks of the gateway and of the sandbox. Each raises DemoError when it is refused."""

    def __init__(self, session: aiohttp.ClientSession, gateway_url: str, api_key: str, sandbox_url: str) -> None:
        self._session = session
        self._gateway_url = gateway_url
        self._bearer = {"Authorization": f"Bearer {api_key}"}
        self._sandbox_url = sandbox_url

    async def gateway(self, method: str, path: str, body: dict[str, Any] | None = None, **query: str) -> dict[str, Any]:
        """The gateway's answer."""
        return await self._call(method, self._gateway_url + path, body, query, self._bearer)

    async def make_account(self, platform: str, credentials: dict[str, str]) -> dict[str, Any]:
        """The account exists at the gateway and calls the sandbox instead of the platform."""
        made = await self.gateway(
            "POST",
            "/v1/accounts",
            {
                "platform": platform,
                "display_name": demo_cast.DISPLAY_NAMES[platform],
                "credentials": credentials,
                "api_base_url": self._api_base(platform),
            },
        )
        return {"account_id": made["account"]["account_id"], "credentials": credentials}

    async def register(self, platform: str, account: dict[str, Any]) -> None:
        """The sandbox plays the platform for this account, and the account calls it where it is now."""
        path = f"/v1/accounts/{account['account_id']}"
        told = (await self.gateway("GET", path))["account"]
        if told.get("api_base_url") != self._api_base(platform):
            await self.gateway("PATCH", path, {"api_base_url": self._api_base(platform)})
        await self._sandbox("POST", f"/{platform}/accounts", {**account, "webhook_url": told["webhook_url"]})

    async def say(self, line: demo_cast.Line, account_id: str) -> str:
        """The customer has written; returns the identifier by which the platform knows him."""
        body = {"account_id": account_id, "text": line.text, "name": line.name, "language": line.language}
        said = await self._sandbox("POST", f"/{line.platform}/customers/{line.customer}/say", body)
        if said["status"] != HTTP_OK:
            raise DemoError(f"a webhook of {line.platform} was answered {said['status']}: {said['body']}")
        return str(said["customer_id"])

    async def merge(self, identifiers: list[str]) -> None:
        """The contacts behind these identifiers are one person from now on."""
        first, *others = [await self._contact_of(identifier) for identifier in identifiers]
        for other in others:
            body = {"other_contact_id": other, "note": "the same customer on another platform"}
            await self.gateway("POST", f"/v1/contacts/{first}:merge", body)

    async def _contact_of(self, identifier: str) -> str:
        """The contact with this identifier; messages take a moment from the door to identity."""
        async with asyncio.timeout(FOUND_WITHIN_SECONDS):
            while True:
                found = await self.gateway("GET", "/v1/contacts", query=identifier)
                if found["contacts"]:
                    return str(found["contacts"][0]["contact_id"])
                await asyncio.sleep(0.2)

    def _api_base(self, platform: str) -> str:
        return f"{self._sandbox_url}/{platform}"

    async def _sandbox(self, method: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
        return await self._call(method, self._sandbox_url + path, body, {}, {})

    async def _call(
        self,
        method: str,
        url: str,
        body: dict[str, Any] | None,
        query: dict[str, str],
        headers: dict[str, str],
    ) -> dict[str, Any]:
        async with self._session.request(method, url, json=body, params=query, headers=headers) as response:
            if response.status >= HTTP_ERROR:
                raise DemoError(f"{method} {url} was answered {response.status}: {await response.text()}")
            answer: dict[str, Any] = await response.json(content_type=None)
            return answer
