"""Commands that come twice: the second gets the first one's answer, whatever happens in between."""

import asyncio

import pytest

from lobby.events.v1.event_log_service_pb2 import EventRef
from lobby_common import caller
from lobby_common.caller import Caller
from lobby_common.requests import answer_once
from lobby_common.service import start
from tests.component.common.test_event_flow import TELLER


async def ask(runtime, workspace: str, request_id: str, made: list[str], answer: str) -> str:
    async def make() -> EventRef:
        made.append(answer)
        return EventRef(event_id=answer)

    with caller.use(Caller(workspace, "owner")):
        async with runtime.log.transaction() as tx:
            return (await answer_once(tx, "Do", request_id, EventRef, make)).event_id


async def test_the_first_answer_is_everybodys_answer(world):
    async with start(TELLER, world.config("connectors")) as runtime:
        made: list[str] = []
        answers = await asyncio.gather(*(ask(runtime, "w", "r1", made, str(n)) for n in range(5)))
        assert len(set(answers)) == 1
        assert len(made) == 1


async def test_other_workspaces_and_unnamed_requests_share_nothing(world):
    async with start(TELLER, world.config("connectors")) as runtime:
        made: list[str] = []
        assert await ask(runtime, "w1", "r", made, "1") == "1"
        assert await ask(runtime, "w2", "r", made, "2") == "2"
        assert await ask(runtime, "w1", "", made, "3") == "3"
        assert await ask(runtime, "w1", "", made, "4") == "4"


async def test_a_request_that_fell_is_not_remembered(world):
    async with start(TELLER, world.config("connectors")) as runtime:

        async def fail() -> EventRef:
            raise ZeroDivisionError

        with caller.use(Caller("w", "owner")), pytest.raises(ZeroDivisionError):
            async with runtime.log.transaction() as tx:
                await answer_once(tx, "Do", "r", EventRef, fail)
        assert await ask(runtime, "w", "r", [], "later") == "later"
