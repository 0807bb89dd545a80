import pytest

from lobby_translate.checks import fault


@pytest.mark.parametrize(
    ("source", "answer", "pair"),
    [
        ("How much is shipping to Brazil?", "Quanto custa o frete para o Brasil?", ("en", "pt")),
        ("你好，这款还有货吗？", "Hello, is this still available?", ("zh-Hans", "en")),
        ("hello, do you have Nike Air Max in size 42", "你好，有42码的Nike Air Max吗", ("en", "zh-Hans")),
        ("Samsung Galaxy", "Samsung Galaxy", ("en", "pt")),
        ("Preciso de \x1a0\x1a peças", "I need \x1a0\x1a pieces", ("pt", "en")),
        ("我要٢件", "I want 2 pieces", ("zh-Hans", "en")),
        ("hahahaha ha ha ha ha ha ha ha ha ok", "kkkkk ha ha ha ha ha ha ha ha tá", ("en", "pt")),
        ("Saya sudah bayar kemarin tapi belum terima", "Saya sudah bayar semalam tapi belum terima", ("id", "ms")),
    ],
)
def test_a_good_answer_passes(source, answer, pair):
    assert fault(source, answer, *pair) == ""


@pytest.mark.parametrize(
    ("source", "answer", "pair", "why"),
    [
        ("where is it", "  ", ("en", "pt"), "empty"),
        ("blz, obg", "blz, obg", ("pt", "en"), "identical"),
        ("Where is my parcel now", "where is  my parcel now", ("en", "pt"), "identical"),
        ("it takes 2 days", "leva dois dias", ("en", "pt"), "digits"),
        ("it takes long", "leva 3 dias", ("en", "pt"), "digits"),
        ("where is my parcel now", "on", ("en", "pt"), "length"),
        ("where is my parcel", "onde " * 40, ("en", "pt"), "length"),
        ("is this available today", "es *quieto disponible hoy", ("en", "es"), "unknown_word"),
        (
            "hola, ¿todavía está disponible?",
            "Here is the translation: hi, is it still available?",
            ("es", "en"),
            "meta",
        ),
        ("do you ship this to us", "I'm sorry, as an AI I have no parcels", ("en", "pt"), "meta"),
        ("where is my parcel please tell me", "onde está o meu " * 5, ("en", "pt"), "repeats"),
        ("where is my parcel", "где моя посылка", ("en", "pt"), "script"),
        ("where is my parcel", "where парсел is my", ("en", "ru"), "script"),
        (
            "where is my parcel, I paid two days ago",
            "I have paid, please where is my parcel today",
            ("en", "pt"),
            "language",
        ),
    ],
)
def test_what_cannot_be_a_translation_is_caught(source, answer, pair, why):
    assert fault(source, answer, *pair) == why
