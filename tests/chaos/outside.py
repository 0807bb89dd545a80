"""What is outside Lobby and out of reach of every fault: the platforms' stand-in, and the crowd before the door."""

import asyncio
import os
import sys
from pathlib import Path

from lobby_local.ports import free_port
from tests.chaos import journal
from tests.chaos.crowd.plan import Plan
from tests.lobby import until


class Sandbox:
    """The platforms' stand-in, in a process that no fault reaches: what it remembers is evidence."""

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._process: asyncio.subprocess.Process | None = None

    async def start(self, log: Path) -> None:
        """It serves."""
        env = os.environ | {"LOBBY_SANDBOX_PORT": str(self.port), "LOBBY_BIND_HOST": "127.0.0.1"}
        with log.open("ab") as out:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "lobby_sandbox", env=env, stdout=out, stderr=out
            )

        async def serves() -> bool:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", self.port)
            except OSError:
                return False
            writer.close()
            return True

        await until(serves, seconds=20)

    async def stop(self) -> None:
        """It has ended."""
        if self._process is not None:
            self._process.terminate()
            await self._process.wait()


class Crowd:
    """The crowd's process, as its test commands it."""

    def __init__(self, folder: Path, plan: Plan) -> None:
        self.folder = folder
        plan.write(folder)
        self._process: asyncio.subprocess.Process | None = None
        self._lines = journal.Tail(folder / "customers.jsonl")
        self._posted = 0
        self.statuses: dict[int, int] = {}

    async def start(self) -> None:
        """It runs, and does nothing yet but look at screens."""
        with (self.folder / "crowd.log").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "tests.chaos.crowd", str(self.folder)),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
            )

    async def tell(self, command: str, *, seconds: float = 30.0) -> None:
        """It did what was said. TimeoutError after so many seconds."""
        assert self._process is not None
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(command.encode() + b"\n")
        async with asyncio.timeout(seconds):
            answer = await self._process.stdout.readline()
        assert answer == b"done\n", (self.folder / "crowd.log").read_text()[-2000:]

    async def end(self) -> None:
        """It has ended, and its journals are whole."""
        if self._process is not None and self._process.returncode is None:
            assert self._process.stdin is not None
            self._process.stdin.close()
            try:
                async with asyncio.timeout(10):
                    await self._process.wait()
            except TimeoutError:
                self._process.kill()
                await self._process.wait()

    def accepted(self) -> int:
        """Returns how many attempts were answered 200 so far."""
        self._read()
        return self.statuses.get(200, 0)

    def posted(self) -> int:
        """Returns how many attempts began so far."""
        self._read()
        return self._posted

    def _read(self) -> None:
        for line in self._lines.fresh():
            if line["event"] == "answer":
                self.statuses[line["status"]] = self.statuses.get(line["status"], 0) + 1
            self._posted += line["event"] == "sent"
