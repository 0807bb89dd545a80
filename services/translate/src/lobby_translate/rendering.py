"""How a text is rendered for a reader: what is known at once, and what must be asked for."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

from lobby_translate import phrases
from lobby_translate.detect import UNDETERMINED, Detection
from lobby_translate.languages import canonical, primary, reads
from lobby_translate.normal_form import memory_key, normal_form
from lobby_translate.protect import Protected, protect, restore

TRANSLATED_UP_TO: Final = 5000
"""Characters of the longest text that is given to an engine."""
LONG: Final = 60
"""Characters of a core from which its memory belongs to its message and is forgotten with it."""
_NEUTRAL_LANGUAGE: Final = "en"
"""What "hi" is read as."""


class Status(Enum):
    """How a rendering came about; the names of the contract."""

    TRANSLATED = "translated"
    SAME_LANGUAGE = "same_language"
    NOTHING_TO_TRANSLATE = "nothing_to_translate"
    UNTRANSLATED = "untranslated"


@dataclass(frozen=True, slots=True)
class Rendering:
    """A text in the reader's language, or why it is not there."""

    status: Status
    language: str
    """The reader's."""
    source: str
    text: str = ""
    provider: str = ""
    reason: str = ""

    @property
    def outcome(self) -> str:
        """One word for it: the provider, else the reason, else the status."""
        return self.provider or self.reason or self.status.value


@dataclass(frozen=True, slots=True)
class Wish:
    """A text that somebody must translate: the memory, or an engine."""

    source: str
    target: str
    whole: Protected
    key: bytes
    """Under which its translation is remembered."""

    @property
    def core(self) -> str:
        """What is translated."""
        return self.whole.core

    @property
    def is_long(self) -> bool:
        """Its memory belongs to its message."""
        return len(self.whole.core) > LONG

    def granted(self, core: str, provider: str) -> Rendering:
        """The rendering with this translation of the core."""
        text = restore(self.whole, core, self.target)
        return Rendering(Status.TRANSLATED, self.target, self.source, text, provider)

    def unserved(self) -> Rendering:
        """The rendering where no engine knows the pair. Another script of the same language can be read after all."""
        if primary(self.source) == primary(self.target):
            return Rendering(Status.SAME_LANGUAGE, self.target, self.source, reason="same_language")
        return self.refused("no_provider")

    def refused(self, reason: str) -> Rendering:
        """The rendering that says why there is no translation."""
        return Rendering(Status.UNTRANSLATED, self.target, self.source, reason=reason)


def render(text: str, found: Detection, reader: Sequence[str], workspace_id: str) -> Rendering | Wish:
    """The rendering for a reader of these languages where it is known at once, else what must be asked for.

    `reader` is not empty; its first language is the one he gets.
    """
    target = target_of(reader)
    # The commonest case first: it needs no look at the text.
    if not found.wordless and reads(reader, found.language):
        return Rendering(Status.SAME_LANGUAGE, target, found.language, reason="same_language")
    if len(text) > TRANSLATED_UP_TO:
        return Rendering(Status.UNTRANSLATED, target, found.language, reason="too_long")
    whole = protect(text)
    if not whole.has_words or found.wordless:
        said = _neutral(whole, found, reader, target) if whole.has_words else None
        return said or Rendering(Status.NOTHING_TO_TRANSLATE, target, found.language)
    if found.language == UNDETERMINED:
        return Rendering(Status.UNTRANSLATED, target, found.language, reason="undetermined")
    return _phrase(whole, found.language, target) or _wish(whole, found.language, target, workspace_id)


def target_of(reader: Sequence[str]) -> str:
    """The language that a reader of these languages gets."""
    return canonical(reader[0]) or reader[0]


def _neutral(whole: Protected, found: Detection, reader: Sequence[str], target: str) -> Rendering | None:
    """Words of no language ("hi", "ok") are translated where they are a phrase, and need it only for some readers."""
    for source in (found.language, _NEUTRAL_LANGUAGE):
        if reads(reader, source):
            return None
        if rendering := _phrase(whole, source, target):
            return rendering
    return None


def _phrase(whole: Protected, source: str, target: str) -> Rendering | None:
    said = phrases.find(whole.core, source, target) if not whole.spans else None
    if said is None:
        return None
    return Rendering(Status.TRANSLATED, target, source, restore(whole, said, target), "phrases")


def _wish(whole: Protected, source: str, target: str, workspace_id: str) -> Wish:
    normal = normal_form(whole.core, whole.spans, source, target)
    return Wish(source, target, whole, memory_key(workspace_id, source, target, normal))
