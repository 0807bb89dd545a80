"""Whoever reads a stream notices that nothing will come any more."""

import asyncio
from types import SimpleNamespace

import pytest

from lobby_common.events import stream
from lobby_common.events.stream import Reading, StreamLost


def reading(asked: asyncio.Event) -> tuple[Reading, dict[str, int]]:
    """A broker that never answers, and how often its client had to connect again."""

    async def publish(*_: object, **__: object) -> None:
        asked.set()

    client = SimpleNamespace(stats={"reconnects": 0}, publish=publish)
    return Reading(client, "CONNECTORS", "consumer", "inbox", asyncio.Queue()), client.stats  # type: ignore[arg-type]


async def test_a_connection_that_is_another_is_noticed_long_before_a_silence(monkeypatch):
    monkeypatch.setattr(stream, "_SILENCE", 3600.0)
    monkeypatch.setattr(stream, "_GLANCE", 0.01)
    asked = asyncio.Event()
    messages, stats = reading(asked)
    receiving = asyncio.create_task(messages.receive())
    await asked.wait()
    stats["reconnects"] += 1
    with pytest.raises(StreamLost, match="another"):
        async with asyncio.timeout(5):
            await receiving


async def test_a_broker_that_says_nothing_is_given_up(monkeypatch):
    monkeypatch.setattr(stream, "_SILENCE", 0.05)
    monkeypatch.setattr(stream, "_GLANCE", 0.01)
    messages, _ = reading(asyncio.Event())
    with pytest.raises(StreamLost, match="silent"):
        async with asyncio.timeout(5):
            await messages.receive()
