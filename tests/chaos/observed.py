"""What Lobby holds when it is quiet again, as its databases, its streams, its answers and its logs show it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Raw:
    """A webhook that connectors keeps."""

    account: str
    digest: str
    state: str = "parsed"
    said: int = 1
    new: int = 1
    duplicate: int = 0
    ignored: int = 0
    problems: int = 0
    is_receipt: bool = False
    """It is a receipt of the platform's stand-in, which nobody logs."""


@dataclass(frozen=True)
class Stored:
    """A message of a customer, in connectors."""

    message_id: str
    account: str
    message: str


@dataclass(frozen=True)
class Outbound:
    """A message to a customer, in connectors."""

    message_id: str
    account: str
    text: str
    delivery: str = "sent"
    accepted: bool = True
    """The platform took it, as far as connectors knows."""


@dataclass(frozen=True)
class Span:
    """Positions that belong together: of a batch, or of a range row."""

    lane: int
    first: int
    count: int


@dataclass(frozen=True)
class Log:
    """The event log of a service."""

    heads: Mapping[int, int] = field(default_factory=dict)
    published: Mapping[int, int] = field(default_factory=dict)
    spans: Sequence[Span] = ()
    batch_ids: frozenset[int] = frozenset()
    """Batches of this test."""
    streamed: frozenset[int] | None = None
    """Those of them that the stream holds; None where somebody harmed the stream on purpose."""


@dataclass(frozen=True)
class Hearing:
    """What one consumer made of one producer's log."""

    positions: Mapping[int, int] = field(default_factory=dict)
    spans: Sequence[Span] = ()


@dataclass(frozen=True)
class Observed:
    """Everything that is held against the history."""

    raw: Sequence[Raw] = ()
    stored: Sequence[Stored] = ()
    routed: Sequence[tuple[str, str, int]] = ()
    """Message id, conversation id, number in the conversation."""
    translated: Sequence[str] = ()
    counted: Sequence[str] = ()
    entries: int = 0
    people: int = 0
    totals: Mapping[str, int] = field(default_factory=dict)
    logs: Mapping[str, Log] = field(default_factory=dict)
    hearings: Mapping[tuple[str, str], Hearing] = field(default_factory=dict)
    """By consumer and producer."""
    poison_events: Sequence[str] = ()
    """Events in any service's quarantine."""
    mended: Sequence[str] = ()
    left: Mapping[str, int] = field(default_factory=dict)
    """What still waits, by what it is."""
    outbound: Sequence[Outbound] = ()
    platform_took: Sequence[tuple[str, str]] = ()
    """Token and account of each send that the platform's stand-in accepted."""
    proof: Mapping[str, Any] = field(default_factory=dict)
    audited_keys: Sequence[str] = ()
    """Ids of the keys that the audit log names, as often as it does."""
    leaks: Sequence[str] = ()
    """Where a log shows a text or a secret."""
