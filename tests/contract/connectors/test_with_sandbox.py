"""Connectors and the sandbox share no code: where both agree, two readings of the platforms' documentation do."""

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import TestServer

from lobby.connectors.v1 import events_pb2 as pb
from lobby.connectors.v1 import ingest_service_pb2 as ingest_pb
from lobby.connectors.v1 import message_pb2
from lobby_common.ids import new_id
from lobby_sandbox.app import build_app
from tests.component.connectors.conftest import CREDENTIALS
from tests.component.connectors.test_sending import resolve, retry, send, stands

SIGNATURES = {
    "whatsapp": "X-Hub-Signature-256",
    "telegram": "X-Telegram-Bot-Api-Secret-Token",
    "line": "X-Line-Signature",
}
ANSWERS = {"accepted": 200, "bad_signature": 401, "unknown_account": 404, "unavailable": 503}
CUSTOMERS = {"whatsapp": "66811111111", "telegram": "7301234567", "line": "somchai"}


class Stage:
    """The sandbox, and the gateway's door that leads to connectors."""

    def __init__(self, connectors, session, sandbox, door) -> None:
        self.connectors = connectors
        self._session = session
        self._sandbox = sandbox
        self._door = door

    async def call(self, method: str, path: str, body: object = None, **query: str):
        url = self._sandbox.make_url(path)
        async with self._session.request(method, url, json=body, params=query) as response:
            assert response.status == 200, await response.text()
            return await response.json()

    async def connect(self, platform: str) -> str:
        self.connectors.platform.url = str(self._sandbox.make_url(f"/{platform}"))
        account = await self.connectors.connect(platform)
        body = {
            "account_id": account,
            "webhook_url": str(self._door.make_url(f"/webhooks/{platform}/{account}")),
            "credentials": CREDENTIALS[platform],
        }
        await self.call("POST", f"/{platform}/accounts", body)
        return account

    async def say(self, platform: str, account: str, text: str | None = "hello", **more: object) -> None:
        body = {"account_id": account, "text": text} | more
        await self.call("POST", f"/{platform}/customers/{CUSTOMERS[platform]}/say", body)

    async def meet(self, platform: str) -> tuple[str, pb.MessageReceived]:
        account = await self.connect(platform)
        await self.say(platform, account)
        (received,) = await self.connectors.told(pb.MessageReceived)
        return account, received

    async def fail(self, platform: str, *faults: dict) -> None:
        await self.call("POST", f"/{platform}/faults", {"next": list(faults)})

    async def sent(self, platform: str) -> list[dict]:
        return (await self.call("GET", f"/{platform}/sent"))["sent"]


@pytest_asyncio.fixture
async def stage(connectors) -> AsyncIterator[Stage]:
    async def take(request: web.Request) -> web.Response:
        platform = request.match_info["platform"]
        webhook = ingest_pb.Webhook(
            webhook_id=new_id(),
            platform=platform,
            account_id=request.match_info["account"],
            body=await request.read(),
            signature=request.headers.get(SIGNATURES[platform], ""),
        )
        (verdict,) = await connectors.post(webhook)
        return web.Response(status=ANSWERS[verdict])

    async def shake(request: web.Request) -> web.Response:
        return web.Response(text=await connectors.shake("whatsapp", request.match_info["account"], dict(request.query)))

    app = web.Application()
    app.router.add_post("/webhooks/{platform}/{account}", take)
    app.router.add_get("/webhooks/{platform}/{account}", shake)
    async with (
        aiohttp.ClientSession() as session,
        TestServer(build_app(lambda _: None)) as sandbox,
        TestServer(app) as door,
    ):
        yield Stage(connectors, session, sandbox, door)


@pytest.mark.parametrize("name", CUSTOMERS)
async def test_a_question_comes_in_and_its_answer_goes_out(stage, name):
    account, received = await stage.meet(name)
    assert (received.text, received.account_id, received.greeting) == ("hello", account, True)
    message = await send(stage.connectors, account, chat=received.chat, text="สวัสดี")
    await stands(stage.connectors, message.message_id, "read" if name == "whatsapp" else "sent")
    (sent,) = await stage.sent(name)
    assert "สวัสดี" in str(sent["body"])
    assert len(await stage.connectors.told(pb.MessageSent)) == 1


KINDS = ["image", "video", "audio", "document", "sticker", "location", "contact"]


@pytest.mark.parametrize(("name", "kind"), [(n, k) for n in CUSTOMERS for k in KINDS if (n, k) != ("line", "contact")])
async def test_every_kind_that_the_sandbox_says_is_understood(stage, name, kind):
    account = await stage.connect(name)
    await stage.say(name, account, text=None, kind=kind)
    (received,) = await stage.connectors.told(pb.MessageReceived)
    assert message_pb2.MessageKind.Name(received.kind) == f"MESSAGE_KIND_{kind.upper()}"
    assert await stage.connectors.list_quarantine() == []


@pytest.mark.parametrize("name", CUSTOMERS)
async def test_a_rate_limit_is_waited_for(stage, name):
    account, received = await stage.meet(name)
    bodies = {
        "whatsapp": {"error": {"code": 130429, "message": "Rate limit hit"}},
        "telegram": {"ok": False, "error_code": 429, "description": "x", "parameters": {"retry_after": 1}},
        "line": {"message": "The API rate limit has been exceeded. Try again later."},
    }
    await stage.fail(name, {"http_status": 429, "body": bodies[name]})
    message = await send(stage.connectors, account, chat=received.chat)
    await stands(stage.connectors, message.message_id, "read" if name == "whatsapp" else "sent")
    assert len(await stage.sent(name)) == 1


async def test_a_line_that_breaks_after_acceptance_is_settled_by_the_receipt(stage):
    account, received = await stage.meet("whatsapp")
    await stage.fail("whatsapp", {"http_status": 200, "drop": "after"})
    message = await send(stage.connectors, account, chat=received.chat)
    await stands(stage.connectors, message.message_id, "read")
    assert len(await stage.sent("whatsapp")) == 1


async def test_a_line_that_breaks_is_asked_again_under_its_key_where_there_is_one(stage):
    account, received = await stage.meet("line")
    await stage.fail("line", {"http_status": 200, "drop": "after"})
    message = await send(stage.connectors, account, chat=received.chat)
    await stands(stage.connectors, message.message_id, "sent")
    assert len(await stage.sent("line")) == 1


async def test_elsewhere_a_person_finds_out(stage):
    account, received = await stage.meet("telegram")
    await stage.fail("telegram", {"http_status": 200, "drop": "before"})
    message = await send(stage.connectors, account, chat=received.chat)
    await stands(stage.connectors, message.message_id, "unknown")
    await resolve(stage.connectors, message.message_id, 2)
    await retry(stage.connectors, message.message_id)
    await stands(stage.connectors, message.message_id, "sent")
    assert len(await stage.sent("telegram")) == 1


@pytest.mark.parametrize("name", CUSTOMERS)
async def test_what_the_platform_posts_twice_is_there_once(stage, name):
    account = await stage.connect(name)
    await asyncio.gather(*(stage.say(name, account, f"{number}") for number in range(5)))
    events = await stage.connectors.told(pb.MessageReceived, 5)
    assert sorted(event.text for event in events) == ["0", "1", "2", "3", "4"]
