"""What the counter decides: the verdict of every entry of one person, as a fold over his entries.

The rule is that of a counter's policy. Nothing here knows a clock, a database or a message of the wire.
"""

from collections import defaultdict
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NewType

from lobby_counter.policies import DAY, BaseMode, Campaign, CampaignId, DedupeLevel, Policy, campaign_at

BaseId = NewType("BaseId", str)
ChannelUserId = NewType("ChannelUserId", str)
ContactId = NewType("ContactId", str)
EntryId = NewType("EntryId", str)


class Verdict(StrEnum):
    """What an entry counts as."""

    NEW = "new"
    REPEAT = "repeat"
    EXCLUDED = "excluded"
    NONE = "none"
    """It was an entry at this counter and is none any more; in no count."""


class Reason(StrEnum):
    """Why an entry has its verdict."""

    FIRST = "first"
    """No earlier entry of the person."""
    WINDOW = "window"
    """The person was new so long ago that he is new again."""
    SAME_IDENTITY = "same_identity"
    """The same channel user entered earlier."""
    LINKED = "linked"
    """Another channel user of the person entered earlier; they were one person when the entry was judged."""
    MERGED = "merged"
    """A later merge made it so."""
    LATE = "late"
    """Something earlier that came in late made it so."""
    BASE = "base"
    """The person was known before."""
    POLICY = "policy"
    """A campaign changed, and with it what is an entry."""


class CauseKind(StrEnum):
    """What makes a verdict change."""

    MERGE = "merge"
    SPLIT = "split"
    LATE_ENTRY = "late_entry"
    IMPORT = "import"
    POLICY = "policy"


@dataclass(frozen=True, slots=True)
class Cause:
    """Why persons are judged again: a merge, its undo, an entry, an import of base, a counter or a campaign."""

    kind: CauseKind
    cause_id: str
    actor: str = ""

    @property
    def word(self) -> str:
        """The word under which a correction names it."""
        return _WORDS[self.kind]


_WORDS = {
    CauseKind.MERGE: "merged",
    CauseKind.SPLIT: "split",
    CauseKind.LATE_ENTRY: "late",
    CauseKind.IMPORT: "base",
    CauseKind.POLICY: "policy",
}


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict and what it rests on: the entry or, with reason `base`, the base row that is repeated."""

    verdict: Verdict
    reason: Reason
    repeat_of: EntryId | BaseId | None = None
    """With verdict `none` the entry that took its place; None where nothing did."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A greeting that is an entry by some policy, as far as judging needs it."""

    entry_id: EntryId
    account_id: str
    platform: int
    channel_user_id: ChannelUserId
    event_id: str
    occurred_time: datetime
    silence: timedelta | None = None
    """How long nobody had written anything in its chat; None: it is the first there, or nobody asked."""

    @property
    def order(self) -> tuple[datetime, str]:
        """Where it stands among all entries: by occurred time, then event id."""
        return (self.occurred_time, self.event_id)

    @property
    def chat(self) -> tuple[ChannelUserId, str]:
        """The channel user and the account."""
        return (self.channel_user_id, self.account_id)


@dataclass(frozen=True, slots=True)
class Placed:
    """An entry in its chat: the campaign it is in, and whether it is the first of its chat in that (or in none)."""

    entry: Entry
    campaign_id: CampaignId | None
    first: bool


@dataclass(frozen=True, slots=True)
class Base:
    """A channel user of the person was imported as already known, from a time on."""

    base_id: BaseId
    effective_from: datetime


@dataclass(frozen=True, slots=True)
class Correction:
    """One change of a verdict, or of the time at which it counts."""

    entry_id: EntryId
    from_verdict: Verdict
    to_verdict: Verdict
    from_time: datetime
    to_time: datetime
    cause: Cause


def place(entries: Iterable[Entry], campaigns: Sequence[Campaign]) -> list[Placed]:
    """Returns entries in order, each with its place; `entries` holds all of every chat that it holds any of."""
    placed: list[Placed] = []
    taken: set[tuple[ChannelUserId, str, CampaignId | None]] = set()
    for entry in sorted(entries, key=lambda each: each.order):
        campaign_id = campaign_at(campaigns, entry.account_id, entry.occurred_time)
        spot = (*entry.chat, campaign_id)
        placed.append(Placed(entry, campaign_id, first=spot not in taken))
        taken.add(spot)
    return placed


def is_entry(placed: Placed, policy: Policy) -> bool:
    """Returns whether it is an entry at a counter of this policy."""
    entry = placed.entry
    if policy.platforms and entry.platform not in policy.platforms:
        return False
    if policy.account_ids and entry.account_id not in policy.account_ids:
        return False
    if policy.campaign_id is not None and placed.campaign_id != policy.campaign_id:
        return False
    if placed.first:
        return True
    gap = policy.reentry_gap_days
    return gap is not None and entry.silence is not None and entry.silence >= gap * DAY


def units(entries: Iterable[Placed], policy: Policy) -> list[list[Entry]]:
    """Returns what are entries by the policy, those that are counted once together in one list."""
    found: dict[str, list[Entry]] = defaultdict(list)
    for each in entries:
        if is_entry(each, policy):
            found[_unit(each, policy)].append(each.entry)
    return list(found.values())


