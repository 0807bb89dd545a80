"""A program of ours under supervision: ready when its own health page says so."""

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from lobby_local.child import Child

STOP_WITHIN_SECONDS = 15
PAGE_WITHIN_SECONDS = 5
HTTP_OK = 200


class Program:
    """One service or the sandbox, run as a child process."""

    def __init__(
        self, name: str, command: Sequence[str], env: Mapping[str, str], *, ready_page: str, log: Path
    ) -> None:
        self.name = name
        self._command = tuple(command)
        self._env = dict(env)
        self._ready_page = ready_page
        self._child = Child(name, log)

    @property
    def pid(self) -> int:
        """The pid of the process that listens."""
        return self._child.pid

    async def spawn(self) -> None:
        """The program is starting."""
        await self._child.spawn(self._command, self._env)

    async def ready(self) -> None:
        """The program answers 200 on its page. Raises ChildDiedError when it ended instead."""
        while not await answers_ok(self._ready_page):
            if not self._child.is_running:
                raise self._child.died("ended before it was ready")
            await asyncio.sleep(0.1)

    async def exited(self) -> int:
        """Returns when the program has ended and nothing it started is left."""
        return await self._child.exited()

    async def stop(self) -> None:
        """The program has ended, by itself or after the deadline. May be repeated."""
        await self._child.stop(within_seconds=STOP_WITHIN_SECONDS)


async def answers_ok(address: str) -> bool:
    """True when GET of `host:port/path` is answered with 200 now."""
    return await status_of(address) == HTTP_OK


async def status_of(address: str) -> int | None:
    """Returns the status with which GET of `host:port/path` is answered now; None where there is no answer.

    A dozen lines instead of an HTTP client: they run often, while six programs start on two cores.
    """
    authority, _, path = address.partition("/")
    host, _, port = authority.partition(":")
    try:
        async with asyncio.timeout(PAGE_WITHIN_SECONDS):
            reader, writer = await asyncio.open_connection(host, int(port))
            try:
                writer.write(f"GET /{path} HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n\r\n".encode())
                status_line = await reader.readline()
            finally:
                writer.close()
                with contextlib.suppress(OSError):
                    await writer.wait_closed()
    except (OSError, TimeoutError):
        return None
    status = status_line.split(b" ")[1:2]
    return int(status[0]) if status and status[0].isdigit() else None
