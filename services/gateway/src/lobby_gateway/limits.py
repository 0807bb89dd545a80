"""How often one key may ask: a token bucket per key, in this process."""

from collections import OrderedDict
from dataclasses import dataclass

_MOST_KEYS = 10_000


@dataclass(frozen=True, slots=True)
class Bucket:
    """What is left at one moment."""

    tokens: float
    at: float
    """Seconds of a clock that only goes forward."""


@dataclass(frozen=True, slots=True)
class Rate:
    """How a bucket fills, and how much it holds."""

    per_second: float
    burst: float

    def take(self, bucket: Bucket | None, now: float) -> tuple[Bucket, float]:
        """Returns the bucket after one request, and how many seconds to wait; 0 means go ahead."""
        tokens = self.burst
        if bucket is not None:
            tokens = min(self.burst, bucket.tokens + max(0.0, now - bucket.at) * self.per_second)
        if tokens >= 1:
            return Bucket(tokens - 1, now), 0.0
        return Bucket(tokens, now), (1 - tokens) / self.per_second


class Limiter:
    """The buckets of all keys that asked lately; a key not seen for long starts full again."""

    def __init__(self, rate: Rate) -> None:
        self._rate = rate
        self._buckets: OrderedDict[str, Bucket] = OrderedDict()

    def wait(self, key: str, now: float) -> float:
        """Counts one request of the key; returns how many seconds it has to wait, 0 where it may go ahead."""
        bucket, seconds = self._rate.take(self._buckets.get(key), now)
        self._buckets[key] = bucket
        self._buckets.move_to_end(key)
        if len(self._buckets) > _MOST_KEYS:
            self._buckets.popitem(last=False)
        return seconds
