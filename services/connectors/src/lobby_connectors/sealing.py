"""Channel credentials at rest: AES-256-GCM under the master key, bound to their account."""

import base64
import binascii
import hashlib
import secrets
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from lobby_common.config import ConfigError

_KEY_BYTES = 32
_NONCE_BYTES = 12


class CannotOpen(Exception):
    """The seal was made with a key that we do not have, or somebody changed what is sealed."""


class Sealer:
    """Seals with the newest key and opens with any. A sealed value begins with one byte that names its key."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        self._newest = _key_id(keys[0])
        self._keys = {_key_id(key): AESGCM(key) for key in reversed(keys)}

    def seal(self, plain: bytes, context: str) -> bytes:
        """Returns `plain` sealed; it opens only for the same context."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return bytes([self._newest]) + nonce + self._keys[self._newest].encrypt(nonce, plain, context.encode())

    def open(self, sealed: bytes, context: str) -> bytes:
        """Returns what was sealed. Raises CannotOpen."""
        key = self._keys.get(sealed[0])
        if key is None:
            raise CannotOpen(f"no master key with id {sealed[0]}")
        try:
            return key.decrypt(sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :], context.encode())
        except InvalidTag:
            raise CannotOpen(f"the seal of {context} is broken") from None


def read_keys(newest: str, older: str) -> list[bytes]:
    """Returns the keys of the configuration, the newest first. Raises ConfigError."""
    return [_read("LOBBY_MASTER_KEY", newest)] + [
        _read("LOBBY_OLD_MASTER_KEYS", each.strip()) for each in older.split(",") if each.strip()
    ]


def _read(variable: str, text: str) -> bytes:
    try:
        key = base64.b64decode(text, validate=True)
    except binascii.Error:
        key = b""
    if len(key) != _KEY_BYTES:
        raise ConfigError(f"{variable} must be base64 of {_KEY_BYTES} bytes")
    return key


def _key_id(key: bytes) -> int:
    return hashlib.sha256(b"lobby key id" + key).digest()[0]
