import pytest

from lobby_routing.domain.languages import canonical, canonical_list


@pytest.mark.parametrize(
    ("written", "spelt"),
    [
        ("th", "th"),
        ("EN", "en"),
        ("pt_br", "pt-BR"),
        ("ZH-hans", "zh-Hans"),
        ("zh_hant_tw", "zh-Hant-TW"),
        (" vi ", "vi"),
        ("es-419", "es-419"),
        ("de--AT", "de-AT"),
        ("", ""),
        ("-", ""),
    ],
)
def test_a_tag_has_one_spelling(written, spelt):
    assert canonical(written) == spelt


def test_a_list_keeps_the_preference_and_names_each_language_once():
    assert canonical_list(["zh_hans", "en", "zh-Hans", " ", "EN"]) == ("zh-Hans", "en")
