"""Tags say who or what set them; merges bring them together, and an undo gives each contact its own back."""

import itertools
from random import Random

import pytest

from lobby.identity.v1 import contact_pb2, tag_service_pb2
from lobby.identity.v1 import events_pb2 as told_pb
from lobby_common import ids
from lobby_common.errors import Conflict, Invalid, NotFound
from lobby_identity.domain import tags
from tests.component.identity.conftest import WA1, Identity, erase, wrote


async def people(identity: Identity, count: int = 3) -> list[str]:
    said = await identity.hear(*(wrote(WA1, f"phone:+668111100{number:02}", minutes=number) for number in range(count)))
    return [each.contact_id for each in said]


async def shown(identity: Identity, contact_id: str) -> list[str]:
    return list((await identity.contact(contact_id)).tags)


async def test_a_tag_is_shown_with_who_set_it_and_when(identity):
    [contact_id, *_] = await people(identity)
    await identity.tag(contact_id, "  vip ")
    agent = ids.new_id()
    await identity.tag(contact_id, "vip", role="agent", agent_id=agent)
    contact = await identity.contact(contact_id)
    assert list(contact.tags) == ["vip"]
    by_key, by_agent = contact.tag_origins
    assert (by_key.tag, by_key.origin, by_key.source_id) == ("vip", contact_pb2.TAG_ORIGIN_API, "key-1")
    assert (by_agent.origin, by_agent.source_id) == (contact_pb2.TAG_ORIGIN_AGENT, agent)
    assert by_key.set_time.ToNanoseconds() < by_agent.set_time.ToNanoseconds()


async def test_setting_or_removing_a_tag_again_changes_and_tells_nothing(identity):
    [contact_id, *_] = await people(identity)
    first = await identity.tag(contact_id, "vip")
    assert await identity.tag(contact_id, "vip") == first
    await identity.untag(contact_id, "vip")
    assert list((await identity.untag(contact_id, "vip")).tags) == []
    assert [list(each.fields) for each in await identity.told(told_pb.ContactChanged)] == [["tags"], ["tags"]]


async def test_a_tag_that_was_removed_can_be_set_again(identity):
    [contact_id, *_] = await people(identity)
    await identity.tag(contact_id, "vip")
    await identity.untag(contact_id, "vip")
    assert list((await identity.tag(contact_id, "vip")).tags) == ["vip"]


async def test_a_person_shows_the_tags_of_all_his_contacts(identity):
    one, other, _ = await people(identity)
    await identity.tag(one, "vip")
    await identity.tag(other, "late")
    await identity.merge(one, other)
    assert await shown(identity, one) == ["late", "vip"]
    assert await shown(identity, other) == ["late", "vip"]


async def test_an_undo_gives_each_its_own_tags_back_after_later_changes(identity):
    one, other, third = await people(identity)
    await identity.tag(one, "vip")
    await identity.tag(other, "late")
    merge_id = (await identity.merge(one, other)).merge.merge_id
    await identity.untag(one, "late")
    await identity.tag(other, "paid")
    assert await shown(identity, other) == ["paid", "vip"]
    later = (await identity.merge(third, one)).merge.merge_id
    assert await shown(identity, third) == ["paid", "vip"]
    await identity.undo(merge_id)
    assert await shown(identity, other) == ["late", "paid"]
    await identity.undo(later)
    assert [await shown(identity, each) for each in (one, third)] == [["vip"], []]


async def test_a_tag_that_was_removed_from_the_other_contact_too_stays_away_from_both(identity):
    one, other, _ = await people(identity)
    await identity.tag(one, "vip")
    merge_id = (await identity.merge(one, other)).merge.merge_id
    await identity.untag(other, "vip")
    await identity.untag(one, "vip")
    await identity.undo(merge_id)
    assert [await shown(identity, each) for each in (one, other)] == [[], []]


