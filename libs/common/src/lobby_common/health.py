"""Health: liveness says that the loop turns, readiness asks each dependency. HTTP for probes and Prometheus."""

import asyncio
from collections.abc import Awaitable, Callable

from aiohttp import web

from lobby_common import metrics

Check = Callable[[], Awaitable[bool]]
_PATIENCE = 2.0


class Readiness:
    """What must hold before work is sent here."""

    def __init__(self) -> None:
        self._checks: dict[str, Check] = {}
        self.stopping = False

    def add(self, name: str, check: Check) -> None:
        """The service is ready only when `check` returns True within two seconds."""
        self._checks[name] = check

    def add_default(self, name: str, check: Check) -> None:
        """As `add`, unless the service has a check of this name of its own."""
        self._checks.setdefault(name, check)

    async def report(self) -> dict[str, bool]:
        """Returns each check's outcome."""
        outcomes = await asyncio.gather(*(self._ask(check) for check in self._checks.values()))
        return dict(zip(self._checks, outcomes, strict=True)) | {"not_stopping": not self.stopping}

    async def _ask(self, check: Check) -> bool:
        try:
            async with asyncio.timeout(_PATIENCE):
                return await check()
        except Exception:  # noqa: BLE001  # a dependency may fail in any way; the answer is the same
            return False


def application(readiness: Readiness) -> web.Application:
    """Returns the small HTTP application of a service: /healthz, /readyz, /metrics."""

    async def healthz(_: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def readyz(_: web.Request) -> web.Response:
        report = await readiness.report()
        return web.json_response(report, status=200 if all(report.values()) else 503)

    async def expose(_: web.Request) -> web.Response:
        return web.Response(body=metrics.exposition(), headers={"Content-Type": "text/plain; version=0.0.4"})

    app = web.Application()
    app.add_routes([web.get("/healthz", healthz), web.get("/readyz", readyz), web.get("/metrics", expose)])
    return app
