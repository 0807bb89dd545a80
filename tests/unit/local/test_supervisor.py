import asyncio

import pytest

from lobby_local.child import ChildDiedError
from lobby_local.supervisor import LONGEST_PAUSE_SECONDS, StartError, Supervisor, next_pause


class Fake:
    """A server that lives and dies on command."""

    pid = 1

    def __init__(self, name, journal, *, dies_early=0):
        self.name = name
        self.journal = journal
        self.dies_early = dies_early
        self.ended = asyncio.Event()

    async def spawn(self):
        self.journal.append(f"spawn {self.name}")
        self.ended = asyncio.Event()

    async def ready(self):
        if self.dies_early:
            self.dies_early -= 1
            raise ChildDiedError(f"{self.name} ended")

    async def exited(self):
        await self.ended.wait()
        return -9

    async def stop(self):
        self.journal.append(f"stop {self.name}")
        self.ended.set()


@pytest.fixture
def journal():
    return []


@pytest.fixture
async def supervisor(journal):
    async def restarted(server):
        journal.append(f"restarted {server.name}")

    made = Supervisor(on_restart=restarted, report=lambda _: None)
    yield made
    await made.stop()


async def test_groups_start_together_and_stop_in_reverse_order(supervisor, journal):
    await supervisor.start([Fake("database", journal)])
    await supervisor.start([Fake("service", journal)], [Fake("door", journal)])
    await supervisor.stop()
    assert journal[-3:] == ["stop door", "stop service", "stop database"]


async def test_what_dies_is_started_again_and_told(supervisor, journal):
    server = Fake("service", journal)
    await supervisor.start([server])
    server.ended.set()
    async with asyncio.timeout(2):
        while "restarted service" not in journal:
            await asyncio.sleep(0.01)
    assert journal == ["spawn service", "spawn service", "restarted service"]


async def test_an_early_death_is_forgiven_twice(supervisor, journal):
    await supervisor.start([Fake("slow", journal, dies_early=2)])
    assert journal == ["spawn slow"] * 3


async def test_a_third_early_death_ends_the_start(supervisor, journal):
    with pytest.raises(StartError, match="broken ended"):
        await supervisor.start([Fake("broken", journal, dies_early=3), Fake("other", journal)])
    await supervisor.stop()
    assert "stop other" in journal


def test_restarts_slow_down_only_while_a_server_keeps_dying_quickly():
    pauses = [0.0]
    for _ in range(8):
        pauses.append(next_pause(pauses[-1], lived_seconds=0.1))
    assert pauses[1:3] == [0.1, 0.2]
    assert pauses[-1] == LONGEST_PAUSE_SECONDS
    assert next_pause(pauses[-1], lived_seconds=60) == 0
