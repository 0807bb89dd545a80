import asyncio
import os
import time
from pathlib import Path

import pytest


@pytest.fixture
def until():
    """Waits for a condition with a deadline; returns how long it took."""

    async def wait(condition, *, within=10.0):
        begun = time.monotonic()
        async with asyncio.timeout(within):
            while not condition():
                await asyncio.sleep(0.02)
        return time.monotonic() - begun

    return wait


@pytest.fixture
def is_alive():
    """True while a process of that pid runs and is no zombie."""

    def alive(pid: int) -> bool:
        try:
            return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
        except FileNotFoundError:
            return False

    assert alive(os.getpid())
    return alive
