"""Merges and undos in any order, repeated, refused; and what a person is after them."""

import itertools

import pytest

from lobby.events.v1.event_log_service_pb2 import EventRef
from lobby.identity.v1 import events_pb2 as told_pb
from lobby_common import ids
from lobby_common.errors import Conflict, NotFound
from lobby_identity.domain.graph import LARGEST_GROUP
from lobby_identity.journey import Journey
from tests.component.identity.conftest import TG1, WA1, Identity, addresses, wrote


@pytest.fixture
async def people(identity) -> list[str]:
    said = await identity.hear(*(wrote(WA1, f"phone:+6681111000{number}", minutes=number) for number in range(5)))
    return [each.contact_id for each in said]


async def roots(identity: Identity, people: list[str]) -> list[int]:
    """Of each contact, the number of its canonical one."""
    return [people.index((await identity.contact(each)).contact_id) for each in people]


async def link(identity: Identity, people: list[str], one: int, other: int) -> str:
    return (await identity.merge(people[one], people[other])).merge.merge_id


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
async def test_merges_of_merges_are_undone_in_any_order(identity, people, order):
    links = [
        await link(identity, people, 0, 1),
        await link(identity, people, 2, 1),
        await link(identity, people, 0, 3),
    ]
    assert len(set((await roots(identity, people))[:4])) == 1
    for number in order:
        await identity.undo(links[number])
    assert await roots(identity, people) == [0, 1, 2, 3, 4]


async def test_a_merge_with_one_that_is_merged_away_links_exactly_the_two_named(identity, people):
    first = await link(identity, people, 0, 1)
    await link(identity, people, 2, 1)
    assert await roots(identity, people) == [2, 2, 2, 3, 4]
    await identity.undo(first)
    assert await roots(identity, people) == [0, 2, 2, 3, 4]


async def test_the_url_s_id_survives_also_when_it_was_merged_away_and_undo_gives_the_former_ids_back(identity, people):
    await link(identity, people, 0, 1)
    second = await link(identity, people, 1, 2)
    assert await roots(identity, people) == [1, 1, 1, 3, 4]
    await identity.undo(second)
    assert await roots(identity, people) == [0, 0, 2, 3, 4]


async def test_merging_what_is_one_already_adds_a_link_and_tells_nothing(identity, people):
    first = await link(identity, people, 0, 1)
    second = await link(identity, people, 0, 1)
    assert len(await identity.told(told_pb.ContactMerged)) == 1
    await identity.undo(first)
    assert await roots(identity, people) == [0, 0, 2, 3, 4]
    assert await identity.told(told_pb.ContactSplit) == []
    await identity.undo(second)
    assert await roots(identity, people) == [0, 1, 2, 3, 4]


async def test_a_merge_of_who_is_one_already_puts_the_url_s_id_first_and_its_undo_puts_it_back(identity, people):
    first = await link(identity, people, 0, 1)
    second = await link(identity, people, 1, 0)
    assert await roots(identity, people) == [1, 1, 2, 3, 4]
    told = (await identity.told(told_pb.ContactMerged))[-1]
    assert (told.group.contact_id, told.merged_contact_id) == (people[1], people[0])
    await identity.undo(second)
    assert await roots(identity, people) == [0, 0, 2, 3, 4]
    [split] = await identity.told(told_pb.ContactSplit)
    assert [each.contact_id for each in split.groups] == [people[0]]
    assert split.version > told.version
    await identity.undo(first)
    assert await roots(identity, people) == [0, 1, 2, 3, 4]


async def test_a_merge_that_only_changed_the_id_is_undone_after_the_one_that_joined(identity, people):
    first = await link(identity, people, 0, 1)
    second = await link(identity, people, 1, 0)
    await identity.undo(first)
    assert await roots(identity, people) == [1, 1, 2, 3, 4]
    await identity.undo(second)
    assert await roots(identity, people) == [0, 1, 2, 3, 4]


async def test_undoing_twice_changes_nothing(identity, people):
    merge_id = await link(identity, people, 0, 1)
    first = await identity.undo(merge_id)
    second = await identity.undo(merge_id)
    assert first.merge == second.merge
    assert sorted(each.contact_id for each in second.contacts) == sorted(people[:2])
    assert len(await identity.told(told_pb.ContactSplit)) == 1


