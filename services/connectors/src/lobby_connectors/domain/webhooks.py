"""One webhook's way: what it said, for which account, and the verdict that the raw row keeps."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta

from msgspec import Struct

from lobby_common.ids import derive_id
from lobby_connectors.domain.accounts import Account
from lobby_connectors.domain.items import (
    Arrival,
    Callback,
    Deletion,
    Echo,
    Edit,
    Fact,
    IdentifierChange,
    Item,
    Message,
    Reaction,
    Receipt,
)

AHEAD = timedelta(minutes=5)
"""A provider's time further ahead than this is wrong: the time received counts instead (DESIGN §5)."""
LONGEST_TEXT = 64 * 1024
"""Bytes of text that an event carries; the whole stays here."""


class Webhook(Struct, frozen=True):
    """One POST of a platform, as the gateway handed it over."""

    webhook_id: str
    account: Account
    body: bytes
    received_time: datetime
    traceparent: str


class Said(Struct, frozen=True):
    """One item, for the account that it is about."""

    account: Account
    item: Item


class Reading(Struct):
    """What a webhook says, and what of it was not understood. A `fault` means that our own code failed on it."""

    webhook: Webhook
    said: list[Said]
    problems: list[str]
    learned: list[tuple[str, tuple[str, ...]]] = []
    """Accounts with phone digits of their own that were not known."""
    fault: bool = False
    place: int = 0
    """Where the first of what it says stands in the webhook, if this is a part of it."""


class SourcedFact(Struct, frozen=True):
    """A fact with all that is needed to apply it later, when its message comes."""

    fact: Fact
    workspace_id: str
    account_id: str
    webhook_id: str
    received_time: datetime
    traceparent: str


class Verdict(Struct):
    """What became of a webhook's items; together they are all it said."""

    said: int = 0
    """How many there are, counted as the webhook was read: that the others come to as much is what a proof shows."""
    new: int = 0
    duplicate: int = 0
    ignored: int = 0
    problems: int = 0
    rules: Counter[str] = Counter()
    state: str = "parsed"
    reason: str = ""

    def count(self, *, new: bool) -> None:
        """One more item was new, or was there before."""
        if new:
            self.new += 1
        else:
            self.duplicate += 1

    def add(self, other: "Verdict") -> None:
        """What became of a further part is counted as well."""
        self.said += other.said
        self.new += other.new
        self.duplicate += other.duplicate
        self.ignored += other.ignored
        self.problems += other.problems
        self.rules.update(other.rules)

    def ignore(self, rule: str) -> None:
        """One more item was left out by a rule."""
        self.ignored += 1
        self.rules[rule] += 1


def begin(reading: Reading) -> Verdict:
    """Returns the verdict before anything is stored: what was not understood is in quarantine, our own faults wait."""
    said = sum(not isinstance(each.item, Callback) for each in reading.said) + len(reading.problems)
    verdict = Verdict(said=said, problems=len(reading.problems), rules=Counter())
    if reading.problems:
        verdict.state = "pending" if reading.fault else "quarantined"
        verdict.reason = "; ".join(reading.problems[:5]).replace("\x00", "\ufffd")[:1000]
    return verdict


def postponed(reading: Reading) -> Reading:
    """Returns the reading of a webhook that says too much for one transaction with others: the normaliser takes it."""
    problem = f"says {len(reading.said)} things: they are taken in one part after the other"
    return Reading(reading.webhook, [], [problem], fault=True)


def parts(reading: Reading, most: int) -> list[Reading]:
    """Returns the reading in parts that say at most so much; what was not understood is in the first."""
    said = reading.said
    first = Reading(reading.webhook, said[:most], reading.problems, reading.learned, reading.fault)
    rest = range(most, len(said), most)
    return [first, *(Reading(reading.webhook, said[at : at + most], [], place=at) for at in rest)]


def occurred(provider_time: datetime | None, received: datetime) -> tuple[datetime, bool]:
    """Returns when it happened, and whether that is the time received."""
    if provider_time is None or provider_time > received + AHEAD:
        return received, True
    return provider_time, False


def cut(text: str) -> tuple[str, bool]:
    """Returns the text as an event carries it, and whether something is missing; no character is cut in two."""
    if len(text) * 4 <= LONGEST_TEXT:
        return text, False
    data = text.encode()
    if len(data) <= LONGEST_TEXT:
        return text, False
    return data[:LONGEST_TEXT].decode("utf-8", "ignore"), True


def message_id(account_id: str, message: Message | Echo) -> str:
    """Returns the id of a message: the same whenever the same is parsed, and sorted by the provider's time.

    A delivery that tells another time has another id: it is the table that knows the message by the platform's id.
    """
    return derive_id(message.time, account_id, message.id_scope, message.platform_message_id)


def fact_id(account_id: str, fact: Fact | Arrival | IdentifierChange) -> str:
    """Returns the id of a fact: the same for every delivery of it; a key that the platform gave needs no time."""
    at = None if isinstance(fact, Arrival | IdentifierChange) else fact.time
    return derive_id(at, account_id, type(fact).__name__, *_parts(fact))


def _parts(fact: Fact | Arrival | IdentifierChange) -> Iterable[str]:
    match fact:
        case Edit():
            return (fact.chat, fact.platform_message_id, fact.text)
        case Deletion():
            return (fact.chat, fact.platform_message_id)
        case Reaction():
            return (fact.chat, fact.platform_message_id, *fact.emojis)
        case Receipt():
            return (fact.platform_message_id, fact.delivery.name)
        case Arrival() | IdentifierChange():
            return (fact.key,)
