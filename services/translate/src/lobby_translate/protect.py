"""What must survive translation untouched: found, cut off at the edges, and stood in for by marks inside.

Inside this service a mark is a number between two SUB characters (texts are cleared of control characters first);
what a provider sees is `ZX0Z`, letters and digits without meaning, which every engine we tried gives back.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

_SIGN: Final = "\x1a"
MARK: Final = re.compile(r"\x1a(\d+)\x1a")
_CONTROLS: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_LETTER: Final = re.compile(r"[^\W\d_]")

_EMOJI_ONE: Final = (
    r"(?:[\U0001F1E6-\U0001F1FF]{2}|[#*0-9]\ufe0f?\u20e3"
    r"|[\u203c\u2049\u2122\u2139\u231a-\u23ff\u25aa-\u27bf\u2934\u2935\u2b05-\u2b55\u3030\u303d\u3297\u3299"
    r"\U0001F000-\U0001F1E5\U0001F200-\U0001FAFF][\ufe0e\ufe0f\u200d\U0001F3FB-\U0001F3FF\U000E0020-\U000E007F]*)"
)
_MONEY_SIGN: Final = r"(?:R\$|US\$|S/\.?|Rp\.?|RM|[$€£¥₹₽₫₺฿₩﷼])"
_MONEY_CODE: Final = r"(?:USD|EUR|GBP|BRL|MXN|IDR|MYR|VND|THB|INR|AED|SAR|RUB|KZT|CNY|RMB|TRY|JPY|KRW|[$€£¥₹₽₫₺฿₩])"
_AMOUNT: Final = r"\d{1,15}(?:[.,\u00a0 ]\d{3}){0,5}(?:[.,]\d{1,4})?"
_IN_URL: Final = r"[^\s<>\"\u3000-\u303f\uff00-\uffef]"
_LAST_IN_URL: Final = r"[^\s<>\"\u3000-\u303f\uff00-\uffef.,;:!?)\]}'…]"
_LABELS: Final = r"(?:[A-Za-z0-9-]{1,63}\.){1,6}"
_TOP: Final = r"(?:com|net|org|io|shop|store|app|xyz|info|biz|[a-z]{2}(?=/))"
_NO_WORD: Final = r"(?<![A-Za-z0-9])"
_WORD_ENDS: Final = r"(?![A-Za-z0-9])"

# In order of precedence where two could begin at the same place. Every repetition is bounded or can begin in one place
# only, so that a hostile text costs no more than its length.
_KINDS: Final = (
    ("URL", rf"(?:https?://|www\.){_IN_URL}*{_LAST_IN_URL}"),
    ("EMAIL", rf"(?<![A-Za-z0-9._%+-])[A-Za-z0-9._%+-]{{1,64}}@{_LABELS}[A-Za-z]{{2,24}}"),
    ("URL", rf"(?<![A-Za-z0-9@.-]){_LABELS}{_TOP}(?:/(?:{_IN_URL}*{_LAST_IN_URL})?)?{_WORD_ENDS}"),
    ("HOLDER", r"`[^`\n]+`|\{\{[^{}\n]*\}\}|\{\w*\}|%(?:\d+\$)?[sd](?![A-Za-z])|<[/A-Za-z][^<>\n]{0,80}>"),
    ("MENTION", rf"{_NO_WORD}@[A-Za-z_]\w*"),
    ("EMOJI", rf"{_EMOJI_ONE}+"),
    ("EMOJI", r"(?<!\S)(?:[:;=][-']?[)(DPp3*]|<3|\^_\^)(?!\S)"),
    ("MONEY", rf"{_NO_WORD}{_MONEY_SIGN}\s?{_AMOUNT}|(?<![A-Za-z0-9.,]){_AMOUNT}\s?{_MONEY_CODE}(?![A-Za-z])"),
    ("DATE", r"(?<!\d)\d{1,4}(?P<by>[-/.])\d{1,2}(?P=by)\d{1,4}(?!\d)|(?<!\d)\d{1,2}:\d{2}(?::\d{2})?(?!\d)"),
    ("PHONE", rf"{_NO_WORD}(?:\+\d|\(\d)[\d\s().-]{{5,18}}\d(?!\d)|{_NO_WORD}0\d(?:[ .-]?\d){{6,12}}{_WORD_ENDS}"),
    ("CODE", rf"{_NO_WORD}[0-9A-Fa-f]{{8}}(?:-[0-9A-Fa-f]{{4}}){{3}}-[0-9A-Fa-f]{{12}}{_WORD_ENDS}"),
    ("CODE", rf"{_NO_WORD}[#№]\s?[A-Za-z0-9]+(?:[-_./][A-Za-z0-9]+)*"),
    (
        "CODE",
        rf"(?<![A-Za-z0-9-])(?=[A-Z0-9-]{{0,60}}[0-9])[A-Z0-9]{{1,30}}(?:-[A-Z0-9]{{1,30}}){{1,6}}{_WORD_ENDS}",
    ),
    ("CODE", rf"{_NO_WORD}(?:[A-Za-z]+\d[A-Za-z0-9]*|\d+[A-Z][A-Za-z0-9]*){_WORD_ENDS}"),
    ("TAG", r"(?<!\w)#[^\W\d]\w*"),
    ("NUM", r"\d+(?:[.,:/]\d+)+|\d{3,}"),
)  # fmt: skip
_NAMES: Final = tuple(name for name, _ in _KINDS)
_SPANS: Final = re.compile(
    "|".join(f"(?P<k{number}>{pattern})" for number, (_, pattern) in enumerate(_KINDS)), re.ASCII
)
# No span is without one of these: most chat lines have none, and need no closer look.
_HINTS: Final = re.compile(
    r"[0-9@#№{`<%:;=^\u203c\u2049\u2122\u2139\u231a-\u23ff\u25aa-\u27bf\u2934\u2935\u2b05-\u2b55\u3030\u303d\u3297\u3299]"
    r"|[\U0001F000-\U0001FAFF]|www\.|[A-Za-z]\.[A-Za-z]"
)
_EDGE_KINDS: Final = frozenset({"URL", "EMAIL", "EMOJI", "CODE", "PHONE", "MENTION"})
_LEADING: Final = re.compile(r"\s+")
_AFTER_SPAN: Final = re.compile(r"[\s,:;–—-]+")
_TRAILING: Final = " \t\n\u00a0\u3000.!~…。！～"
_LETTER_PAIRS: Final = ("ZX", "QX", "XZ", "KX", "VX", "JX", "XJ", "XQ")
_PUNCTUATION: Final = {"zh": ("。", "！"), "ja": ("。", "！")}


@dataclass(frozen=True, slots=True)
class Span:
    """A piece that stays as it is."""

    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Protected:
    """A text taken apart: `head` and `tail` stay, `core` is translated, `spans` stand behind its marks."""

    head: str
    core: str
    tail: str
    spans: tuple[Span, ...]

    @property
    def has_words(self) -> bool:
        """There is something to translate."""
        return bool(_LETTER.search(MARK.sub("", self.core)))


def protect(text: str) -> Protected:
    """The text taken apart."""
    parts = _split(_CONTROLS.sub("", text))
    head = _cut_head(parts)
    tail = _cut_tail(parts)
    spans: list[Span] = []
    core: list[str] = []
    for part in parts:
        if isinstance(part, Span):
            core.append(f"{_SIGN}{len(spans)}{_SIGN}")
            spans.append(part)
        else:
            core.append(part)
    return Protected(head, "".join(core), tail, tuple(spans))


def restore(whole: Protected, core: str, target: str) -> str:
    """The text with another core: spans behind their marks again, edges put back with the punctuation of the target."""
    filled = fill(core, whole.spans)
    return f"{whole.head}{filled}{_punctuate(whole.tail, target, filled)}"


def fill(core: str, spans: Sequence[Span]) -> str:
    """The core with each mark replaced by its span."""
    return MARK.sub(lambda mark: spans[int(mark[1])].text, core)


def letters_for(core: str) -> str:
    """A pair of letters for marks that the text itself does not contain."""
    lowered = core.lower()
    return next((pair for pair in _LETTER_PAIRS if pair.lower() not in lowered), _LETTER_PAIRS[0])


def encode(core: str, letters: str) -> str:
    """The core as a provider sees it."""
    return MARK.sub(lambda mark: f"{letters}{mark[1]}Z", core)


def decode(answer: str, letters: str, count: int) -> str | None:
    """The answer with our own marks again; None where not each came back exactly once."""
    answer = _CONTROLS.sub("", answer)
    exact = re.compile(rf"{letters}(\d{{1,3}})Z")
    if (found := _each_once(answer, exact, count)) is not None:
        return found
    spread = r"\s?".join(letters)
    return _each_once(answer, re.compile(rf"{spread}\s?(\d{{1,3}})\s?Z", re.IGNORECASE), count)


def without_marks(answer: str) -> str:
    """An answer to a text that had no marks, cleared of what could pass for one."""
    return _CONTROLS.sub("", answer)


def _each_once(answer: str, pattern: re.Pattern[str], count: int) -> str | None:
    numbers = sorted(int(found[1]) for found in pattern.finditer(answer))
    if numbers != list(range(count)):
        return None
    return pattern.sub(lambda found: f"{_SIGN}{int(found[1])}{_SIGN}", answer)


def _split(text: str) -> list[str | Span]:
    if not _HINTS.search(text):
        return [text] if text else []
    parts: list[str | Span] = []
    end = 0
    for found in _SPANS.finditer(text):
        if found.start() > end:
            parts.append(text[end : found.start()])
        kind = _NAMES[int((found.lastgroup or "k0")[1:])]
        parts.append(Span(kind, found[0]))
        end = found.end()
    if end < len(text):
        parts.append(text[end:])
    return parts


def _cut_head(parts: list[str | Span]) -> str:
    cut: list[str] = []
    while parts:
        first = parts[0]
        if isinstance(first, Span):
            if first.kind not in _EDGE_KINDS:
                break
            cut.append(first.text)
            parts.pop(0)
        else:
            blank = (_AFTER_SPAN if cut else _LEADING).match(first)
            if blank is None:
                break
            cut.append(blank[0])
            parts[0] = first[blank.end() :]
            if not parts[0]:
                parts.pop(0)
    return "".join(cut)


def _cut_tail(parts: list[str | Span]) -> str:
    cut: list[str] = []
    while parts:
        last = parts[-1]
        if isinstance(last, Span):
            if last.kind not in _EDGE_KINDS:
                break
            cut.append(last.text)
            parts.pop()
        else:
            kept = last.rstrip(_TRAILING)
            if len(kept) == len(last):
                break
            cut.append(last[len(kept) :])
            parts.pop()
            if kept:
                parts.append(kept)
    return "".join(reversed(cut))


def _punctuate(tail: str, target: str, filled: str) -> str:
    """The tail with the full stop and exclamation mark of the target's script, where it begins with one."""
    if not tail or (filled and filled[-1] in "?？"):
        return tail.lstrip(".。") if tail and filled else tail
    stop, bang = _PUNCTUATION.get(target.partition("-")[0], (".", "!"))
    if tail[0] in ".。" and tail[:2] != "..":
        return stop + tail[1:]
    if tail[0] in "!！":
        run = len(tail) - len(tail.lstrip("!！"))
        return bang * run + tail[run:]
    return tail
