"""What is done to processes of a stack."""

import asyncio
import contextlib
import os
import shutil
import signal
import threading
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path
from typing import Any

import psutil

from lobby_local import Stack
from tests.lobby import until


async def kill(stack: Stack, name: str, with_signal: signal.Signals = signal.SIGKILL) -> None:
    """The process got the signal, and the supervisor has started another one."""
    pid = stack.ready().processes[name]
    os.kill(pid, with_signal)
    await restarted(stack, name, pid)


async def restarted(stack: Stack, name: str, old: int) -> None:
    """The supervisor has started another process of this name."""

    async def is_new() -> bool:
        return stack.ready().processes[name] != old

    await until(is_new, seconds=60)


def family(pid: int) -> list[psutil.Process]:
    """Returns the process and everything below it."""
    process = psutil.Process(pid)
    return [process, *process.children(recursive=True)]


def freeze(pids: Iterable[int]) -> list[psutil.Process]:
    """The processes stand still, with all below them; returns them. What they start meanwhile is caught as well."""
    frozen: dict[int, psutil.Process] = {}
    while fresh := [each for pid in pids for each in family(pid) if each.pid not in frozen]:
        for each in fresh:
            with contextlib.suppress(psutil.NoSuchProcess):
                each.suspend()
            frozen[each.pid] = each
    return list(frozen.values())


@contextlib.asynccontextmanager
async def standing_still(stack: Stack, *names: str) -> AsyncIterator[None]:
    """Inside the block these processes get no time."""
    frozen = freeze([stack.ready().processes[name] for name in names])
    try:
        yield
    finally:
        for each in frozen:
            with contextlib.suppress(psutil.NoSuchProcess):
                each.resume()


def slay(processes: Iterable[psutil.Process]) -> None:
    """They get no chance to do anything more, frozen or not."""
    for each in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            each.kill()


def before_restart(server: Any, meanwhile: Callable[[], None]) -> None:
    """The server's next start, and only that one, waits for `meanwhile`: nothing of it runs then."""

    async def spawn() -> None:
        del server.spawn
        await asyncio.to_thread(meanwhile)
        await server.spawn()

    server.spawn = spawn


@contextlib.asynccontextmanager
async def away(stack: Stack, name: str, server: Any) -> AsyncIterator[None]:
    """Inside the block the process is dead and the supervisor waits; afterwards it has started another one."""
    over = threading.Event()
    pid = stack.ready().processes[name]
    before_restart(server, lambda: over.wait(120))
    slay(family(pid))
    try:
        yield
    finally:
        over.set()
    await restarted(stack, name, pid)


def copy_live(source: Path, target: Path) -> None:
    """The folder is copied as it is now, while somebody writes in it."""

    def copied(each: str, to: str) -> None:
        if os.path.exists(each):  # noqa: PTH110  # copytree hands over names
            shutil.copy2(each, to)

    shutil.copytree(source, target, ignore_dangling_symlinks=True, copy_function=copied)