@pytest.mark.parametrize("seed", range(12))
async def test_when_all_is_undone_everybody_has_the_tags_he_would_have_had_without_any_merge(identity, seed):
    random = Random(seed)
    contacts = await people(identity, 5)
    alone: dict[str, set[str]] = {each: set() for each in contacts}
    links: list[str] = []
    for _ in range(40):
        one, other = random.sample(contacts, 2)
        tag = random.choice(["vip", "late", "paid"])
        match random.choice(["tag", "tag", "untag", "merge", "undo"]):
            case "tag":
                assert tag in (await identity.tag(one, tag)).tags
                alone[one].add(tag)
            case "untag":
                assert tag not in (await identity.untag(one, tag)).tags
                alone[one].discard(tag)
            case "merge":
                links.append((await identity.merge(one, other)).merge.merge_id)
            case "undo" if links:
                await identity.undo(links.pop(random.randrange(len(links))))
    random.shuffle(links)
    for link in links:
        await identity.undo(link)
    assert {each: set(await shown(identity, each)) for each in contacts} == alone


async def test_the_same_request_id_gives_the_same_answer(identity):
    [contact_id, *_] = await people(identity)
    first = await identity.tag(contact_id, "vip", request_id="r1")
    await identity.untag(contact_id, "vip")
    assert await identity.tag(contact_id, "vip", request_id="r1") == first
    assert await shown(identity, contact_id) == []


async def test_a_person_has_so_many_tags_and_no_more_by_hand(identity):
    [contact_id, *_] = await people(identity)
    for number in range(tags.MOST):
        await identity.tag(contact_id, f"tag {number}")
    with pytest.raises(Conflict, match="TOO_MANY_TAGS"):
        await identity.tag(contact_id, "one more")
    await identity.untag(contact_id, "tag 7")
    assert "one more" in (await identity.tag(contact_id, "one more")).tags


async def test_what_is_no_tag_and_who_is_no_contact_is_refused(identity, pool):
    [contact_id, *_] = await people(identity)
    with pytest.raises(Invalid, match="BAD_TAG"):
        await identity.tag(contact_id, "   ")
    stranger = Identity(pool)
    for change in (stranger.tag, stranger.untag):
        with pytest.raises(NotFound, match="CONTACT_NOT_FOUND"):
            await change(contact_id, "vip")


async def test_an_agent_tags_only_whom_he_may_see(identity):
    one, other, _ = await people(identity)
    identity.visibility.seen = {one}
    agent = {"role": "agent", "agent_id": ids.new_id()}
    assert list((await identity.tag(one, "vip", **agent)).tags) == ["vip"]
    for change in (identity.tag, identity.untag):
        with pytest.raises(NotFound, match="CONTACT_NOT_FOUND"):
            await change(other, "vip", **agent)


async def test_who_is_forgotten_has_no_tags_and_gets_none(identity):
    one, other, _ = await people(identity)
    for each, tag in itertools.product((one, other), ("vip", "late")):
        await identity.tag(each, tag)
    await identity.merge(one, other)
    await identity.untag(one, "late")
    await erase(identity, one)
    for table in ("contact_tag", "hidden_tag"):
        assert await identity.pool.fetchval(f"SELECT count(*) FROM {table}") == 0, table
    with pytest.raises(Conflict, match="CONTACT_ERASED"):
        await identity.tag(other, "vip")


async def test_tags_that_a_former_release_imported_are_shown_and_can_be_removed(identity):
    [contact_id, *_] = await people(identity)
    await identity.pool.execute("UPDATE contact SET tags = '{late,vip}' WHERE contact_id = $1", contact_id)
    contact = await identity.contact(contact_id)
    assert [(each.tag, each.origin, each.source_id) for each in contact.tag_origins] == [
        ("late", contact_pb2.TAG_ORIGIN_IMPORT, ""),
        ("vip", contact_pb2.TAG_ORIGIN_IMPORT, ""),
    ]
    assert list((await identity.untag(contact_id, "late")).tags) == ["vip"]
    assert list((await identity.untag(contact_id, "vip")).tags) == []
    assert list((await identity.tag(contact_id, "vip")).tags) == ["vip"]


def test_a_tag_of_a_request_is_as_long_as_a_tag_may_be():
    rules = tag_service_pb2.DESCRIPTOR.message_types_by_name["SetTagRequest"].fields_by_name["tag"].GetOptions()
    [field] = [value for option, value in rules.ListFields() if option.full_name == "buf.validate.field"]
    assert field.string.max_len == tags.LONGEST
