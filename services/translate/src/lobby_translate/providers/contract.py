"""What the chain asks of every engine."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

FailureKind: TypeAlias = Literal[
    "bad_request", "auth", "quota", "rate", "unsupported_pair", "too_long", "timeout", "unavailable", "bad_output"
]
Pair: TypeAlias = tuple[str, str]
"""Source and target (BCP 47)."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an engine did not translate a text."""

    kind: FailureKind
    retry_after: float | None = None
    """Seconds that the engine asked us to wait."""


Answer: TypeAlias = str | Failure


class Provider(Protocol):
    """An engine. It never raises for what can go wrong out there: every text gets an answer or its failure."""

    @property
    def name(self) -> str:
        """What people see: "translated by …"."""

    @property
    def max_items(self) -> int:
        """Most texts in one call."""

    @property
    def max_chars(self) -> int:
        """Most characters in one call."""

    def pairs(self) -> frozenset[Pair]:
        """Pairs it is known to serve now; for people."""

    def serves(self, source: str, target: str) -> bool:
        """It may be asked for the pair. True also while it is configured but was never reached."""

    async def translate(self, source: str, target: str, texts: Sequence[str], seconds: float) -> list[Answer]:
        """As many answers as texts, in their order, within the seconds. May be cancelled."""

    async def close(self) -> None:
        """Nothing of it is left running."""
