"""Names in any script, brought to Latin letters: all the ways in which a name can be read and cut into words."""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from functools import cache, lru_cache
from itertools import islice, product, zip_longest

import jaconv
from anyascii import anyascii
from pypinyin import Style, pinyin
from sudachipy import Dictionary

from lobby_identity.likeness.chinese import hong_kong, wade_giles
from lobby_identity.likeness.surnames import HAN_SURNAMES, HANGUL_SURNAMES

Word = tuple[str, ...]
"""The readings of one word of a name, the best known first."""
Name = tuple[Word, ...]
"""A name, cut into words."""

_MOST_WORDS = 5
_MOST_READINGS = 16
_MOST_COMBINED = 6
_LONGEST_WORD = 40
_FAMILY_AND_TWO_SYLLABLES = 3
_LONGEST_SYLLABLE = 6
_UNSPACED = range(2, 7)
"""Characters of East Asian full names."""
_HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff々]+")
_KANA = re.compile(r"[\u3040-\u30ff]")
_HANGUL = re.compile(r"[\uac00-\ud7af]+")
_WITHOUT_VOWELS = re.compile(r"[\u0590-\u05ff\u0600-\u06ff\u0750-\u077f]")
"""Hebrew and Arabic letters."""
_THAI = re.compile(r"[\u0e01-\u0e5b]")
_THAI_VOWEL_BEFORE = re.compile(r"([เแโใไ])([ก-ฮ])")
_THAI_SILENT = re.compile(r"[ก-ฮ][ิุ]?\u0e4c")
_ARTICLE = "ال"
_PARTICLES = frozenset(("al", "el", "bin", "ibn", "bint", "ben", "بن", "ابن", "بنت"))
_SERVANT_OF = frozenset(("abd", "abdul", "abdel", "abdal", "عبد"))
_TWICE = re.compile(r"([a-z])\1")
_LONG_VOWELS = (("ou", "o"), ("oo", "o"), ("uu", "u"))
_PERSONAL = "人名"
_SOUNDS_OF_HEBREW = (("sh", "s"), ("ts", "z"), ("tz", "z"), ("ch", "h"), ("kh", "h"), ("ph", "p"), ("th", "t"))
_LETTERS_OF_HEBREW = str.maketrans("cfqx", "kpkk")
_NO_LETTER = re.compile(r"[^a-z]")
_WEAK = re.compile(r"[aeiouyvwhj]")
BARE = "~"
"""The first sign of a reading that has no vowels."""


def cuts(display_name: str) -> tuple[Name, ...]:
    """Returns the ways to read a name, each as words; () where nothing in it is a letter.

    Blanks and signs cut words. East Asian names are written without blanks: such a word is also cut into family and
    given name. Abroad their syllables are often set apart: three short words are also family and given name.
    """
    words = [word[:_LONGEST_WORD] for word in _letters(_folded(display_name)).split()][:_MOST_WORDS]
    if not words:
        return ()
    ways = [words]
    if (core := _without_particles(words)) != words:
        ways.append(core)
    if len(words) == 1 and _is_unspaced(words[0]):
        ways.extend([words[0][:at], words[0][at:]] for at in range(1, min(len(words[0]), 4)))
    if len(words) == _FAMILY_AND_TWO_SYLLABLES and all(len(word) <= _LONGEST_SYLLABLE for word in words):
        ways.extend(([words[0], words[1] + words[2]], [words[0] + words[1], words[2]]))
    read = (tuple(map(readings, way)) for way in ways)
    return tuple(name for name in read if all(name))


@lru_cache(maxsize=100_000)
def readings(word: str) -> Word:
    """Returns how a word without blanks sounds in Latin letters, in every reading that is known."""
    if word.isascii():
        return (word,)
    found: Iterable[str]
    if _HAN.search(word):
        found = _of_han(word)
    elif _HANGUL.fullmatch(word):
        found = [*HANGUL_SURNAMES.get(word, ()), _latin(word)]
    elif _KANA.search(word):
        found = _of_kana(word)
    elif _WITHOUT_VOWELS.search(word):
        found = _of_consonants(word)
    elif _THAI.search(word):
        found = _of_thai(word)
    else:
        found = [_latin(word), *_of_turkish_and_german(word)]
    return tuple(islice(_each_once(found), _MOST_READINGS))


def _each_once(found: Iterable[str]) -> Iterator[str]:
    seen = {""}
    for each in found:
        if each not in seen:
            seen.add(each)
            yield each


@cache
def prepare() -> None:
    """The dictionaries are in memory, and what is looked up in them for the first time: a tenth of a second."""
    for name in ("王小明", "山田太郎", "Иван", "김민수", "สมชาย", "علي"):
        cuts(name)


@lru_cache(maxsize=100_000)
def consonants(latin: str) -> str:
    """Returns the sounds of a Latin word that Hebrew and Arabic always write: v, w and y are as often vowels there."""
    latin = _TWICE.sub(r"\1", latin)
    for sound, letter in _SOUNDS_OF_HEBREW:
        latin = latin.replace(sound, letter)
    return BARE + _WEAK.sub("", latin.translate(_LETTERS_OF_HEBREW))


