"""`lobby sheet verify`: what the counter's code writes is computed again, and whatever is changed in it is seen."""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from typer.testing import CliRunner

from lobby_cli.app import APP
from lobby_cli.sheets import BrokenError, verify
from lobby_common.ids import derive_id
from lobby_counter import sheets
from lobby_counter.domain import Verdict
from lobby_counter.policies import DEFAULT
from lobby_counter.sheets import Change, Rule, Sheet, Tally

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
A_DAY = timedelta(days=1)
RULE = Rule(
    sheet_id=derive_id(None, "sheet"),
    counter_id=derive_id(None, "counter"),
    display_name="Müller & 王",
    policy=replace(DEFAULT, time_zone="Asia/Bangkok"),
    day_start_hour=4,
    start_day=date(2026, 11, 22),
    target=100,
    price=Decimal("0.25"),
    currency="USD",
    create_time=NOON,
)


def change(name: str, person: str, at: datetime, *, repeats: str = "", **fields: Any) -> Change:
    """An entry of a person; a new one, unless it repeats another."""
    verdict = Verdict.REPEAT if repeats else Verdict.NEW
    known = {
        "account_id": derive_id(None, "account"),
        "platform": 1,
        "campaign_id": None,
        "channel_user_id": derive_id(None, "user", name),
        "verdict": verdict,
        "reason": "same_identity" if repeats else "first",
        "repeat_of": derive_id(None, "entry", repeats) if repeats else None,
        "dispute_id": None,
        "counts_as": verdict,
        "before": None,
    }
    return Change(
        entry_id=derive_id(None, "entry", name),
        event_id=derive_id(None, "event", name),
        contact_id=derive_id(None, "contact", person),
        occurred_time=at,
        **(known | fields),
    )


def exported(*days: Sequence[Change], rule: Rule = RULE) -> list[str]:
    """The file that closing these days gives."""
    sheet = Sheet(rule, None, rule.start_day, 0, sheets.digest_of(rule.text), Tally())
    lines = [rule.text]
    for changes in days:
        day = sheets.close(sheet, changes, NOON + A_DAY * 4)
        lines += [*(line.text for line in day.lines), day.text]
        sheet = replace(sheet, next_day=day.day + A_DAY, closed_days=day.number, digest=day.digest, total=day.total)
    return lines


FIRST_DAY = (
    change("1", "a", NOON),
    change("2", "b", NOON + timedelta(hours=1)),
    change("3", "a", NOON + timedelta(hours=2), repeats="1"),
)
MERGED = change("2", "a", NOON + timedelta(hours=1), repeats="1", reason="merged", before=Verdict.NEW)
AGREED = change("1", "a", NOON, before=Verdict.NEW, counts_as=Verdict.EXCLUDED, dispute_id=derive_id(None, "dispute"))
FILE = exported(FIRST_DAY, (MERGED, change("4", "c", NOON + A_DAY)), (AGREED,))


def sealed(lines: Sequence[str]) -> list[str]:
    """The lines with every digest made anew, as somebody would who wants to hide what he changed."""
    done = [lines[0]]
    digest, hashed = hashlib.sha256(lines[0].encode()).hexdigest(), hashlib.sha256()
    for text in lines[1:]:
        said = json.loads(text)
        if said["type"] == "day":
            done.append(sheets.canonical(said | {"previous_digest": digest, "lines_digest": hashed.hexdigest()}))
            digest, hashed = hashlib.sha256(done[-1].encode()).hexdigest(), hashlib.sha256()
        else:
            done.append(text)
            hashed.update(text.encode() + b"\n")
    return done


def changed(index: int, edit: Callable[[dict[str, Any]], None]) -> list[str]:
    said = json.loads(FILE[index])
    edit(said)
    return [*FILE[:index], sheets.canonical(said), *FILE[index + 1 :]]


def test_a_file_is_computed_to_what_its_maker_says():
    found = verify(line + "\n" for line in FILE)
    assert found.total == {"new": 1, "repeat": 2, "excluded": 1}
    assert found.amount == "0.25"
    assert (found.days, found.lines, found.currency) == (3, 6, "USD")
    assert found.digest == hashlib.sha256(FILE[-1].encode()).hexdigest()


@pytest.mark.parametrize(("price", "expected"), [("0.25", "-0.25"), ("0.00", "0.00"), ("0", "0")])
def test_what_is_taken_back_costs_less_and_nothing_has_no_sign(price, expected):
    file = exported(FIRST_DAY, (MERGED,), rule=replace(RULE, price=Decimal(price)))
    assert [json.loads(file[-1])[name]["amount"] for name in ("settled", "adjustments")] == [expected] * 2
    verify(file)


def fields() -> Iterator[tuple[int, str]]:
    for index, text in enumerate(FILE):
        for name in json.loads(text):
            yield index, name


