"""Lists of contacts by what they show: tags, stage, attributes; of all records of a person, by hand and by rule."""

from datetime import timedelta
from random import Random
from typing import Any

import pytest

from lobby.identity.v1 import attribute_pb2, contact_pb2
from lobby.identity.v1 import attribute_service_pb2 as attribute_pb
from lobby.identity.v1 import life_cycle_service_pb2 as stage_pb
from lobby.identity.v1 import purchase_service_pb2 as purchase_pb
from lobby.identity.v1 import tag_service_pb2 as tag_pb
from lobby_common.errors import Invalid
from lobby_common.times import to_proto, utc_now
from lobby_identity.app.ruling import RuleBook
from lobby_identity.events import PeopleHandler
from lobby_identity.store import filters as filter_store
from tests.component.identity.conftest import TEN, WA1, Identity, erase, wrote

KINDS = {"tier": "text", "orders": "number", "member": "boolean", "birthday": "time"}


class Desk:
    """Somebody who says things of contacts and lists them."""

    def __init__(self, identity: Identity) -> None:
        self.identity = identity

    async def make_attributes(self) -> None:
        for name, kind in KINDS.items():
            request = attribute_pb.CreateAttributeRequest(
                attribute_name=name, kind=attribute_pb2.AttributeKind.Value(f"ATTRIBUTE_KIND_{kind.upper()}")
            )
            with self.identity.calls():
                await self.identity.attributes.CreateAttribute(request, None)

    async def meet(self, count: int) -> list[str]:
        said = await self.identity.hear(
            *(
                wrote(WA1, f"phone:+668111100{number:02}", minutes=number, display_name=f"Anna {number}")
                for number in range(count)
            )
        )
        return [each.contact_id for each in said]

    async def put(self, contact_id: str, **values: Any) -> None:
        settings = [
            attribute_pb.AttributeSetting(
                attribute_name=name, value=None if value is None else attribute_pb2.AttributeValue(**value)
            )
            for name, value in values.items()
        ]
        with self.identity.calls():
            request = attribute_pb.SetAttributesRequest(contact_id=contact_id, attributes=settings)
            await self.identity.attributes.SetAttributes(request, None)

    async def move(self, contact_id: str, stage: str) -> None:
        with self.identity.calls():
            request = stage_pb.SetStageRequest(contact_id=contact_id, stage=stage)
            await self.identity.life_cycle.SetStage(request, None)

    async def buy(self, contact_id: str, amount: str) -> None:
        with self.identity.calls():
            request = purchase_pb.RecordPurchaseRequest(contact_id=contact_id, amount=amount, currency="USD")
            await self.identity.purchases.RecordPurchase(request, None)

    async def rule(self, tag: str, kind: str, **more: Any) -> None:
        request = tag_pb.CreateTagRuleRequest(
            tag=tag, kind=tag_pb.TagRuleKind.Value(f"TAG_RULE_KIND_{kind.upper()}"), **more
        )
        with self.identity.calls():
            await self.identity.tags.CreateTagRule(request, None)

    async def silences(self, **days: int) -> None:
        with self.identity.calls():
            request = stage_pb.UpdateLifeCycleRequest(
                stages=["new", "engaged", "customer", "dormant", "lost"],
                silences=[stage_pb.StageAfterSilence(stage=stage, days=each) for stage, each in days.items()],
            )
            await self.identity.life_cycle.UpdateLifeCycle(request, None)

    async def pages(self, query: str = "", size: int = 3, **asked: Any) -> list[list[contact_pb2.Contact]]:
        pages, token = [], ""
        while True:
            answer = await self.identity.search(query, page_size=size, page_token=token, **asked)
            assert len(answer.contacts) <= size
            pages.append(list(answer.contacts))
            token = answer.next_page_token
            if not token:
                return pages

    async def found(self, query: str = "", size: int = 3, **asked: Any) -> list[str]:
        return [each.contact_id for page in await self.pages(query, size, **asked) for each in page]


@pytest.fixture
async def desk(identity) -> Desk:
    desk = Desk(identity)
    await desk.make_attributes()
    return desk


@pytest.fixture(params=["few", "many", "walked"])
def ways(request, monkeypatch) -> None:
    """Persons are looked up by what few have, or the list is walked in short stretches: nobody sees a difference."""
    if request.param != "few":
        monkeypatch.setattr(filter_store, "FEW", 0)
        monkeypatch.setattr(filter_store, "STRETCH", 2)
    if request.param == "walked":
        monkeypatch.setattr(filter_store, "MANY", 0)


