"""Where time, ids and randomness come from."""

import random
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import count

from lobby_sandbox.people import digest

# Sequences begin with the time: platforms never repeat an id, so a sandbox that was restarted must not either,
# or its receiver would rightly take the new messages for old ones. A thousand ids a second are free.
_EPOCH = datetime(2025, 1, 1, tzinfo=UTC).timestamp()
_IDS_PER_SECOND = 1_000
_SPREAD = 10**9

_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_ULID_LENGTH = 26


def utc_now() -> datetime:
    """The time of this moment, in UTC."""
    return datetime.now(UTC)


class Mint:
    """Gives out ids that this sandbox never gave before."""

    def __init__(self, clock: Callable[[], datetime] = utc_now, randomness: random.Random | None = None) -> None:
        self._clock = clock
        self._random = randomness or random.SystemRandom()
        self._start = int((clock().timestamp() - _EPOCH) * _IDS_PER_SECOND)
        self._sequences: dict[str, count[int]] = {}
        self._snowflakes = count()

    def now(self) -> datetime:
        """The time of this moment."""
        return self._clock()

    def next(self, sequence: str) -> int:
        """The next number of a named sequence, always greater than the one before."""
        if sequence not in self._sequences:
            # Each begins elsewhere, so that no receiver confuses two of them unnoticed.
            self._sequences[sequence] = count(self._start + digest(sequence) % _SPREAD)
        return next(self._sequences[sequence])

    def hex(self, length: int) -> str:
        """Random lower-case hexadecimal digits."""
        return f"{self._random.getrandbits(4 * length):0{length}x}"

    def digits(self, length: int) -> str:
        """Random decimal digits, the first of them not zero."""
        return str(self._random.randrange(10 ** (length - 1), 10**length))

    def snowflake(self) -> str:
        """Eighteen digits that grow with time."""
        return str(int(self.now().timestamp() * 1_000) * 100_000 + next(self._snowflakes) % 100_000)

    def ulid(self) -> str:
        """A ULID of this moment."""
        value = int(self.now().timestamp() * 1_000) << 80 | self._random.getrandbits(80)
        return "".join(_CROCKFORD[value >> 5 * place & 31] for place in reversed(range(_ULID_LENGTH)))
