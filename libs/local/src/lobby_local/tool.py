"""A program that does one thing and ends: a migration, the making of the first workspace."""

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path

from lobby_local.child import open_log, tail, tied

WITHIN_SECONDS = 60


class ToolFailedError(Exception):
    """A program ended with an error; the message carries the end of its log."""


async def run_tool(command: Sequence[str], env: Mapping[str, str], *, log: Path) -> str:
    """Returns what the program printed; what it logged is in the file. Raises ToolFailedError."""
    with open_log(log) as errors:
        process = await asyncio.create_subprocess_exec(
            *tied(command),
            env=dict(env),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=errors,
            start_new_session=True,
        )
    try:
        async with asyncio.timeout(WITHIN_SECONDS):
            output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        raise ToolFailedError(
            f"`{' '.join(command[1:])}` ended with {process.returncode}; the end of {log}:\n{tail(log)}"
        )
    return output.decode()
