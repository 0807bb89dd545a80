"""Starting and stopping the process."""

import asyncio
import json
import signal
import sys
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from lobby_sandbox.app import build_app
from lobby_sandbox.config import Config

# Whoever stops a sandbox does not wait for answers.
SHUTDOWN_SECONDS = 1.0


def write_line(line: dict[str, Any]) -> None:
    """One JSON object on standard output."""
    stamped = {"time": datetime.now(UTC).isoformat(timespec="milliseconds"), **line}
    sys.stdout.write(json.dumps(stamped) + "\n")
    sys.stdout.flush()


async def serve(config: Config) -> None:
    """Serves until SIGINT or SIGTERM; the first line tells the address."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    runner = web.AppRunner(build_app(write_line), access_log=None, shutdown_timeout=SHUTDOWN_SECONDS)
    await runner.setup()
    try:
        await web.TCPSite(runner, config.host, config.port).start()
        host, port = runner.addresses[0][:2]
        write_line({"event": "listening", "host": host, "port": port})
        await stop.wait()
    finally:
        await runner.cleanup()
