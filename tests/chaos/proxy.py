"""A TCP proxy between services and servers, that can be cut, deaf in one direction, or slow."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable

from lobby_local.ports import free_port

_CHUNK = 1 << 16


class Proxy:
    """Stands before one server. Connections that are open feel every change at once."""

    def __init__(self, target: Callable[[], int]) -> None:
        self.port = free_port()
        self._target = target
        self._open = asyncio.Event()
        self._open.set()
        self._deaf = False
        self._latency = (0.0, 0.0)
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """It takes connections."""
        self._server = await asyncio.start_server(self._begin, "127.0.0.1", self.port)

    async def stop(self) -> None:
        """It takes none, and all are closed."""
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @contextlib.contextmanager
    def partition(self):
        """Inside the block nothing passes and nobody is told: no reset, no refusal."""
        self._open.clear()
        try:
            yield
        finally:
            self._open.set()

    @contextlib.contextmanager
    def half_open(self):
        """Inside the block servers hear the services, and services do not hear the servers."""
        self._deaf = True
        try:
            yield
        finally:
            self._deaf = False
            self._hang_up()

    @contextlib.contextmanager
    def latency(self, seconds: float, jitter: float):
        """Inside the block everything comes that much later in each direction."""
        self._latency = (seconds, jitter)
        try:
            yield
        finally:
            self._latency = (0.0, 0.0)

    def _hang_up(self) -> None:
        """What was not heard in time is lost: these connections never come to their senses again."""
        for task in self._tasks:
            task.cancel()

    def _begin(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._connect(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there_reader, there_writer = await asyncio.open_connection("127.0.0.1", self._target())
        except OSError:
            writer.transport.abort()
            return
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._pass_on(reader, there_writer, back=False))
                group.create_task(self._pass_on(there_reader, writer, back=True))
        except* (OSError, EOFError):
            pass
        finally:
            writer.transport.abort()
            there_writer.transport.abort()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, back: bool) -> None:
        async for data in self._chunks(reader):
            await self._open.wait()
            if not (back and self._deaf):
                writer.write(data)
                await writer.drain()
        raise EOFError

    async def _chunks(self, reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
        while data := await reader.read(_CHUNK):
            seconds, jitter = self._latency
            if seconds:
                await asyncio.sleep(random.uniform(seconds - jitter, seconds + jitter))
            yield data
