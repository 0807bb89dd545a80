"""Logs of what was done and seen outside Lobby: one JSON object a line, on disk within a twentieth of a second."""

import asyncio
import json
import os
import time
from pathlib import Path
from typing import Any

_SYNC_SECONDS = 0.05


class Journal:
    """A log that one process writes."""

    def __init__(self, path: Path) -> None:
        self._handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._dirty = False

    def write(self, event: str, **facts: Any) -> None:
        """The line is in the file; `at` says when, in seconds of this machine's clock."""
        line = {"at": round(time.time(), 6), "event": event, **facts}
        os.write(self._handle, json.dumps(line, ensure_ascii=False).encode("utf-8", "surrogatepass") + b"\n")
        self._dirty = True

    async def keep(self) -> None:
        """What was written is made durable, over and over, until cancelled; then once more."""
        try:
            while True:
                await asyncio.sleep(_SYNC_SECONDS)
                if self._dirty:
                    self._dirty = False
                    await asyncio.to_thread(os.fsync, self._handle)
        finally:
            os.fsync(self._handle)


def read(path: Path) -> list[dict[str, Any]]:
    """Returns the whole lines of a journal, oldest first; none where there is no file yet."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_bytes().splitlines(keepends=True) if line.endswith(b"\n")]


class Tail:
    """The lines of a journal that somebody else writes, each once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._at = 0

    def fresh(self) -> list[dict[str, Any]]:
        """Returns the whole lines since the last call."""
        if not self._path.exists():
            return []
        with self._path.open("rb") as file:
            file.seek(self._at)
            data = file.read()
        whole = data[: data.rfind(b"\n") + 1]
        self._at += len(whole)
        return [json.loads(line) for line in whole.splitlines()]
