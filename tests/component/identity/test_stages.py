"""Where people stand in their life cycle: moved by hand or by a purchase, told, listed, and parted again by an undo."""

from random import Random
from typing import Any

import pytest

from lobby.identity.v1 import contact_pb2
from lobby.identity.v1 import events_pb2 as told_pb
from lobby.identity.v1 import life_cycle_service_pb2 as pb
from lobby.identity.v1 import purchase_service_pb2 as purchase_pb
from lobby_common import ids
from lobby_common.errors import Conflict, Invalid, NotFound
from tests.component.identity.conftest import WA1, Identity, erase, wrote


@pytest.fixture
async def people(identity) -> list[str]:
    said = await identity.hear(*(wrote(WA1, f"phone:+668111100{number:02}", minutes=number) for number in range(4)))
    return [each.contact_id for each in said]


async def move(identity: Identity, contact_id: str, stage: str, role: str = "owner") -> contact_pb2.Contact:
    with identity.calls(role, ids.new_id() if role == "agent" else ""):
        request = pb.SetStageRequest(contact_id=contact_id, stage=stage)
        return (await identity.life_cycle.SetStage(request, None)).contact


async def changes(identity: Identity, contact_id: str, **more: Any) -> pb.ListStageChangesResponse:
    with identity.calls():
        request = pb.ListStageChangesRequest(contact_id=contact_id, **more)
        return await identity.life_cycle.ListStageChanges(request, None)


async def choose(identity: Identity, *stages: str, purchase_stage: str = "") -> pb.LifeCycle:
    with identity.calls():
        request = pb.UpdateLifeCycleRequest(stages=stages, purchase_stage=purchase_stage)
        return (await identity.life_cycle.UpdateLifeCycle(request, None)).life_cycle


async def buy(identity: Identity, contact_id: str) -> str:
    with identity.calls():
        request = purchase_pb.RecordPurchaseRequest(contact_id=contact_id, amount="1", currency="USD")
        return (await identity.purchases.RecordPurchase(request, None)).purchase.purchase_id


async def test_who_was_never_moved_is_in_the_first_stage(identity, people):
    contact = await identity.contact(people[0])
    assert (contact.stage, contact.HasField("stage_time")) == ("new", False)


async def test_a_move_is_shown_listed_and_told_with_who_made_it(identity, people):
    contact = await move(identity, people[0], "engaged")
    assert contact.stage == "engaged"
    await move(identity, people[0], "lost", "agent")
    last, first = (await changes(identity, people[0])).stage_changes
    assert (first.former_stage, first.stage, first.origin, first.source_id) == (
        "new",
        "engaged",
        contact_pb2.TAG_ORIGIN_API,
        "key-1",
    )
    assert (last.former_stage, last.stage, last.origin) == ("engaged", "lost", contact_pb2.TAG_ORIGIN_AGENT)
    told = await identity.told(told_pb.ContactStageChanged)
    assert [(each.former_stage, each.stage) for each in told] == [("new", "engaged"), ("engaged", "lost")]
    assert told[0].change_time == contact.stage_time


async def test_moving_to_where_somebody_is_changes_and_tells_nothing(identity, people):
    first = await move(identity, people[0], "engaged")
    assert await move(identity, people[0], "engaged") == first
    assert len(await identity.told(told_pb.ContactStageChanged)) == 1


async def test_a_purchase_makes_a_customer_once(identity, people):
    purchase_id = await buy(identity, people[0])
    await buy(identity, people[0])
    [change] = (await changes(identity, people[0])).stage_changes
    assert (change.stage, change.origin, change.source_id) == ("customer", contact_pb2.TAG_ORIGIN_RULE, purchase_id)


async def test_a_workspace_names_its_own_stages(identity, people):
    await move(identity, people[0], "lost")
    chosen = await choose(identity, "lead", "buyer", purchase_stage="buyer")
    assert (list(chosen.stages), chosen.purchase_stage) == (["lead", "buyer"], "buyer")
    assert (await identity.contact(people[1])).stage == "lead"
    assert (await identity.contact(people[0])).stage == "lost"
    await buy(identity, people[1])
    assert (await identity.contact(people[1])).stage == "buyer"
    with pytest.raises(Invalid, match="UNKNOWN_STAGE"):
        await move(identity, people[0], "customer")


async def test_where_no_stage_is_named_for_it_a_purchase_moves_nobody(identity, people):
    await choose(identity, "lead", "buyer")
    await buy(identity, people[0])
    assert (await identity.contact(people[0])).stage == "lead"


@pytest.mark.parametrize(
    ("stages", "purchase_stage"),
    [(("a", "a"), ""), (("a", " "), ""), (("a", "b"), "c")],
    ids=["twice", "empty", "other"],
)
async def test_what_are_no_stages_is_refused(identity, stages, purchase_stage):
    with pytest.raises(Invalid, match="BAD_STAGE"):
        await choose(identity, *stages, purchase_stage=purchase_stage)


async def test_of_a_merged_person_the_last_move_counts_and_an_undo_parts_them(identity, people):
    one, other, *_ = people
    await move(identity, one, "lost")
    await move(identity, other, "engaged")
    merge_id = (await identity.merge(one, other)).merge.merge_id
    assert (await identity.contact(one)).stage == "engaged"
    assert len((await changes(identity, one)).stage_changes) == 2
    await move(identity, one, "dormant")
    await identity.undo(merge_id)
    assert [(await identity.contact(each)).stage for each in (one, other)] == ["dormant", "engaged"]


@pytest.mark.parametrize("seed", range(6))
async def test_when_all_is_undone_everybody_stands_where_he_was_moved_last(identity, people, seed):
    random = Random(seed)
    alone = dict.fromkeys(people, "new")
    links: list[str] = []
    for _ in range(30):
        one, other = random.sample(people, 2)
        match random.choice(["move", "move", "merge", "undo"]):
            case "move":
                stage = random.choice(["engaged", "lost"])
                before = (await identity.contact(one)).stage
                assert (await move(identity, one, stage)).stage == stage
                if before != stage:
                    alone[one] = stage
            case "merge":
                links.append((await identity.merge(one, other)).merge.merge_id)
            case "undo" if links:
                await identity.undo(links.pop(random.randrange(len(links))))
    for link in links:
        await identity.undo(link)
    assert {each: (await identity.contact(each)).stage for each in people} == alone


async def test_changes_are_listed_page_by_page(identity, people):
    for stage in ("engaged", "lost", "engaged"):
        await move(identity, people[0], stage)
    first = await changes(identity, people[0], page_size=2)
    second = await changes(identity, people[0], page_size=2, page_token=first.next_page_token)
    assert [each.stage for each in (*first.stage_changes, *second.stage_changes)] == ["engaged", "lost", "engaged"]
    assert second.next_page_token == ""
    with pytest.raises(Invalid, match="BAD_PAGE_TOKEN"):
        await changes(identity, people[0], page_token="bm9uc2Vuc2U")


async def test_nobody_moves_whom_he_may_not_see_or_who_was_forgotten(identity, people, pool):
    with pytest.raises(NotFound, match="CONTACT_NOT_FOUND"):
        await move(Identity(pool), people[0], "lost")
    identity.visibility.seen = {people[0]}
    with pytest.raises(NotFound, match="CONTACT_NOT_FOUND"):
        await move(identity, people[1], "lost", "agent")
    await erase(identity, people[0])
    with pytest.raises(Conflict, match="CONTACT_ERASED"):
        await move(identity, people[0], "lost")
