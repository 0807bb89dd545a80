"""What holds for every text and every engine, however bad."""

import asyncio
from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from lobby_translate import checks, protect
from lobby_translate.chain import Chain
from lobby_translate.detect import detect
from lobby_translate.normal_form import normal_form
from lobby_translate.protect import MARK, decode, encode, fill, letters_for, restore
from lobby_translate.rendering import Status, Wish, render
from tests.unit.translate.engines import Engine

WORDS = st.sampled_from(
    ["where", "is", "my", "parcel", "quanto", "custa", "o", "frete", "你好", "还有货吗", "спасибо", "ZX0Z", "zx", "Z"]
)
SPANS = st.sampled_from(
    ["https://example.com/a?b=1", "a@example.com", "+62 812-3456-7890", "#A-10293", "SKU-4471", "$45.90", "10:30",
     "2026-01-03", "{{name}}", "{0}", "%s", "200", "12,500", "😊", "👍🏽👍🏽", "🇧🇷", "@maria", "`x y`", "iPhone15"]
)  # fmt: skip
CHAT = st.lists(st.one_of(WORDS, SPANS, st.sampled_from(["!", "?", ".", "...", "\n", ","])), max_size=14).map(" ".join)
TEXT = st.one_of(CHAT, st.text(max_size=200))
LANGUAGE = st.sampled_from(["en", "pt", "ru", "ar", "zh-Hans", "ja"])
NOISE = st.one_of(st.text(max_size=120), CHAT)


@given(TEXT)
def test_a_text_taken_apart_is_the_same_put_together(text):
    whole = protect.protect(text)
    cleaned = protect.without_marks(text)
    assert whole.head + fill(whole.core, whole.spans) + whole.tail == cleaned


@given(TEXT)
def test_encoding_for_an_engine_can_be_undone(text):
    whole = protect.protect(text)
    letters = letters_for(whole.core)
    assert decode(encode(whole.core, letters), letters, len(whole.spans)) == whole.core


@given(TEXT, NOISE)
def test_whatever_an_engine_answers_spans_survive_or_there_is_no_answer(text, answer):
    whole = protect.protect(text)
    letters = letters_for(whole.core)
    core = decode(answer, letters, len(whole.spans))
    if core is not None:
        result = restore(whole, core, "en")
        assert Counter(int(mark[1]) for mark in MARK.finditer(core)) == Counter(range(len(whole.spans)))
        assert all(span.text in result for span in whole.spans)


@given(CHAT, st.permutations(["onde", "está", "meu", "pacote"]))
def test_spans_survive_an_engine_that_moves_them_about(text, words):
    def shuffled(given_text: str) -> str:
        marks = [word for word in given_text.split() if word.endswith("Z") and word[:-1].strip("QXZKVJ").isdigit()]
        return " ".join([*reversed(marks), *words])

    whole = protect.protect(text)
    if whole.has_words:
        (outcome,) = asyncio.run(Chain([Engine(shuffled)]).translate("en", "pt", [whole.core], 1.0))
        if outcome.core is not None:
            result = restore(whole, outcome.core, "pt")
            assert all(result.count(span.text) >= 1 for span in whole.spans)


@given(TEXT, NOISE, LANGUAGE, LANGUAGE)
@settings(max_examples=300)
def test_an_answer_that_passes_has_the_same_digits_and_words_of_the_target(text, answer, source, target):
    whole = protect.protect(text)
    if whole.has_words and source != target:
        (outcome,) = asyncio.run(
            Chain([Engine(lambda _: answer, pairs=[(source, target)], max_chars=10_000)]).translate(
                source, target, [whole.core], 1.0
            )
        )
        if outcome.core is not None:
            assert checks._digits(MARK.sub("", outcome.core)) == checks._digits(MARK.sub("", whole.core))
            assert outcome.core.strip()
            assert Counter(MARK.findall(outcome.core)) == Counter(MARK.findall(whole.core))


@given(TEXT, LANGUAGE, LANGUAGE)
def test_a_normal_form_depends_on_the_text_alone(text, source, target):
    whole = protect.protect(text)
    assert normal_form(whole.core, whole.spans, source, target) == normal_form(whole.core, whole.spans, source, target)


@given(CHAT, st.sampled_from(["", "!", "!!", " 😊", "...", " 👍👍"]), st.sampled_from(["", "👋 ", "  "]))
def test_the_same_key_gives_the_same_answer(text, tail, head):
    found = detect("where is my other shoe")
    one, other = (render(each, found, ("pt",), "w") for each in (text, f"{head}{text}{tail}"))
    if isinstance(one, Wish) and isinstance(other, Wish) and one.key == other.key:
        answer = " ".join(["resposta", *MARK.findall(one.core)])
        assert one.granted(answer, "x").text.strip() != ""
        assert len(one.whole.spans) == len(other.whole.spans)
        assert [span.kind for span in one.whole.spans] == [span.kind for span in other.whole.spans]


@given(TEXT)
def test_detection_takes_every_text(text):
    found = detect(text)
    assert found.language
    assert 0 <= found.confidence <= 1


@given(TEXT, st.lists(st.sampled_from(["pt", "en", "zh", "zh-Hant", "ar", "xx"]), min_size=1, max_size=3))
def test_rendering_takes_every_text(text, reader):
    rendering = render(text, detect(text), reader, "w")
    if not isinstance(rendering, Wish) and rendering.status is not Status.TRANSLATED:
        assert rendering.text == ""


@given(TEXT)
def test_the_quick_look_misses_no_span(text):
    if any(True for _ in protect._SPANS.finditer(text)):
        assert protect._HINTS.search(text)
