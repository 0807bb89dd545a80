"""Where people stand in their life cycle: moved by hand or by a purchase, told, listed, and parted again by an undo."""

from datetime import UTC, timedelta
from random import Random
from typing import Any

import pytest

from lobby.identity.v1 import contact_pb2
from lobby.identity.v1 import events_pb2 as told_pb
from lobby.identity.v1 import life_cycle_service_pb2 as pb
from lobby.identity.v1 import purchase_service_pb2 as purchase_pb
from lobby.identity.v1 import tag_service_pb2 as tag_pb
from lobby_common import ids
from lobby_common.errors import Conflict, Invalid, NotFound
from lobby_common.times import utc_now
from lobby_identity.app.ruling import RuleBook, Sweeper
from lobby_identity.events import PeopleHandler
from tests.component.identity.conftest import TEN, WA1, Identity, erase, wrote


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


async def silences(identity: Identity, *wanted: tuple[str, int, int]) -> pb.LifeCycle:
    """The usual stages, and after which silence people are in which of them: days, months."""
    with identity.calls():
        found = (await identity.life_cycle.GetLifeCycle(pb.GetLifeCycleRequest(), None)).life_cycle
        request = pb.UpdateLifeCycleRequest(
            stages=found.stages,
            purchase_stage=found.purchase_stage,
            silences=[pb.StageAfterSilence(stage=stage, days=days, months=months) for stage, days, months in wanted],
        )
        return (await identity.life_cycle.UpdateLifeCycle(request, None)).life_cycle


class Silent:
    """Somebody in a workspace where silence moves people, and how long he has been silent."""

    def __init__(self, identity: Identity, book: RuleBook, contact_id: str) -> None:
        self.identity, self.book, self.contact_id = identity, book, contact_id

    async def since(self, days: float) -> contact_pb2.Contact:
        """He wrote last so many days ago, and everything else was long before."""
        await self.identity.pool.execute("UPDATE contact SET create_time = now() - interval '3 years'")
        await self.identity.pool.execute("UPDATE tag_rule SET create_time = now() - interval '4 years'")
        await self.identity.pool.execute(
            "UPDATE contact_activity SET last_seen_time = now() - make_interval(secs => $1)", days * 86_400
        )
        return await self.identity.contact(self.contact_id)

    async def moved(self, stage: str, days_ago: float) -> None:
        """Somebody moved him then."""
        await move(self.identity, self.contact_id, stage)
        await self.identity.pool.execute(
            "UPDATE stage_change SET change_time = now() - make_interval(secs => $1)", days_ago * 86_400
        )


@pytest.fixture
async def silent(identity) -> Silent:
    book = RuleBook()
    identity.handler = PeopleHandler(identity.log, book)
    await silences(identity, ("dormant", 30, 0), ("lost", 0, 6))
    await book.refresh(identity.pool)
    [said] = await identity.hear(wrote(WA1, "phone:+66811110077"))
    return Silent(identity, book, said.contact_id)


@pytest.mark.parametrize(
    ("days", "stage"), [(1, "new"), (29.9, "new"), (30.1, "dormant"), (170, "dormant"), (190, "lost")]
)
async def test_who_is_silent_for_long_is_in_a_later_stage(silent, days, stage):
    contact = await silent.since(days)
    assert contact.stage == stage
    assert contact.HasField("stage_time") == (stage != "new")


async def test_a_stage_says_who_or_what_moved_somebody_there_and_since_when(silent):
    contact = await silent.since(31)
    assert (contact.stage, contact.stage_origin) == ("dormant", contact_pb2.TAG_ORIGIN_RULE)
    rule_id = await silent.identity.pool.fetchval("SELECT rule_id::text FROM tag_rule WHERE tag = 'dormant'")
    assert contact.stage_source_id == rule_id
    since = utc_now() - contact.stage_time.ToDatetime(UTC)
    assert timedelta(hours=23) < since < timedelta(hours=25)
    assert list((await changes(silent.identity, silent.contact_id)).stage_changes) == []
    contact = await move(silent.identity, silent.contact_id, "engaged")
    assert (contact.stage, contact.stage_origin, contact.stage_source_id) == (
        "engaged",
        contact_pb2.TAG_ORIGIN_API,
        "key-1",
    )
    [change] = (await changes(silent.identity, silent.contact_id)).stage_changes
    assert (change.former_stage, change.stage) == ("dormant", "engaged")


