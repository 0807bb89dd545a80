"""Who a credential stands for: looked up by its hash and remembered for two seconds, so a revoked key ends soon."""

import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from lobby_common.times import utc_now
from lobby_gateway.domain import Principal, could_be_secret, hash_of

Find = Callable[[Sequence[bytes]], Awaitable[Mapping[bytes, Principal]]]
FRESH_SECONDS = 2.0
"""For how long an answer of the database is trusted; a revoked key has to end within 5 s in every replica."""
_MOST_KEYS = 10_000


@dataclass(frozen=True, slots=True)
class _Known:
    principal: Principal
    until: float


class Keyring:
    """Credentials that were used lately."""

    def __init__(
        self, find: Find, clock: Callable[[], float] = time.monotonic, now: Callable[[], datetime] = utc_now
    ) -> None:
        self._find = find
        self._clock = clock
        self._now = now
        self._known: OrderedDict[bytes, _Known] = OrderedDict()
        self._revocations = 0

    async def principal(self, secret: str) -> Principal | None:
        """Returns who the secret stands for, None for one that is unknown, revoked or at its end."""
        return await self.holder(hash_of(secret)) if could_be_secret(secret) else None

    async def holder(self, secret_hash: bytes) -> Principal | None:
        """Returns who the secret with this hash stands for; only secrets that hold are remembered."""
        known = self._known.get(secret_hash)
        if known is not None and known.until > self._clock():
            return known.principal if known.principal.holds(self._now()) else None
        asked_at, revocations = self._clock(), self._revocations
        found = (await self._find([secret_hash])).get(secret_hash)
        if found is None or not found.holds(self._now()):
            self._known.pop(secret_hash, None)
            return None
        if revocations != self._revocations:
            # The database may have been asked before the key was revoked: what it said is not for keeping.
            return found
        self._known[secret_hash] = _Known(found, asked_at + FRESH_SECONDS)
        self._known.move_to_end(secret_hash)
        if len(self._known) > _MOST_KEYS:
            self._known.popitem(last=False)
        return found

    def forget(self, holder: str) -> None:
        """The next use of the key, or of any key that the link gave, asks the database."""
        self._revocations += 1
        stale = [each for each, known in self._known.items() if known.principal.holder == holder]
        for secret_hash in stale:
            del self._known[secret_hash]
