"""One child process: its output goes to a log, its life is tied to ours, its group is stopped with it."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

LAUNCHER = Path(__file__).with_name("launch.py")
LOG_LIMIT_BYTES = 16 * 1024 * 1024
TAIL_BYTES = 2000


class ChildDiedError(Exception):
    """A child ended before it was ready; the message carries the end of its log."""


class Child:
    """A process of ours. Its pid is that of the program itself, whatever launched it."""

    def __init__(self, name: str, log: Path) -> None:
        self.name = name
        self.log = log
        self._process: asyncio.subprocess.Process | None = None
        self._swept = True

    @property
    def pid(self) -> int:
        """The pid of the running or last run program; 0 before the first."""
        return self._process.pid if self._process else 0

    @property
    def is_running(self) -> bool:
        """True until the exit code is known."""
        return self._process is not None and self._process.returncode is None

    async def spawn(
        self,
        command: Sequence[str],
        env: Mapping[str, str],
        *,
        step_down: bool = False,
        orphan_signal: signal.Signals = signal.SIGKILL,
    ) -> None:
        """The program runs in a session of its own, so that Ctrl-C reaches only the supervisor.

        `orphan_signal` is what it gets when we are killed; `step_down` makes it `nobody` if we are root.
        """
        with open_log(self.log) as log:
            self._process = await asyncio.create_subprocess_exec(
                *tied(command, step_down=step_down, orphan_signal=orphan_signal),
                env=dict(env),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._swept = False

    async def exited(self) -> int:
        """Returns the exit code once the program has ended and nothing of its group is left."""
        assert self._process is not None, f"{self.name} was never started"
        code = await self._process.wait()
        if not self._swept:
            # Once, and at once: later the number may belong to somebody else.
            self._swept = True
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
        return code

    async def stop(self, with_signal: signal.Signals = signal.SIGTERM, *, within_seconds: float = 10) -> None:
        """The program has ended: by the signal, or killed after the deadline. May be repeated."""
        if self._process is None:
            return
        self.send(with_signal)
        try:
            async with asyncio.timeout(within_seconds):
                await self.exited()
        except TimeoutError:
            self.send(signal.SIGKILL)
            await self.exited()

    def send(self, with_signal: signal.Signals) -> None:
        """The signal is on its way, unless the program has already ended."""
        if self.is_running and self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(with_signal)

    def died(self, why: str) -> ChildDiedError:
        """An error that shows what the program said last."""
        return ChildDiedError(f"{self.name} {why}; the end of {self.log}:\n{tail(self.log)}")


def tied(
    command: Sequence[str], *, step_down: bool = False, orphan_signal: signal.Signals = signal.SIGKILL
) -> list[str]:
    """The command that runs this one so that it does not outlive us."""
    user = "STEP_DOWN" if step_down and os.geteuid() == 0 else "KEEP"
    launcher = [sys.executable, "-I", "-S", str(LAUNCHER), str(os.getpid()), str(int(orphan_signal)), user]
    return [*launcher, *command]


def open_log(path: Path) -> IO[bytes]:
    """The log file, opened for appending; a long one has moved aside first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and path.stat().st_size > LOG_LIMIT_BYTES:
        path.replace(path.with_suffix(".log.1"))
    return path.open("ab")


def tail(path: Path) -> str:
    """The last lines of a log; empty when there is none."""
    if not path.exists():
        return ""
    return path.read_bytes()[-TAIL_BYTES:].decode(errors="replace").strip()
