"""Engines made for tests: each fails in one way."""

import asyncio
from collections.abc import Callable, Sequence

from lobby_translate.providers.contract import Answer, Failure, FailureKind, Pair


class Engine:
    """Answers by a function of the text; remembers what it was asked."""

    def __init__(
        self,
        answer: Callable[[str], Answer],
        *,
        name: str = "engine",
        pairs: Sequence[Pair] = (("en", "pt"), ("pt", "en")),
        max_items: int = 8,
        max_chars: int = 1000,
    ) -> None:
        self.name = name
        self.max_items = max_items
        self.max_chars = max_chars
        self.asked: list[list[str]] = []
        self._answer = answer
        self._pairs = frozenset(pairs)

    def pairs(self) -> frozenset[Pair]:
        return self._pairs

    def serves(self, source: str, target: str) -> bool:
        return (source, target) in self._pairs

    async def translate(self, source: str, target: str, texts: Sequence[str], seconds: float) -> list[Answer]:
        self.asked.append(list(texts))
        return [self._answer(text) for text in texts]

    async def close(self) -> None:
        pass


class Hanging(Engine):
    """Never answers."""

    async def translate(self, source: str, target: str, texts: Sequence[str], seconds: float) -> list[Answer]:
        self.asked.append(list(texts))
        await asyncio.Event().wait()
        raise AssertionError


def failing(kind: FailureKind, name: str = "failing", retry_after: float | None = None) -> Engine:
    """An engine that fails always in the same way."""
    return Engine(lambda _: Failure(kind, retry_after), name=name)


def dictionary(**words: str) -> Callable[[str], str]:
    """Translates word by word; the marks stay."""
    return lambda text: " ".join(words.get(word.lower(), word) for word in text.split(" "))
