"""`kill -9` of every process in turn, under traffic: what was answered 200 is there exactly once, in every service."""

import os
import signal

import pytest

from tests.lobby import until

pytestmark = [pytest.mark.chaos, pytest.mark.asyncio(loop_scope="session")]

VICTIMS = ("connectors", "identity", "routing", "counter", "translate", "gateway", "nats", "postgres")


async def test_whatever_dies_every_message_answered_200_is_there_exactly_once(world):
    world.write()
    for victim in VICTIMS:
        await world.platform.answers_more()
        pid = world.stack.ready().processes[victim]
        os.kill(pid, signal.SIGKILL)

        async def restarted(name: str = victim, old: int = pid) -> bool:
            return world.stack.ready().processes[name] != old

        await until(restarted, seconds=15)
        await until(world.serving, seconds=30)
    await world.platform.answers_more()
    await world.stop_writing()
    await world.is_exactly_once()
