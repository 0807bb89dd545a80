"""In which language an agent wrote."""

import pytest

from lobby_translate.replying import Reply, language_of


def language(text: str, *own: str, target: str = "") -> str:
    return language_of(Reply("w", text, "", "a", "c", own), target).language


@pytest.mark.parametrize(
    ("text", "target", "found"),
    [
        ("once", "en", "en"),
        ("👍", "th", "en"),
        ("gracias", "es", "es"),
        ("Amanhã de manhã entregamos.", "pt", "pt"),
        ("Vielen Dank für Ihre Bestellung, wir liefern morgen.", "en", "de"),
        ("谢谢", "en", "zh-Hans"),
    ],
)
def test_a_short_text_is_in_the_agents_language_unless_it_clearly_is_not(text, target, found):
    assert language(text, "en", target=target) == found


def test_without_a_known_language_the_text_decides():
    assert language("Amanhã de manhã entregamos.") == "pt"
