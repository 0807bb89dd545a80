"""Rows of the event path: facts in, domain out. Every function is one statement, whatever the size of the batch."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from zlib import crc32

from lobby_common import sql
from lobby_common.events.log import Connection
from lobby_counter.domain import (
    ChannelUserId,
    ContactId,
    Correction,
    Entry,
    EntryId,
    Judgement,
    Reason,
    Verdict,
)
from lobby_counter.facts import Facts, Inbound, Language, Outbound
from lobby_counter.ledger import Book, Greeting, Ledger, Member, own
from lobby_counter.policies import CounterId

QUERIES = sql.load("lobby_counter")

_LOCK_CLASS = crc32(b"lobby_counter") & 0x7FFF_FFFF
_STRIPES = 256
"""Workspaces share locks, so that a batch of many workspaces holds few."""


@dataclass(frozen=True, slots=True)
class Booking:
    """A correction with its id and where it is booked."""

    correction_id: str
    counter_id: CounterId
    correction: Correction
    from_booked_time: datetime
    to_booked_time: datetime
    effective_day: date
    booked_day: date


async def lock_workspaces(conn: Connection, workspace_ids: Iterable[str]) -> None:
    """Until the end of the transaction nobody else writes effects in these workspaces."""
    stripes = sorted({crc32(each.encode()) % _STRIPES for each in workspace_ids})
    await conn.execute(QUERIES["lock_workspaces"], _LOCK_CLASS, stripes)


async def find_uncounted(conn: Connection, facts: Facts) -> set[str]:
    """Returns the ids of events whose message, or the entry at whose place, is not there."""
    inbound = [
        (each.event_id, each.message_id, each.account_id, each.channel_user_id if each.greeting else None)
        for each in facts.inbound
    ]
    outbound = [(each.event_id, each.message_id, each.account_id, None) for each in facts.outbound]
    heard = inbound + outbound
    if not heard:
        return set()
    rows = await conn.fetch(QUERIES["find_uncounted"], *map(list, zip(*heard, strict=True)))
    return {row["event_id"] for row in rows}


async def forget_unjudged(conn: Connection, greetings: Sequence[Inbound]) -> None:
    """Entries that lost their verdicts are not there, but in chats with several: who counts them makes both anew."""
    await conn.execute(
        QUERIES["forget_unjudged"],
        [each.account_id for each in greetings],
        [each.channel_user_id for each in greetings],
    )


async def forget_messages(conn: Connection, message_ids: Sequence[str]) -> None:
    """Messages that are to be counted again are not counted; the roll-ups still hold them (`roll_up_traffic`)."""
    await conn.execute(QUERIES["forget_messages"], message_ids)


async def roll_up_traffic(conn: Connection, message_ids: Sequence[str]) -> None:
    """The roll-ups of the quarters of an hour that hold these messages are as all their messages say."""
    await conn.execute(QUERIES["forget_traffic"], message_ids)
    await conn.execute(QUERIES["roll_up_traffic"], message_ids)


@dataclass(slots=True)
class Counted:
    """What counting messages showed."""

    candidates: list[str] = field(default_factory=list)
    """Ids of messages that may be first entries."""
    answers: list[str] = field(default_factory=list)
    """Ids of messages of before, of which the chat is known now."""
    special: set[str] = field(default_factory=set)
    """Workspaces that do not only count first greetings at their own counter."""


async def count_inbound(conn: Connection, messages: Sequence[Inbound]) -> Counted:
    """Messages are counted once."""
    rows = await conn.fetch(
        QUERIES["count_inbound"],
        [each.message_id for each in messages],
        [each.event_id for each in messages],
        [each.workspace_id for each in messages],
        [each.account_id for each in messages],
        [each.channel_user_id for each in messages],
        [each.chat_id for each in messages],
        [each.occurred_time for each in messages],
        [each.platform for each in messages],
        [each.greeting for each in messages],
        list({each.workspace_id for each in messages}),
    )
    counted = Counted()
    for kind, key in rows:
        match kind:
            case "candidate":
                counted.candidates.append(key)
            case "answer":
                counted.answers.append(key)
            case _:
                counted.special.add(key)
    return counted


async def count_outbound(conn: Connection, messages: Sequence[Outbound]) -> set[str]:
    """Messages to customers are counted once; returns the workspaces that count specially."""
    rows = await conn.fetch(
        QUERIES["count_outbound"],
        [each.message_id for each in messages],
        [each.event_id for each in messages],
        [each.workspace_id for each in messages],
        [each.account_id for each in messages],
        [each.chat_id for each in messages],
        [each.agent_id for each in messages],
        [each.occurred_time for each in messages],
        [each.platform for each in messages],
        [each.human for each in messages],
        list({each.workspace_id for each in messages}),
    )
    return {row[0] for row in rows}


async def learn_languages(conn: Connection, languages: Iterable[Language]) -> None:
    """Entries have the newest language of their message."""
    newest: dict[str, Language] = {}
    for each in languages:
        known = newest.get(each.message_id)
        if known is None or known.version < each.version:
            newest[each.message_id] = each
    heard = list(newest.values())
    await conn.execute(
        QUERIES["learn_languages"],
        [each.message_id for each in heard],
        [each.chat_id for each in heard],
        [each.version for each in heard],
        [each.language for each in heard],
    )


async def load_people(
    conn: Connection, users: Iterable[ChannelUserId], contacts: Iterable[ContactId]
) -> dict[str, Ledger]:
    """Returns, by workspace, every person to whom one of the channel users belongs or who is named.

    Their books are those of the workspaces' own counters (`rule_store.open_books`).
    """
    ledgers: dict[str, Ledger] = {}
    for row in await conn.fetch(QUERIES["load_people"], list(set(users)), list(set(contacts))):
        workspace_id = row["workspace_id"]
        ledger = ledgers.get(workspace_id) or ledgers.setdefault(workspace_id, Ledger(own(workspace_id)))
        user = ChannelUserId(row["channel_user_id"])
        ledger.members[user] = Member(user, ContactId(row["contact_id"]), row["version"])
        if row["entry_id"] is not None:
            entry = _entry(row)
            ledger.entries[entry.entry_id] = entry
            if row["verdict"] is not None:
                ledger.books[CounterId(workspace_id)].judgements[entry.entry_id] = judgement(row)
        ledger.special = row["special"]
    return ledgers


def _entry(row: Any) -> Entry:
    return Entry(
        entry_id=EntryId(row["entry_id"]),
        account_id=row["account_id"],
        platform=row["platform"],
        channel_user_id=ChannelUserId(row["channel_user_id"]),
        event_id=row["event_id"],
        occurred_time=row["occurred_time"],
        silence=row["silence"],
    )


def judgement(row: Any) -> Judgement:
    """Returns the judgement of a row."""
    repeat_of = row["repeat_of"]
    return Judgement(Verdict(row["verdict"]), Reason(row["reason"]), None if repeat_of is None else EntryId(repeat_of))


async def write_members(conn: Connection, ledgers: dict[str, Ledger]) -> None:
    """Channel users belong to whom the ledgers say."""
    rows = [
        (workspace_id, ledger.members[user])
        for workspace_id, ledger in ledgers.items()
        for user in ledger.changed_members
    ]
    if rows:
        await conn.execute(
            QUERIES["write_members"],
            [member.channel_user_id for _, member in rows],
            [workspace_id for workspace_id, _ in rows],
            [member.contact_id for _, member in rows],
            [member.version for _, member in rows],
        )


async def write_entries(conn: Connection, ledgers: dict[str, Ledger]) -> None:
    """New entries are there, those replaced by an earlier greeting, and those that are not the first any more."""
    replaced = {first: former for ledger in ledgers.values() for first, former in ledger.replaced.items()}
    if replaced:
        # Before there is another first one of their chats.
        await conn.execute(QUERIES["replace_first_entries"], list(replaced.values()))
    moved = [_further_row(*row) for ledger in ledgers.values() for row in ledger.moved.items()]
    if moved:
        # Before the greetings that they leave are entries of their own.
        await conn.execute(QUERIES["move_further_entries"], *columns(moved))
    written = [row for ledger in ledgers.values() for row in ledger.greetings.items()]
    if written:
        rows = [(*_entry_row(*row), replaced.get(row[0])) for row in written]
        await conn.execute(QUERIES["write_entries"], *columns(rows))
    # After those whose places are taken.
    again = [_further_row(*row) for ledger in ledgers.values() for row in ledger.again.items()]
    if again:
        await conn.execute(QUERIES["write_further_entries"], *columns(again))


def _entry_row(entry_id: EntryId, greeting: Greeting) -> tuple[Any, ...]:
    return (
        entry_id,
        greeting.workspace_id,
        greeting.account_id,
        greeting.channel_user_id,
        greeting.event_id,
        greeting.message_id,
        greeting.occurred_time,
        greeting.received_time,
        greeting.platform,
        greeting.campaign_id,
        greeting.locale,
        greeting.country,
    )


def _further_row(entry_id: EntryId, greeting: Greeting) -> tuple[Any, ...]:
    return (*_entry_row(entry_id, greeting), greeting.silence)


async def write_verdicts(conn: Connection, ledgers: dict[str, Ledger]) -> None:
    """Entries have the verdicts that the books of the ledgers give."""
    new: list[tuple[Any, ...]] = []
    changed: list[tuple[Any, ...]] = []
    for ledger in ledgers.values():
        for counter_id, book in ledger.books.items():
            for entry_id, first in book.first.items():
                judged = (first.contact_id, first.time, first.verdict)
                new.append((counter_id, entry_id, *judged, *_present(book, entry_id)))
            changed += (
                (counter_id, entry_id, *_present(book, entry_id)) for entry_id in book.changed - book.first.keys()
            )
    if new:
        await conn.execute(QUERIES["insert_verdicts"], *columns(new))
    if changed:
        await conn.execute(QUERIES["update_verdicts"], *columns(changed))


def _present(book: Book, entry_id: EntryId) -> tuple[str, str, str | None]:
    judgement = book.judgements[entry_id]
    return (judgement.verdict, judgement.reason, judgement.repeat_of)


def columns(rows: Sequence[tuple[Any, ...]]) -> list[list[Any]]:
    """Returns the columns of rows, one of which there is at least."""
    return [list(column) for column in zip(*rows, strict=True)]


async def insert_corrections(conn: Connection, bookings: Sequence[Booking]) -> None:
    """The corrections are on record."""
    rows = [
        (
            each.correction_id,
            each.counter_id,
            each.correction.entry_id,
            each.correction.from_verdict,
            each.correction.to_verdict,
            each.correction.cause.word,
            each.correction.cause.kind,
            each.correction.cause.cause_id,
            each.correction.cause.actor,
            each.correction.from_time,
            each.correction.to_time,
            each.from_booked_time,
            each.to_booked_time,
            each.effective_day,
            each.booked_day,
        )
        for each in bookings
    ]
    await conn.execute(QUERIES["insert_corrections"], *columns(rows))
