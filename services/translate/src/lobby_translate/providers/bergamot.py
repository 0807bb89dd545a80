"""Bergamot models (Firefox Translations) in a child process: no network, no key, some milliseconds a line."""

from collections.abc import Mapping, Sequence

from lobby_translate.languages import BERGAMOT
from lobby_translate.providers.child import Child, EngineDied
from lobby_translate.providers.contract import Answer, Failure, Pair
from lobby_translate.providers.models import Model

_CHARS_AT_ONCE = 600
"""A request of this size takes the engine a fraction of a second, so that nobody waits long behind another's."""


class Bergamot:
    """The engine with the models that are there."""

    name = "bergamot"
    max_items = 32
    max_chars = 3000

    def __init__(self, models: Mapping[Pair, Model], child: Child) -> None:
        self._models = models
        self._child = child

    @property
    def child(self) -> Child:
        """The process behind it."""
        return self._child

    def pairs(self) -> frozenset[Pair]:
        """The directions of its models."""
        return frozenset(self._models)

    def serves(self, source: str, target: str) -> bool:
        """It has a model for the direction; regions do not matter."""
        return self._model(source, target) is not None

    def _model(self, source: str, target: str) -> Model | None:
        every = BERGAMOT.tags
        pair = (BERGAMOT.tag(BERGAMOT.code(source, every)), BERGAMOT.tag(BERGAMOT.code(target, every)))
        return self._models.get(pair)

    async def close(self) -> None:
        """No process is left."""
        await self._child.stop()

    async def translate(self, source: str, target: str, texts: Sequence[str], seconds: float) -> list[Answer]:
        """Answers in the order of the texts; those that the engine did not come to are failures."""
        model = self._model(source, target)
        if model is None:
            return [Failure("unsupported_pair") for _ in texts]
        answers: list[Answer] = []
        for portion in _portions(texts):
            try:
                answer = await self._child.call({"files": model.files(), "texts": portion})
            except EngineDied:
                answers.extend(Failure("unavailable") for _ in texts[len(answers) :])
                break
            answers.extend(_read(answer, len(portion)))
        return answers


def _portions(texts: Sequence[str]) -> list[list[str]]:
    """The texts in their order, in requests of about the same small size."""
    portions: list[list[str]] = []
    room = 0
    for text in texts:
        if not portions or len(text) > room:
            portions.append([])
            room = _CHARS_AT_ONCE
        portions[-1].append(text)
        room -= len(text)
    return portions


def _read(answer: Mapping[str, object], count: int) -> list[Answer]:
    given = answer.get("texts")
    if not isinstance(given, list) or len(given) != count:
        return [Failure("bad_output") for _ in range(count)]
    return [text if isinstance(text, str) else Failure("bad_output") for text in given]
