"""From people told of to verdicts and corrections on record: what batches and recounts have in common."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from lobby_common.events.log import Connection
from lobby_common.ids import new_id
from lobby_counter import rule_store, store
from lobby_counter.calendars import Calendar, find_zone
from lobby_counter.domain import ChannelUserId, ContactId, Correction, EntryId
from lobby_counter.facts import Changes, Import
from lobby_counter.ledger import Greeting, Ledger, Regrouping, own
from lobby_counter.policies import CounterId, Policy, Rules
from lobby_counter.store import Booking

CalendarOf = Callable[[str], Calendar]


@dataclass(frozen=True, slots=True)
class Told:
    """Who is told of."""

    greetings: Sequence[Greeting] = ()
    regroupings: Sequence[Regrouping] = ()
    imports: Sequence[Import] = ()
    users: Collection[ChannelUserId] = ()
    """Further channel users."""

    def channel_users(self) -> set[ChannelUserId]:
        """Returns all channel users told of."""
        regrouped = (user for each in self.regroupings for _, users in each.groups for user in users)
        imported = (row.channel_user_id for each in self.imports for row in each.rows)
        return {*(each.channel_user_id for each in self.greetings), *regrouped, *imported, *self.users}

    def contacts(self) -> set[ContactId]:
        """Returns all people named."""
        regrouped = (contact for each in self.regroupings for contact, _ in each.groups)
        imported = (hint.contact_id for each in self.imports for hint in each.hints)
        return {*(each.contact_id for each in self.greetings), *regrouped, *imported}


async def open_ledgers(
    conn: Connection, workspace_ids: Collection[str], told: Told, rules: Mapping[str, Rules]
) -> dict[str, Ledger]:
    """Returns the ledgers of the workspaces with everybody told of, and the books of all their counters.

    `rules` are those of workspaces that are known to count specially; the others' are found where there is need.
    """
    ledgers = await store.load_people(conn, told.channel_users(), told.contacts())
    for workspace_id in workspace_ids:
        if workspace_id not in ledgers:
            ledgers[workspace_id] = Ledger(own(workspace_id))
    special = {workspace_id for workspace_id, ledger in ledgers.items() if ledger.special}
    special |= {each.workspace_id for each in told.imports}
    known = {workspace_id: each for workspace_id, each in rules.items() if workspace_id in ledgers}
    if missing := special & ledgers.keys() - known.keys():
        known |= await rule_store.load_rules(conn, missing)
    if known:
        await rule_store.open_books(conn, ledgers, known, told.channel_users())
    return ledgers


async def record(
    conn: Connection, ledgers: dict[str, Ledger], calendar_of: CalendarOf, now: datetime, changes: Changes
) -> None:
    """What the ledgers changed is on record, each correction on its own day or, where that is closed, today."""
    await store.write_members(conn, ledgers)
    await rule_store.write_base(conn, ledgers)
    await store.write_entries(conn, ledgers)
    await store.write_verdicts(conn, ledgers)
    bookings = [
        _booking(counter_id, made, _calendar(calendar_of(workspace_id), book.policy), (now, book.policy))
        for workspace_id, ledger in ledgers.items()
        for counter_id, book in ledger.books.items()
        for made in book.corrections
    ]
    if bookings:
        await store.insert_corrections(conn, bookings)
    for workspace_id, ledger in ledgers.items():
        _note(changes, workspace_id, ledger)


def _calendar(calendar: Calendar, policy: Policy) -> Calendar:
    return replace(calendar, zone=find_zone(policy.time_zone)) if policy.time_zone else calendar


def _booking(counter_id: CounterId, made: Correction, calendar: Calendar, closing: tuple[datetime, Policy]) -> Booking:
    now, policy = closing
    close_after = timedelta(days=policy.close_after_days)
    to_booked_time = calendar.booked_time(made.to_time, now, close_after)
    return Booking(
        correction_id=new_id(),
        counter_id=counter_id,
        correction=made,
        from_booked_time=calendar.booked_time(made.from_time, now, close_after),
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


PRECISION = timedelta(microseconds=1)
"""The end of a change is exclusive, as that of every period."""
