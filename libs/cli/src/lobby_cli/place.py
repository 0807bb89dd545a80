"""Where Lobby is: told by variables, or by the ready.json of the one-machine stack."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


class NowhereError(Exception):
    """Nobody says where Lobby is."""


@dataclass(frozen=True, slots=True)
class Place:
    """Addresses and the key."""

    gateway_url: str
    api_key: str
    sandbox_url: str = ""
    database_url: str = ""


def find(environ: Mapping[str, str] = os.environ) -> Place:
    """Returns LOBBY_URL with LOBBY_API_KEY, else what `$LOBBY_HOME/ready.json` (`.lobby`) says. Raises NowhereError."""
    ready = _ready(Path(environ.get("LOBBY_HOME", ".lobby")) / "ready.json")
    url = environ.get("LOBBY_URL") or ready.get("gateway_url", "")
    key = environ.get("LOBBY_API_KEY") or ready.get("api_key", "")
    if not url or not key:
        raise NowhereError("nothing is running here: `make up` first, or set LOBBY_URL and LOBBY_API_KEY")
    sandbox_url = environ.get("LOBBY_SANDBOX_URL") or ready.get("sandbox_url", "")
    return Place(url, key, sandbox_url, ready.get("database_url", ""))


def _ready(file: Path) -> dict[str, str]:
    try:
        found: dict[str, str] = json.loads(file.read_text())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise NowhereError(f"{file} cannot be read: {error}") from None
    return found
