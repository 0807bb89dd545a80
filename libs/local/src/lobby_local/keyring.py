"""The secrets of one home: made once, kept in a file that only its owner may read."""

import base64
import json
import secrets
from collections.abc import Callable
from pathlib import Path

from lobby_local.home import write_private

MASTER_KEY_BYTES = 32


class Keyring:
    """Secrets by name. Asking for one that is not there yet makes it and writes it down."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._secrets = self._read()

    def __repr__(self) -> str:
        return f"Keyring({str(self._path)!r}, {len(self._secrets)} secrets)"

    def password(self, of: str) -> str:
        """The password of one user of one server, for example `postgres/lobby_routing`."""
        return self._kept(of, lambda: secrets.token_urlsafe(24))

    def master_key(self) -> str:
        """The key that seals credentials: 32 bytes in base64. Without it they cannot be opened again."""
        return self._kept("master_key", lambda: base64.b64encode(secrets.token_bytes(MASTER_KEY_BYTES)).decode())

    def internal_token(self) -> str:
        """The secret by which services know each other."""
        return self._kept("internal_token", lambda: secrets.token_urlsafe(32))

    def _kept(self, name: str, make: Callable[[], str]) -> str:
        if name not in self._secrets:
            # Read again: another keyring of this home may have added to the file meanwhile.
            self._secrets = self._read()
        if name not in self._secrets:
            self._secrets[name] = make()
            write_private(self._path, json.dumps(self._secrets, indent=2) + "\n")
        return self._secrets[name]

    def _read(self) -> dict[str, str]:
        found: dict[str, str] = json.loads(self._path.read_text()) if self._path.exists() else {}
        return found
