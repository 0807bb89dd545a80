"""How entries are judged by policies: the scenarios of the counting rule beyond a workspace's own counter."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from lobby_counter.domain import (
    Base,
    BaseId,
    Cause,
    CauseKind,
    ChannelUserId,
    Entry,
    EntryId,
    Judgement,
    Reason,
    Verdict,
    correction,
    judge,
    place,
    units,
)
from lobby_counter.policies import DEFAULT, BaseMode, Campaign, CampaignId, DedupeLevel, Policy

LATE = Cause(CauseKind.LATE_ENTRY, "e")
ALWAYS = datetime.min.replace(tzinfo=UTC)


def day(number: int, hour: int = 10, minute: int = 0) -> datetime:
    """A time in October or November, counted from 1 October, UTC+8."""
    return datetime(2026, 10, 1, hour, minute, tzinfo=UTC) + timedelta(days=number - 1, hours=-8)


def entry(account: str, at: datetime, *, user: str = "u", silence: timedelta | None = None) -> Entry:
    name = f"{user}@{account} {at.isoformat()}"
    return Entry(EntryId(name), account, len(account), ChannelUserId(user), name, at, silence)


def verdicts(
    entries: Sequence[Entry],
    policy: Policy = DEFAULT,
    *,
    base: Sequence[Base] = (),
    campaigns: Sequence[Campaign] = (),
    before: dict[EntryId, Judgement] | None = None,
    cause: Cause = LATE,
) -> list[tuple[str, str] | None]:
    """Verdict and reason of each entry of one person; None where it is none by the policy."""
    judged: dict[EntryId, Judgement] = {}
    for unit in units(place(entries, campaigns), policy):
        judged |= judge(unit, policy, base, before or {}, cause)
    found = [judged.get(each.entry_id) for each in entries]
    return [None if each is None else (each.verdict.value, each.reason.value) for each in found]


def test_s08_who_was_imported_before_repeats_the_base_row():
    first, row = entry("WA1", day(53)), Base(BaseId("b"), day(51))
    (judged,) = judge([first], DEFAULT, [row], {}, LATE).values()
    assert judged == Judgement(Verdict.REPEAT, Reason.BASE, BaseId("b"))


def test_s09_the_base_counts_from_its_import_on():
    wa1, wa2 = entry("WA1", day(53, 9)), entry("WA2", day(53, 15))
    assert verdicts([wa1, wa2], base=[Base(BaseId("b"), day(53, 12))]) == [("new", "first"), ("repeat", "base")]


def test_a_retroactive_import_leaves_nobody_new():
    entries = [entry("WA1", day(53, 9)), entry("WA2", day(53, 15))]
    assert verdicts(entries, base=[Base(BaseId("b"), ALWAYS)]) == [("repeat", "base"), ("repeat", "base")]


@pytest.mark.parametrize(("level", "expected"), [("account", "new"), ("campaign", "new"), ("workspace", "repeat")])
def test_s10_three_levels_over_the_same_two_entries(level, expected):
    campaigns = [
        Campaign(CampaignId("C1"), frozenset({"WA1"}), day(1)),
        Campaign(CampaignId("C2"), frozenset({"WA2"}), day(1)),
    ]
    entries = [entry("WA1", day(53, 10)), entry("WA2", day(53, 11))]
    judged = verdicts(entries, Policy(dedupe_level=DedupeLevel(level)), campaigns=campaigns)
    assert [each[0] for each in judged if each] == ["new", expected]


def test_s11_a_window_is_not_renewed_by_repeats():
    entries = [entry("WA1", day(1, 12)), entry("WA2", day(21, 12)), entry("TG1", day(45, 12), user="linked")]
    assert verdicts(entries, Policy(window_days=30)) == [
        ("new", "first"),
        ("repeat", "same_identity"),
        ("new", "window"),
    ]


@pytest.mark.parametrize(("minute", "expected"), [(-1, ("repeat", "same_identity")), (0, ("new", "window"))])
def test_a_window_is_so_many_times_24_hours(minute, expected):
    entries = [entry("WA1", day(1, 12)), entry("WA2", day(2, 12) + timedelta(minutes=minute))]
    assert verdicts(entries, Policy(window_days=1))[1] == expected


def test_after_a_window_repeats_name_the_new_entry_that_began_it():
    entries = [entry("WA1", day(1)), entry("WA2", day(9)), entry("WA3", day(10))]
    judged = judge(entries, Policy(window_days=5), [], {}, LATE)
    assert judged[entries[2].entry_id] == Judgement(Verdict.REPEAT, Reason.SAME_IDENTITY, entries[1].entry_id)


def test_people_of_the_base_may_be_left_out():
    policy = Policy(base_mode=BaseMode.EXCLUDE)
    judged = verdicts([entry("WA1", day(1)), entry("WA2", day(3))], policy, base=[Base(BaseId("b"), day(2))])
    assert judged == [("new", "first"), ("excluded", "base")]


def test_the_row_by_which_a_person_was_known_longest_is_named():
    rows = [Base(BaseId("b"), day(2)), Base(BaseId("a"), day(2)), Base(BaseId("c"), day(3))]
    (judged,) = judge([entry("WA1", day(4))], DEFAULT, rows, {}, LATE).values()
    assert judged.repeat_of == "a"


@pytest.mark.parametrize(("days", "expected"), [(None, None), (3, ("repeat", "same_identity")), (4, None)])
def test_a_greeting_after_a_long_silence_is_an_entry_again(days, expected):
    entries = [entry("WA1", day(1)), entry("WA1", day(9), silence=timedelta(days=3))]
    assert verdicts(entries, Policy(reentry_gap_days=days))[1] == expected


def test_a_chat_enters_each_campaign_once_and_once_outside_of_all():
    campaign = Campaign(CampaignId("C1"), frozenset({"WA1"}), day(5), day(8))
    entries = [entry("WA1", day(number)) for number in (4, 5, 7, 8)]
    by_campaign = verdicts(entries, Policy(dedupe_level=DedupeLevel.CAMPAIGN), campaigns=[campaign])
    assert by_campaign == [("new", "first"), ("new", "first"), None, None]
    by_account = verdicts(entries, Policy(dedupe_level=DedupeLevel.ACCOUNT), campaigns=[campaign])
    assert by_account == [("new", "first"), ("repeat", "same_identity"), None, None]


def test_two_accounts_of_a_campaign_are_one_unit_and_two_without_one_are_not():
    campaign = Campaign(CampaignId("C1"), frozenset({"WA1", "WA2"}), day(5))
    policy = Policy(dedupe_level=DedupeLevel.CAMPAIGN)
    before = [entry("WA1", day(1)), entry("WA2", day(2))]
    inside = [entry("WA1", day(6)), entry("WA2", day(7))]
    judged = verdicts([*before, *inside], policy, campaigns=[campaign])
    assert [each[0] for each in judged if each] == ["new", "new", "new", "repeat"]


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (Policy(platforms=frozenset({3})), ["new", None, None]),
        (Policy(account_ids=frozenset({"TEL1", "TEL2"})), [None, "new", "repeat"]),
        (Policy(campaign_id=CampaignId("C1")), [None, None, "new"]),
        (Policy(account_ids=frozenset({"TEL1"}), campaign_id=CampaignId("C1")), [None, None, None]),
    ],
)
def test_a_counter_sees_only_what_passes_its_filters(policy, expected):
    campaign = Campaign(CampaignId("C1"), frozenset({"TEL2"}), day(1))
    entries = [entry("WA1", day(1)), entry("TEL1", day(2)), entry("TEL2", day(3))]
    judged = verdicts(entries, policy, campaigns=[campaign])
    assert [each and each[0] for each in judged] == expected


@pytest.mark.parametrize(
    ("before", "kind", "reason"),
    [
        (Judgement(Verdict.NEW, Reason.FIRST), CauseKind.MERGE, "merged"),
        (Judgement(Verdict.NEW, Reason.FIRST), CauseKind.LATE_ENTRY, "late"),
        (Judgement(Verdict.NEW, Reason.FIRST), CauseKind.POLICY, "linked"),
        (Judgement(Verdict.REPEAT, Reason.MERGED), CauseKind.LATE_ENTRY, "merged"),
        (Judgement(Verdict.REPEAT, Reason.SAME_IDENTITY), CauseKind.MERGE, "linked"),
        (Judgement(Verdict.REPEAT, Reason.BASE, BaseId("b")), CauseKind.SPLIT, "linked"),
    ],
)
def test_a_reason_tells_how_a_repeat_came_about(before, kind, reason):
    first, second = entry("WA1", day(1), user="a"), entry("WA2", day(2), user="b")
    judged = verdicts([first, second], before={second.entry_id: before}, cause=Cause(kind, "c"))
    assert judged[1] == ("repeat", reason)


def test_what_is_no_entry_any_more_is_corrected_once():
    gone, none = entry("WA1", day(2)), Judgement(Verdict.NONE, Reason.LATE)
    made = correction(gone, day(2), Judgement(Verdict.NEW, Reason.FIRST), none, LATE)
    assert made is not None
    assert (made.from_verdict, made.to_verdict) == (Verdict.NEW, Verdict.NONE)
    assert correction(gone, day(1), none, none, LATE) is None


@pytest.mark.parametrize(
    ("start", "end", "accounts", "meets"),
    [
        (day(1), None, {"WA1"}, {"WA1"}),
        (day(1), day(5), {"WA1"}, set()),
        (day(1), day(6), {"WA1", "WA2"}, {"WA1"}),
        (day(8), None, {"WA1"}, set()),
        (day(7), None, {"WA2"}, set()),
    ],
)
def test_an_account_is_in_one_campaign_at_a_time(start, end, accounts, meets):
    known = Campaign(CampaignId("C1"), frozenset({"WA1"}), day(5), day(8))
    other = Campaign(CampaignId("C2"), frozenset(accounts), start, end)
    assert known.meets(other) == other.meets(known) == meets
