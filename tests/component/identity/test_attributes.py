"""A workspace's own attributes: values stay where they were set, and of a person the last one counts."""

from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest

from lobby.identity.v1 import attribute_pb2, contact_pb2
from lobby.identity.v1 import attribute_service_pb2 as pb
from lobby.identity.v1 import events_pb2 as told_pb
from lobby_common import ids
from lobby_common.errors import Conflict, Invalid, NotFound
from lobby_common.times import to_proto
from lobby_identity.domain.attributes import MOST
from tests.component.identity.conftest import WA1, Identity, at, erase, wrote

KINDS = {"tier": "text", "orders": "number", "vip": "boolean", "birthday": "time"}


@pytest.fixture
async def people(identity) -> list[str]:
    for name, kind in KINDS.items():
        await create(identity, name, kind)
    said = await identity.hear(*(wrote(WA1, f"phone:+668111100{number:02}", minutes=number) for number in range(4)))
    return [each.contact_id for each in said]


async def create(identity: Identity, name: str, kind: str, display_name: str = "") -> attribute_pb2.Attribute:
    request = pb.CreateAttributeRequest(
        attribute_name=name,
        kind=attribute_pb2.AttributeKind.Value(f"ATTRIBUTE_KIND_{kind.upper()}"),
        display_name=display_name,
    )
    with identity.calls():
        return (await identity.attributes.CreateAttribute(request, None)).attribute


async def put(identity: Identity, contact_id: str, role: str = "owner", **values: Any) -> contact_pb2.Contact:
    settings = [
        pb.AttributeSetting(attribute_name=name, value=None if value is None else attribute_pb2.AttributeValue(**value))
        for name, value in values.items()
    ]
    with identity.calls(role, ids.new_id() if role == "agent" else ""):
        request = pb.SetAttributesRequest(contact_id=contact_id, attributes=settings)
        return (await identity.attributes.SetAttributes(request, None)).contact


def shown(contact: contact_pb2.Contact) -> dict[str, Any]:
    return {
        each.attribute_name: getattr(each.value, field.name)
        for each in contact.attributes
        for field, _ in each.value.ListFields()
    }


async def test_values_of_each_kind_are_kept_and_shown_with_who_set_them(identity, people):
    values = {
        "tier": {"text": "gold"},
        "orders": {"number": 2.5},
        "vip": {"boolean": False},
        "birthday": {"time": to_proto(at(0))},
    }
    contact = await put(identity, people[0], **values)
    found = {each.attribute_name: each for each in contact.attributes}
    assert {name: each.value for name, each in found.items()} == {
        name: attribute_pb2.AttributeValue(**value) for name, value in values.items()
    }
    assert (found["tier"].origin, found["tier"].source_id) == (contact_pb2.TAG_ORIGIN_API, "key-1")
    assert found["tier"].HasField("set_time")


@pytest.mark.parametrize("edge", [datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)])
async def test_a_time_may_be_the_first_or_the_last_that_there_is(identity, people, edge):
    (found,) = (await put(identity, people[0], birthday={"time": to_proto(edge)})).attributes
    assert abs(found.value.time.ToDatetime(UTC) - edge) == timedelta(microseconds=1)


async def test_the_last_value_counts_and_none_takes_it_away(identity, people):
    await put(identity, people[0], tier={"text": "gold"})
    assert shown(await put(identity, people[0], "agent", tier={"text": "silver"})) == {"tier": "silver"}
    assert shown(await put(identity, people[0], tier=None)) == {}


async def test_the_same_value_again_changes_and_tells_nothing(identity, people):
    first = await put(identity, people[0], tier={"text": "gold"})
    assert await put(identity, people[0], "agent", tier={"text": "gold"}) == first
    assert [list(each.fields) for each in await identity.told(told_pb.ContactChanged)] == [["attributes"]]