@pytest.mark.parametrize(("index", "name"), [*fields()])
def test_whatever_is_changed_gives_another_digest_or_breaks_the_chain(index, name):
    def edit(said: dict[str, Any]) -> None:
        value = said[name]
        said[name] = value + 1 if isinstance(value, int) else f"{value}0"

    try:
        assert verify(changed(index, edit)).digest != verify(FILE).digest
    except BrokenError:
        return
    assert index == len(FILE) - 1, "only the last day is chained to by nothing in the file"


@pytest.mark.parametrize(
    ("index", "edit", "expected"),
    [
        (1, {"counts_as": "repeat"}, "without a dispute"),
        (1, {"verdict": "repeat", "counts_as": "repeat"}, "settled is not"),
        (1, {"verdict": "repeat", "counts_as": "none"}, "settled is not"),
        (2, {"reason": "base"}, "by the rule entry"),
        (3, {"repeat_of": derive_id(None, "entry", "2")}, "by the rule entry"),
        (2, {"contact_id": derive_id(None, "contact", "a")}, "by the rule entry"),
        (5, {"before": None}, "before is not what was settled last"),
        (1, {"occurred_time": "2026-11-22T14:30:00.000000Z"}, "out of order"),
        (1, {"day": "2026-11-23"}, "another local day"),
        (4, {"settled": {"new": 3, "repeat": 1, "excluded": 0, "amount": "0.75"}}, "settled is not"),
        (4, {"total": {"new": 2, "repeat": 1, "excluded": 0, "amount": "0.60"}}, "total is not"),
        (4, {"lines": 2}, "number of its lines"),
        (4, {"number": 2}, "not the next day"),
        (4, {"sheet_id": derive_id(None, "other")}, "of another sheet"),
    ],
)
def test_who_makes_the_digests_anew_is_seen_by_the_rule_and_the_sums(index, edit, expected):
    with pytest.raises(BrokenError, match=expected):
        verify(sealed(changed(index, lambda said: said.update(edit))))


TWICE = replace(change("4", "a", NOON + timedelta(minutes=1)), entry_id=FIRST_DAY[0].entry_id)
SHARED = replace(change("5", "d", NOON), event_id=FIRST_DAY[0].event_id)


@pytest.mark.parametrize(("day", "expected"), [((TWICE,), "more than one line"), ((SHARED,), "one and the same event")])
def test_an_entry_is_settled_once_a_day_and_an_event_makes_one_entry(day, expected):
    with pytest.raises(BrokenError, match=expected):
        verify(exported((*FIRST_DAY, *day)))


def test_entries_may_change_their_events_with_each_other():
    first, second, third = FIRST_DAY
    change_places = (
        replace(first, event_id=third.event_id, before=Verdict.NEW),
        replace(third, event_id=first.event_id, before=Verdict.REPEAT),
    )
    verify(exported((first, second, third), change_places))


LEFT = change("4", "c", NOON - A_DAY, before=Verdict.NEW, counts_as=Verdict.NONE)
UNHEARD = change("4", "c", NOON + A_DAY, before=Verdict.NEW, counts_as=Verdict.NONE)
OUTSIDE = change("5", "d", NOON - A_DAY)
AHEAD = change("5", "d", NOON + A_DAY * 9)


def test_an_entry_that_was_before_the_sheet_after_all_leaves_it():
    assert verify(exported(FIRST_DAY, (change("4", "c", NOON + A_DAY),), (LEFT,))).total["new"] == 2


@pytest.mark.parametrize("last", [UNHEARD, OUTSIDE, AHEAD])
def test_what_counts_lies_in_the_days_of_the_sheet_and_what_lies_there_counts(last):
    with pytest.raises(BrokenError, match="days of the sheet"):
        verify(exported(FIRST_DAY, (change("4", "c", NOON + A_DAY),), (last,)))


@pytest.mark.parametrize(
    "lines",
    [
        [],
        [""],
        ["{}"],
        ["[]"],
        FILE[1:],
        FILE[:3],
        [*FILE, "{}"],
        [*FILE, "no JSON"],
        [*FILE, FILE[-1]],
        [FILE[0], FILE[1].replace(":", ": ", 1), *FILE[2:]],
        ["[" * 100_000],
    ],
)
def test_what_is_no_export_is_refused(lines):
    with pytest.raises(BrokenError):
        verify(lines)


def test_the_command_shows_the_digest_and_fails_where_something_does_not_follow(tmp_path):
    file = tmp_path / "sheet.jsonl"
    file.write_text("".join(line + "\n" for line in FILE), encoding="utf-8")
    done = CliRunner().invoke(APP, ["sheet", "verify", str(file), "--json"])
    assert done.exit_code == 0
    assert json.loads(done.stdout)["digest"] == verify(FILE).digest
    for broken in ("".join(line + "\n" for line in FILE[:-1]), "\n".join(FILE)):
        file.write_text(broken, encoding="utf-8")
        assert CliRunner().invoke(APP, ["sheet", "verify", str(file)]).exit_code == 1
    assert CliRunner().invoke(APP, ["sheet", "verify", str(tmp_path / "none")]).exit_code == 1
