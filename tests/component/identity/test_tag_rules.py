"""Rules set tags: of persons as they are now, of what they wrote, and by the clock."""

from datetime import timedelta
from typing import Any

import pytest

from lobby.identity.v1 import contact_pb2
from lobby.identity.v1 import events_pb2 as told_pb
from lobby.identity.v1 import purchase_service_pb2 as purchase_pb
from lobby.identity.v1 import tag_service_pb2 as pb
from lobby_common.errors import Conflict, Invalid, NotFound
from lobby_common.times import to_proto, utc_now
from lobby_identity.app.ruling import RuleBook, Sweeper
from lobby_identity.domain import rules
from lobby_identity.events import PeopleHandler
from tests.component.identity.conftest import TEN, WA1, Identity, at, erase, wrote

MINUTES_A_DAY = 1440
ONE, OTHER = "phone:+66811110001", "phone:+66811110002"


class Office:
    """A workspace and its rules."""

    def __init__(self, identity: Identity) -> None:
        self.identity = identity
        self.book = RuleBook()
        identity.handler = PeopleHandler(identity.log, self.book)

    async def make(self, tag: str, kind: str, **more: Any) -> pb.TagRule:
        request = pb.CreateTagRuleRequest(tag=tag, kind=pb.TagRuleKind.Value(f"TAG_RULE_KIND_{kind.upper()}"), **more)
        with self.identity.calls():
            made = (await self.identity.tags.CreateTagRule(request, None)).tag_rule
        await self.book.refresh(self.identity.pool)
        return made

    async def end(self, rule_id: str) -> None:
        with self.identity.calls():
            await self.identity.tags.DeleteTagRule(pb.DeleteTagRuleRequest(tag_rule_id=rule_id), None)
        await self.book.refresh(self.identity.pool)

    async def listed(self) -> list[pb.TagRule]:
        with self.identity.calls():
            return list((await self.identity.tags.ListTagRules(pb.ListTagRulesRequest(), None)).tag_rules)

    async def wrote(self, who: str, days_ago: float = 0, **more: Any) -> str:
        minutes = (utc_now() - TEN).total_seconds() / 60 - days_ago * MINUTES_A_DAY
        [said] = await self.identity.hear(wrote(WA1, who, minutes=minutes, **more))
        return said.contact_id

    async def shown(self, contact_id: str) -> list[str]:
        return list((await self.identity.contact(contact_id)).tags)

    async def bought(self, contact_id: str, amount: str, currency: str = "USD") -> None:
        with self.identity.calls():
            request = purchase_pb.RecordPurchaseRequest(contact_id=contact_id, amount=amount, currency=currency)
            await self.identity.purchases.RecordPurchase(request, None)

    async def retagged(self) -> list[str]:
        """The contacts of which it was told that their tags changed."""
        told = await self.identity.told(told_pb.ContactChanged)
        return [each.contact_id for each in told if list(each.fields) == ["tags"]]


@pytest.fixture
def office(identity) -> Office:
    return Office(identity)


async def test_who_has_not_written_for_so_long_has_the_tag_until_he_writes(office):
    rule = await office.make("quiet", "silent_for", days=30)
    contact_id = await office.wrote(ONE, days_ago=31)
    contact = await office.identity.contact(contact_id)
    [tag] = contact.tag_origins
    assert (tag.tag, tag.origin, tag.source_id) == ("quiet", contact_pb2.TAG_ORIGIN_RULE, rule.tag_rule_id)
    await office.wrote(ONE)
    assert await office.shown(contact_id) == []


async def test_who_was_there_before_the_rule_is_not_silent_since_then(office):
    contact_id = await office.wrote(ONE, days_ago=90)
    await office.make("quiet", "silent_for", days=30)
    assert await office.shown(contact_id) == []
    for table in ("contact", "tag_rule"):
        await office.identity.pool.execute(f"UPDATE {table} SET create_time = create_time - interval '31 days'")
    assert await office.shown(contact_id) == ["quiet"]


async def test_a_person_is_silent_when_all_his_contacts_are_and_an_undo_parts_them(office):
    await office.make("quiet", "silent_for", days=30)
    one, other = await office.wrote(ONE, days_ago=40), await office.wrote(OTHER, days_ago=1)
    merge_id = (await office.identity.merge(one, other)).merge.merge_id
    assert await office.shown(one) == []
    await office.identity.undo(merge_id)
    assert [await office.shown(each) for each in (one, other)] == [["quiet"], []]


async def test_the_clock_tells_once_who_crossed_the_boundary(office):
    await office.make("quiet", "silent_for", days=30)
    crossed, recent = await office.wrote(ONE, days_ago=29.9), await office.wrote(OTHER, days_ago=3)
    sweeper = Sweeper(office.identity.log, office.book)
    assert await sweeper.sweep() == 0
    await office.identity.pool.execute(
        "UPDATE contact_activity SET last_seen_time = last_seen_time - interval '144 minutes' WHERE contact_id = $1",
        crossed,
    )
    await office.identity.pool.execute("UPDATE tag_rule SET sweep_time = sweep_time - interval '1 hour'")
    assert await sweeper.sweep() == 1
    assert await sweeper.sweep() == 0
    assert await office.retagged() == [crossed]
    assert [await office.shown(each) for each in (crossed, recent)] == [["quiet"], []]


