"""Which rules are complete, when they hold, and what a message contains."""

from datetime import UTC, datetime, timedelta

import pytest

from lobby_identity.domain import rules
from lobby_identity.domain.identifiers import ContactId, WorkspaceId
from lobby_identity.domain.rules import Facts, Rule, contains, folded, holds, is_complete, last_seen, months_before

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def rule(kind: str, **more: object) -> Rule:
    given = {"days": 0, "months": 0, "time": None, "currency": "", "amount_minor": 0, "words": ()} | more
    return Rule("r1", WorkspaceId("w"), "rule", "tag", kind, create_time=NOW, **given)


def facts(first: datetime | None = None, last: datetime | None = None, **spent: int) -> Facts:
    return Facts(first, last, spent)


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        (rules.SILENT_FOR, {"days": 30}),
        (rules.SILENT_FOR, {"months": 6}),
        (rules.FIRST_SEEN_BEFORE, {"time": NOW}),
        (rules.SPENT_AT_LEAST, {"currency": "USD", "amount_minor": 1}),
        (rules.MESSAGE_CONTAINS, {"words": ("price",)}),
    ],
)
def test_a_rule_names_what_its_kind_asks_for(kind, more):
    assert is_complete(rule(kind, **more))


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        (rules.SILENT_FOR, {}),
        (rules.SILENT_FOR, {"days": 30, "months": 1}),
        (rules.SILENT_FOR, {"days": 30, "words": ("price",)}),
        (rules.FIRST_SEEN_AFTER, {"days": 3}),
        (rules.SPENT_AT_LEAST, {"currency": "USD"}),
        (rules.SPENT_LESS_THAN, {"amount_minor": 5}),
        (rules.MESSAGE_CONTAINS, {"words": ("price", "")}),
    ],
)
def test_a_rule_that_names_less_or_something_else_is_none(kind, more):
    assert not is_complete(rule(kind, **more))


@pytest.mark.parametrize(
    ("of", "given", "wanted"),
    [
        (rule(rules.SILENT_FOR, days=30), facts(last=NOW - 30 * DAY), True),
        (rule(rules.SILENT_FOR, days=30), facts(last=NOW - 29 * DAY), False),
        (rule(rules.SILENT_FOR, months=6), facts(last=datetime(2026, 5, 27, 12, tzinfo=UTC)), True),
        (rule(rules.SILENT_FOR, months=6), facts(last=datetime(2026, 5, 28, 12, tzinfo=UTC)), False),
        (rule(rules.SILENT_FOR, days=30), facts(), False),
        (rule(rules.SEEN_WITHIN, days=30), facts(last=NOW - 29 * DAY), True),
        (rule(rules.SEEN_WITHIN, days=30), facts(last=NOW - 30 * DAY), False),
        (rule(rules.FIRST_SEEN_BEFORE, time=NOW), facts(first=NOW - DAY), True),
        (rule(rules.FIRST_SEEN_BEFORE, time=NOW), facts(first=NOW), False),
        (rule(rules.FIRST_SEEN_AFTER, time=NOW), facts(first=NOW), True),
        (rule(rules.FIRST_SEEN_AFTER, time=NOW), facts(), False),
        (rule(rules.FIRST_SEEN_WITHIN, days=2), facts(first=NOW - DAY), True),
        (rule(rules.FIRST_SEEN_WITHIN, days=2), facts(first=NOW - 2 * DAY), False),
        (rule(rules.SPENT_AT_LEAST, currency="USD", amount_minor=5), facts(USD=5), True),
        (rule(rules.SPENT_AT_LEAST, currency="USD", amount_minor=5), facts(USD=4, EUR=9), False),
        (rule(rules.SPENT_LESS_THAN, currency="USD", amount_minor=5), facts(USD=4), True),
        (rule(rules.SPENT_LESS_THAN, currency="USD", amount_minor=5), facts(EUR=4), False),
        (rule(rules.MESSAGE_CONTAINS, words=("x",)), facts(NOW, NOW), False),
    ],
)
def test_a_rule_of_state_holds_for_a_person_as_he_is_now(of, given, wanted):
    assert holds(of, given, NOW) is wanted
    assert [each.tag for each in rules.held([of], ContactId("c"), given, NOW)] == (["tag"] if wanted else [])


@pytest.mark.parametrize(
    ("text", "word", "wanted"),
    [
        ("What is the PRICE?", "price", True),
        ("priceless", "price", False),
        ("enterprise", "price", False),
        ("ราคาเท่าไหร่คะ", "เท่าไหร่", True),
        ("请问多少钱呢", "多少钱", True),
        ("best  price\nhere", "best price", True),
        ("Ｐｒｉｃｅ", "price", True),
        ("prices, price", "price", True),
        ("100", "10", False),
        ("", "price", False),
    ],
)
def test_a_word_is_found_where_it_is_a_word(text, word, wanted):
    assert contains(folded(text), folded(word)) is wanted


def test_words_are_looked_for_at_the_start_of_a_long_text():
    assert contains(folded("price " + "a" * 64_000), "price")
    assert not contains(folded("a" * 64_000 + " price"), "price")


def test_months_end_with_their_last_day():
    assert months_before(datetime(2026, 3, 31, tzinfo=UTC), 1) == datetime(2026, 2, 28, tzinfo=UTC)
    assert months_before(datetime(2026, 1, 15, tzinfo=UTC), 13) == datetime(2024, 12, 15, tzinfo=UTC)


def test_who_was_there_before_somebody_looked_was_seen_then_at_the_earliest():
    since = NOW - 5 * DAY
    assert last_seen([(None, NOW - 90 * DAY)], since) == since
    assert last_seen([(NOW - 40 * DAY, NOW - 90 * DAY)], since) == since
    assert last_seen([(NOW - 40 * DAY, NOW - DAY)], since) == NOW - 40 * DAY
    assert last_seen([(NOW - 40 * DAY, NOW - DAY), (NOW - DAY, NOW - 90 * DAY)], since) == NOW - DAY
    assert last_seen([], since) is None