def shows(contact: contact_pb2.Contact, asked: dict[str, Any]) -> bool:
    """Said again in other words than the service's."""
    values = {
        each.attribute_name: {"text": each.value.text, "number": f"{each.value.number:g}"}[
            each.value.ListFields()[0][0].name
        ]
        for each in contact.attributes
    }
    return (
        all(tag in contact.tags for tag in asked.get("tags", []))
        and asked.get("stage", contact.stage) == contact.stage
        and all(values.get(each.split("=")[0]) == each.split("=")[1] for each in asked.get("attributes", []))
    )


@pytest.mark.usefixtures("ways")
async def test_tags_stage_and_attributes_go_together_and_with_the_search(desk, identity):
    one, two, three, _ = await desk.meet(4)
    for each in (one, two, three):
        await identity.tag(each, "vip")
    for each in (two, three):
        await identity.tag(each, "vietnam")
        await desk.move(each, "engaged")
    await desk.put(three, tier={"text": "gold"}, orders={"number": 2}, member={"boolean": True})
    assert await desk.found(tags=["vip"]) == [three, two, one]
    assert await desk.found(tags=["vip", "vietnam"]) == [three, two]
    assert await desk.found(stage="engaged", tags=["vip"]) == [three, two]
    assert await desk.found(attributes=["tier=gold", "orders=2.0", "member=true"], tags=["vip"]) == [three]
    assert await desk.found("anna", tags=["vip"]) == [one, two, three]
    assert await desk.found("anna 1", tags=["vip"]) == [two]
    assert await desk.found("+66811110001", tags=["vip"], stage="engaged") == [two]
    assert await desk.found("+66811110000", tags=["vip"], stage="engaged") == []
    assert await desk.found(tags=["VIP"]) == []


@pytest.mark.usefixtures("ways")
async def test_a_merged_person_is_listed_by_what_each_record_was_given_and_once(desk, identity):
    one, two, *_ = await desk.meet(3)
    await identity.tag(one, "vip")
    await identity.tag(two, "vip")
    await identity.tag(two, "vietnam")
    await desk.put(one, tier={"text": "gold"})
    merge_id = (await identity.merge(one, two)).merge.merge_id
    assert await desk.found(tags=["vip", "vietnam"], attributes=["tier=gold"]) == [one]
    await desk.put(two, tier={"text": "silver"})
    assert await desk.found(attributes=["tier=gold"]) == []
    await identity.untag(one, "vietnam")
    assert await desk.found(tags=["vietnam"]) == []
    await identity.undo(merge_id)
    assert await desk.found(tags=["vietnam"]) == [two]
    assert await desk.found(attributes=["tier=gold"]) == [one]


async def happen(desk: Desk, random: Random, people: list[str], links: list[str], note: str) -> None:
    """Somebody says something of one of the people, or parts or joins two."""
    identity = desk.identity
    one, other = random.sample(people, 2)
    match random.choice(["tag", "tag", "untag", "put", "put", "move", "buy", "merge", "merge", "undo"]):
        case "tag":
            await identity.tag(one, random.choice(["vip", "silent", "hot"]))
        case "untag":
            await identity.untag(one, random.choice(["vip", "silent", "hot", "early"]))
        case "put":
            await desk.put(one, tier=random.choice([{"text": "gold"}, {"text": "silver"}, None]))
            await desk.put(one, orders={"number": random.choice([1, 2.5])})
        case "move":
            await desk.move(one, random.choice(["engaged", "lost", "new"]))
        case "buy":
            await desk.buy(one, "15")
        case "merge":
            links.append((await identity.merge(one, other, note=note)).merge.merge_id)
        case "undo" if links:
            await identity.undo(links.pop(random.randrange(len(links))))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.usefixtures("ways")
