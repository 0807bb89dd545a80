"""What the counter does with a batch of facts: count, judge, follow; one transaction, nobody else is asked."""

from collections.abc import Callable
from datetime import datetime, timedelta

from lobby_common.events.log import Connection
from lobby_common.ids import new_id
from lobby_counter import store
from lobby_counter.calendars import Calendar
from lobby_counter.domain import Correction, EntryId
from lobby_counter.facts import Changes, Facts
from lobby_counter.ledger import Greeting, Ledger, own
from lobby_counter.policies import CounterId
from lobby_counter.store import Booking

CalendarOf = Callable[[str], Calendar]


async def apply(conn: Connection, facts: Facts, calendar_of: CalendarOf, now: datetime) -> Changes:
    """The effects of all facts are in the transaction; returns which figures they changed.

    Running again is harmless: messages are keyed by their id, entries by their place, memberships by their version,
    conversations by the position of the last event, languages by their version.
    """
    changes = Changes()
    await store.lock_workspaces(conn, facts.origins)
    candidates = await _count_inbound(conn, facts, changes)
    if candidates or facts.regroupings:
        ledgers = await _judge(conn, facts, candidates)
        await _book(conn, ledgers, calendar_of, now)
        for workspace_id, ledger in ledgers.items():
            _note(changes, workspace_id, ledger)
    if facts.told:
        await _follow(conn, facts, changes)
    if facts.outbound:
        await store.count_outbound(conn, facts.outbound)
        for sent in facts.outbound:
            changes.note(sent.workspace_id, sent.occurred_time)
    if facts.languages:
        await store.learn_languages(conn, facts.languages)
    return changes


async def _count_inbound(conn: Connection, facts: Facts, changes: Changes) -> list[Greeting]:
    if not facts.inbound:
        return []
    for message in facts.inbound:
        changes.note(message.workspace_id, message.occurred_time)
    return [facts.greetings[each]() for each in await store.count_inbound(conn, facts.inbound)]


async def _judge(conn: Connection, facts: Facts, candidates: list[Greeting]) -> dict[str, Ledger]:
    """Entries, memberships and verdicts are as after the batch; returns the ledgers, by workspace."""
    groups = [group for regrouping in facts.regroupings for group in regrouping.groups]
    ledgers = await store.load_people(
        conn,
        [*(each.channel_user_id for each in candidates), *(user for _, users in groups for user in users)],
        [*(each.contact_id for each in candidates), *(contact for contact, _ in groups)],
    )
    for workspace_id in facts.origins:
        ledger = ledgers.get(workspace_id) or ledgers.setdefault(workspace_id, Ledger(own(workspace_id)))
        ledger.enter(each for each in candidates if each.workspace_id == workspace_id)
        for regrouping in sorted(facts.regroupings, key=lambda each: each.version):
            if regrouping.workspace_id == workspace_id:
                ledger.regroup(regrouping)
    await store.write_members(conn, ledgers)
    await store.write_entries(conn, ledgers)
    await store.write_verdicts(conn, ledgers)
    return ledgers


async def _book(conn: Connection, ledgers: dict[str, Ledger], calendar_of: CalendarOf, now: datetime) -> None:
    """The corrections are on record, each on its own day or, where that is closed, today."""
    bookings = [
        _booking(counter_id, made, calendar_of(workspace_id), now)
        for workspace_id, ledger in ledgers.items()
        for counter_id, book in ledger.books.items()
        for made in book.corrections
    ]
    if bookings:
        await store.insert_corrections(conn, bookings)


def _booking(counter_id: CounterId, made: Correction, calendar: Calendar, now: datetime) -> Booking:
    to_booked_time = calendar.booked_time(made.to_time, now)
    return Booking(
        correction_id=new_id(),
        counter_id=counter_id,
        correction=made,
        from_booked_time=calendar.booked_time(made.from_time, now),
        to_booked_time=to_booked_time,
        effective_day=calendar.day_of(made.to_time),
        booked_day=calendar.day_of(to_booked_time),
    )


def _note(changes: Changes, workspace_id: str, ledger: Ledger) -> None:
    counted: set[EntryId] = set()
    for book in ledger.books.values():
        for entry_id, first in book.first.items():
            changes.note(workspace_id, first.time, entries=0 if entry_id in counted else 1)
        counted |= book.first.keys()
        for made in book.corrections:
            changes.note(workspace_id, made.from_time)
            changes.note(workspace_id, made.to_time, corrections=1)


async def _follow(conn: Connection, facts: Facts, changes: Changes) -> None:
    """Conversations, waits, agents of entries and of messages are as after the batch."""
    folded = await store.load_conversations(conn, (each.conversation.conversation_id for each in facts.told))
    folded.fold(facts.told)
    await store.write_conversations(conn, folded)
    await store.write_waits(conn, folded)
    await store.freeze_agents(conn, folded)
    await store.hand_over_messages(conn, folded)
    for wait in folded.waits.values():
        workspace_id = folded.known[wait.conversation_id].workspace_id
        changes.note(workspace_id, wait.owed_since)


PRECISION = timedelta(microseconds=1)
"""The end of a change is exclusive, as that of every period."""