async def test_who_writes_again_is_where_he_was_before(silent):
    await silent.moved("customer", 300)
    assert (await silent.since(40)).stage == "dormant"
    minutes = (utc_now() - TEN).total_seconds() / 60
    await silent.identity.hear(wrote(WA1, "phone:+66811110077", minutes=minutes))
    assert (await silent.identity.contact(silent.contact_id)).stage == "customer"


async def test_time_moves_onwards_only_and_nobody_who_was_moved_since(silent):
    await silent.moved("lost", 200)
    assert (await silent.since(40)).stage == "lost"
    await silent.moved("engaged", 5)
    assert (await silent.since(40)).stage == "engaged"
    assert (await silent.since(190)).stage == "engaged"
    await silent.identity.pool.execute("UPDATE stage_change SET change_time = now() - interval '165 days'")
    assert (await silent.since(190)).stage == "lost"


async def test_a_person_is_silent_when_all_his_contacts_are(silent):
    await silent.since(40)
    minutes = (utc_now() - TEN).total_seconds() / 60
    [other] = await silent.identity.hear(wrote(WA1, "phone:+66811110078", minutes=minutes))
    merge_id = (await silent.identity.merge(silent.contact_id, other.contact_id)).merge.merge_id
    assert (await silent.identity.contact(silent.contact_id)).stage == "new"
    await silent.identity.undo(merge_id)
    assert (await silent.identity.contact(silent.contact_id)).stage == "dormant"


async def test_the_clock_tells_once_whom_it_moved(silent):
    await silent.since(29.99)
    sweeper = Sweeper(silent.identity.log, silent.book)
    assert await sweeper.sweep() == 0
    await silent.since(30.02)
    await silent.identity.pool.execute("UPDATE tag_rule SET sweep_time = now() - interval '1 hour'")
    assert [await sweeper.sweep() for _ in range(2)] == [1, 0]
    told = [each for each in await silent.identity.told(told_pb.ContactChanged) if list(each.fields) == ["stage"]]
    assert [each.contact_id for each in told] == [silent.contact_id]


async def test_silences_are_shown_replaced_and_no_rules_of_tags(silent):
    identity = silent.identity
    rows = "SELECT rule_id::text FROM tag_rule WHERE delete_time IS NULL AND tag = 'dormant'"
    kept = await identity.pool.fetchval(rows)
    shown = await silences(identity, ("dormant", 30, 0))
    assert [(each.stage, each.days, each.months) for each in shown.silences] == [("dormant", 30, 0)]
    assert await identity.pool.fetchval(rows) == kept
    assert (await silent.since(190)).stage == "dormant"
    with identity.calls():
        assert list((await identity.tags.ListTagRules(tag_pb.ListTagRulesRequest(), None)).tag_rules) == []
    assert list((await silences(identity)).silences) == []
    assert (await silent.since(190)).stage == "new"


@pytest.mark.parametrize(
    "wanted",
    [
        [("nowhere", 30, 0)],
        [("new", 30, 0)],
        [("lost", 0, 0)],
        [("lost", 30, 1)],
        [("lost", 30, 0), ("lost", 60, 0)],
    ],
    ids=["unknown", "first", "at once", "both", "twice"],
)
async def test_what_is_no_silence_is_refused(identity, wanted):
    with pytest.raises(Invalid, match="BAD_STAGE"):
        await silences(identity, *wanted)
