"""Computes a closed sheet again from nothing but its export (docs/sheets.md): no server, no code of the counter."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

_COUNTED = ("new", "repeat", "excluded")
_FORMAT = 1
_UNREADABLE = (KeyError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError)

Fields = Mapping[str, Any]


class BrokenError(Exception):
    """The file is not what a sheet's export is; says where and why."""


@dataclass(slots=True)
class Verified:
    """A sheet as its file says, computed again."""

    sheet_id: str
    currency: str
    days: int = 0
    last_day: str = ""
    lines: int = 0
    total: dict[str, int] = field(default_factory=lambda: dict.fromkeys(_COUNTED, 0))
    amount: str = ""
    digest: str = ""
    """Of the last closed day; before the first, of the rule."""


def ended(lines: Iterable[str]) -> Iterator[str]:
    """Yields the lines of a file. Raises BrokenError where one has no line feed at its end."""
    for number, line in enumerate(lines, 1):
        if not line.endswith("\n"):
            raise BrokenError(f"line {number} has no line feed at its end")
        yield line


def verify(lines: Iterable[str]) -> Verified:
    """Returns the sheet of an export, given line by line. Raises BrokenError where anything in it does not follow."""
    numbered = enumerate((line.removesuffix("\n") for line in lines), 1)
    _, first = next(numbered, (0, ""))
    reader = _Reader(first)
    for number, text in numbered:
        try:
            reader.take(text)
        except BrokenError as error:
            raise BrokenError(f"line {number}: {error}") from None
        except _UNREADABLE:
            raise BrokenError(f"line {number} cannot be read") from None
    return reader.end()


