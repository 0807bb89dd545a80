"""Sheets: what a closed day settles, as lines and digests that anybody can compute again (docs/sheets.md). Pure.

What was settled of an entry is never changed: what is found later about it is one more line, in the next day that is
closed. Digests chain the rule, the days and their lines: who changes one has to change all that follow.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Self

from lobby.connectors.v1.account_pb2 import Platform
from lobby_counter.calendars import Calendar, find_zone
from lobby_counter.domain import Verdict
from lobby_counter.policies import BaseMode, CampaignId, DedupeLevel, Policy

FORMAT = 1
"""Version of the export."""
_PLATFORM_PREFIX = "PLATFORM_"


@dataclass(frozen=True, slots=True)
class Tally:
    """How many entries count as what; differences may be below zero."""

    new: int = 0
    repeat: int = 0
    excluded: int = 0

    def __add__(self, other: Self) -> "Tally":
        """Returns the sums."""
        return Tally(self.new + other.new, self.repeat + other.repeat, self.excluded + other.excluded)


@dataclass(frozen=True, slots=True)
class Rule:
    """What is frozen of a sheet."""

    sheet_id: str
    counter_id: str
    display_name: str
    policy: Policy
    day_start_hour: int
    start_day: date
    target: int
    price: Decimal
    """Of a new person; amounts have as many decimals."""
    currency: str
    create_time: datetime

    @property
    def calendar(self) -> Calendar:
        """When its days begin."""
        return Calendar(find_zone(self.policy.time_zone), self.day_start_hour)

    @property
    def close_after(self) -> timedelta:
        """How long after its end a day is closed."""
        return timedelta(days=self.policy.close_after_days)

    @property
    def text(self) -> str:
        """The first line of the export."""
        policy = self.policy
        return canonical(
            {
                "type": "sheet",
                "format": FORMAT,
                "sheet_id": self.sheet_id,
                "counter_id": self.counter_id,
                "display_name": self.display_name,
                "policy": {
                    "dedupe_level": policy.dedupe_level.value,
                    "window_days": policy.window_days,
                    "reentry_gap_days": policy.reentry_gap_days,
                    "base_mode": policy.base_mode.value,
                    "close_after_days": policy.close_after_days,
                    "time_zone": policy.time_zone,
                    "platforms": sorted(map(platform_word, policy.platforms)),
                    "account_ids": sorted(policy.account_ids),
                    "campaign_id": policy.campaign_id,
                },
                "day_start_hour": self.day_start_hour,
                "start_day": self.start_day.isoformat(),
                "target": self.target,
                "price": str(self.price),
                "currency": self.currency,
                "create_time": instant(self.create_time),
            }
        )

    @classmethod
    def read(cls, text: str) -> Self:
        """Returns the rule of a first line."""
        said = json.loads(text)
        given = said["policy"]
        policy = Policy(
            dedupe_level=DedupeLevel(given["dedupe_level"]),
            window_days=given["window_days"],
            reentry_gap_days=given["reentry_gap_days"],
            base_mode=BaseMode(given["base_mode"]),
            close_after_days=given["close_after_days"],
            time_zone=given["time_zone"],
            platforms=frozenset(Platform.Value(_PLATFORM_PREFIX + word.upper()) for word in given["platforms"]),
            account_ids=frozenset(given["account_ids"]),
            campaign_id=CampaignId(given["campaign_id"]) if given["campaign_id"] else None,
        )
        return cls(
            sheet_id=said["sheet_id"],
            counter_id=said["counter_id"],
            display_name=said["display_name"],
            policy=policy,
            day_start_hour=said["day_start_hour"],
            start_day=date.fromisoformat(said["start_day"]),
            target=said["target"],
            price=Decimal(said["price"]),
            currency=said["currency"],
            create_time=datetime.fromisoformat(said["create_time"]),
        )

    def amount(self, tally: Tally) -> str:
        """Returns what the new ones cost; nothing has no sign."""
        return str(self.price * tally.new + 0)


@dataclass(frozen=True, slots=True)
class Sheet:
    """A sheet and how far it is closed."""

    rule: Rule
    end_day: date | None
    next_day: date
    """The first local day that is not closed."""
    closed_days: int
    digest: str
    """Of the last closed day; before the first, of the rule."""
    total: Tally

    @property
    def start(self) -> datetime:
        """Its first instant."""
        return self.rule.calendar.start_of(self.rule.start_day)

    @property
    def next_close_time(self) -> datetime:
        """When its next day is due to be closed."""
        return self.rule.calendar.start_of(self.next_day + timedelta(days=1)) + self.rule.close_after

    def end_of(self, day: date) -> datetime:
        """Returns the instant before which entries count in a day that is closed: never after its last day."""
        last = day if self.end_day is None else min(day, self.end_day)
        return self.rule.calendar.start_of(last + timedelta(days=1))

    @property
    def last_end(self) -> datetime | None:
        """When its last day ends; None while it goes on."""
        return None if self.end_day is None else self.end_of(self.end_day)

    @property
    def has_ended(self) -> bool:
        """Whether all days in which its own entries may occur are closed."""
        return self.end_day is not None and self.next_day > self.end_day


@dataclass(frozen=True, slots=True)
class Change:
    """What is known now of an entry, where it differs from what is settled of it."""

    entry_id: str
    event_id: str
    account_id: str
    platform: int
    campaign_id: str | None
    channel_user_id: str
    contact_id: str
    occurred_time: datetime
    verdict: Verdict
    reason: str
    repeat_of: str | None
    dispute_id: str | None
    counts_as: Verdict
    """The verdict; where a dispute was accepted, what was agreed; `none` outside the sheet's days."""
    before: Verdict | None
    """What it counted as when it was settled last; None: never."""

    @property
    def effect(self) -> Tally:
        """By how much it changes what is settled."""
        return _one(self.counts_as, 1) + _one(self.before, -1)


