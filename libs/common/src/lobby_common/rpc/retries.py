"""When a call is tried again: soon, not in step with others, and not where that is what keeps a neighbour down."""

import random
from collections.abc import Iterator

_LONGEST_PAUSES = (0.1, 0.4, 1.0)
"""Seconds; each pause is anything up to that (full jitter), so that those who failed together do not come together."""
_TOKENS = 100.0
_RETURNED = 0.1
"""Tokens that a success gives back: in the long run one call in ten may be a retry."""


class Budget:
    """How many retries one neighbour gets, as gRPC's retry throttling counts (gRFC A6).

    Each call that finds nobody takes a token, each success gives a tenth back; at half of the tokens retries end.
    """

    def __init__(self) -> None:
        self._tokens = _TOKENS

    def succeeded(self) -> None:
        """A call was answered, whatever the answer."""
        self._tokens = min(self._tokens + _RETURNED, _TOKENS)

    def failed(self) -> bool:
        """A call found nobody. Returns whether one may be tried again."""
        self._tokens = max(self._tokens - 1, 0.0)
        return self._tokens > _TOKENS / 2


def pauses() -> Iterator[float]:
    """Yields how many seconds to wait before each retry."""
    for longest in _LONGEST_PAUSES:
        yield random.uniform(0, longest)  # noqa: S311  # jitter needs no secrecy
