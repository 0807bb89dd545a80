import pytest

from lobby_translate.normal_form import memory_key, normal_form
from lobby_translate.plurals import form
from lobby_translate.protect import protect


def normal(text: str, source: str = "en", target: str = "pt") -> str:
    whole = protect(text)
    return normal_form(whole.core, whole.spans, source, target)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ok thanks 😊", "OK   thanks!!"),
        ("Where is it？", "where is it??"),
        ("sooooo nice", "sooo nice"),
        ("it’s fine", "it's fine"),
        ("so\u200bme text", "some text"),
        ("is #A-10293 on its way", "is #B-7 on its way"),
        ("I need 200 pieces", "I need 350 pieces"),
        ("a \n b", "a\nb"),
    ],
)
def test_what_does_not_matter_shares_a_key(one, other):
    assert normal(one) == normal(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("you paid", "you paid?"),
        ("a\nb", "a b"),
        ("in 2 days", "in 3 days"),
        ("see https://example.com now", "see a@example.com now"),
        ("word " * 13 + "IT", "word " * 13 + "it"),
    ],
)
def test_what_matters_does_not(one, other):
    assert normal(one) != normal(other)


def test_a_number_says_its_plural_form_where_grammar_follows_it():
    assert normal("I need 101 pieces", "en", "ru") != normal("I need 105 pieces", "en", "ru")
    assert normal("I need 102 pieces", "en", "ru") == normal("I need 103 pieces", "en", "ru")


def test_joiners_stay_where_a_script_needs_them():
    assert "\u200d" in normal("क्‍ष", "hi", "en")
    assert "\u200d" not in normal("so\u200dme", "en", "pt")


def test_a_text_cannot_pretend_to_hold_a_span():
    assert normal("give <NUM:other:other> now") != normal("give 200 now")


def test_workspaces_and_pairs_do_not_share_keys():
    keys = {
        memory_key("a", "en", "pt", "x"),
        memory_key("b", "en", "pt", "x"),
        memory_key("a", "pt", "en", "x"),
        memory_key("a", "en", "pt", "y"),
    }
    assert len(keys) == 4
    assert all(len(key) == 16 for key in keys)


@pytest.mark.parametrize(
    ("number", "language", "expected"),
    [
        ("1", "ru", "one"), ("21", "ru", "one"), ("11", "ru", "many"), ("3", "uk", "few"), ("5", "ru", "many"),
        ("112", "ru", "many"), ("0", "ar", "zero"), ("2", "ar", "two"), ("105", "ar", "few"), ("111", "ar", "many"),
        ("100", "ar", "other"), ("1", "pl", "one"), ("22", "pl", "few"), ("3", "cs", "few"), ("5", "cs", "other"),
        ("200", "en", "other"), ("1.5", "ru", "other"), ("1000000000021", "ru", "one"), ("1000000000001", "pl", "many"),
    ],
)  # fmt: skip
def test_plural_forms_follow_cldr(number, language, expected):
    assert form(number, language) == expected
