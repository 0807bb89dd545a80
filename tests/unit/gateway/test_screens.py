"""Both doors of live screens: what goes wrong while a screen is served is said."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from starlette.websockets import WebSocketDisconnect
from structlog.testing import capture_logs

from lobby_gateway.live import items
from lobby_gateway.live.feed import KEY_REVOKED, Ended, Frame
from lobby_gateway.live.screens import pump


async def frames(error: Exception) -> AsyncIterator[Frame]:
    """One frame, then the feed breaks."""
    yield Frame("1", items.notice(items.HEARTBEAT))
    raise error


async def emit(_: Frame) -> None:
    """The client has it."""


async def test_a_feed_that_breaks_ends_the_screen_and_is_logged():
    with capture_logs() as said:
        await pump(frames(ValueError("broken")), emit, asyncio.Event().wait())
    assert [(line["event"], line["log_level"]) for line in said] == [("screen_failed", "error")]


async def test_a_client_that_vanished_is_no_failure():
    async def vanished(_: Frame) -> None:
        raise WebSocketDisconnect

    with capture_logs() as said:
        await pump(frames(ValueError("never reached")), vanished, asyncio.Event().wait())
    assert said == []


async def test_what_this_side_ends_is_told():
    with pytest.raises(Ended):
        await pump(frames(Ended(KEY_REVOKED)), emit, asyncio.Event().wait())