def _unit(placed: Placed, policy: Policy) -> str:
    if policy.dedupe_level is DedupeLevel.WORKSPACE:
        return ""
    if policy.dedupe_level is DedupeLevel.CAMPAIGN and placed.campaign_id is not None:
        return f"campaign {placed.campaign_id}"
    return f"account {placed.entry.account_id}"


def judge(
    entries: Iterable[Entry], policy: Policy, base: Sequence[Base], before: Mapping[EntryId, Judgement], cause: Cause
) -> dict[EntryId, Judgement]:
    """Returns the judgements of one person's entries in one unit; verdicts depend on entries, policy and base alone.

    Who was known before is of the base. Else the earliest entry is new, and with a window the first of those that lie
    the window or more after the last new one; all others repeat the last new one. A reason that still holds is kept, by
    the judgements `before`: it tells how it came about.
    """
    judged: dict[EntryId, Judgement] = {}
    run: list[Entry] = []
    for entry in sorted(entries, key=lambda each: each.order):
        known = _known(base, entry.occurred_time)
        if known is not None:
            excluded = policy.base_mode is BaseMode.EXCLUDE
            verdict = Verdict.EXCLUDED if excluded else Verdict.REPEAT
            judged[entry.entry_id] = Judgement(verdict, Reason.BASE, known.base_id)
        elif not run or _is_over(run[0], entry, policy):
            judged[entry.entry_id] = Judgement(Verdict.NEW, Reason.WINDOW if run else Reason.FIRST)
            run = [entry]
        else:
            reason = _reason_to_repeat(entry, run, before.get(entry.entry_id), cause)
            judged[entry.entry_id] = Judgement(Verdict.REPEAT, reason, run[0].entry_id)
            run.append(entry)
    return judged


def _known(base: Sequence[Base], at: datetime) -> Base | None:
    """The row by which the person was known longest."""
    known = (each for each in base if each.effective_from <= at)
    return min(known, key=lambda each: (each.effective_from, each.base_id), default=None)


def _is_over(new: Entry, entry: Entry, policy: Policy) -> bool:
    window = policy.window_days
    return window is not None and entry.occurred_time - new.occurred_time >= window * DAY


def _reason_to_repeat(entry: Entry, earlier: Sequence[Entry], before: Judgement | None, cause: Cause) -> Reason:
    same = any(each.channel_user_id == entry.channel_user_id for each in earlier)
    others = any(each.channel_user_id != entry.channel_user_id for each in earlier)
    plain = Reason.SAME_IDENTITY if same else Reason.LINKED
    if before is None:
        return plain
    if before.verdict is not Verdict.REPEAT:
        return {CauseKind.MERGE: Reason.MERGED, CauseKind.LATE_ENTRY: Reason.LATE}.get(cause.kind, plain)
    rests_on_others = before.reason in (Reason.MERGED, Reason.LINKED)
    rests_on_itself = before.reason is Reason.SAME_IDENTITY
    if before.reason is Reason.BASE or (rests_on_others and not others) or (rests_on_itself and not same):
        return plain
    return before.reason


def dropped(cause: Cause, heir: EntryId | None = None) -> Judgement:
    """Returns the judgement of what was an entry at a counter and is none any more; `heir` took its place."""
    return Judgement(Verdict.NONE, Reason.LATE if cause.kind is CauseKind.LATE_ENTRY else Reason.POLICY, heir)


def heirs(
    placed: Sequence[Placed], judged: Container[EntryId], before: Mapping[EntryId, Judgement]
) -> dict[EntryId, EntryId]:
    """Returns what took the place of each of one person's entries that is none any more, where something did.

    The conversation that it began is now that of an earlier entry in its chat and campaign. Where that is `judged` for
    the first time it took the place; where it was an entry `before`, there are no longer two.
    """
    found: dict[EntryId, EntryId] = {}
    for number, gone in enumerate(placed):
        if gone.entry.entry_id in judged or not _counted(gone, before):
            continue
        for each in reversed(placed[:number]):
            same = (each.entry.chat, each.campaign_id) == (gone.entry.chat, gone.campaign_id)
            if same and each.entry.entry_id in judged and not _counted(each, before):
                found[gone.entry.entry_id] = each.entry.entry_id
                break
    return found


def _counted(placed: Placed, judgements: Mapping[EntryId, Judgement]) -> bool:
    known = judgements.get(placed.entry.entry_id)
    return known is not None and known.verdict is not Verdict.NONE


def correction(
    entry: Entry, from_time: datetime, before: Judgement, after: Judgement, cause: Cause
) -> Correction | None:
    """Returns what keeps first verdict and corrections adding up to the present verdict; None where they do."""
    moved = entry.occurred_time != from_time and after.verdict is not Verdict.NONE
    if before.verdict is after.verdict and not moved:
        return None
    return Correction(
        entry_id=entry.entry_id,
        from_verdict=before.verdict,
        to_verdict=after.verdict,
        from_time=from_time,
        to_time=entry.occurred_time,
        cause=cause,
    )
