"""Free ports of the loopback, where no outgoing connection can take them while their server restarts."""

import json
import random
import socket
from collections.abc import Iterable
from pathlib import Path

from lobby_local.home import write_private

LOWEST = 16_000
EPHEMERAL_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
USUAL_EPHEMERAL_START = 32_768


class NoFreePortError(Exception):
    """Every port tried was taken."""


def is_free(port: int, host: str = "127.0.0.1") -> bool:
    """True when a server could listen there now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except OSError:
            return False
    return True


def free_port(taken: Iterable[int] = ()) -> int:
    """A port that is free now and lies below the range from which the kernel serves outgoing connections.

    A port inside that range may be lent to any client the moment its server is down; even to a client that
    tries to reach that very server, which then talks to itself.
    """
    start = ephemeral_start()
    avoid = set(taken)
    chooser = random.SystemRandom()
    for _ in range(1000):
        port = chooser.randrange(min(LOWEST, start - 1000), start)
        if port not in avoid and is_free(port):
            return port
    raise NoFreePortError(f"no free port between {LOWEST} and {start}")


def ephemeral_start() -> int:
    """The lowest port that the kernel gives to outgoing connections."""
    if EPHEMERAL_RANGE.exists():
        return int(EPHEMERAL_RANGE.read_text().split()[0])
    return USUAL_EPHEMERAL_START


class Ports:
    """A port for each name, the same as last time if still free: addresses kept in data stay true."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._last: dict[str, int] = json.loads(path.read_text()) if path.exists() else {}
        self._chosen: dict[str, int] = {}

    def choose(self, name: str) -> int:
        """The port of that name for the whole run."""
        if name not in self._chosen:
            self._chosen[name] = self._choose(name)
            write_private(self._path, json.dumps(self._last | self._chosen, indent=2) + "\n")
        return self._chosen[name]

    def _choose(self, name: str) -> int:
        last = self._last.get(name, 0)
        if last and last not in self._chosen.values() and is_free(last):
            return last
        return free_port({*self._last.values(), *self._chosen.values()})
