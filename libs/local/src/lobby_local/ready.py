"""`ready.json`: where everything of a running stack is, for programs."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lobby_local.home import Home, write_private


@dataclass(frozen=True, slots=True)
class ServiceAt:
    """Where one service listens, and the process that does."""

    grpc: str
    http: str
    pid: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """The whole file."""

    gateway_url: str
    api_key: str
    workspace_id: str
    sandbox_url: str
    database_url: str
    nats_url: str
    services: dict[str, ServiceAt]
    processes: dict[str, int]
    """Pids of all processes of the stack: services, sandbox, servers, and the supervisor itself."""

    def write(self, path: Path) -> None:
        """The file says this and is readable by its owner only."""
        write_private(path, json.dumps(asdict(self), indent=2) + "\n")


def welcome(home: Home) -> str:
    """What a person needs to begin with the stack that is ready in this home."""
    said = read(home.ready)
    assert said is not None, "nothing is ready"
    return (
        f"\n  Lobby    {said['gateway_url']}   (API: {said['gateway_url']}/docs)"
        f"\n  key      {said['api_key']}"
        f"\n  sandbox  {said['sandbox_url']}"
        f"\n  the rest is in {home.ready}, logs in {home.logs}\n"
    )


def read(path: Path) -> dict[str, Any] | None:
    """What the file says, or None while nothing is ready."""
    try:
        said: dict[str, Any] = json.loads(path.read_text())
    except FileNotFoundError:
        return None
    return said
