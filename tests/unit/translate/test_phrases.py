import pytest

from lobby_translate import phrases
from lobby_translate.detect import CHAT_LANGUAGES


def test_every_phrase_is_there_in_every_language():
    concepts = {concept for concept, _ in phrases._phrases()[1]}
    assert phrases.languages() == set(CHAT_LANGUAGES)
    assert len(phrases._phrases()[1]) == len(concepts) * len(CHAT_LANGUAGES)


@pytest.mark.parametrize("language", CHAT_LANGUAGES)
def test_what_is_said_is_understood_again(language):
    _, said = phrases._phrases()
    for (concept, spoken), text in said.items():
        if spoken == language:
            assert phrases.find(text, language, language) is not None, (concept, text)


@pytest.mark.parametrize(
    ("text", "source", "target", "expected"),
    [
        ("HOW MUCH??", "en", "pt-BR", "Quanto custa?"),
        ("how much", "en", "zh-Hans", "多少钱？"),
        ("谢谢", "zh-Hans", "vi", "Cảm ơn"),
        ("quanto custa", "pt-PT", "en", "How much is it?"),
        ("obrigado", "pt", "zh-TW", "謝謝"),
    ],
)
def test_phrases_are_found_however_they_are_written(text, source, target, expected):
    assert phrases.find(text, source, target) == expected


def test_a_question_is_no_statement():
    assert phrases.find("yes?", "en", "pt") is None


def test_other_texts_are_no_phrases():
    assert phrases.find("thanks for the parcel", "en", "pt") is None


def test_a_language_outside_the_list_has_none():
    assert phrases.find("hello", "en", "sv") is None
    assert phrases.find("salam", "ar-Latn", "en") is None