async def test_the_same_request_id_gives_the_same_answer(identity, people):
    first = await identity.merge(people[0], people[1], request_id="r1")
    assert await identity.merge(people[0], people[1], request_id="r1") == first
    undone = await identity.undo(first.merge.merge_id, request_id="r1")
    assert await identity.undo(first.merge.merge_id, request_id="r1") == undone


async def test_a_contact_is_not_merged_with_itself(identity, people):
    with pytest.raises(Conflict, match="SAME_CONTACT"):
        await identity.merge(people[0], people[0])
    with pytest.raises(NotFound, match="CONTACT_NOT_FOUND"):
        await identity.merge(people[0], "x")


@pytest.mark.parametrize("merge_id", ["", "x", ids.derive_id(None, "none")])
async def test_an_unknown_merge_is_not_found(identity, merge_id):
    with pytest.raises(NotFound, match="MERGE_NOT_FOUND"):
        await identity.undo(merge_id)


async def test_later_traffic_stays_with_its_own_record_after_an_undo(identity, people):
    merge_id = await link(identity, people, 0, 1)
    await identity.hear(wrote(WA1, "phone:+66811110001", "bsuid@p:TH.1", minutes=30, display_name="One"))
    await identity.undo(merge_id)
    contact = await identity.contact(people[1])
    assert addresses(contact) == {"phone:+66811110001", "bsuid@p:TH.1"}
    assert contact.display_name == "One"
    assert addresses(await identity.contact(people[0])) == {"phone:+66811110000"}


async def test_a_group_that_would_be_too_large_is_refused_and_nothing_changes(identity, people):
    rest = await identity.hear(
        *(wrote(WA1, f"phone:+6682{number:07}", minutes=number) for number in range(LARGEST_GROUP))
    )
    await identity.pool.execute(
        "UPDATE channel_user SET root_id = $1 WHERE contact_id = ANY($2::uuid[])",
        rest[0].contact_id,
        [each.contact_id for each in rest],
    )
    with pytest.raises(Conflict, match="GROUP_TOO_LARGE"):
        await identity.merge(people[0], rest[0].contact_id)
    (card,) = await identity.hear(wrote(TG1, "telegram_id:7", own_phone="+66820000003", minutes=2000))
    assert card.contact_id != rest[0].contact_id
    assert await identity.told(told_pb.ContactMerged) == []
    assert await identity.pool.fetchval("SELECT end_reason FROM link") == "group_too_large"


async def test_events_of_one_person_carry_rising_versions_and_the_surviving_contact_as_key(identity, people):
    first = await link(identity, people, 0, 1)
    await link(identity, people, 2, 0)
    await identity.undo(first)
    told = [each for each in await identity.events() if not each.type.endswith("MessageIdentified")]
    assert [each.key for each in told] == [people[0], people[2], people[2]]
    payloads = [each for each in await identity.told() if not isinstance(each, told_pb.MessageIdentified)]
    versions = [each.version for each in payloads]
    assert versions == sorted(set(versions))
    assert [len(each.channel_user_ids) for each in payloads[-1].groups] == [2, 1]


async def test_a_name_and_language_missing_in_the_surviving_record_come_from_the_other(identity):
    (bare,) = await identity.hear(wrote(WA1, "phone:+1"))
    (named,) = await identity.hear(wrote(WA1, "phone:+2", display_name="Bea", locale="pt", minutes=1))
    contact = (await identity.merge(bare.contact_id, named.contact_id)).contact
    assert (contact.display_name, contact.language) == ("Bea", "pt")


async def test_the_journey_says_who_was_resolved_and_what_was_merged(identity):
    await identity.hear(wrote(WA1, "phone:+66811111111"))
    card = wrote(TG1, "telegram_id:777", own_phone="+66811111111", minutes=1)
    incoming = identity.incoming(card)
    async with identity.log.transaction() as tx:
        await identity.handler.apply(tx, [incoming])
        await tx.conn.execute("INSERT INTO applied_range (producer, lane, first, count) VALUES ('connectors', 0, 1, 1)")
    ref = EventRef(service="connectors", lane=0, position=1, event_id=incoming.event.id)
    async with identity.pool.acquire() as conn:
        steps = await Journey(identity.log).describe(conn, [ref], card.message_id)
    assert sorted((each.step, each.detail) for each in steps) == [
        ("contact_resolved", "new_contact"),
        ("merged", "verified_phone"),
    ]
