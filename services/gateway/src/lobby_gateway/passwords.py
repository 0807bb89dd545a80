"""Passwords as they are kept: by scrypt, which costs memory as well as time. Who steals the hashes guesses slowly.

The parameters stand beside each hash: stronger ones hold for what is made after them.
"""

import asyncio
import hashlib
import hmac
import secrets
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar

from lobby_common.errors import Exhausted

T = TypeVar("T")

_N, _R, _P = 2**15, 8, 3
"""32 MiB and about 0.2 s a password."""
_SALT_BYTES = 16
_DIGEST_BYTES = 32
_MOST_WAITING = 20


@dataclass(frozen=True, slots=True)
class Hashed:
    """A password that nobody gets back."""

    digest: bytes = field(repr=False)
    salt: bytes = field(repr=False)
    n: int = _N
    r: int = _R
    p: int = _P


NOBODYS = Hashed(bytes(_DIGEST_BYTES), bytes(_SALT_BYTES))
"""What a password is compared with where there is nothing: it costs the same, and no password is known to fit."""


class Hasher:
    """Works on one password after the other, in a thread of its own: the loop goes on meanwhile."""

    def __init__(self, n: int = _N) -> None:
        """`n` is what a new password costs, in scrypt's words; a power of two."""
        self._n = n
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="passwords")
        self._waiting = 0

    async def hash(self, password: str) -> Hashed:
        """Returns what is kept of a new password. Raises Exhausted TOO_BUSY."""
        salt = secrets.token_bytes(_SALT_BYTES)
        return await self._run(lambda: Hashed(_digest(password, salt, self._n, _R, _P), salt, self._n))

    async def is_right(self, password: str, kept: Hashed) -> bool:
        """Returns whether it is the password that was kept. Raises Exhausted TOO_BUSY."""
        digest = await self._run(lambda: _digest(password, kept.salt, kept.n, kept.r, kept.p))
        return hmac.compare_digest(digest, kept.digest)

    async def close(self) -> None:
        """Nobody waits any more."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _run(self, work: Callable[[], T]) -> T:
        if self._waiting >= _MOST_WAITING:
            raise Exhausted("TOO_BUSY", "too many passwords at once; try again")
        self._waiting += 1
        done = asyncio.get_running_loop().run_in_executor(self._thread, work)
        # Work goes on where the one who asked has left: it counts until it is done.
        done.add_done_callback(self._leave)
        return await asyncio.shield(done)

    def _leave(self, _: object) -> None:
        self._waiting -= 1


def _digest(password: str, salt: bytes, n: int, r: int, p: int) -> bytes:
    """The same letters give the same digest, however the keyboard composes them (NFC)."""
    text = unicodedata.normalize("NFC", password).encode()
    return hashlib.scrypt(text, salt=salt, n=n, r=r, p=p, maxmem=2 * 128 * n * r, dklen=_DIGEST_BYTES)
