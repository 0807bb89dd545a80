import time

import pytest

from lobby_translate.protect import decode, encode, fill, letters_for, protect, restore


def spans(text: str) -> list[tuple[str, str]]:
    return [(span.kind, span.text) for span in protect(text).spans]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("see https://shop.example.com/p/4471?x=1, thanks", [("URL", "https://shop.example.com/p/4471?x=1")]),
        ("look at shop.example.com/p/1 please", [("URL", "shop.example.com/p/1")]),
        ("write a.b+c@example.com today", [("EMAIL", "a.b+c@example.com")]),
        ("call +62 812-3456-7890 now", [("PHONE", "+62 812-3456-7890")]),
        ("is #A-10293 sent", [("CODE", "#A-10293")]),
        (
            "my code is 01a219a7-3c4f-708f-bfcb-2d75baffc044 ok",
            [("CODE", "01a219a7-3c4f-708f-bfcb-2d75baffc044")],
        ),
        ("亲，SKU-4471黑色有现货吗", [("CODE", "SKU-4471")]),
        ("pay $45.90 or R$ 1.200,50 ok", [("MONEY", "$45.90"), ("MONEY", "R$ 1.200,50")]),
        ("at 10:30 on 2026-01-03 then", [("DATE", "10:30"), ("DATE", "2026-01-03")]),
        ("dear {{name}}, code {0} of %s now", [("HOLDER", "{{name}}"), ("HOLDER", "{0}"), ("HOLDER", "%s")]),
        ("run `make up` now", [("HOLDER", "`make up`")]),
        ("I need 200 pieces", [("NUM", "200")]),
        ("so 😊👍🏽 nice", [("EMOJI", "😊👍🏽")]),
        ("the 👨‍👩‍👧 family", [("EMOJI", "👨‍👩‍👧")]),
        ("ask @maria about it", [("MENTION", "@maria")]),
    ],
)
def test_what_must_not_change_is_found(text, expected):
    assert spans(text) == expected


@pytest.mark.parametrize("text", ["2 days", "5pcs please", "not at all...", "hello.how are you", "50% off"])
def test_plain_words_and_small_numbers_stay_text(text):
    assert spans(text) == []


@pytest.mark.parametrize(
    ("text", "head", "core", "tail"),
    [
        ("ok thanks 😊", "", "ok thanks", " 😊"),
        ("👋 hi there!!", "👋 ", "hi there", "!!"),
        ("invoice for #A-10293.", "", "invoice for", " #A-10293."),
        ("https://example.com\nis this it?", "https://example.com\n", "is this it?", ""),
        ("@bob: where", "@bob: ", "where", ""),
        ("  padded \n", "  ", "padded", " \n"),
    ],
)
def test_edges_are_cut_off(text, head, core, tail):
    whole = protect(text)
    assert (whole.head, whole.core, whole.tail) == (head, core, tail)


@pytest.mark.parametrize(
    "text", ["👍👍", "A-10293", "+62 812-3456-7890", "!!!", "123", "https://example.com/x", "$5.00 😊", ""]
)
def test_without_words_there_is_nothing_to_translate(text):
    assert not protect(text).has_words


def test_a_text_that_looks_like_a_mark_gets_other_letters():
    whole = protect("is ZX0Z and 12345 right")
    assert letters_for("zx " + whole.core) != "ZX"
    letters = letters_for(whole.core)
    assert decode(encode(whole.core, letters), letters, len(whole.spans)) == whole.core


@pytest.mark.parametrize("answer", ["so zx 0 z da", "so Z X0Z da", "so ZX0Z da", "so zx0z da"])
def test_a_mark_is_repaired_where_only_case_and_spaces_changed(answer):
    assert decode(answer, "ZX", 1) == "so \x1a0\x1a da"


@pytest.mark.parametrize("answer", ["so da", "ZX0Z so ZX0Z", "ZX1Z so", "ZX0Z ZX1Z", "ZX00000Z"])
def test_a_lost_doubled_or_foreign_mark_is_no_answer(answer):
    assert decode(answer, "ZX", 1) is None


def test_an_answer_cannot_smuggle_our_own_marks_in():
    assert decode("a \x1a0\x1a b", "ZX", 0) == "a 0 b"


def test_edges_and_spans_come_back_with_the_target_s_punctuation():
    whole = protect("I need 200 pieces. 😊")
    assert restore(whole, "我需要\x1a0\x1a件", "zh-Hans") == "我需要200件。 😊"
    whole = protect("谢谢你帮我！")
    assert restore(whole, "thanks for your help", "en") == "thanks for your help!"


def test_marks_are_filled_wherever_they_went():
    whole = protect("from 10:30 to 11:45 please")
    assert fill("bis \x1a1\x1a ab \x1a0\x1a", whole.spans) == "bis 11:45 ab 10:30"


@pytest.mark.parametrize(
    "evil",
    ["a.", "1 ", "-", "A-", "@", "0", "{", "+1", "<a", "a1", "! ", "😊", "1.", "`", "a_", "+(1", "1 234", ".", "www.",
     "#", "http://", "$1"],
)  # fmt: skip
def test_a_hostile_text_is_taken_apart_in_linear_time(evil):
    started = time.perf_counter()
    protect((evil * 65536)[:5000] + "a")
    assert time.perf_counter() - started < 0.1