async def test_whatever_happened_a_list_holds_exactly_those_who_show_it(desk, identity, pool, seed):
    random = Random(seed)
    book = RuleBook()
    identity.handler = PeopleHandler(identity.log, book)
    await desk.rule("vip", "spent_at_least", currency="USD", amount="20")
    await desk.rule("silent", "silent_for", days=5)
    await desk.rule("active", "seen_within", days=5)
    await desk.rule("early", "first_seen_before", time=to_proto(TEN + timedelta(minutes=3)))
    await desk.rule("late", "first_seen_after", time=to_proto(TEN + timedelta(minutes=3)))
    await desk.rule("price", "message_contains", words=["price"])
    await desk.silences(dormant=4, lost=40)
    await book.refresh(pool)
    people = await desk.meet(6)
    # They have been there, and watched, for longer than a test takes.
    await pool.execute("UPDATE contact SET create_time = create_time - interval '50 days'")
    await pool.execute("UPDATE tag_rule SET create_time = create_time - interval '45 days'")
    days = [random.choice([1, 10, 42]) for _ in people]
    for each, ago in zip(people, days, strict=True):
        await pool.execute(
            "UPDATE contact_activity SET last_seen_time = $2 WHERE contact_id = $1", each, utc_now() - timedelta(ago)
        )
    links: list[str] = []
    for number in range(30):
        await happen(desk, random, people, links, str(number))
    everybody = [each for page in await desk.pages() for each in page]
    tags = ["vip", "silent", "active", "early", "late", "hot", "price"]
    asked: list[dict[str, Any]] = [{"tags": [tag]} for tag in tags]
    asked += [{"stage": stage} for stage in ("new", "engaged", "customer", "dormant", "lost", "former")]
    asked += [{"attributes": [each]} for each in ("tier=gold", "tier=silver", "orders=1", "orders=2.5")]
    asked += [{"tags": random.sample(tags, 2)} for _ in range(3)]
    asked += [{"tags": ["vip"], "stage": "new", "attributes": ["tier=gold"]}]
    for each in asked:
        wanted = [contact for contact in everybody if shows(contact, each)]
        assert [one for page in await desk.pages(**each) for one in page] == wanted, each
        by_name = sorted(each.contact_id for each in wanted)
        assert sorted(await desk.found("anna", **each)) == by_name, each


async def test_many_who_do_not_fit_are_looked_through_from_page_to_page(desk, identity, monkeypatch):
    monkeypatch.setattr(filter_store, "FEW", 1)
    monkeypatch.setattr(filter_store, "MANY", 1)
    monkeypatch.setattr(filter_store, "STRETCH", 3)
    people = await desk.meet(40)
    for each in people[:2]:
        await identity.tag(each, "vip")
    assert await desk.found(tags=["vip"], size=5) == [people[1], people[0]]


@pytest.mark.parametrize("text", ["", "x" * 290, "\N{FAMILY}" * 290, "a=b", "'; --"])
@pytest.mark.usefixtures("ways")
async def test_texts_are_found_whatever_stands_in_them_beside_the_longest(desk, text):
    one, other = await desk.meet(2)
    await desk.put(one, tier={"text": text})
    await desk.put(other, tier={"text": "\N{FAMILY}" * 2_000})
    assert await desk.found(attributes=[f"tier={text}"]) == [one]


@pytest.mark.usefixtures("ways")
async def test_times_are_found_in_any_zone(desk):
    one, _ = await desk.meet(2)
    await desk.put(one, birthday={"time": to_proto(TEN)})
    for text in ("2026-11-22T10:00:00Z", "2026-11-22T17:00:00+07:00", "2026-11-22 10:00"):
        assert await desk.found(attributes=[f"birthday={text}"]) == [one]


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        ({"tags": [" "]}, "BAD_TAG"),
        ({"attributes": ["unknown=1"]}, "UNKNOWN_ATTRIBUTE"),
        ({"attributes": ["=1"]}, "UNKNOWN_ATTRIBUTE"),
        ({"attributes": ["tier"]}, "BAD_ATTRIBUTE_VALUE"),
        ({"attributes": ["orders=two"]}, "BAD_ATTRIBUTE_VALUE"),
        ({"attributes": ["orders=1e999"]}, "BAD_ATTRIBUTE_VALUE"),
        ({"attributes": ["member=yes"]}, "BAD_ATTRIBUTE_VALUE"),
        ({"attributes": ["birthday=0001-01-01T00:00+14:00"]}, "BAD_ATTRIBUTE_VALUE"),
        ({"attributes": ["orders=1", "orders=2"]}, "BAD_ATTRIBUTE_VALUE"),
    ],
)
async def test_what_cannot_be_asked_is_refused_with_a_reason(desk, asked, reason):
    with pytest.raises(Invalid, match=reason):
        await desk.found(**asked)


@pytest.mark.usefixtures("ways")
async def test_an_agent_lists_those_whom_he_may_see_and_another_workspace_nobody(desk, identity, pool):
    people = await desk.meet(6)
    for each in people:
        await identity.tag(each, "vip")
        await desk.put(each, tier={"text": "gold"})
    identity.visibility.seen = set(people[::2])
    assert await desk.found(tags=["vip"], role="agent", size=2) == people[4::-2]
    stranger = Desk(Identity(pool))
    await stranger.make_attributes()
    assert await stranger.found(tags=["vip"]) == await stranger.found(attributes=["tier=gold"]) == []


async def test_who_is_forgotten_is_in_no_list(desk, identity):
    [one] = await desk.meet(1)
    await identity.tag(one, "vip")
    await desk.put(one, tier={"text": "gold"})
    await erase(identity, one)
    assert await desk.found(tags=["vip"]) == await desk.found(attributes=["tier=gold"]) == []
