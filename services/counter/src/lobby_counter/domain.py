"""What the counter decides: the verdict of every entry of one person, as a fold over his entries.

The rule is that of the workspace's own counter: one count per person in the workspace, for ever, no re-entry, no base.
Nothing here knows a clock, a database or a message of the wire.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import NewType

ChannelUserId = NewType("ChannelUserId", str)
ContactId = NewType("ContactId", str)
EntryId = NewType("EntryId", str)


class Verdict(StrEnum):
    """What an entry counts as."""

    NEW = "new"
    REPEAT = "repeat"
    EXCLUDED = "excluded"


class Reason(StrEnum):
    """Why an entry has its verdict."""

    FIRST = "first"
    """No earlier entry of the person."""
    SAME_IDENTITY = "same_identity"
    """The same channel user entered earlier, at another account."""
    LINKED = "linked"
    """Another channel user of the person entered earlier; they were one person when the entry was judged."""
    MERGED = "merged"
    """A later merge made it so."""
    LATE = "late"
    """An earlier entry that came in late made it so."""


class CauseKind(StrEnum):
    """What makes a verdict change."""

    MERGE = "merge"
    SPLIT = "split"
    LATE_ENTRY = "late_entry"


@dataclass(frozen=True, slots=True)
class Cause:
    """Why persons are judged again: a merge, its undo, or an entry."""

    kind: CauseKind
    cause_id: str
    actor: str = ""

    @property
    def word(self) -> str:
        """The word under which a correction names it."""
        return _WORDS[self.kind]


_WORDS = {CauseKind.MERGE: "merged", CauseKind.SPLIT: "split", CauseKind.LATE_ENTRY: "late"}


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict and what it rests on."""

    verdict: Verdict
    reason: Reason
    repeat_of: EntryId | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """The first valid greeting of one channel user at one account, as far as judging needs it."""

    entry_id: EntryId
    account_id: str
    channel_user_id: ChannelUserId
    event_id: str
    occurred_time: datetime
    judgement: Judgement | None = None

    @property
    def order(self) -> tuple[datetime, str]:
        """Where it stands among all entries: by occurred time, then event id."""
        return (self.occurred_time, self.event_id)


@dataclass(frozen=True, slots=True)
class Correction:
    """One change of a verdict, or of the time at which it counts."""

    entry_id: EntryId
    from_verdict: Verdict
    to_verdict: Verdict
    from_time: datetime
    to_time: datetime
    cause: Cause


def judge(entries: Iterable[Entry], cause: Cause) -> list[Entry]:
    """Returns all entries of one person with their judgements, in order; verdicts depend on the set alone.

    The earliest entry is new, all others repeat it. A reason that still holds is kept: it tells how it came about.
    """
    ordered = sorted(entries, key=lambda entry: entry.order)
    judged: list[Entry] = []
    for entry in ordered:
        if not judged:
            judgement = Judgement(Verdict.NEW, Reason.FIRST)
        else:
            reason = _reason_to_repeat(entry, ordered[: len(judged)], cause)
            judgement = Judgement(Verdict.REPEAT, reason, ordered[0].entry_id)
        judged.append(replace(entry, judgement=judgement))
    return judged


def _reason_to_repeat(entry: Entry, earlier: Sequence[Entry], cause: Cause) -> Reason:
    same = any(each.channel_user_id == entry.channel_user_id for each in earlier)
    others = any(each.channel_user_id != entry.channel_user_id for each in earlier)
    plain = Reason.SAME_IDENTITY if same else Reason.LINKED
    before = entry.judgement
    if before is None:
        return plain
    if before.verdict is not Verdict.REPEAT:
        return {CauseKind.MERGE: Reason.MERGED, CauseKind.LATE_ENTRY: Reason.LATE}.get(cause.kind, plain)
    rests_on_others = before.reason in (Reason.MERGED, Reason.LINKED)
    rests_on_itself = before.reason is Reason.SAME_IDENTITY
    if (rests_on_others and not others) or (rests_on_itself and not same):
        return plain
    return before.reason


def correction(before: Entry, after: Entry, cause: Cause) -> Correction | None:
    """Returns what keeps first verdict and corrections adding up to the present verdict; None where they do."""
    if before.judgement is None or after.judgement is None:
        return None
    unmoved = before.occurred_time == after.occurred_time
    if unmoved and before.judgement.verdict is after.judgement.verdict:
        return None
    return Correction(
        entry_id=after.entry_id,
        from_verdict=before.judgement.verdict,
        to_verdict=after.judgement.verdict,
        from_time=before.occurred_time,
        to_time=after.occurred_time,
        cause=cause,
    )
