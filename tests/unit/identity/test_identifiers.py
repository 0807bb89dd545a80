"""What makes two addresses equal, and at which time whose they are."""

from datetime import UTC, datetime, timedelta

import pytest

from lobby_identity.domain.identifiers import (
    FOREVER,
    Holding,
    address,
    bounded,
    holding_at,
    holding_ended_by,
    phone_key,
    search_keys,
)
from lobby_identity.store import QUERIES

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def at(hours: float) -> datetime:
    return NOON + timedelta(hours=hours)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("+5215512345678", "+525512345678"),
        ("+5491122334455", "+541122334455"),
        ("+5511987654321", "+551187654321"),
        ("66811111111", "+66811111111"),
    ],
)
def test_notations_of_one_number_are_equal(one, other):
    assert phone_key(one) == phone_key(other)


@pytest.mark.parametrize(
    ("one", "other"), [("+5511987654321", "+5511887654321"), ("+390612345678", "+39612345678"), ("+521", "+52")]
)
def test_other_numbers_are_not(one, other):
    assert phone_key(one) != phone_key(other)


def test_only_phones_are_read_as_phones():
    assert address("w", "bsuid", "p", "MX.5215512345678").key.match_key == "MX.5215512345678"
    assert address("w", "telegram_id", "", "5215512345678").key.match_key == "5215512345678"


def test_kinds_and_scopes_are_apart():
    keys = {address("w", kind, scope, "1").key for kind in ("psid", "igsid") for scope in ("a", "b")}
    assert len(keys) == 4


def test_a_typed_phone_is_looked_for_in_both_forms():
    assert search_keys("66 81-111.1111") == ["+66811111111", "66 81-111.1111"]
    assert search_keys("U123") == ["U123"]


def test_long_values_stay_apart():
    assert bounded("x" * 300) != bounded("x" * 301)
    assert len(bounded("ñ" * 10_000).encode()) <= 256


def test_an_address_is_its_former_holder_s_until_it_is_retired():
    former, present = Holding("u1", at(0), at(2)), Holding("u2", at(3))
    assert holding_at([present, former], at(1)) is former
    assert holding_at([present, former], at(2)) is present
    assert holding_at([former], at(2)) is None


def test_a_retirement_is_about_who_held_the_address_then():
    former, present = Holding("u1", at(0), at(2)), Holding("u2", at(3), FOREVER)
    assert holding_ended_by([former, present], at(2)) is former
    assert holding_ended_by([former, present], at(2.5)) is None
    assert holding_ended_by([former, present], at(4)) is present


def test_every_statement_says_its_purpose():
    assert all(statement.startswith("-- ") for statement in QUERIES.values())
