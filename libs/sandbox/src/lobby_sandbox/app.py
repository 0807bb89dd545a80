"""The web application: the sandbox's own API and the platforms', behind one log."""

import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
from aiohttp import web
from aiohttp.typedefs import Handler

from lobby_sandbox.contract import RefusedError
from lobby_sandbox.delivery import Delivery, Patience
from lobby_sandbox.mint import Mint
from lobby_sandbox.own_api import OwnApi
from lobby_sandbox.platform_api import PURPOSE, PlatformApi
from lobby_sandbox.problems import problem
from lobby_sandbox.stage import set_stages

Log = Callable[[dict[str, Any]], None]

# Uploads of videos pass; the platforms allow no more.
MAX_BODY = 100 * 2**20

_DELIVERY = web.AppKey("delivery", Delivery)


def build_app(log: Log, patience: Patience | None = None, mint: Mint | None = None) -> web.Application:
    """The sandbox, forgetful of everything before."""
    mint = mint or Mint()
    stages = set_stages(mint)
    app = web.Application(middlewares=[_logging(log), _refusing], client_max_size=MAX_BODY)

    async def deliver(app: web.Application) -> AsyncIterator[None]:
        # Kept shorter than any receiver keeps an idle connection: a webhook must not meet one that is closing.
        connector = aiohttp.TCPConnector(limit=100, keepalive_timeout=2)
        async with aiohttp.ClientSession(connector=connector) as session:
            app[_DELIVERY] = delivery = Delivery(session, patience)
            yield
            await delivery.close()

    app.cleanup_ctx.append(deliver)
    app.add_routes(OwnApi(stages, lambda: app[_DELIVERY], mint).routes())
    app.add_routes(PlatformApi(stages, lambda: app[_DELIVERY], mint).routes())
    return app


def _logging(log: Log) -> Any:
    """A middleware that writes one line per request, without its path: tokens and phone numbers are in it."""

    @web.middleware
    async def log_request(request: web.Request, handler: Handler) -> web.StreamResponse:
        begin, status = time.perf_counter(), 500
        try:
            response = await handler(request)
            status = response.status
            return response
        finally:
            resource = request.match_info.route.resource
            line = {
                "event": "request",
                "method": request.method,
                "route": None if resource is None else resource.canonical,
                "platform": request.match_info.get("platform"),
                "purpose": request.get(PURPOSE),
                "status": status,
                "duration_ms": round(1_000 * (time.perf_counter() - begin), 1),
            }
            log({name: value for name, value in line.items() if value is not None})

    return log_request


@web.middleware
async def _refusing(request: web.Request, handler: Handler) -> web.StreamResponse:
    """What cannot be served is said in JSON."""
    try:
        return await handler(request)
    except RefusedError as refusal:
        return problem(400, "INVALID_REQUEST", str(refusal))
    except web.HTTPException as error:
        return problem(error.status, error.reason.upper().replace(" ", "_"), error.text or error.reason)
