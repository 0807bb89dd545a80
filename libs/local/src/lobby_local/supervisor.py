"""Keeps servers running: starts them in groups, restarts what dies, stops them in reverse order."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from lobby_local.child import ChildDiedError

START_WITHIN_SECONDS = 60
FIRST_TRIES = 3
QUICK_DEATH_SECONDS = 10
LONGEST_PAUSE_SECONDS = 2.0
FIRST_PAUSE_SECONDS = 0.1


class Server(Protocol):
    """What can be supervised."""

    @property
    def name(self) -> str:
        """What people call it."""

    @property
    def pid(self) -> int:
        """The pid of the process that listens."""

    async def spawn(self) -> None:
        """It is starting, on the same port as before."""

    async def ready(self) -> None:
        """It serves. Raises ChildDiedError when it ended instead."""

    async def exited(self) -> int:
        """Returns its exit code once it has ended."""

    async def stop(self) -> None:
        """It has ended. May be repeated, and may be called before the first start."""


class StartError(Exception):
    """A server did not become ready; the message says which, and what it said last."""


class Supervisor:
    """Holds the servers of one stack."""

    def __init__(self, *, on_restart: Callable[[Server], Awaitable[None]], report: Callable[[str], None]) -> None:
        self._on_restart = on_restart
        self._report = report
        self._groups: list[Sequence[Server]] = []
        self._keepers: list[asyncio.Task[None]] = []

    async def start(self, *groups: Sequence[Server]) -> None:
        """All serve and are kept so from now on. They start together; a later group is stopped earlier.

        Raises StartError; whatever was started is still there to be stopped.
        """
        self._groups += groups
        servers = [server for group in groups for server in group]
        starts = {asyncio.create_task(first_start(server)): server.name for server in servers}
        try:
            done, waiting = await asyncio.wait(
                starts, timeout=START_WITHIN_SECONDS, return_when=asyncio.FIRST_EXCEPTION
            )
        finally:
            for start in starts:
                start.cancel()
            await asyncio.gather(*starts, return_exceptions=True)
        for start in done:
            if error := start.exception():
                raise StartError(str(error)) from error
        if waiting:
            late = ", ".join(sorted(starts[start] for start in waiting))
            raise StartError(f"not ready within {START_WITHIN_SECONDS} s: {late}")
        self._keepers += [asyncio.create_task(self._keep(server), name=server.name) for server in servers]

    async def watch(self) -> None:
        """Never returns while all is kept as it should be; raises what ended a keeper otherwise."""
        await asyncio.gather(*self._keepers)

    async def stop(self) -> None:
        """Every server has ended, the last started group first. May be repeated."""
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)
        self._keepers.clear()
        while self._groups:
            await asyncio.gather(*(server.stop() for server in self._groups.pop()))

    async def _keep(self, server: Server) -> None:
        """Restarts the server whenever it ends; ends only by cancellation."""
        pause = 0.0
        while True:
            started = time.monotonic()
            code = await server.exited()
            lived = time.monotonic() - started
            pause = next_pause(pause, lived)
            self._report(f"{server.name} ended ({meaning(code)}), starting it again")
            await asyncio.sleep(pause)
            await server.spawn()
            try:
                await server.ready()
            except ChildDiedError:
                continue
            self._report(f"{server.name} serves again, pid {server.pid}")
            await self._on_restart(server)


async def first_start(server: Server) -> None:
    """The server serves. An early death is forgiven twice: a neighbour may have been slower."""
    for tries_left in reversed(range(FIRST_TRIES)):
        await server.spawn()
        try:
            await server.ready()
        except ChildDiedError:
            if not tries_left:
                raise
            await asyncio.sleep(0.5)
        else:
            return


def next_pause(pause: float, lived_seconds: float) -> float:
    """How long to wait before a restart: nothing after a decent life, longer after each quick death."""
    if lived_seconds > QUICK_DEATH_SECONDS:
        return 0.0
    return min(LONGEST_PAUSE_SECONDS, pause * 2 or FIRST_PAUSE_SECONDS)


def meaning(code: int) -> str:
    """An exit code as people say it."""
    return f"signal {-code}" if code < 0 else f"exit code {code}"
