"""The checker can see: under the fault for which a guard is there, Lobby fails without it, and passes as it is."""

import contextlib

import pytest

from lobby_local import Stack
from tests.chaos.mutations.mutants import MUTANTS
from tests.chaos.mutations.scenes import SCENES, counter_stands_still_and_goes_on, the_database_loses_its_power
from tests.chaos.power import stack_on_disks
from tests.chaos.world import new_world

pytestmark = [pytest.mark.chaos_full, pytest.mark.asyncio(loop_scope="session")]

POWER = "the database loses its power"
"""Needs a stack of its own; as it is Lobby passes it in test_power_cut.py."""
REPLICAS = "counter stands still and goes on"
"""The same, in test_replicas.py."""
QUIET_WITHIN = 12.0
"""Seconds after which a mutant is judged, also if it never comes to rest."""


@pytest.mark.parametrize("scene", SCENES)
async def test_as_it_is_lobby_passes(world, scene):
    await world.write()
    await SCENES[scene](world)
    await world.is_exactly_once()


@pytest.mark.parametrize(
    "mutant",
    [
        pytest.param(each, id=each.name, marks=[pytest.mark.loop_device] if each.scene == POWER else [])
        for each in MUTANTS
    ],
)
async def test_without_a_guard_it_fails(mutant, session, sandbox, tmp_path, monkeypatch):
    mutant.write(tmp_path / "mutant")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "mutant"))
    (tmp_path / "crowd").mkdir()
    async with contextlib.AsyncExitStack() as ending:
        if mutant.scene == POWER:
            power = await ending.enter_async_context(stack_on_disks(tmp_path))
            stack, scene = power.stack, lambda world: the_database_loses_its_power(world, power)
        elif mutant.scene == REPLICAS:
            stack = await ending.enter_async_context(Stack(tmp_path / "home", port=0, replicas=2))
            scene = counter_stands_still_and_goes_on
        else:
            stack = await ending.enter_async_context(Stack(tmp_path / "home", port=0))
            scene = SCENES[mutant.scene]
        world = await ending.enter_async_context(new_world(stack, session, sandbox, tmp_path / "crowd"))
        await world.write()
        await scene(world)
        violations, _ = await world.judged(within=QUIET_WITHIN)
    print(mutant.name, *violations, sep="\n  ")
    assert mutant.expected & {each.invariant for each in violations}
