import pytest

from lobby_translate.detect import Hints, detect
from lobby_translate.rendering import Rendering, Status, Wish, render

WORKSPACE = "w"


def rendered(text: str, *reader: str, chat: str = "") -> Rendering | Wish:
    return render(text, detect(text, Hints(chat_language=chat)), reader, WORKSPACE)


@pytest.mark.parametrize("text", ["👍👍", "12345", "https://example.com/x", "A-10293 🙏"])
def test_without_words_nothing_is_translated(text):
    assert rendered(text, "pt", chat="en").status is Status.NOTHING_TO_TRANSLATE


def test_what_the_reader_reads_is_left_as_it_is():
    assert rendered("where is my other shoe", "pt", "en").status is Status.SAME_LANGUAGE


def test_a_phrase_needs_nobody():
    rendering = rendered("how much is it?? 😊", "zh-Hans")
    assert rendering == Rendering(Status.TRANSLATED, "zh-Hans", "en", "多少钱？ 😊", "phrases")


def test_a_neutral_greeting_is_a_phrase_for_who_needs_it():
    assert rendered("hi", "zh-Hans", chat="pt").text == "你好"
    assert rendered("hi", "en", chat="pt").status is Status.NOTHING_TO_TRANSLATE
    assert rendered("ok", "zh-Hans", chat="pt").status is Status.NOTHING_TO_TRANSLATE


def test_an_unknown_language_is_said_to_be_so():
    rendering = rendered("qwrt zxcvb", "pt")
    assert (rendering.status, rendering.reason) == (Status.UNTRANSLATED, "undetermined")


def test_a_very_long_text_is_not_translated():
    rendering = rendered("where is my other shoe " * 300, "pt")
    assert (rendering.status, rendering.reason) == (Status.UNTRANSLATED, "too_long")
    assert rendered("where is my other shoe " * 300, "en").status is Status.SAME_LANGUAGE


def test_everything_else_is_a_wish_under_its_key():
    one, other = rendered("where is my other shoe", "pt-BR"), rendered("Where is MY other shoe!! 😊", "pt-BR")
    assert isinstance(one, Wish)
    assert isinstance(other, Wish)
    assert one.key == other.key
    assert (one.source, one.target) == ("en", "pt-BR")


def test_a_granted_wish_has_its_own_edges_again():
    wish = rendered("Where is my other shoe!! 😊", "pt")
    assert wish.granted("onde está meu outro sapato", "memory").text == "onde está meu outro sapato!! 😊"


def test_another_script_of_the_same_language_is_better_than_nothing():
    assert rendered("請問這款還有紅色嗎", "zh-Hans").unserved().status is Status.SAME_LANGUAGE
    assert rendered("請問這款還有紅色嗎", "en").unserved().reason == "no_provider"