async def test_who_spent_so_much_has_the_tag_as_long_as_he_did(office):
    await office.make("big", "spent_at_least", currency="USD", amount="100")
    await office.make("small", "spent_less_than", currency="USD", amount="100")
    one, other = await office.wrote(ONE), await office.wrote(OTHER)
    await office.bought(one, "60")
    await office.bought(other, "40")
    await office.bought(other, "999", "THB")
    assert [await office.shown(each) for each in (one, other)] == [["small"], ["small"]]
    merge_id = (await office.identity.merge(one, other)).merge.merge_id
    assert await office.shown(one) == ["big"]
    await office.identity.undo(merge_id)
    assert await office.shown(one) == ["small"]


async def test_when_somebody_wrote_first_decides_from_the_first_message_on(office):
    await office.make("old", "first_seen_before", time=to_proto(utc_now() - timedelta(days=10)))
    await office.make("recent", "first_seen_within", days=7)
    one, other = await office.wrote(ONE, days_ago=20), await office.wrote(OTHER, days_ago=1)
    assert [await office.shown(each) for each in (one, other)] == [["old"], ["recent"]]
    await office.wrote(OTHER, days_ago=30)
    assert await office.shown(other) == ["old"]


async def test_a_message_that_contains_a_word_sets_a_tag_that_stays(office):
    rule = await office.make("buyer", "message_contains", words=["Price", "多少钱"])
    assert rule.lasting
    one, other = await office.wrote(ONE, text="what PRICE?"), await office.wrote(OTHER, text="priceless")
    await office.wrote(ONE, text="thanks")
    assert [await office.shown(each) for each in (one, other)] == [["buyer"], []]
    assert await office.retagged() == [one]
    await office.wrote(ONE, text="price again")
    assert await office.retagged() == [one]
    await office.end(rule.tag_rule_id)
    assert await office.shown(one) == ["buyer"]


async def test_texts_are_not_kept_for_rules(office):
    await office.make("buyer", "message_contains", words=["price"])
    await office.wrote(ONE, text="the price of zanzibar")
    for table in ("contact_tag", "contact_activity", "tag_rule"):
        rows = await office.identity.pool.fetch(f"SELECT * FROM {table}")
        assert "zanzibar" not in str(rows)


async def test_a_rule_that_ended_sets_nothing_any_more(office):
    rule = await office.make("quiet", "silent_for", days=30)
    contact_id = await office.wrote(ONE, days_ago=31)
    await office.end(rule.tag_rule_id)
    assert await office.shown(contact_id) == []
    assert await office.listed() == []
    with pytest.raises(NotFound, match="TAG_RULE_NOT_FOUND"):
        await office.end(rule.tag_rule_id)


async def test_what_a_person_takes_away_a_rule_does_not_set_again(office):
    await office.make("quiet", "silent_for", days=30)
    await office.make("buyer", "message_contains", words=["price"])
    contact_id = await office.wrote(ONE, days_ago=31, text="price")
    for tag in ("quiet", "buyer"):
        await office.identity.untag(contact_id, tag)
    await office.wrote(ONE, days_ago=31, text="price")
    assert await office.shown(contact_id) == []
    await office.identity.tag(contact_id, "quiet")
    assert await office.shown(contact_id) == ["quiet"]


async def test_a_tag_by_hand_stays_when_the_rule_does_not_hold(office):
    await office.make("quiet", "silent_for", days=30)
    contact_id = await office.wrote(ONE, days_ago=31)
    await office.identity.tag(contact_id, "quiet")
    await office.wrote(ONE)
    assert await office.shown(contact_id) == ["quiet"]


async def test_rules_of_another_workspace_do_not_hold_here(office, pool):
    other = Office(Identity(pool))
    rule = await other.make("buyer", "message_contains", words=["price"])
    await office.book.refresh(pool)
    assert await office.shown(await office.wrote(ONE, text="price")) == []
    with pytest.raises(NotFound, match="TAG_RULE_NOT_FOUND"):
        await office.end(rule.tag_rule_id)


async def test_where_no_rule_asks_for_it_nobody_notes_who_writes(office):
    await office.make("buyer", "message_contains", words=["price"])
    await office.wrote(ONE, text="price")
    assert await office.identity.pool.fetchval("SELECT count(*) FROM contact_activity") == 0


async def test_a_rule_that_is_none_is_refused_and_a_workspace_has_so_many(office):
    with pytest.raises(Invalid, match="BAD_RULE"):
        await office.make("quiet", "silent_for")
    with pytest.raises(Invalid, match="BAD_RULE"):
        await office.make("big", "spent_at_least", currency="JPY", amount="1.5")
    with pytest.raises(Invalid, match="BAD_TAG"):
        await office.make(" ", "silent_for", days=1)
    for number in range(rules.MOST):
        await office.make(f"t{number}", "silent_for", days=1)
    with pytest.raises(Conflict, match="TOO_MANY_RULES"):
        await office.make("one more", "silent_for", days=1)


async def test_of_who_is_forgotten_it_is_not_known_when_he_wrote(office):
    await office.make("quiet", "silent_for", days=30)
    contact_id = await office.wrote(ONE, days_ago=31)
    await erase(office.identity, contact_id)
    assert await office.identity.pool.fetchval("SELECT count(*) FROM contact_activity") == 0


async def test_hearing_a_message_again_changes_nothing(office):
    await office.make("buyer", "message_contains", words=["price"])
    await office.make("quiet", "silent_for", days=30)
    message = wrote(WA1, ONE, minutes=5, text="price")
    await office.identity.hear(message)
    before = await office.identity.pool.fetch("SELECT * FROM contact_tag"), at(5)
    await office.identity.hear(message)
    assert (await office.identity.pool.fetch("SELECT * FROM contact_tag"), at(5)) == before
