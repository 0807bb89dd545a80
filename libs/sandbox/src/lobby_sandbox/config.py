"""The sandbox's configuration, read once."""

from collections.abc import Mapping
from dataclasses import dataclass

MAX_PORT = 65_535


class ConfigError(Exception):
    """The environment holds a value that cannot be used; the message names the variable."""


@dataclass(frozen=True, slots=True)
class Config:
    """Where the sandbox listens."""

    host: str = "127.0.0.1"
    """LOBBY_BIND_HOST."""

    port: int = 0
    """LOBBY_SANDBOX_PORT; 0 takes a free one, which the first log line tells."""


def read_config(environment: Mapping[str, str]) -> Config:
    """The configuration that this environment asks for; raises ConfigError."""
    port = environment.get("LOBBY_SANDBOX_PORT") or "0"
    if not port.isascii() or not port.isdigit() or int(port) > MAX_PORT:
        raise ConfigError(f"LOBBY_SANDBOX_PORT must be a port from 0 to {MAX_PORT}, not {port!r}")
    return Config(host=environment.get("LOBBY_BIND_HOST") or "127.0.0.1", port=int(port))