class _Reader:
    """What is known after the lines read so far."""

    def __init__(self, first: str) -> None:
        try:
            rule = _parsed(first)
            _demand(rule["type"] == "sheet" and rule["format"] == _FORMAT, "the first line is no sheet of format 1")
            self._policy: Fields = rule["policy"]
            self._price = Decimal(rule["price"])
            self.found = Verified(rule["sheet_id"], rule["currency"], digest=_digest(first))
        except (BrokenError, *_UNREADABLE):
            raise BrokenError("the first line is no sheet of format 1") from None
        self.found.amount = str(self._price * 0)
        self._start = ""
        """Of the first day."""
        self._lines: list[Fields] = []
        self._hash = hashlib.sha256()
        self._entries: dict[str, Fields] = {}
        """The last line of each entry."""
        self._told: set[str] = set()
        """Entries with a line since the last day."""
        self._events: dict[str, str] = {}
        """The entry that each event made, of those that count."""
        self._people: defaultdict[str, set[str]] = defaultdict(set)
        """The entries of each person."""

    def take(self, text: str) -> None:
        """The next line follows."""
        said = _parsed(text)
        if said["type"] == "line":
            self._take_line(said, text)
        elif said["type"] == "day":
            self._take_day(said, text)
        else:
            raise BrokenError("it is neither a line nor a day")

    def end(self) -> Verified:
        """Returns what was read. Raises BrokenError where the last day is missing."""
        _demand(not self._lines, "the file ends within a day")
        return self.found

    def _take_line(self, said: Fields, text: str) -> None:
        _demand(said["number"] == self.found.days + 1, "it is of another day")
        _demand(not self._lines or _order(self._lines[-1]) < _order(said), "it is out of order")
        _demand(said["entry_id"] not in self._told, "its entry has more than one line in this day")
        self._told.add(said["entry_id"])
        before = self._entries.get(said["entry_id"])
        _demand(said["before"] == (before and before["counts_as"]), "before is not what was settled last")
        agreed = said["dispute_id"] is not None or said["counts_as"] in (said["verdict"], "none")
        _demand(agreed, "it counts as something else than its verdict, without a dispute")
        self._lines.append(said)
        self._hash.update(text.encode() + b"\n")

    def _take_day(self, said: Fields, text: str) -> None:
        found = self.found
        _demand(said["sheet_id"] == found.sheet_id, "it is of another sheet")
        _demand(said["number"] == found.days + 1, "it is not the next day")
        _demand(said["day"] > found.last_day, "it does not come after the day before")
        _demand(said["previous_digest"] == found.digest, "it is not chained to what comes before it")
        _demand(said["lines"] == len(self._lines), "the number of its lines is another")
        _demand(said["lines_digest"] == self._hash.hexdigest(), "the digest of its lines is another")
        settled = _sum(self._lines)
        own = [line for line in self._lines if line["before"] is None and self._is_of(line, said)]
        adjustments = {name: settled[name] - _sum(own)[name] for name in _COUNTED}
        total = {name: found.total[name] + settled[name] for name in _COUNTED}
        for name, figures in (("settled", settled), ("adjustments", adjustments), ("total", total)):
            _demand(said[name] == self._priced(figures), f"{name} is not what its lines give")
        self._start = self._start or said["start_time"]
        for line in self._lines:
            self._check_place(line, said)
        self._check_events()
        self._judge_again()
        found.days, found.last_day, found.digest = said["number"], said["day"], _digest(text)
        found.lines += len(self._lines)
        found.total, found.amount = total, str(said["total"]["amount"])
        self._lines, self._hash, self._told = [], hashlib.sha256(), set()

    def _is_of(self, line: Fields, day: Fields) -> bool:
        inside = bool(day["start_time"] <= line["occurred_time"] < day["end_time"])
        _demand(inside == (line["day"] == day["day"]), f"entry {line['entry_id']} is of another local day")
        return inside

    def _check_place(self, line: Fields, day: Fields) -> None:
        inside = self._start <= line["occurred_time"] < day["end_time"]
        holds = line["verdict"] == "none" or not inside if line["counts_as"] == "none" else inside
        _demand(holds, f"entry {line['entry_id']} does not count as by the days of the sheet")

    def _check_events(self) -> None:
        for line in self._lines:
            before = self._entries.get(line["entry_id"])
            if before is not None and before["counts_as"] != "none":
                self._events.pop(before["event_id"], None)
        for line in self._lines:
            if line["counts_as"] != "none":
                other = self._events.setdefault(line["event_id"], line["entry_id"])
                _demand(
                    other == line["entry_id"], f"entries {other} and {line['entry_id']} are of one and the same event"
                )

    def _priced(self, figures: Mapping[str, int]) -> dict[str, int | str]:
        return {**figures, "amount": str(self._price * figures["new"] + 0)}

    def _judge_again(self) -> None:
        touched: set[str] = set()
        for line in self._lines:
            before = self._entries.get(line["entry_id"])
            if before is not None:
                touched.add(before["contact_id"])
                self._people[before["contact_id"]].discard(line["entry_id"])
            touched.add(line["contact_id"])
            self._people[line["contact_id"]].add(line["entry_id"])
            self._entries[line["entry_id"]] = line
        for person in touched:
            units: defaultdict[str, list[Fields]] = defaultdict(list)
            for entry in map(self._entries.__getitem__, self._people[person]):
                if entry["counts_as"] != "none":
                    units[self._unit(entry)].append(entry)
            for entries in units.values():
                self._judge(sorted(entries, key=_order))

    def _unit(self, entry: Fields) -> str:
        level = self._policy["dedupe_level"]
        if level == "workspace":
            return ""
        if level == "campaign" and entry["campaign_id"] is not None:
            return f"campaign {entry['campaign_id']}"
        return f"account {entry['account_id']}"

    def _judge(self, entries: Iterable[Fields]) -> None:
        """Raises BrokenError where a person's entries have other verdicts than the rule gives."""
        new: Fields | None = None
        for entry in entries:
            if entry["reason"] == "base":
                expected = "excluded" if self._policy["base_mode"] == "exclude" else "repeat"
                _demand(entry["verdict"] == expected, _wrong(entry, expected))
            elif new is not None and not self._is_over(new, entry):
                right = entry["verdict"] == "repeat" and entry["repeat_of"] == new["entry_id"]
                _demand(right, _wrong(entry, f"repeat of {new['entry_id']}"))
            elif entry["verdict"] == "repeat":
                before_the_sheet = entry["repeat_of"] is not None and not self._is_inside(entry["repeat_of"])
                _demand(before_the_sheet, _wrong(entry, "new"))
            else:
                _demand(entry["verdict"] == "new" and entry["repeat_of"] is None, _wrong(entry, "new"))
                new = entry

    def _is_inside(self, entry_id: str) -> bool:
        known = self._entries.get(entry_id)
        return known is not None and known["counts_as"] != "none"

    def _is_over(self, new: Fields, entry: Fields) -> bool:
        days = self._policy["window_days"]
        if days is None:
            return False
        passed = datetime.fromisoformat(entry["occurred_time"]) - datetime.fromisoformat(new["occurred_time"])
        return passed >= timedelta(days=days)


def _parsed(text: str) -> Fields:
    """Returns what a line says. Raises BrokenError where another text would say the same."""
    said = json.loads(text)
    canonical = json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    _demand(isinstance(said, dict) and canonical == text, "it is not in canonical form")
    return said  # type: ignore[no-any-return]  # it is a dict


def _order(line: Fields) -> tuple[str, str, str]:
    return (line["occurred_time"], line["event_id"], line["entry_id"])


def _sum(lines: Iterable[Fields]) -> dict[str, int]:
    figures = dict.fromkeys(_COUNTED, 0)
    for line in lines:
        for name, weight in ((line["counts_as"], 1), (line["before"], -1)):
            if name in figures:
                figures[name] += weight
    return figures


def _wrong(entry: Fields, expected: str) -> str:
    return f"by the rule entry {entry['entry_id']} is {expected}, not {entry['verdict']}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _demand(holds: bool, otherwise: str) -> None:  # noqa: FBT001  # the condition comes first, as in an assertion
    if not holds:
        raise BrokenError(otherwise)
