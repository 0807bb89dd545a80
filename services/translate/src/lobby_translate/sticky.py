"""The language of a chat: it changes when the customer changes, not at a foreign "thanks"."""

from dataclasses import dataclass
from typing import Final

from lobby_translate.detect import UNDETERMINED, Detection

_TURNING_LETTERS: Final = 12
_TURNING_MARGIN: Final = 0.5
_SURE: Final = 0.3
"""A first message below this confidence does not settle the chat's language."""


@dataclass(frozen=True, slots=True)
class ChatLanguage:
    """The language in which the customer writes, and the one that his last message suggested instead."""

    language: str = ""
    candidate: str = ""


NO_LANGUAGE: Final = ChatLanguage()


def follow(state: ChatLanguage, found: Detection) -> ChatLanguage:
    """The chat's language after a message.

    It turns when one message is long and clear enough, or when two in a row agree.
    """
    if found.wordless or found.language == UNDETERMINED:
        return state
    if found.language == state.language:
        return ChatLanguage(state.language) if state.candidate else state
    if not state.language:
        return ChatLanguage(found.language) if found.confidence >= _SURE else state
    clear = found.letters >= _TURNING_LETTERS and found.margin >= _TURNING_MARGIN
    if clear or found.language == state.candidate:
        return ChatLanguage(found.language)
    return ChatLanguage(state.language, found.language)
