"""What is said of numbers with their trunk zero is what phonenumbers says."""

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lobby_identity.importing import trunk
from lobby_identity.importing.values import REGIONS

TYPES = phonenumbers.PhoneNumberType
EXAMPLES = {
    region: [
        str(number.national_number)
        for kind in (TYPES.MOBILE, TYPES.FIXED_LINE, TYPES.TOLL_FREE, TYPES.VOIP, TYPES.UAN)
        if (number := phonenumbers.example_number_for_type(region, kind)) is not None
    ]
    for region in sorted(REGIONS)
}
QUICK = sorted(region for region, given in EXAMPLES.items() if any(trunk.read("0" + each, region) for each in given))


def slowly(digits: str, region: str) -> str:
    try:
        number = phonenumbers.parse(digits, region)
    except phonenumbers.NumberParseException:
        return ""
    if not phonenumbers.is_valid_number(number):
        return ""
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def test_the_quick_way_is_one_of_many_countries():
    assert {"VN", "TH", "AE", "SA", "PK", "EG", "FR", "DE", "MY", "UA"} <= set(QUICK)


@pytest.mark.parametrize("region", QUICK)
def test_examples_of_every_country(region):
    for example in EXAMPLES[region]:
        for digits in ("0" + example, "00" + example, example, "0" + example[:-1], "0" + example + "1"):
            assert trunk.read(digits, region) in {"", slowly(digits, region)}


@st.composite
def numbers(draw):
    """Near to numbers of a country: examples of which some digits are others, more or fewer."""
    region = draw(st.sampled_from(QUICK))
    example = draw(st.sampled_from(EXAMPLES[region]))
    keep = draw(st.integers(0, len(example)))
    rest = draw(
        st.text(st.sampled_from("0123456789"), min_size=max(len(example) - keep - 1, 0), max_size=12 - keep // 2)
    )
    return region, draw(st.sampled_from(["0", "0", "0", ""])) + example[:keep] + rest


@given(numbers())
def test_whatever_is_said_is_what_phonenumbers_says(number):
    region, digits = number
    if digits:
        assert trunk.read(digits, region) in {"", slowly(digits, region)}
