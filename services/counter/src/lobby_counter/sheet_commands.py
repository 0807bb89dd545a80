"""What people do to sheets: make, end, object, answer. Each holds the sheet, so that no day is closed by half of it."""

import re
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

from lobby_common.caller import Caller
from lobby_common.errors import Conflict, Invalid, NotFound
from lobby_common.events.log import Connection
from lobby_common.ids import is_id, new_id
from lobby_common.times import utc_now
from lobby_counter import commands, sheet_store, sheets, store
from lobby_counter.policies import DEFAULT, Policy
from lobby_counter.sheet_store import Dispute
from lobby_counter.sheets import Rule, Sheet, Tally

PARTNER = "partner"
_PRICE = re.compile(r"\d{1,12}(\.\d{1,6})?", re.ASCII)
_CURRENCY = re.compile(r"[A-Z]{3}", re.ASCII)
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_DAYS = timedelta(days=366)
"""How far from today a sheet may begin, and from its beginning end."""
_LONGEST = timedelta(days=3660)


async def get(conn: Connection, who: Caller, sheet_id: str) -> Sheet:
    """Returns a sheet that the caller may see. Raises NotFound SHEET_NOT_FOUND."""
    if is_visible(who, sheet_id):
        for sheet in await sheet_store.read(conn, who.workspace_id, sheet_id=sheet_id, after=None, size=1):
            return sheet
    raise _no_sheet()


def is_visible(who: Caller, sheet_id: str) -> bool:
    """Returns whether the caller may see a sheet of the id: a partner only the one that is shared with him."""
    return is_id(sheet_id) and (who.role != PARTNER or sheet_id == who.sheet_id)


def read_price(price: str, currency: str) -> Decimal:
    """Returns what a new person costs. Raises Invalid INVALID_PRICE."""
    if not _PRICE.fullmatch(price or "0"):
        raise Invalid(
            "INVALID_PRICE", "price is a decimal number with 12 digits before the point and 6 after it at most"
        )
    if (currency or Decimal(price or "0")) and not _CURRENCY.fullmatch(currency):
        raise Invalid("INVALID_PRICE", "currency is the ISO 4217 code of the price, such as USD")
    return Decimal(price or "0")


def read_day(text: str, name: str) -> date | None:
    """Returns the day, None where there is none. Raises Invalid INVALID_DAY."""
    if not text:
        return None
    try:
        if not _DAY.fullmatch(text):  # the library reads weeks too
            raise ValueError
        return date.fromisoformat(text)
    except ValueError:
        raise Invalid("INVALID_DAY", f"{name} is no day such as 2026-11-27") from None


async def create(conn: Connection, who: Caller, rule: Rule, end_day: date | None) -> Sheet:
    """There is a new sheet by the rule, which gets its ids and its time.

    Raises Invalid INVALID_DAY, NotFound CAMPAIGN_NOT_FOUND, Exhausted TOO_MANY_COUNTERS.
    """
    now = utc_now()
    _check_days(rule, end_day, rule.calendar.day_of(now))
    counter_id = await _counter_of(conn, who, rule)
    rule = replace(rule, sheet_id=new_id(), counter_id=counter_id, create_time=now)
    sheet = Sheet(rule, end_day, rule.start_day, 0, sheets.digest_of(rule.text), Tally())
    await sheet_store.insert(conn, who.workspace_id, sheet)
    return sheet


def _check_days(rule: Rule, end_day: date | None, today: date) -> None:
    if not today - _DAYS <= rule.start_day <= today + _DAYS:
        raise Invalid("INVALID_DAY", "start_day lies within a year of today")
    if end_day is not None and not rule.start_day <= end_day <= rule.start_day + _LONGEST:
        raise Invalid("INVALID_DAY", "end_day is start_day or a later day, within ten years")


async def _counter_of(conn: Connection, who: Caller, rule: Rule) -> str:
    """Days are the sheet's own matter: counters that judge alike may differ in theirs."""
    await store.lock_workspaces(conn, [who.workspace_id])
    known = (await commands.load_rules(conn, who.workspace_id)).counters
    for counter in (commands.own_counter(who.workspace_id), *known):
        if _judges(counter.policy) == _judges(rule.policy):
            return counter.counter_id
    return (await commands.create_counter(conn, who, rule.display_name, rule.policy)).counter_id


