"""What a crowd is to do, as the test tells it."""

from dataclasses import dataclass
from pathlib import Path

import msgspec


@dataclass(frozen=True, kw_only=True)
class Line:
    """A connected account, with the customers who write to it."""

    platform: str
    account_id: str
    credentials: dict[str, str]
    customers: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Everything that a crowd knows of Lobby."""

    gateway_url: str
    api_key: str
    agent_id: str
    lines: tuple[Line, ...]
    marker: str
    """A word in every text: found in no log of Lobby's."""
    rate: float = 60.0
    """Messages a second, of all customers together."""
    answers: float = 3.0
    """Answers of agents a second."""
    screens: int = 2
    seed: int = 0
    duplicates: float = 0.05
    """Share of deliveries that come again although they were accepted."""
    poison: float = 0.01
    facts: float = 0.01
    """Share of edits and receipts."""
    forged: float = 0.01
    long: float = 0.004
    """Share of texts of more than 64 KiB."""

    def write(self, folder: Path) -> None:
        """`load` in that folder returns it."""
        (folder / "plan.json").write_bytes(msgspec.json.encode(self))


def load(folder: Path) -> Plan:
    """Returns the plan of a folder."""
    return msgspec.json.decode((folder / "plan.json").read_bytes(), type=Plan)
