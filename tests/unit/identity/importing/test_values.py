"""What stands in a cell, and why it is nobody's address."""

from datetime import UTC, datetime

import pytest

from lobby_identity.domain.attributes import Value
from lobby_identity.domain.joining import Named
from lobby_identity.importing import values


@pytest.mark.parametrize(
    ("text", "region", "e164"),
    [
        ("+84901234567", "", "+84901234567"),
        ("090 123 4567", "VN", "+84901234567"),
        ("090.123.4567", "VN", "+84901234567"),
        ("84901234567", "VN", "+84901234567"),
        ("66811111111", "", "+66811111111"),
        ("0066 81 111 1111", "", "+66811111111"),
        ("138-0013-8000", "CN", "+8613800138000"),
        ("+84 (0) 901234567", "", "+84901234567"),
        ("p:+66811111111", "TH", "+66811111111"),
        ("tel: +66811111111", "", "+66811111111"),
        ("\u202a+66 81 111 1111\u202c", "", "+66811111111"),
        ("+６６８１１１１１１１１", "", "+66811111111"),
        ("٠٥٠١٢٣٤٥٦٧", "AE", "+971501234567"),
        ("+39 06 1234567", "", "+39061234567"),
        ("(11) 91234-5678", "BR", "+5511912345678"),
        ("5215512345678", "", "+5215512345678"),
        ("+1 415 555 2671", "VN", "+14155552671"),
    ],
)
def test_a_phone_is_read_as_e164(text, region, e164):
    found = values.read_phone(text, region)
    assert isinstance(found, Named)
    assert found.value == e164


def test_old_notations_of_a_number_are_one_number():
    assert values.read_phone("+5215512345678", "").match_key == values.read_phone("55 1234 5678", "MX").match_key


@pytest.mark.parametrize(
    ("text", "region", "reason"),
    [
        ("8.49E+10", "VN", "SCIENTIFIC_NOTATION"),
        ("8,49012e+10", "VN", "SCIENTIFIC_NOTATION"),
        ("901234567", "VN", "LOST_LEADING_ZERO"),
        ("812345678", "TH", "LOST_LEADING_ZERO"),
        ('="0901234567"', "VN", "FORMULA"),
        ("=1+1", "VN", "FORMULA"),
        ("0901234567", "", "NO_COUNTRY_CODE"),
        ("4155552671", "", "NO_COUNTRY_CODE"),
        ("call me", "VN", "INVALID_PHONE"),
        ("@lan", "VN", "INVALID_PHONE"),
        ("-", "VN", "INVALID_PHONE"),
        ("1-800-FLOWERS", "US", "INVALID_PHONE"),
        ("12", "VN", "INVALID_PHONE"),
        ("+999999999999", "VN", "INVALID_PHONE"),
        ("+84901234567" + "8" * 60, "VN", "VALUE_TOO_LONG"),
        ("+8490\ufffd34567", "VN", "BROKEN_ENCODING"),
    ],
)
def test_what_is_no_phone_says_why(text, region, reason):
    assert values.read_phone(text, region) == values.Unfit(reason)


def test_a_cell_may_hold_several_phones():
    found = values.read_phones("+84901234567; 0901234568 / 0901234569\nx", "VN")
    assert [each.value if isinstance(each, Named) else each.reason for each in found] == [
        "+84901234567",
        "+84901234568",
        "+84901234569",
        "INVALID_PHONE",
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Lan@Example.COM", "lan@example.com"),
        ("mailto:lan@example.com", "lan@example.com"),
        ("lan@localhost", "INVALID_EMAIL"),
        ("lan example.com", "INVALID_EMAIL"),
        ("=lan@example.com", "FORMULA"),
        ("l" * 300 + "@example.com", "VALUE_TOO_LONG"),
        ("l\ufffdn@example.com", "BROKEN_ENCODING"),
    ],
)
def test_an_email_is_read_without_letter_case(text, expected):
    found = values.read_email(text)
    assert (found.value if isinstance(found, Named) else found.reason) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (" A-17 ", "A-17"),
        ("007", "007"),
        ("1.23E+17", "SCIENTIFIC_NOTATION"),
        ("=A1", "FORMULA"),
        ("x" * 201, "VALUE_TOO_LONG"),
    ],
)
def test_an_id_of_the_own_system_stays_as_it_is(text, expected):
    found = values.read_crm_id(text)
    assert (found.value if isinstance(found, Named) else found.reason) == expected


def test_tags_come_once_and_sorted():
    assert values.read_tags("vip; new,vip | 老客户、") == ("new", "vip", "老客户")


@pytest.mark.parametrize(
    ("kind", "cell", "wanted"),
    [
        ("text", " gold \u00a0", Value(text="gold")),
        ("text", "x" * 2_001, values.Unfit("VALUE_TOO_LONG")),
        ("text", "g\x00ld", values.Unfit("BROKEN_ENCODING")),
        ("text", "=A1", values.Unfit("FORMULA")),
        ("number", "-2.50", Value(number=-2.5)),
        ("number", "１２", Value(number=12.0)),
        ("number", "1,250", values.Unfit("INVALID_NUMBER")),
        ("number", "8.49E+10", values.Unfit("SCIENTIFIC_NOTATION")),
        ("number", "nan", values.Unfit("INVALID_NUMBER")),
        ("boolean", "No", Value(boolean=False)),
        ("boolean", "是", Value(boolean=True)),
        ("boolean", "maybe", values.Unfit("INVALID_BOOLEAN")),
        ("time", "2026-11-22T17:00:00+07:00", Value(time=datetime(2026, 11, 22, 10, tzinfo=UTC))),
        ("time", "2026-11-22", Value(time=datetime(2026, 11, 22, tzinfo=UTC))),
        ("time", "22.11.2026", values.Unfit("INVALID_TIME")),
    ],
)
def test_a_value_of_an_attribute_is_read_by_its_kind(kind, cell, wanted):
    assert values.read_attribute(kind, cell) == wanted