def _one(verdict: Verdict | None, weight: int) -> Tally:
    return Tally(
        new=weight * (verdict is Verdict.NEW),
        repeat=weight * (verdict is Verdict.REPEAT),
        excluded=weight * (verdict is Verdict.EXCLUDED),
    )


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the export, and what it settles."""

    change: Change
    text: str


@dataclass(frozen=True, slots=True)
class Day:
    """A closed day."""

    number: int
    day: date
    lines: Sequence[Line]
    settled: Tally
    total: Tally
    text: str
    digest: str


def close(sheet: Sheet, changes: Iterable[Change], now: datetime) -> Day:
    """Returns the sheet's next day, closed `now` with all changes of entries up to its end."""
    rule, day, number = sheet.rule, sheet.next_day, sheet.closed_days + 1
    ordered = sorted(changes, key=lambda each: (each.occurred_time, each.event_id, each.entry_id))
    lines = [Line(each, _line(rule, number, each)) for each in ordered]
    settled = sum((each.effect for each in ordered), Tally())
    own = (each.effect for each in ordered if each.before is None and rule.calendar.day_of(each.occurred_time) == day)
    adjustments = settled + _negative(sum(own, Tally()))
    total = sheet.total + settled
    text = canonical(
        {
            "type": "day",
            "sheet_id": rule.sheet_id,
            "number": number,
            "day": day.isoformat(),
            "start_time": instant(rule.calendar.start_of(day)),
            "end_time": instant(rule.calendar.start_of(day + timedelta(days=1))),
            "close_time": instant(now),
            "previous_digest": sheet.digest,
            "lines": len(lines),
            "lines_digest": digest_of("".join(line.text + "\n" for line in lines)),
            "settled": _figures(rule, settled),
            "adjustments": _figures(rule, adjustments),
            "total": _figures(rule, total),
        }
    )
    return Day(number, day, lines, settled, total, text, digest_of(text))


def _negative(tally: Tally) -> Tally:
    return Tally(-tally.new, -tally.repeat, -tally.excluded)


def _figures(rule: Rule, tally: Tally) -> Mapping[str, Any]:
    return {
        "new": tally.new,
        "repeat": tally.repeat,
        "excluded": tally.excluded,
        "amount": rule.amount(tally),
    }


def _line(rule: Rule, number: int, change: Change) -> str:
    return canonical(
        {
            "type": "line",
            "number": number,
            "entry_id": change.entry_id,
            "event_id": change.event_id,
            "account_id": change.account_id,
            "platform": platform_word(change.platform),
            "campaign_id": change.campaign_id,
            "channel_user_id": change.channel_user_id,
            "contact_id": change.contact_id,
            "occurred_time": instant(change.occurred_time),
            "day": rule.calendar.day_of(change.occurred_time).isoformat(),
            "verdict": change.verdict.value,
            "reason": change.reason,
            "repeat_of": change.repeat_of,
            "dispute_id": change.dispute_id,
            "before": None if change.before is None else change.before.value,
            "counts_as": change.counts_as.value,
        }
    )


def platform_word(platform: int) -> str:
    """Returns the word for a platform, as the JSON of the API has it."""
    return Platform.Name(platform).removeprefix(_PLATFORM_PREFIX).lower()  # type: ignore[arg-type]  # stored as a number


def canonical(content: Mapping[str, Any]) -> str:
    """Returns the one text of a content: sorted keys, no spaces, no escapes that JSON does not need."""
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def digest_of(text: str) -> str:
    """Returns the SHA-256 of a text's UTF-8, in hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()


def instant(at: datetime) -> str:
    """Returns a time as lines have it: UTC, to the microsecond."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
