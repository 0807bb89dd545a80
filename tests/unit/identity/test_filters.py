"""What a list looks for before anybody is read: signs that nobody lacks who fits."""

from datetime import UTC, datetime, timedelta
from typing import Any

from lobby_identity.domain import rules
from lobby_identity.domain.attributes import Value
from lobby_identity.domain.filters import Filter, Sign, signs
from lobby_identity.domain.identifiers import WorkspaceId
from lobby_identity.domain.rules import Rule
from lobby_identity.domain.stages import LifeCycle

NOW = datetime(2026, 11, 22, tzinfo=UTC)
AGO = NOW - timedelta(days=5)


def rule(kind: str, tag: str = "vip", days: int = 5, made: datetime = NOW - timedelta(days=9), **more: Any) -> Rule:
    given = {"time": None, "currency": "", "amount_minor": 0, "words": ()} | more
    return Rule("id", WorkspaceId("w"), "", tag, kind, days, 0, create_time=made, **given)


def looked_for(wanted: Filter, *of: Rule) -> list[tuple[Sign, ...]]:
    return signs(wanted, LifeCycle(), of, NOW)


def test_a_tag_is_one_that_was_set_or_one_that_a_rule_may_set():
    tagged = Sign("tagged", ("vip",))
    of_rules = {
        rules.SILENT_FOR: Sign("wrote", (AGO,), absent=True),
        rules.SEEN_WITHIN: Sign("seen", (AGO,)),
        rules.FIRST_SEEN_WITHIN: Sign("entered_from", (AGO,)),
    }
    for kind, sign in of_rules.items():
        assert looked_for(Filter(tags=("vip",)), rule(kind)) == [(tagged, sign)]
    bought = rule(rules.SPENT_LESS_THAN, days=0, currency="USD", amount_minor=1)
    assert looked_for(Filter(tags=("vip",)), bought) == [(tagged, Sign("bought", ("USD",)))]


def test_what_a_lasting_rule_or_one_of_another_tag_sets_is_not_looked_for():
    lasting = rule(rules.MESSAGE_CONTAINS, days=0, words=("price",))
    of = (lasting, rule(rules.SILENT_FOR, tag="other"), rule(rules.STAGE_SILENT_FOR))
    assert looked_for(Filter(tags=("vip",)), *of) == [(Sign("tagged", ("vip",)),)]


def test_everybody_is_looked_at_while_nobody_can_have_been_seen_to_be_silent():
    assert looked_for(Filter(tags=("vip",)), rule(rules.SEEN_WITHIN, made=NOW)) == []


def test_the_first_stage_is_also_that_of_who_was_never_moved_and_time_moves_people_to_others():
    never, clock = Sign("moved", (), absent=True), Sign("wrote", (AGO,), absent=True)
    assert looked_for(Filter(stage="new")) == [(Sign("moved_to", ("new",)), never)]
    assert looked_for(Filter(stage="lost"), rule(rules.STAGE_SILENT_FOR, tag="lost")) == [
        (Sign("moved_to", ("lost",)), clock)
    ]


def test_values_are_looked_for_by_their_kind():
    wanted = Filter(values={"tier": Value(text="gold"), "orders": Value(number=0.0), "member": Value(boolean=False)})
    assert looked_for(wanted) == [
        (Sign("has_text", ("tier", "gold")),),
        (Sign("has_number", ("orders", 0.0)),),
        (Sign("has_boolean", ("member", False)),),
    ]
