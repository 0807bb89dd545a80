from lobby_translate.detect import Detection
from lobby_translate.sticky import ChatLanguage, follow


def found(language: str, letters: int = 20, margin: float = 1.0, confidence: float = 0.9, *, wordless=False):
    return Detection(language, confidence, "vote", letters, margin, wordless)


def test_the_first_message_settles_the_language():
    assert follow(ChatLanguage(), found("pt", letters=3)) == ChatLanguage("pt")


def test_an_unsure_first_message_settles_nothing():
    assert follow(ChatLanguage(), found("pt", confidence=0.2)) == ChatLanguage()


def test_a_short_foreign_thanks_does_not_turn_a_chat():
    assert follow(ChatLanguage("pt"), found("en", letters=6)).language == "pt"


def test_a_long_clear_message_turns_a_chat():
    assert follow(ChatLanguage("pt"), found("en", letters=12, margin=0.5)) == ChatLanguage("en")


def test_two_short_messages_in_a_row_turn_a_chat():
    state = follow(ChatLanguage("pt"), found("en", letters=6))
    assert follow(state, found("en", letters=6)) == ChatLanguage("en")


def test_two_short_messages_that_do_not_agree_turn_nothing():
    state = follow(ChatLanguage("pt"), found("en", letters=6))
    assert follow(state, found("es", letters=6)).language == "pt"


def test_a_message_in_the_chat_s_language_forgets_the_candidate():
    state = follow(ChatLanguage("pt"), found("en", letters=6))
    assert follow(state, found("pt")) == ChatLanguage("pt")


def test_wordless_and_undetermined_messages_change_nothing():
    state = ChatLanguage("pt", "en")
    assert follow(state, found("en", wordless=True)) == state
    assert follow(state, found("und")) == state
