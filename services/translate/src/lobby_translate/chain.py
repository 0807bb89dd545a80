"""Engines in their order: the next is asked where one is away, refuses, or says what cannot be right."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from lobby_translate import checks, metrics, protect
from lobby_translate.breaker import Admission, Breaker
from lobby_translate.languages import primary
from lobby_translate.providers.contract import Answer, Failure, FailureKind, Pair, Provider

_REASON_OF: Final[Mapping[FailureKind, str]] = {
    "timeout": "timeout",
    "unsupported_pair": "unsupported_pair",
    "too_long": "too_long",
    "bad_output": "bad_output",
    "bad_request": "bad_output",
    "auth": "all_open",
    "quota": "all_open",
    "rate": "all_open",
    "unavailable": "all_open",
}
# The most telling reason of several engines is the one that is told.
_RANK: Final = ("placeholder_lost", "bad_output", "too_long", "timeout", "unsupported_pair", "all_open", "")
_LETTERS_NEEDED: Final = 1


@dataclass(frozen=True, slots=True)
class Outcome:
    """A translated core (with our marks) and who made it, or the reason why there is none."""

    core: str | None
    provider: str = ""
    reason: str = ""


@dataclass(slots=True)
class _Waiting:
    """A core on its way through the engines."""

    core: str
    reason: str = ""

    def blame(self, reason: str) -> None:
        if _RANK.index(reason) < _RANK.index(self.reason):
            self.reason = reason


class Chain:
    """The engines of this deployment, the preferred first."""

    def __init__(self, providers: Sequence[Provider], clock: Callable[[], float] = time.monotonic) -> None:
        self.providers = tuple(providers)
        self._clock = clock
        self._breakers: dict[tuple[str, str, str], Breaker] = {}

    def serves(self, source: str, target: str) -> bool:
        """Some engine may be asked for the pair."""
        return any(provider.serves(source, target) for provider in self.providers)

    def is_first_choice(self, provider: str, source: str, target: str) -> bool:
        """No better engine than this one could have been asked for the pair."""
        best = next((one.name for one in self.providers if one.serves(source, target)), "")
        return provider == best

    async def translate(self, source: str, target: str, cores: Sequence[str], seconds: float) -> list[Outcome]:
        """An outcome for each core, in their order, within the seconds."""
        end = self._clock() + seconds
        route = [provider for provider in self.providers if provider.serves(source, target)]
        if not route:
            return [Outcome(None, reason="no_provider") for _ in cores]
        waiting = {at: _Waiting(core) for at, core in enumerate(cores)}
        done: dict[int, Outcome] = {}
        for number, provider in enumerate(route):
            left = end - self._clock()
            if not waiting or left <= 0:
                break
            # A share of the time stays for the engines that follow.
            share = left if number == len(route) - 1 else left / 2
            breaker = self._breaker(provider, source, target)
            attempt = _Attempt(provider, breaker, (source, target), self._clock, self._clock() + share)
            for at, core in (await attempt.run(waiting)).items():
                done[at] = Outcome(core, provider.name)
                del waiting[at]
        for at, one in waiting.items():
            done[at] = Outcome(None, reason=one.reason or "timeout")
        return [done[at] for at in range(len(cores))]

    def _breaker(self, provider: Provider, source: str, target: str) -> Breaker:
        return self._breakers.setdefault((provider.name, primary(source), primary(target)), Breaker(self._clock))


@dataclass(frozen=True, slots=True)
class _Attempt:
    """One engine's turn at what is waiting."""

    provider: Provider
    breaker: Breaker
    pair: Pair
    clock: Callable[[], float]
    end: float

    async def run(self, waiting: Mapping[int, _Waiting]) -> dict[int, str]:
        """Those cores that the engine translated well; the others know what they failed by."""
        done: dict[int, str] = {}
        rest = list(waiting)
        while rest:
            admission = self.breaker.admit()
            if admission is Admission.NONE:
                for at in rest:
                    waiting[at].blame("all_open")
                break
            batch = self._batch(rest, waiting, most=1 if admission is Admission.ONE else self.provider.max_items)
            rest = rest[len(batch) :]
            try:
                done.update(await self._ask(batch, waiting))
            finally:
                self.breaker.abandon()
        return done

    def _batch(self, rest: Sequence[int], waiting: Mapping[int, _Waiting], *, most: int) -> list[int]:
        """The next cores that fit into one call, at least one."""
        batch: list[int] = []
        room = self.provider.max_chars
        for at in rest[:most]:
            room -= len(waiting[at].core) + 4
            if batch and room < 0:
                break
            batch.append(at)
        return batch

    async def _ask(self, batch: Sequence[int], waiting: Mapping[int, _Waiting]) -> dict[int, str]:
        fitting = [at for at in batch if len(waiting[at].core) <= self.provider.max_chars]
        for at in set(batch) - set(fitting):
            waiting[at].blame("too_long")
        letters = [protect.letters_for(waiting[at].core) for at in fitting]
        texts = [protect.encode(waiting[at].core, pair_of) for at, pair_of in zip(fitting, letters, strict=True)]
        answers = await self._call(texts)
        done: dict[int, str] = {}
        for at, answer, pair_of in zip(fitting, answers, letters, strict=True):
            core, reason = _judge(waiting[at].core, answer, pair_of, self.pair)
            if reason == "placeholder_lost":
                core, reason = await self._piecewise(waiting[at].core)
            if core is None:
                waiting[at].blame(reason)
            else:
                done[at] = core
            metrics.TRANSLATIONS.labels(self.provider.name, reason or "translated").inc()
        return done

    async def _piecewise(self, core: str) -> tuple[str | None, str]:
        """The core translated around its marks, where the engine does not give them back."""
        pieces = list(_pieces(core))
        asked = [at for at, piece in enumerate(pieces) if _has_words(piece)]
        answers = await self._call([pieces[at].strip() for at in asked])
        for at, answer in zip(asked, answers, strict=True):
            if not isinstance(answer, str):
                return None, "placeholder_lost"
            before = pieces[at][: len(pieces[at]) - len(pieces[at].lstrip())]
            after = pieces[at][len(pieces[at].rstrip()) :]
            pieces[at] = f"{before}{protect.without_marks(answer).strip()}{after}"
        joined = "".join(pieces)
        return (None, "placeholder_lost") if checks.fault(core, joined, *self.pair) else (joined, "")

    async def _call(self, texts: Sequence[str]) -> Sequence[Answer]:
        """One answer or failure per text, whatever the engine does; its breaker is told."""
        left = self.end - self.clock()
        answers: Sequence[Answer] = [Failure("timeout")] * len(texts)
        if left <= 0 or not texts:
            return answers
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(left):
                given = await self.provider.translate(*self.pair, texts, left)
            answers = given if len(given) == len(texts) else [Failure("bad_output")] * len(texts)
        _tell(self.breaker, answers)
        return answers


def _tell(breaker: Breaker, answers: Sequence[Answer]) -> None:
    failures = [answer for answer in answers if isinstance(answer, Failure)]
    if len(failures) < len(answers):
        breaker.succeeded()
    else:
        breaker.failed(failures[0])


def _judge(core: str, answer: Answer, letters: str, pair: Pair) -> tuple[str | None, str]:
    """The answer with our own marks where it can be right, else the reason."""
    if isinstance(answer, Failure):
        return None, _REASON_OF[answer.kind]
    decoded = protect.decode(answer, letters, len(protect.MARK.findall(core)))
    if decoded is None:
        return None, "placeholder_lost"
    return (None, "bad_output") if checks.fault(core, decoded, *pair) else (decoded.strip(), "")


def _pieces(core: str) -> Iterator[str]:
    """The core cut at its marks, the marks included."""
    end = 0
    for mark in protect.MARK.finditer(core):
        yield core[end : mark.start()]
        yield mark[0]
        end = mark.end()
    yield core[end:]


def _has_words(piece: str) -> bool:
    return not protect.MARK.fullmatch(piece) and sum(map(str.isalpha, piece)) > _LETTERS_NEEDED
