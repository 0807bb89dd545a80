import time
from pathlib import Path

import pytest

from lobby_translate.detect import CHAT_LANGUAGES, UNDETERMINED, Hints, detect

DATA = Path(__file__).parents[2] / "data" / "translate"


def lines(name: str) -> list[tuple[str, str]]:
    rows = (DATA / name).read_text(encoding="utf-8").splitlines()
    return [(language, text) for language, _, text in (row.partition("\t") for row in rows if row)]


def share_right(rows: list[tuple[str, str]]) -> float:
    return sum(detect(text).language == language for language, text in rows) / len(rows)


@pytest.mark.parametrize("name", ["langid_chat.tsv", "langid_more.tsv"])
def test_chat_lines_are_told_apart(name):
    rows = [row for row in lines(name) if row[0] in CHAT_LANGUAGES]
    assert share_right(rows) >= 0.95


@pytest.mark.parametrize("name", ["langid_chat.tsv", "langid_more.tsv"])
def test_simplified_and_traditional_are_told_apart(name):
    assert share_right([row for row in lines(name) if row[0].startswith("zh-")]) >= 0.98


def test_arabic_and_hindi_in_latin_letters_are_recognised():
    assert share_right([row for row in lines("langid_chat.tsv") if row[0].endswith("-Latn")]) >= 0.9


@pytest.mark.parametrize("text", [text for name in ("langid_chat.tsv", "langid_more.tsv")
                                  for language, text in lines(name) if language == UNDETERMINED])  # fmt: skip
def test_lines_of_no_language_are_undetermined(text):
    found = detect(text)
    assert found.language == UNDETERMINED
    assert found.confidence <= 0.3


def test_a_message_takes_less_than_a_fifth_of_a_millisecond():
    texts = [text for _, text in lines("langid_chat.tsv")]
    for text in texts:
        detect(text)
    best = min(_seconds(texts) for _ in range(5)) / len(texts)
    assert best < 0.0002


def _seconds(texts: list[str]) -> float:
    started = time.perf_counter()
    for text in texts:
        detect(text)
    return time.perf_counter() - started


@pytest.mark.parametrize(
    "text", ["x" * 65536, "1" * 65536, "a." * 32768, "@" * 65536, "A-" * 32768, "好" * 65536, "ab1" * 20000]
)
def test_a_hostile_text_costs_no_more_than_a_long_one(text):
    started = time.perf_counter()
    detect(text)
    assert time.perf_counter() - started < 0.05


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("а Samsung Galaxy S24 Ultra есть?", "ru"),
        ("بكم iPhone 15 Pro Max 256GB", "ar"),
        ("भाई COD available है क्या", "hi"),
        ("200個買ったら安くなりますか？", "ja"),
        ("네", "ko"),
        ("优の良品有货吗", "zh-Hans"),
        ("発送日", "ja"),
        ("скільки коштує", "uk"),
        ("бағасы қанша", "kk"),
        ("قیمت چنده", "fa"),
        ("πόσο κάνει", "el"),
    ],
)
def test_the_script_decides_whatever_latin_stands_beside_it(text, language):
    found = detect(text)
    assert (found.language, found.basis) == (language, "rule")


def test_a_neutral_word_keeps_the_chat_s_language():
    found = detect("ok 👍", Hints(chat_language="pt"))
    assert (found.language, found.basis, found.wordless) == ("pt", "sticky", True)


def test_unknown_words_keep_the_chat_s_language():
    found = detect("qwrt zxcvb", Hints(chat_language="tr"))
    assert (found.language, found.basis) == ("tr", "sticky")


def test_the_chat_settles_what_two_languages_share():
    assert detect("terima kasih", Hints(chat_language="ms")).language == "ms"
    assert detect("terima kasih", Hints(chat_language="id")).language == "id"


def test_the_country_settles_what_two_languages_share():
    assert detect("ya boleh", Hints(country="MY")).language == "ms"
    assert detect("ya boleh", Hints(country="ID")).language == "id"


def test_the_locale_settles_han_characters_that_all_share():
    assert detect("多少").language == "zh-Hans"
    assert detect("多少", Hints(locale="zh-TW")).language == "zh-Hant"
    assert detect("送料", Hints(locale="ja")).language == "ja"


def test_a_clear_text_overrules_the_chat():
    assert detect("How long does the delivery take?", Hints(chat_language="pt")).language == "en"


def test_a_long_text_in_a_language_without_words_here_is_recognised():
    assert detect("dzień dobry, chciałbym wiedzieć czy wysyłka jest darmowa").language == "pl"
