"""Rules that set tags.

A rule of state holds or does not, for a person as he is now: its tag is worked out whenever he is looked at, so it is
right at any time and after any merge. A lasting rule is about a message: its tag is written on the writer's record.
"""

import calendar
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from lobby_identity.domain import tags
from lobby_identity.domain.identifiers import ContactId, WorkspaceId
from lobby_identity.domain.stages import Timed
from lobby_identity.domain.tags import Tag

SILENT_FOR, SEEN_WITHIN = "silent_for", "seen_within"
FIRST_SEEN_BEFORE, FIRST_SEEN_AFTER, FIRST_SEEN_WITHIN = "first_seen_before", "first_seen_after", "first_seen_within"
SPENT_AT_LEAST, SPENT_LESS_THAN = "spent_at_least", "spent_less_than"
MESSAGE_CONTAINS = "message_contains"
STAGE_SILENT_FOR = "stage_silent_for"
"""Sets no tag: who is silent for so long is in the stage that it names as its tag."""

MOST = 50
"""Rules of a workspace."""
_LONGEST_TEXT = 2_000
"""Characters in which words are looked for."""
_MONTHS = 12


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule of a workspace."""

    rule_id: str
    workspace_id: WorkspaceId
    display_name: str
    tag: str
    kind: str
    days: int
    months: int
    time: datetime | None
    currency: str
    amount_minor: int
    words: tuple[str, ...]
    create_time: datetime

    @property
    def lasting(self) -> bool:
        """Its tag stays once it was set."""
        return self.kind == MESSAGE_CONTAINS

    @property
    def asks_for_activity(self) -> bool:
        """It must be known when people wrote last."""
        return self.kind in {SILENT_FOR, SEEN_WITHIN, STAGE_SILENT_FOR}

    @property
    def moves(self) -> bool:
        """It says in which stage somebody is, and sets no tag."""
        return self.kind == STAGE_SILENT_FOR

    def crossing(self, at: datetime) -> datetime:
        """Returns when so many days or months have passed since then."""
        return months_before(at, -self.months) + timedelta(days=self.days)

    def boundary(self, now: datetime) -> datetime:
        """Returns the time that is so many days or months ago."""
        return months_before(now, self.months) - timedelta(days=self.days)


@dataclass(frozen=True, slots=True)
class Facts:
    """What rules of state ask of a person."""

    first_seen: datetime | None
    last_seen: datetime | None
    spent: Mapping[str, int]


def is_complete(rule: Rule) -> bool:
    """Returns whether the rule has what its kind asks for, and nothing else."""
    period, money = bool(rule.days) != bool(rule.months), bool(rule.currency) and rule.amount_minor > 0
    has = {"period": bool(rule.days or rule.months), "time": rule.time is not None, "words": bool(rule.words)}
    has["money"] = bool(rule.currency or rule.amount_minor)
    wanted = {
        SILENT_FOR: "period",
        SEEN_WITHIN: "period",
        FIRST_SEEN_WITHIN: "period",
        FIRST_SEEN_BEFORE: "time",
        FIRST_SEEN_AFTER: "time",
        SPENT_AT_LEAST: "money",
        SPENT_LESS_THAN: "money",
        MESSAGE_CONTAINS: "words",
        STAGE_SILENT_FOR: "period",
    }[rule.kind]
    complete = {"period": period, "money": money, "time": True, "words": all(rule.words)}[wanted]
    return complete and [name for name, there in has.items() if there] == [wanted]


def holds(rule: Rule, facts: Facts, now: datetime) -> bool:
    """Returns whether a rule of state holds."""
    if rule.kind in {SPENT_AT_LEAST, SPENT_LESS_THAN}:
        spent = facts.spent.get(rule.currency, 0)
        return spent >= rule.amount_minor if rule.kind == SPENT_AT_LEAST else 0 < spent < rule.amount_minor
    at = facts.last_seen if rule.asks_for_activity else facts.first_seen
    if at is None or rule.lasting:
        return False
    is_before = at < rule.time if rule.time else at <= rule.boundary(now)
    return is_before if rule.kind in {SILENT_FOR, STAGE_SILENT_FOR, FIRST_SEEN_BEFORE} else not is_before


def held(rules: Iterable[Rule], root: ContactId, facts: Facts, now: datetime) -> list[Tag]:
    """Returns the tags of those rules of state that hold for a person."""
    return [
        Tag(root, rule.tag, tags.RULE, rule.rule_id, None, rule.rule_id)
        for rule in rules
        if not rule.moves and holds(rule, facts, now)
    ]


def timed(rules: Iterable[Rule], facts: Facts, now: datetime) -> list[Timed]:
    """Returns the stages to which the clock has moved a person by now."""
    return [
        Timed(rule.tag, rule.rule_id, rule.crossing(facts.last_seen))
        for rule in rules
        if rule.moves and facts.last_seen is not None and holds(rule, facts, now)
    ]


def last_seen(noted: Sequence[tuple[datetime | None, datetime]], watched_since: datetime) -> datetime | None:
    """Returns when a person wrote last, from what is noted of each record and when that was made; None of no record.

    Nothing is known of before somebody looked: who was there already counts as seen then.
    """
    seen = []
    for at, made in noted:
        since = max(made, watched_since)
        seen.append(at if at is not None and made >= watched_since else max(at or since, since))
    return max(seen, default=None)


def months_before(at: datetime, months: int) -> datetime:
    """Returns the same day so many months of the calendar before, or the last day of that month."""
    year, month = divmod(at.year * _MONTHS + at.month - 1 - months, _MONTHS)
    day = min(at.day, calendar.monthrange(year, month + 1)[1])
    return at.replace(year=year, month=month + 1, day=day)


def folded(text: str) -> str:
    """Returns the start of a text as words are looked for in it: compatibility forms, no capitals, single blanks."""
    return " ".join(unicodedata.normalize("NFKC", text[:_LONGEST_TEXT]).casefold().split())


def contains(text: str, word: str) -> bool:
    """Returns whether a folded text has the folded word; where words are written apart, as a word of its own."""
    at = text.find(word)
    while at >= 0:
        end = at + len(word)
        if not (_joined(text[at - 1 : at], word[0]) or _joined(word[-1], text[end : end + 1])):
            return True
        at = text.find(word, at + 1)
    return False


def _joined(one: str, other: str) -> bool:
    """Two signs in a row of which scripts that put blanks between words make one word."""
    return _is_spaced(one) and _is_spaced(other)


def _is_spaced(sign: str) -> bool:
    return sign.isdigit() or sign.lower() != sign.upper()
