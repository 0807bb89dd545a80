"""What is known from outside Lobby: what was posted, asked and shown, as the crowd's journals tell it."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.chaos import journal

_FINAL = (200, 401, 404, 413)
"""Answers that leave no doubt. After any other, or none, the webhook may have been taken in."""


@dataclass(frozen=True)
class Delivery:
    """A webhook and how all its attempts were answered."""

    account: str
    kind: str
    digest: str
    chat: str = ""
    message: str = ""
    n: int = 0
    accepted: int = 1
    """How often it was answered 200."""
    unsure: int = 0
    """How often nobody knows what became of it: no answer, or a failure."""
    refused: int = 0

    @property
    def is_message(self) -> bool:
        return self.kind == "message"


@dataclass(frozen=True)
class Send:
    """An answer that an agent wrote, until the gateway said something definite."""

    token: str
    account: str
    platform: str
    status: int = 200
    message_id: str = ""
    reason: str = ""


@dataclass(frozen=True)
class Answer:
    """When a webhook was posted, and how long the answer took."""

    at: float
    took: float
    status: int = 200


@dataclass(frozen=True)
class Fault:
    """What was done to Lobby, and from when to when, by the machine's clock."""

    name: str
    began: float
    ended: float


@dataclass(frozen=True)
class History:
    """Everything that was done and seen."""

    deliveries: Sequence[Delivery] = ()
    sends: Sequence[Send] = ()
    keys: Mapping[str, str] = field(default_factory=dict)
    """Ids of the API keys that were made, by token; "" where the answer was no key."""
    shown: Mapping[int, Sequence[str]] = field(default_factory=dict)
    """Message ids in the order in which each screen showed them; "" is a resync."""
    answers: Sequence[Answer] = ()
    lateness: Sequence[tuple[float, float]] = ()
    """When the machine let the crowd wait, and for how many seconds: both are its own doing."""
    faults: Sequence[Fault] = ()
    seconds_to_drain: float = 0.0
    """From the end of the last fault, or of the writing if that was later, until all was quiet."""

    @property
    def messages(self) -> list[Delivery]:
        return [each for each in self.deliveries if each.is_message]


def load(folder: Path, faults: Sequence[Fault] = (), seconds_to_drain: float = 0.0) -> History:
    """Returns what the journals of a folder tell."""
    customers = journal.read(folder / "customers.jsonl")
    agents = journal.read(folder / "agents.jsonl")
    return History(
        deliveries=_deliveries(customers),
        sends=_sends(agents),
        keys={line["token"]: line["key_id"] for line in agents if line["event"] == "key_made"},
        shown=_shown(journal.read(folder / "screens.jsonl")),
        answers=[
            Answer(line["at"] - line["took"], line["took"], line["status"])
            for line in customers
            if line["event"] == "answer"
        ],
        lateness=[(line["at"], line["seconds"]) for line in customers if line["event"] == "late"],
        faults=faults,
        seconds_to_drain=seconds_to_drain,
    )


def _deliveries(lines: Iterable[Mapping[str, Any]]) -> list[Delivery]:
    bodies: dict[int, Mapping[str, Any]] = {}
    sent: defaultdict[int, int] = defaultdict(int)
    statuses: defaultdict[int, list[int]] = defaultdict(list)
    for line in lines:
        match line["event"]:
            case "body":
                bodies[line["body"]] = line
            case "sent":
                sent[line["body"]] += 1
            case "answer":
                statuses[line["body"]].append(line["status"])
    return [
        Delivery(
            account=body["account"],
            kind=body["kind"],
            digest=body["digest"],
            chat=body["chat"],
            message=body["message"],
            n=body["n"],
            accepted=statuses[number].count(200),
            unsure=sent[number] - sum(status in _FINAL for status in statuses[number]),
            refused=sum(status in _FINAL[1:] for status in statuses[number]),
        )
        for number, body in bodies.items()
    ]


def _sends(lines: Iterable[Mapping[str, Any]]) -> list[Send]:
    answers = {line["token"]: line for line in lines if line["event"] == "send_answer"}
    return [
        Send(
            token=line["token"],
            account=line["account"],
            platform=line["platform"],
            status=answers[line["token"]]["status"],
            message_id=answers[line["token"]]["message_id"],
            reason=answers[line["token"]]["reason"],
        )
        for line in lines
        if line["event"] == "send" and line["token"] in answers
    ]


def _shown(lines: Iterable[Mapping[str, Any]]) -> dict[int, list[str]]:
    shown: defaultdict[int, list[str]] = defaultdict(list)
    for line in lines:
        if line["event"] in ("message_received", "resync"):
            shown[line["screen"]].append(line["message"] if line["event"] == "message_received" else "")
        elif line["event"] == "open":
            shown[line["screen"]] += []
    return dict(shown)
