"""The sandbox's own API: accounts, customers, what was sent, faults."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from aiohttp import web

from lobby_sandbox.contract import Account, Reply
from lobby_sandbox.delivery import Delivery
from lobby_sandbox.merge import Json
from lobby_sandbox.mint import Mint
from lobby_sandbox.own_requests import PlanFaults, Register, Say, account_of, decode, speech_of
from lobby_sandbox.problems import json_response, problem, unknown_platform
from lobby_sandbox.stage import Stage

Action = Callable[[web.Request, Stage], Awaitable[web.Response]]


class OwnApi:
    """What tests and the demo call."""

    def __init__(self, stages: Mapping[str, Stage], delivery: Callable[[], Delivery], mint: Mint) -> None:
        self._stages = stages
        self._delivery = delivery
        self._mint = mint

    def routes(self) -> list[web.RouteDef]:
        """To be added before the platforms' own paths."""
        return [
            web.get("/healthz", self._healthz),
            web.post("/{platform}/accounts", self._on_stage(self._register)),
            web.post("/{platform}/customers/{customer}/say", self._on_stage(self._say)),
            web.get("/{platform}/sent", self._on_stage(self._sent), allow_head=False),
            web.post("/{platform}/faults", self._on_stage(self._plan_faults)),
        ]

    def _on_stage(self, action: Action) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def act(request: web.Request) -> web.Response:
            stage = self._stages.get(request.match_info["platform"])
            if stage is None:
                return unknown_platform(request.match_info["platform"])
            return await action(request, stage)

        return act

    async def _healthz(self, _: web.Request) -> web.Response:
        return json_response({"status": "ok", "platforms": sorted(self._stages)})

    async def _register(self, request: web.Request, stage: Stage) -> web.Response:
        account = account_of(stage.platform.name, decode(await request.read(), Register))
        stage.platform.register(account)
        shown = {name: getattr(account, name) for name in ("account_id", "platform", "webhook_url")}
        return json_response({"account": shown} | await self._shake_hands(stage, account))

    async def _shake_hands(self, stage: Stage, account: Account) -> Json:
        """How the webhook met the platform's challenge, where there is one."""
        handshake = stage.platform.handshake(account)
        if handshake is None:
            return {}
        reply = await self._delivery().ask(account.webhook_url, handshake.query)
        verified = reply.accepted and reply.text.strip() == handshake.expected
        return {"handshake": {"verified": verified, **_shown(reply)}}

    async def _say(self, request: web.Request, stage: Stage) -> web.Response:
        say = decode(await request.read(), Say)
        account = stage.platform.account(say.account_id)
        if account is None:
            return problem(404, "UNKNOWN_ACCOUNT", f"no account {say.account_id!r} is registered here")
        speech = speech_of(request.match_info["customer"], say, self._mint.now())
        event = stage.platform.say(account, speech)
        reply = await self._delivery().post(stage.platform.webhook(account, event.body))
        ids = {"message_id": event.message_id, "event_id": event.event_id, "customer_id": event.customer_id}
        return json_response({**_shown(reply), "webhook": event.body, **ids})

    async def _sent(self, request: web.Request, stage: Stage) -> web.Response:
        sent = stage.outbox.list(request.query.get("account_id") or request.query.get("accountId"))
        return json_response({"sent": [one.as_json() for one in sent]})

    async def _plan_faults(self, request: web.Request, stage: Stage) -> web.Response:
        plan = decode(await request.read(), PlanFaults)
        waiting = stage.faults.plan(plan.account_id, plan.next)
        known = plan.account_id is None or stage.platform.account(plan.account_id) is not None
        return json_response({"waiting": waiting, "registered": known})


def _shown(reply: Reply) -> dict[str, Any]:
    """The receiver's answer; `error` says why there was none."""
    shown = {"status": reply.status, "body": reply.body}
    return shown if reply.error is None else shown | {"error": reply.error}
