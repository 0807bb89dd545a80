"""Attributes that are renamed, and those that are gone: nobody shows their values, now or under the same name later."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from lobby.identity.v1 import attribute_pb2
from lobby.identity.v1 import attribute_service_pb2 as pb
from lobby_common.errors import Conflict, Invalid, NotFound
from lobby_identity.app import attributing
from lobby_identity.app.attributing import Remover
from tests.component.identity.conftest import WA1, Identity, erase, wrote
from tests.component.identity.test_attributes import create, put, shown
from tests.component.identity.test_imports import Office

LAN = "+84901234567"
KINDS = {"text": {"text": "gold"}, "number": {"number": 2}, "boolean": {"boolean": False}}


@pytest.fixture
async def people(identity) -> list[str]:
    await create(identity, "tier", "text")
    said = await identity.hear(*(wrote(WA1, f"phone:+668111100{number:02}", minutes=number) for number in range(4)))
    return [each.contact_id for each in said]


@pytest.fixture
async def office(identity) -> AsyncIterator[Office]:
    office = Office(identity)
    yield office
    office.importer.close()


@pytest.fixture
def in_steps(monkeypatch) -> None:
    """Two values are many."""
    monkeypatch.setattr(attributing, "_SOME", 2)


async def delete(identity: Identity, name: str) -> None:
    with identity.calls():
        await identity.attributes.DeleteAttribute(pb.DeleteAttributeRequest(attribute_name=name), None)


async def rename(identity: Identity, name: str, display_name: str) -> attribute_pb2.Attribute:
    with identity.calls():
        request = pb.UpdateAttributeRequest(attribute_name=name, display_name=display_name)
        return (await identity.attributes.UpdateAttribute(request, None)).attribute


async def names(identity: Identity) -> list[str]:
    with identity.calls():
        listed = await identity.attributes.ListAttributes(pb.ListAttributesRequest(), None)
    return [each.attribute_name for each in listed.attributes]


async def stored(identity: Identity) -> int:
    return await identity.pool.fetchval("SELECT count(*) FROM attribute_value")


async def test_what_people_call_an_attribute_changes_and_its_values_stay(identity, people):
    await put(identity, people[0], tier={"text": "gold"})
    assert (await rename(identity, "tier", " Customer tier ")).display_name == "Customer tier"
    assert shown(await identity.contact(people[0])) == {"tier": "gold"}
    assert (await rename(identity, "tier", "")).display_name == "tier"


async def test_a_deleted_attribute_is_shown_and_listed_by_nobody(identity, people):
    await create(identity, "orders", "number")
    await put(identity, people[0], tier={"text": "gold"}, orders={"number": 1})
    await delete(identity, "tier")
    assert await names(identity) == ["orders"]
    assert shown(await identity.contact(people[0])) == {"orders": 1}
    with pytest.raises(Invalid, match="UNKNOWN_ATTRIBUTE"):
        await identity.search(attributes=["tier=gold"])
    with pytest.raises(NotFound, match="ATTRIBUTE_NOT_FOUND"):
        await put(identity, people[0], tier={"text": "gold"})


@pytest.mark.parametrize("kind", KINDS)
async def test_another_attribute_of_the_name_begins_without_values_whatever_its_kind(identity, people, kind):
    await put(identity, people[0], tier={"text": "gold"})
    await put(identity, people[1], tier={"text": "gold"})
    await put(identity, people[1], tier=None)
    await delete(identity, "tier")
    await create(identity, "tier", kind)
    assert [shown(await identity.contact(each)) for each in people] == [{}] * 4
    assert await stored(identity) == 0
    assert shown(await put(identity, people[0], tier=KINDS[kind])) == {"tier": next(iter(KINDS[kind].values()))}


@pytest.mark.usefixtures("in_steps")
async def test_many_values_are_removed_step_by_step_and_the_name_is_free_after_the_last(identity, people, office):
    await office.take(f"phone,tier\n{LAN},gold\n+84901234568,gold\n+84901234569,gold\n")
    for each in people:
        await put(identity, each, tier={"text": "gold"})
    await delete(identity, "tier")
    assert await stored(identity) > 0
    assert [shown(await identity.contact(each)) for each in people] == [{}] * 4
    with pytest.raises(Conflict, match="ATTRIBUTE_BEING_DELETED"):
        await create(identity, "tier", "text")
    remover = Remover(identity.pool)
    while await remover.take():
        pass
    assert await stored(identity) == 0
    await create(identity, "tier", "number")
    assert [shown(await identity.contact(each)) for each in people] == [{}] * 4


@pytest.mark.usefixtures("in_steps")
async def test_only_the_workspace_s_own_values_go(identity, people, pool):
    other = Identity(pool)
    await create(other, "tier", "text")
    said = await other.hear(*(wrote(WA1, f"phone:+668222200{number:02}", minutes=number) for number in range(3)))
    for each in said:
        await put(other, each.contact_id, tier={"text": "gold"})
    for each in people:
        await put(identity, each, tier={"text": "gold"})
    await delete(identity, "tier")
    while await Remover(pool).take():
        pass
    assert {shown(await other.contact(each.contact_id))["tier"] for each in said} == {"gold"}
    with pytest.raises(NotFound, match="ATTRIBUTE_NOT_FOUND"):
        await delete(other, "size")


@pytest.mark.parametrize("call", [delete, lambda identity, name: rename(identity, name, "X")])
async def test_what_is_no_attribute_of_the_workspace_is_not_found(identity, people, pool, call):
    for one, name in ((identity, "unknown"), (Identity(pool), "tier")):
        with pytest.raises(NotFound, match="ATTRIBUTE_NOT_FOUND"):
            await call(one, name)
    assert await names(identity) == ["tier"]


async def test_who_is_forgotten_before_the_last_value_is_removed_has_none(identity, people, monkeypatch):
    monkeypatch.setattr(attributing, "_SOME", 1)
    for each in people[:2]:
        await put(identity, each, tier={"text": "gold"})
    await delete(identity, "tier")
    await erase(identity, people[0])
    await erase(identity, people[1])
    assert await stored(identity) == 0
    assert await Remover(identity.pool).take()


async def test_a_column_of_an_import_that_runs_is_ignored_from_then_on(identity, people, office):
    import_id, parts = await office.upload(f"phone,tier\n{LAN},gold\n")
    await office.start(import_id, parts)
    while (await office.get(import_id)).rows_read == 0:
        await office.importer.take()
    await delete(identity, "tier")
    await create(identity, "tier", "number")
    await office.work(import_id)
    assert await stored(identity) == 0


async def test_a_value_that_is_being_set_is_gone_with_the_attribute_or_comes_too_late(identity, people):
    """Nothing that was said of the former attribute is left, whoever is first."""
    for _ in range(5):
        settings = [put(identity, each, tier={"text": "gold"}) for each in people]
        outcomes = await asyncio.gather(*settings, delete(identity, "tier"), return_exceptions=True)
        assert {type(each) for each in outcomes if isinstance(each, Exception)} <= {NotFound}
        assert await stored(identity) == 0
        await create(identity, "tier", "text")