async def test_of_a_merged_person_the_last_value_is_shown_and_an_undo_gives_each_his_own_back(identity, people):
    one, other, *_ = people
    await put(identity, one, tier={"text": "gold"}, orders={"number": 1})
    await put(identity, other, tier={"text": "silver"})
    merge_id = (await identity.merge(one, other)).merge.merge_id
    assert shown(await identity.contact(one)) == {"tier": "silver", "orders": 1}
    assert shown(await put(identity, one, tier=None)) == {"orders": 1}
    await identity.undo(merge_id)
    assert shown(await identity.contact(other)) == {"tier": "silver"}
    assert shown(await identity.contact(one)) == {"orders": 1}


@pytest.mark.parametrize("seed", range(8))
async def test_when_all_is_undone_everybody_has_what_was_set_for_him(identity, people, seed):
    random = Random(seed)
    alone: dict[str, dict[str, Any]] = {each: {} for each in people}
    links: list[str] = []
    for number in range(40):
        one, other = random.sample(people, 2)
        match random.choice(["set", "set", "clear", "merge", "undo"]):
            case "set":
                value = random.choice(["gold", "silver"])
                assert shown(await put(identity, one, tier={"text": value}))["tier"] == value
                alone[one] = {"tier": value}
            case "clear":
                assert shown(await put(identity, one, tier=None)) == {}
                alone[one] = {}
            case "merge":
                links.append((await identity.merge(one, other, note=str(number))).merge.merge_id)
            case "undo" if links:
                await identity.undo(links.pop(random.randrange(len(links))))
    for link in links:
        await identity.undo(link)
    assert {each: shown(await identity.contact(each)) for each in people} == alone


@pytest.mark.parametrize(
    "values", [{"tier": {"number": 1}}, {"orders": {"text": "1"}}, {"vip": {"text": "yes", "boolean": True}}]
)
async def test_a_value_of_another_kind_is_refused_and_nothing_is_set(identity, people, values):
    with pytest.raises(Invalid, match="BAD_ATTRIBUTE_VALUE"):
        await put(identity, people[0], birthday={"time": to_proto(at(0))}, **values)
    assert shown(await identity.contact(people[0])) == {}


async def test_attributes_are_made_once_and_keep_their_kind(identity):
    first = await create(identity, "tier", "text", "Tier")
    assert await create(identity, "tier", "text", "Another name") == first
    with pytest.raises(Conflict, match="ATTRIBUTE_DIFFERS"):
        await create(identity, "tier", "number")
    with identity.calls():
        listed = await identity.attributes.ListAttributes(pb.ListAttributesRequest(), None)
    assert list(listed.attributes) == [first]


async def test_a_workspace_has_so_many_attributes(identity):
    for number in range(MOST):
        await create(identity, f"a{number}", "text")
    with pytest.raises(Conflict, match="TOO_MANY_ATTRIBUTES"):
        await create(identity, "one_more", "text")
    await create(identity, "a0", "text")


async def test_what_is_no_attribute_or_no_contact_of_the_workspace_is_not_found(identity, people, pool):
    with pytest.raises(NotFound, match="ATTRIBUTE_NOT_FOUND"):
        await put(identity, people[0], unknown={"text": "x"})
    stranger = Identity(pool)
    await create(stranger, "tier", "text")
    with pytest.raises(NotFound, match="CONTACT_NOT_FOUND"):
        await put(stranger, people[0], tier={"text": "x"})


async def test_an_agent_sets_values_only_of_whom_he_may_see(identity, people):
    identity.visibility.seen = {people[0]}
    await put(identity, people[0], "agent", tier={"text": "gold"})
    with pytest.raises(NotFound, match="CONTACT_NOT_FOUND"):
        await put(identity, people[1], "agent", tier={"text": "gold"})


async def test_who_is_forgotten_has_no_values_and_gets_none(identity, people):
    await put(identity, people[0], tier={"text": "gold"})
    await erase(identity, people[0])
    assert await identity.pool.fetchval("SELECT count(*) FROM contact_attribute") == 0
    with pytest.raises(Conflict, match="CONTACT_ERASED"):
        await put(identity, people[0], tier={"text": "gold"})
