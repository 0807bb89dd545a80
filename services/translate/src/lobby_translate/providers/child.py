"""The engine's process as its owner sees it: started when first needed, again when it died, killed when it is stuck."""

import asyncio
import contextlib
import json
import os
import struct
import sys
from asyncio.subprocess import PIPE, Process
from typing import Any, Final

from lobby_common.log import get_logger
from lobby_translate import metrics

_LOG = get_logger("engine")
_COMMAND: Final = ("-m", "lobby_translate.providers.engine")
_LARGEST_FRAME: Final = 4 * 1024 * 1024
_HARD_LIMIT: Final = 6.0
"""Seconds after which a computing engine is taken for stuck and killed."""


class EngineDied(Exception):
    """The process ended, was killed, or did not start; the next call starts another."""


class Child:
    """One engine, one request at a time."""

    def __init__(self, *, memory_mb: int, recycle_mb: int, command: tuple[str, ...] = _COMMAND) -> None:
        self._memory_mb = memory_mb
        self._recycle_mb = recycle_mb
        self._command = command
        self._process: Process | None = None
        self._turn = asyncio.Lock()
        self._running: set[asyncio.Task[dict[str, Any]]] = set()
        self._numbers = 0
        self._stopped = False

    @property
    def pid(self) -> int | None:
        """Of the running process; None where there is none."""
        return self._process.pid if self._process is not None and self._process.returncode is None else None

    async def call(self, body: dict[str, Any]) -> dict[str, Any]:
        """The engine's answer. Raises EngineDied.

        A caller who gives up leaves the engine computing: the exchange keeps its turn until the pipe is clean again.
        """
        await self._turn.acquire()
        task = asyncio.create_task(self._exchange(body))
        self._running.add(task)
        task.add_done_callback(self._finished)
        return await asyncio.shield(task)

    async def stop(self) -> None:
        """No process is left, and none is started any more."""
        self._stopped = True
        await self._kill()
        await asyncio.gather(*self._running, return_exceptions=True)

    def _finished(self, task: "asyncio.Task[dict[str, Any]]") -> None:
        self._running.discard(task)
        self._turn.release()
        if not task.cancelled():
            task.exception()  # looked at here, because its caller may be gone

    async def _exchange(self, body: dict[str, Any]) -> dict[str, Any]:
        process = await self._started()
        self._numbers += 1
        try:
            async with asyncio.timeout(_HARD_LIMIT):
                answer = await _ask(process, {"id": self._numbers, **body})
        except (TimeoutError, OSError, EOFError, ValueError) as error:
            _LOG.warning("engine_lost", pid=process.pid, error=type(error).__name__)
            await self._kill()
            raise EngineDied(type(error).__name__) from None
        if answer.get("id") != self._numbers:
            await self._kill()
            raise EngineDied("out of step")
        if answer.get("rss_mb", 0) > self._recycle_mb:
            _LOG.info("engine_recycled", pid=process.pid, rss_mb=answer["rss_mb"])
            await self._kill()
        return answer

    async def _started(self) -> Process:
        if self._stopped:
            raise EngineDied("stopped")
        if self._process is None or self._process.returncode is not None:
            try:
                # No preexec_fn: the new interpreter sets its own limits, so that no code of ours runs between fork
                # and exec in a process that has gRPC's threads.
                self._process = await asyncio.create_subprocess_exec(
                    sys.executable, *self._command, str(os.getpid()), str(self._memory_mb), stdin=PIPE, stdout=PIPE
                )
            except OSError as error:
                raise EngineDied(str(error)) from None
            metrics.ENGINE_STARTS.inc()
            _LOG.info("engine_started", pid=self._process.pid)
        return self._process

    async def _kill(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        if process.stdin is not None:
            process.stdin.close()
        await process.wait()


async def _ask(process: Process, frame: dict[str, Any]) -> dict[str, Any]:
    assert process.stdin is not None
    assert process.stdout is not None
    body = json.dumps(frame).encode()
    process.stdin.write(struct.pack(">I", len(body)) + body)
    await process.stdin.drain()
    (length,) = struct.unpack(">I", await process.stdout.readexactly(4))
    if length > _LARGEST_FRAME:
        raise ValueError("the engine's frame is too large")
    answer: dict[str, Any] = json.loads(await process.stdout.readexactly(length))
    return answer