def _judges(policy: Policy) -> Policy:
    return replace(policy, time_zone=DEFAULT.time_zone, close_after_days=DEFAULT.close_after_days)


async def end(conn: Connection, who: Caller, sheet_id: str, end_day: date | None) -> Sheet:
    """The sheet has this last day, or today.

    Raises NotFound SHEET_NOT_FOUND, Invalid INVALID_DAY, Conflict DAY_CLOSED.
    """
    sheet = await _locked(conn, who, sheet_id)
    now = utc_now()
    rule = sheet.rule
    end_day = end_day or max(rule.calendar.day_of(now), rule.start_day)
    if end_day == sheet.end_day:
        return sheet
    if not rule.start_day <= end_day <= rule.start_day + _LONGEST:
        raise Invalid("INVALID_DAY", "end_day is the sheet's first day or a later one, within ten years")
    if sheet.has_ended or end_day < sheet.next_day - timedelta(days=1):
        raise Conflict("DAY_CLOSED", "days after it are closed, or the sheet's last day is")
    await sheet_store.end(conn, sheet_id, end_day)
    return replace(sheet, end_day=end_day)


async def object_to(
    conn: Connection, who: Caller, sheet_id: str, *, entry_id: str, wanted_verdict: str, note: str
) -> Dispute:
    """There is an open dispute. Raises NotFound SHEET_NOT_FOUND, ENTRY_NOT_FOUND, Conflict DISPUTE_OPEN."""
    sheet = await get(conn, who, sheet_id)
    if not is_id(entry_id) or not await sheet_store.has_entry(conn, who.workspace_id, sheet, entry_id):
        raise NotFound("ENTRY_NOT_FOUND", "there is no such entry in this sheet")
    made = await sheet_store.insert_dispute(
        conn, sheet_id, new_id(), entry_id, wanted_verdict, note, who.actor, who.role == PARTNER
    )
    if made is None:
        raise Conflict("DISPUTE_OPEN", "somebody has objected to this entry, and nobody has answered yet")
    return made


async def answer(conn: Connection, who: Caller, sheet_id: str, dispute_id: str, *, accept: bool, text: str) -> Dispute:
    """The dispute is answered. Raises NotFound SHEET_NOT_FOUND, DISPUTE_NOT_FOUND, Conflict DISPUTE_RESOLVED."""
    # The sheet first, as whoever closes its day: what is accepted is in that day as a whole or not at all.
    await _locked(conn, who, sheet_id)
    return await _resolve(
        conn, who, await _dispute(conn, sheet_id, dispute_id), "accepted" if accept else "rejected", text
    )


async def withdraw(conn: Connection, who: Caller, sheet_id: str, dispute_id: str) -> Dispute:
    """The dispute is taken back by the party that made it; to the other one it is none to be taken back.

    Raises NotFound SHEET_NOT_FOUND, DISPUTE_NOT_FOUND, Conflict DISPUTE_RESOLVED.
    """
    await _locked(conn, who, sheet_id)
    known = await _dispute(conn, sheet_id, dispute_id)
    if known.by_partner != (who.role == PARTNER):
        raise _no_dispute()
    return await _resolve(conn, who, known, "withdrawn", "")


async def _resolve(conn: Connection, who: Caller, known: Dispute, state: str, text: str) -> Dispute:
    if known.state == state:
        return known
    if known.state != "open":
        raise Conflict("DISPUTE_RESOLVED", f"the dispute is {known.state} already")
    return await sheet_store.resolve_dispute(conn, known.dispute_id, state, text, who.actor)


async def _locked(conn: Connection, who: Caller, sheet_id: str) -> Sheet:
    sheet = await sheet_store.lock(conn, who.workspace_id, sheet_id) if is_visible(who, sheet_id) else None
    if sheet is None:
        raise _no_sheet()
    return sheet


async def _dispute(conn: Connection, sheet_id: str, dispute_id: str) -> Dispute:
    known = await sheet_store.lock_dispute(conn, sheet_id, dispute_id) if is_id(dispute_id) else None
    if known is None:
        raise _no_dispute()
    return known


def _no_sheet() -> NotFound:
    return NotFound("SHEET_NOT_FOUND", "there is no such sheet in this workspace")


def _no_dispute() -> NotFound:
    return NotFound("DISPUTE_NOT_FOUND", "there is no such dispute of this sheet")
