"""Syllables of Chinese as they are spelt in Taiwan and Hong Kong; and people are found by them."""

import pytest

from lobby_identity.likeness import contacts
from lobby_identity.likeness.chinese import hong_kong, wade_giles
from lobby_identity.likeness.contacts import Facts


@pytest.mark.parametrize(
    ("pinyin", "spelling"),
    [
        ("xiao", "hsiao"),
        ("zhang", "chang"),
        ("zhi", "chih"),
        ("qian", "chien"),
        ("jing", "ching"),
        ("guo", "kuo"),
        ("duo", "to"),
        ("luo", "lo"),
        ("ke", "ko"),
        ("xie", "hsieh"),
        ("cai", "tsai"),
        ("zi", "tzu"),
        ("ren", "jen"),
        ("rong", "jung"),
        ("gui", "kuei"),
        ("yan", "yen"),
        ("xiong", "hsiung"),
        ("lv", "lu"),
        ("ming", "ming"),
        ("an", "an"),
        ("", ""),
    ],
)
def test_a_syllable_of_pinyin_has_one_in_wade_giles(pinyin: str, spelling: str) -> None:
    assert wade_giles(pinyin) == spelling


@pytest.mark.parametrize(("character", "spelling"), [("華", "wah"), ("國", "kwok"), ("強", "keung"), ("德", "tak")])
def test_a_character_has_the_spellings_of_hong_kong(character: str, spelling: str) -> None:
    assert spelling in hong_kong(character)


def test_what_is_no_character_has_none() -> None:
    assert hong_kong("x") == ()


@pytest.mark.parametrize(
    ("latin", "other"),
    [
        ("Hsiao-ming Wang", "王小明"),
        ("Lau Tak-wah", "劉德華"),
        ("Hiroko", "裕子"),
        ("Yuko", "裕子"),
        ("Hayashi Taro", "林太郎"),
        ("Muhammad Ali", "محمد علي"),
        ("Somchai Jaidee", "สมชาย ใจดี"),
    ],
)
def test_people_are_found_by_other_spellings_of_their_names(latin: str, other: str) -> None:
    one, two = (contacts.keys(Facts(names=frozenset({name}), countries=frozenset({"TW"}))) for name in (latin, other))
    assert one & two
