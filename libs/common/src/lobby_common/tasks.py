"""Tasks that end when they are told to, also where a library loses a cancellation (bpo-37658: asyncio.wait_for)."""

import asyncio
from collections.abc import Collection, Coroutine
from typing import Any

import structlog

_LOG = structlog.get_logger("tasks")

_AGAIN_SECONDS = 1.0
"""How long an answer to a cancellation is awaited before the task is asked again."""


async def end(tasks: Collection["asyncio.Task[None]"]) -> None:
    """The tasks have ended; one that loses a cancellation is asked again. What those raise that still ran is logged."""
    pending = {task for task in tasks if not task.done()}
    ended = set(pending)
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=_AGAIN_SECONDS)
    for task in ended:
        if not task.cancelled() and (error := task.exception()) is not None:
            _LOG.warning("ended_with_error", work=task.get_name(), error=type(error).__name__)


async def together(*works: Coroutine[Any, Any, None]) -> None:
    """All run until one of them returns or raises, or this is cancelled; then all have ended.

    Raises what the first raised, CancelledError too: a task that was cancelled by nobody knows whom is not passed over.
    asyncio.TaskGroup asks its tasks to end once only, and waits for ever for one that lost it.
    """
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        first = next(task for task in tasks if task.done())
    finally:
        await end(tasks)
    first.result()


def is_asked_to_end() -> bool:
    """Returns whether somebody cancelled the task that runs; a future that was cancelled inside it is no such wish."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


async def finished(work: Coroutine[Any, Any, None]) -> None:
    """The work is done, also where this is cancelled meanwhile: then that is raised afterwards.

    Raises what the work raised, unless this was cancelled.
    """
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        task.exception()
        raise cancelled
    task.result()
