"""What people type of phones and e-mails."""

import pytest

from lobby_identity.domain.mentions import find_mentions


@pytest.mark.parametrize(
    ("text", "country", "found"),
    [
        ("call me +84 90 123 4567", "", {("phone", "+84901234567")}),
        ("call me 090 123 4567", "VN", {("phone", "+84901234567")}),
        ("call me 090 123 4567", "", set()),
        ("mail Ana.Silva@Example.com or ana.silva@example.com", "", {("email", "ana.silva@example.com")}),
        ("order 12345, price 1.500.000", "VN", set()),
        ("a@b, @name, user@localhost", "", set()),
        ("", "VN", set()),
        ("mexico +52 55 1234 5678", "", {("phone", "+525512345678")}),
    ],
)
def test_phones_and_emails_are_found_as_they_are_compared(text, country, found):
    assert set(find_mentions(text, country)) == found


def test_a_list_of_numbers_is_not_taken_as_one_person_s():
    assert len(find_mentions(" ".join(f"+8490123{n:04}" for n in range(50)), "VN")) == 5


@pytest.mark.parametrize("text", ["9" * 100_000, "@" * 5000, "1 " * 5000, "\x00" * 10])
def test_nothing_in_a_message_takes_long_or_breaks_it(text):
    assert len(find_mentions(text, "XX")) <= 5