def _of_consonants(word: str) -> Iterator[str]:
    """As it is written, and without what looks like a vowel; in Arabic also without the article."""
    for each in (word, word.removeprefix(_ARTICLE)):
        latin = _latin(each)
        yield latin
        yield consonants(latin)


def _of_thai(word: str) -> Iterator[str]:
    """Vowels that are written before their consonant are heard after it, and short ones are not written."""
    ordered = _THAI_VOWEL_BEFORE.sub(r"\2\1", word)
    for each in (_THAI_SILENT.sub("", ordered), ordered):
        latin = _latin(each)
        yield latin
        yield consonants(latin)


def _without_particles(words: Sequence[str]) -> list[str]:
    """Returns Arabic names as most people write them: no "al", no "son of", and "servant of" with whose he is."""
    kept: list[str] = []
    for word in words:
        if kept and kept[-1] in _SERVANT_OF:
            kept[-1] += word
        elif word not in _PARTICLES:
            kept.append(word)
    return kept or list(words)


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()


def _letters(text: str) -> str:
    """Letters and their marks stay (Thai and Indic vowels are marks); a blank stands for everything else."""
    return "".join(each if unicodedata.category(each)[0] in "LM" else " " for each in text)


def _is_unspaced(word: str) -> bool:
    return len(word) in _UNSPACED and bool(_HAN.fullmatch(word) or _HANGUL.fullmatch(word))


def _latin(word: str) -> str:
    return _NO_LETTER.sub("", (word if word.isascii() else anyascii(word)).lower())


def _of_turkish_and_german(word: str) -> Iterator[str]:
    """ü is written u and ue, ø o and oe, å a and aa."""
    marked = unicodedata.normalize("NFC", word)
    if any(each in marked for each in "äöüøå"):
        yield _latin(
            marked.replace("ä", "ae").replace("ö", "oe").replace("ü", "ue").replace("ø", "oe").replace("å", "aa")
        )


def _of_han(word: str) -> Iterator[str]:
    """Surnames as their bearers spell them, then Chinese and Japanese readings in turn: it may be either's name."""
    yield from HAN_SURNAMES.get(word, ())
    chinese = _of_chinese(word) if _HAN.fullmatch(word) else ()
    japanese = (spelling for reading in _japanese(word) for spelling in _of_kana(reading))
    for both in zip_longest(chinese, japanese, fillvalue=""):
        yield from both


def _of_chinese(word: str) -> Iterator[str]:
    """Mandarin in pinyin, as in Taiwan; Cantonese as in Hong Kong; then Mandarin with all readings of characters."""
    mandarin = [syllables[0] for syllables in pinyin(word, style=Style.NORMAL)]
    yield from _without_umlaut("".join(mandarin))
    yield "".join(map(wade_giles, mandarin))
    yield from _combined([hong_kong(each) for each in word])
    for spelling in _combined([_syllables(each) for each in word], most=_MOST_READINGS):
        yield from _without_umlaut(spelling)


def _combined(syllables: Sequence[Sequence[str]], *, most: int = _MOST_COMBINED) -> Iterator[str]:
    """Returns the first words that these choices for each character come to."""
    return map("".join, islice(product(*(choices[:3] for choices in syllables[:4])), most))


def _without_umlaut(syllables: str) -> Iterator[str]:
    """The vowel of 吕, which Latin keyboards lack, is written u, v or yu."""
    yield syllables.replace("v", "u")
    if "v" in syllables:
        yield syllables
        yield syllables.replace("v", "yu")


@cache
def _syllables(character: str) -> tuple[str, ...]:
    """Returns the Mandarin readings of a character, the commonest first, without tones."""
    return tuple(dict.fromkeys(pinyin(character, style=Style.NORMAL, heteronym=True)[0]))


@lru_cache(maxsize=10_000)
def _of_kana(kana: str) -> tuple[str, ...]:
    """Hepburn's spelling, first with the long vowels as most people write them: Yuko, then Yuuko."""
    latin = _latin(jaconv.kana2alphabet(jaconv.kata2hira(kana)))
    short = latin
    for long, vowel in _LONG_VOWELS:
        short = short.replace(long, vowel)
    return tuple(dict.fromkeys((short, latin)))


def _japanese(word: str) -> list[str]:
    """Returns the readings of a Japanese word in kana: those of names first, then the likeliest of its parts."""
    dictionary = _dictionary()
    entries = [each for each in dictionary.lookup(word) if each.reading_form()]
    entries.sort(key=lambda each: _PERSONAL not in each.part_of_speech())
    whole = "".join(each.reading_form() for each in dictionary.tokenizer().tokenize(word))
    return [*(each.reading_form() for each in entries), whole]


@cache
def _dictionary() -> Dictionary:
    return Dictionary(dict="small")
