"""`python -m lobby_local up [--detach] [--no-demo]` and `down`."""

import argparse
import asyncio
import os
import signal
import sys
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from lobby_local import detach
from lobby_local.home import Home, HomeInUseError
from lobby_local.plan import PortTakenError
from lobby_local.ports import NoFreePortError, is_free
from lobby_local.ready import welcome
from lobby_local.stack import Stack
from lobby_local.supervisor import StartError
from lobby_local.tool import ToolFailedError

DEFAULT_PORT = 8080
HIGHEST_PORT = 65_535


def main() -> None:
    """Does what the command line says; refusals are one clear sentence and exit code 1."""
    parser = argparse.ArgumentParser(prog="python -m lobby_local", description="Lobby on one machine.")
    commands = parser.add_subparsers(dest="command", required=True)
    up = commands.add_parser("up", help="start everything and stay until Ctrl-C")
    up.add_argument("--detach", action="store_true", help="return when ready; `down` stops it")
    up.add_argument("--no-demo", action="store_true", help="one empty workspace and its owner key")
    up.add_argument("--replicas", type=int, default=1, choices=range(1, 9), help="how many processes of each service")
    up.add_argument("--unseen", action="store_true", help=argparse.SUPPRESS)
    commands.add_parser("down", help="stop a detached stack, keep the data")
    options = parser.parse_args()
    home = Home(Path(os.environ.get("LOBBY_HOME") or ".lobby"))
    if options.command == "down":
        detach.stop(home)
        return
    port = wanted_port()
    refuse_if_pointless(home, port)
    if options.detach:
        detach.start(home, demo=not options.no_demo, replicas=options.replicas)
    else:
        asyncio.run(stay_up(home, port, demo=not options.no_demo, unseen=options.unseen, replicas=options.replicas))


def wanted_port() -> int:
    """The gateway's port; 0 means any free one."""
    text = os.environ.get("LOBBY_PORT") or str(DEFAULT_PORT)
    if not text.isascii() or not text.isdigit() or int(text) > HIGHEST_PORT:
        sys.exit(f"LOBBY_PORT must be a port from 0 to {HIGHEST_PORT}, not {text!r}")
    return int(text)


def refuse_if_pointless(home: Home, port: int) -> None:
    """Ends with a clear sentence, before anything is started, where starting cannot succeed."""
    running = home.owner_pid()
    if running is not None:
        sys.exit(f"{HomeInUseError(home.path, running)}; `make down` stops it")
    if port and not is_free(port):
        sys.exit(str(PortTakenError(port)))


async def stay_up(home: Home, port: int, *, demo: bool, unseen: bool, replicas: int) -> None:
    """The stack runs until Ctrl-C or SIGTERM, then has stopped in order.

    `unseen` keeps the key out of the output, which is a log then.
    """
    begun = time.monotonic()

    def report(line: str) -> None:
        print(f"[{time.monotonic() - begun:5.1f} s] {line}", flush=True)

    stack = Stack(home.path, port=port, demo=demo, replicas=replicas, report=report)
    enough = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, enough.set)
    asked_to_stop = asyncio.create_task(enough.wait())
    try:
        await first_of(stack.start(), asked_to_stop)
        if not asked_to_stop.done():
            report("ready")
            if not unseen:
                print(welcome(home), flush=True)
            await first_of(stack.watch(), asked_to_stop)
    except (HomeInUseError, PortTakenError, NoFreePortError, StartError, ToolFailedError) as error:
        sys.exit(str(error))
    finally:
        report("stopping")
        await stack.stop()
        report("stopped")


async def first_of(work: Coroutine[Any, Any, None], asked_to_stop: asyncio.Task[bool]) -> None:
    """Returns when the work is done or a stop was asked for; the work has ended either way."""
    task = asyncio.create_task(work)
    await asyncio.wait([task, asked_to_stop], return_when=asyncio.FIRST_COMPLETED)
    if not task.done():
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return
    await task


if __name__ == "__main__":
    main()
