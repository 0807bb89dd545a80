import asyncio

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from lobby_sandbox.app import build_app
from lobby_sandbox.delivery import Patience

# As long as a test is willing to wait for what happens in the background.
SOON = 5.0

QUICK = Patience(answer=2.0, first=0.01, longest=0.02, total=0.5, receipt=0.001)

CREDENTIALS = {
    "whatsapp": {
        "app_secret": "app-secret",
        "access_token": "wa-token",
        "verify_token": "verify",
        "phone_number_id": "1060",
        "waba_id": "1022",
    },
    "telegram": {"bot_token": "8765336106:tg-token", "webhook_secret": "hook-secret"},
    "line": {"channel_secret": "channel-secret", "channel_access_token": "line-token"},
}


class Receiver:
    """A tiny web server that takes webhooks, and keeps their bytes and headers."""

    def __init__(self):
        self.received = []
        self.statuses = []
        self._arrival = asyncio.Condition()

    async def serve(self, request):
        if request.method == "GET":
            return self._shake_hands(request)
        async with self._arrival:
            self.received.append((await request.read(), request.headers))
            self._arrival.notify_all()
        return web.json_response({"ok": True}, status=self.statuses.pop(0) if self.statuses else 200)

    async def wait_for(self, number):
        async with asyncio.timeout(SOON), self._arrival:
            await self._arrival.wait_for(lambda: len(self.received) >= number)
        return self.received[:number]

    def _shake_hands(self, request):
        if request.query.get("hub.verify_token") != "verify":
            return web.Response(status=403)
        return web.Response(text=request.query["hub.challenge"])


class Sandbox:
    """A running sandbox, and how tests call it."""

    def __init__(self, server, session, receiver_url, log):
        self.log = log
        self.receiver_url = receiver_url
        self._server = server
        self._session = session

    async def call(self, method, path, body=None, **arguments):
        """The status, the decoded body and the headers of the answer."""
        url = self._server.make_url(path)
        async with self._session.request(method, url, json=body, **arguments) as response:
            return response.status, await response.json(), response.headers

    async def raw(self, method, path, **arguments):
        async with self._session.request(method, self._server.make_url(path), **arguments) as response:
            return response.status, await response.read()

    async def register(self, platform, *, account_id="a1", webhook_url=None, **credentials):
        body = {
            "account_id": account_id,
            "webhook_url": webhook_url or self.receiver_url,
            "credentials": CREDENTIALS[platform] | credentials,
        }
        status, told, _ = await self.call("POST", f"/{platform}/accounts", body)
        assert status == 200, told
        return told

    async def say(self, platform, text=None, *, customer="66811111111", account_id="a1", **more):
        body = {"account_id": account_id, "text": text, **more}
        status, told, _ = await self.call("POST", f"/{platform}/customers/{customer}/say", body)
        assert status == 200, told
        return told

    async def fail(self, platform, *faults, **more):
        status, told, _ = await self.call("POST", f"/{platform}/faults", {"next": list(faults), **more})
        assert status == 200, told
        return told

    async def sent(self, platform, **query):
        status, told, _ = await self.call("GET", f"/{platform}/sent", params=query)
        assert status == 200, told
        return told["sent"]

    async def send(self, platform, text="hello", *, headers=None):
        """The platform's own way of sending a text with the registered token."""
        if platform == "whatsapp":
            body = {"messaging_product": "whatsapp", "to": "+66811111111", "type": "text", "text": {"body": text}}
            path, token = "/whatsapp/v25.0/1060/messages", "wa-token"
        elif platform == "telegram":
            path, token = "/telegram/bot8765336106:tg-token/sendMessage", ""
            body = {"chat_id": 7301234567, "text": text}
        else:
            path, token = "/line/v2/bot/message/push", "line-token"
            body = {"to": f"U{'0' * 32}", "messages": [{"type": "text", "text": text}]}
        bearer = {"Authorization": f"Bearer {token}"} if token else {}
        return await self.call("POST", path, body, headers=bearer | (headers or {}))


@pytest.fixture
async def receiver_server():
    receiver = Receiver()
    app = web.Application()
    app.router.add_route("*", "/hook", receiver.serve)
    async with TestServer(app) as server:
        yield receiver, server


@pytest.fixture
def receiver(receiver_server):
    return receiver_server[0]


@pytest.fixture
async def sandbox(receiver_server):
    log = []
    hook = str(receiver_server[1].make_url("/hook"))
    async with TestServer(build_app(log.append, QUICK)) as server, aiohttp.ClientSession() as session:
        yield Sandbox(server, session, hook, log)
