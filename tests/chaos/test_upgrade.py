"""A rolling upgrade under traffic (row 24): old code goes on while the schema is migrated, and beside the new code."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator

import aiohttp
import pytest
import pytest_asyncio

from lobby_local import Stack
from lobby_local.tool import run_tool
from tests.chaos import release
from tests.chaos.world import new_world
from tests.lobby import until

pytestmark = [pytest.mark.chaos_full, pytest.mark.asyncio(loop_scope="session")]

REPLICAS = 2
RATE = 20.0
"""Messages a second: two replicas of everything share the machine."""
ORDER = ("connectors", "identity", "routing", "counter", "translate", "gateway")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def stack(tmp_path_factory) -> AsyncIterator[Stack]:
    """Overrides the stack of the other chaos tests: it is of the release before the last migration, schema and all."""
    older = release.unpack(release.before_last_migration(), tmp_path_factory.mktemp("older"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join(map(str, older)))
        async with Stack(tmp_path_factory.mktemp("upgrade"), port=0, replicas=REPLICAS) as made:
            yield made


async def migrate(stack: Stack, service: str) -> None:
    """The schema is that of the code here; who runs meanwhile is of the older release."""
    admin = {"LOBBY_MIGRATION_DATABASE_URL": stack.plan.database_url}
    env = {name: value for name, value in stack.plan.environment(service).items() if name != "PYTHONPATH"}
    command = next(each.command for each in stack._services if each.name == service)
    await run_tool([*command, "migrate"], env | admin, log=stack.home.log(f"{service}-migrate"))


async def upgrade(world, replica: str) -> None:
    """The replica was asked to end, and one of the code here serves in its place."""
    stack = world.stack
    program = stack._programs[replica]
    program._env.pop("PYTHONPATH")
    old = program.pid
    os.kill(old, signal.SIGTERM)

    async def serves() -> bool:
        if program.pid == old:
            return False
        try:
            async with world.session.get(f"http://{stack.ready().services[replica].http}/readyz") as answer:
                return answer.status == 200
        except aiohttp.ClientError:
            return False

    await until(serves, seconds=60)


@pytest.mark.timeout(600, func_only=True)
async def test_old_and_new_code_share_the_work_on_the_new_schema(stack, session, sandbox, tmp_path):
    async with new_world(stack, session, sandbox, tmp_path, rate=RATE) as world:
        await world.write()
        await world.answers_more()
        with world.fault("migrations while the older release runs"):
            await asyncio.gather(*(migrate(stack, service) for service in ORDER))
        await world.answers_more()
        for ending in ("", "-2"):
            for service in ORDER:
                with world.fault(f"upgrade of {service}{ending}"):
                    await upgrade(world, service + ending)
            await world.answers_more()
        await world.is_exactly_once()
