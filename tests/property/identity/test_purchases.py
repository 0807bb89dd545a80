"""Laws of amounts: a decimal number and its smallest units are the same money, and sums do not depend on order."""

from datetime import UTC, datetime, timedelta

from hypothesis import example, given
from hypothesis import strategies as st

from lobby_identity.domain.purchases import MOST_MINOR, Spend, digits, to_decimal, to_minor, total

CURRENCIES = st.sampled_from(["USD", "THB", "JPY", "VND", "KWD", "CLF"])
START = datetime(2026, 11, 22, tzinfo=UTC)
SPENDS = st.lists(
    st.builds(
        Spend,
        CURRENCIES,
        st.integers(0, 10**12),
        st.integers(1, 9),
        st.integers(0, 999).map(lambda minutes: START + timedelta(minutes=minutes)),
    )
)


@given(st.integers(0, MOST_MINOR), CURRENCIES)
@example(MOST_MINOR, "JPY")
def test_an_amount_survives_the_way_to_a_decimal_number_and_back(minor, currency):
    assert to_minor(to_decimal(minor, currency), currency) == minor


@given(st.integers(0, 10**9), CURRENCIES)
def test_a_whole_number_is_so_many_units_of_the_currency(whole, currency):
    assert to_minor(str(whole), currency) == whole * 10 ** digits(currency)


@given(st.text(max_size=20), CURRENCIES)
def test_anything_else_is_no_amount_and_no_crash(text, currency):
    found = to_minor(text, currency)
    assert found is None or found >= 0


@given(SPENDS, st.randoms(use_true_random=False))
def test_a_total_does_not_depend_on_the_order_or_on_how_it_was_parted(spends, random):
    shuffled = random.sample(spends, len(spends))
    cut = random.randint(0, len(spends))
    assert total([*total(shuffled[:cut]), *total(shuffled[cut:])]) == total(spends)
