"""SheetService: sheets, their figures and rows, their closed days, and disputes."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import asyncpg

from lobby.counter.v1 import count_service_pb2 as count_pb
from lobby.counter.v1 import sheet_pb2 as nouns
from lobby.counter.v1 import sheet_service_pb2 as pb
from lobby.counter.v1.sheet_service_pb2_grpc import SheetServiceServicer
from lobby_common import caller, pages
from lobby_common.errors import Invalid
from lobby_common.events import EventLog
from lobby_common.ids import is_id
from lobby_common.requests import answer_once
from lobby_common.times import to_proto, utc_now
from lobby_counter import rule_store, sheet_commands, sheet_store
from lobby_counter.asking import verdict_value, verdict_word
from lobby_counter.clients import Calendars
from lobby_counter.counter_api import policy_of, shown_policy
from lobby_counter.sheet_store import Dispute, Row
from lobby_counter.sheets import Rule, Sheet, Tally

_STATES = {
    "open": nouns.SheetDispute.STATE_OPEN,
    "accepted": nouns.SheetDispute.STATE_ACCEPTED,
    "rejected": nouns.SheetDispute.STATE_REJECTED,
    "withdrawn": nouns.SheetDispute.STATE_WITHDRAWN,
}
_STATE_WORDS = {value: word for word, value in _STATES.items()}
_A_DAY = timedelta(days=1)
_MOST_DAYS = 3_660
_EXPORTED = 1_000
"""Lines of a page of the export where nobody asks for another number."""
_HEADER = (0, 0)
"""Number and place of the export's first line."""


class SheetApi(SheetServiceServicer):
    """Sheets of the caller's workspace; a partner's, the one that is shared with him."""

    def __init__(self, log: EventLog, pool: asyncpg.Pool, calendars: Calendars) -> None:
        self._log = log
        self._pool = pool
        self._calendars = calendars

    async def CreateSheet(self, request: pb.CreateSheetRequest, _context: object) -> pb.CreateSheetResponse:
        """There is a new sheet."""
        who = caller.current()
        known = await self._calendars.ask(who.workspace_id)
        price = sheet_commands.read_price(request.price, request.currency)
        draft = Rule(
            sheet_id="",
            counter_id="",
            display_name=request.display_name.replace("\x00", "\ufffd"),
            policy=policy_of(request.policy, known.zone.key),
            day_start_hour=request.day_start_hour if request.HasField("day_start_hour") else known.day_start_hour,
            start_day=date.min,
            target=request.target,
            price=price,
            currency=request.currency,
            create_time=utc_now(),
        )
        start_day = sheet_commands.read_day(request.start_day, "start_day") or draft.calendar.day_of(utc_now())
        end_day = sheet_commands.read_day(request.end_day, "end_day")
        async with self._log.transaction() as tx:

            async def make() -> pb.CreateSheetResponse:
                rule = replace(draft, start_day=start_day)
                return pb.CreateSheetResponse(sheet=_sheet(await sheet_commands.create(tx.conn, who, rule, end_day)))

            return await answer_once(tx, "CreateSheet", request.request_id, pb.CreateSheetResponse, make)

    async def ListSheets(self, request: pb.ListSheetsRequest, _context: object) -> pb.ListSheetsResponse:
        """Returns a page of sheets, oldest first."""
        who, size = caller.current(), pages.size(request.page_size)
        only = None
        if who.role == sheet_commands.PARTNER:
            if not is_id(who.sheet_id):
                return pb.ListSheetsResponse()
            only = who.sheet_id
        after = pages.decode_after(request.page_token)
        async with self._pool.acquire() as conn:
            found = await sheet_store.read(conn, who.workspace_id, sheet_id=only, after=after, size=size + 1)
        token = ""
        if len(found) > size:
            last = found[size - 1].rule
            token = pages.encode(last.create_time.isoformat(), last.sheet_id)
        return pb.ListSheetsResponse(sheets=map(_sheet, found[:size]), next_page_token=token)

    async def GetSheet(self, request: pb.GetSheetRequest, _context: object) -> pb.GetSheetResponse:
        """Returns a sheet."""
        return pb.GetSheetResponse(sheet=_sheet(await self._get(request.sheet_id)))

    async def EndSheet(self, request: pb.EndSheetRequest, _context: object) -> pb.EndSheetResponse:
        """The sheet has a last day."""
        end_day = sheet_commands.read_day(request.end_day, "end_day")
        async with self._log.transaction() as tx:
            sheet = await sheet_commands.end(tx.conn, caller.current(), request.sheet_id, end_day)
        return pb.EndSheetResponse(sheet=_sheet(sheet))

    async def GetSheetFigures(self, request: pb.GetSheetFiguresRequest, _context: object) -> pb.GetSheetFiguresResponse:
        """Returns what a sheet says now, by day and over all."""
        who = caller.current()
        async with self._pool.acquire() as conn, conn.transaction(isolation="repeatable_read", readonly=True):
            sheet = await sheet_commands.get(conn, who, request.sheet_id)
            first, last = _period(sheet, request.from_day, request.to_day)
            rule = sheet.rule
            whole = (sheet.start, sheet.end_of(_last_day(sheet)))
            days = [first + _A_DAY * n for n in range((last - first).days + 1)]
            starts = [rule.calendar.start_of(day) for day in days]
            cut = (starts[0], sheet.end_of(last)) if days else (sheet.start, sheet.start)
            present = await sheet_store.count(conn, who.workspace_id, sheet, cut, starts or [sheet.start])
            over_all = await sheet_store.count(conn, who.workspace_id, sheet, whole, [sheet.start])
            settled = await sheet_store.list_settled(conn, rule.sheet_id, first, last)
            judging = await rule_store.is_recounted(conn, who.workspace_id, rule.counter_id)
        shown = []
        for number, day in enumerate(days, start=1):
            if number in present or day in settled:
                one = nouns.SheetDayFigures(day=day.isoformat(), present=_figures(rule, present.get(number, Tally())))
                if day in settled:
                    one.settled.CopyFrom(_figures(rule, settled[day]))
                shown.append(one)
        return pb.GetSheetFiguresResponse(
            days=shown,
            present=_figures(rule, sum(over_all.values(), Tally())),
            settled=_figures(rule, sheet.total),
            target=rule.target,
            currency=rule.currency,
            judging=judging,
        )

    async def ListSheetRows(self, request: pb.ListSheetRowsRequest, _context: object) -> pb.ListSheetRowsResponse:
        """Returns a page of entries, oldest first. Who the people are is the identity service's to say."""
        who, size = caller.current(), pages.size(request.page_size)
        async with self._pool.acquire() as conn, conn.transaction(isolation="repeatable_read", readonly=True):
            sheet = await sheet_commands.get(conn, who, request.sheet_id)
            first, last = _period(sheet, request.from_day, request.to_day)
            found = await sheet_store.list_rows(
                conn,
                who.workspace_id,
                sheet.rule,
                (sheet.rule.calendar.start_of(first), sheet.end_of(last)),
                after=pages.decode_after(request.page_token),
                verdict=verdict_word(request.verdict),
                size=size + 1,
            )
        token = ""
        if len(found) > size:
            token = pages.encode(found[size - 1].occurred_time.isoformat(), found[size - 1].event_id)
        rows = [_row(sheet.rule, each) for each in found[:size]]
        return pb.ListSheetRowsResponse(rows=rows, next_page_token=token)

    async def ListSheetDays(self, request: pb.ListSheetDaysRequest, _context: object) -> pb.ListSheetDaysResponse:
        """Returns a page of closed days, oldest first."""
        size = pages.size(request.page_size)
        after = _number(pages.decode(request.page_token, 1), 0)
        sheet = await self._get(request.sheet_id)
        async with self._pool.acquire() as conn:
            found = await sheet_store.list_days(conn, sheet.rule.sheet_id, after, size + 1)
        days = [_day(json.loads(text), digest) for text, digest in found[:size]]
        token = pages.encode(days[-1].number) if len(found) > size else ""
        return pb.ListSheetDaysResponse(days=days, next_page_token=token)

    async def GetSheetExport(self, request: pb.GetSheetExportRequest, _context: object) -> pb.GetSheetExportResponse:
        """Returns the next lines of the export."""
        size = request.page_size or _EXPORTED
        values = pages.decode(request.page_token, 2)
        sheet = await self._get(request.sheet_id)
        after = _HEADER if values is None else (_number(values, 0), _number(values, 1))
        async with self._pool.acquire() as conn:
            found = await sheet_store.export_lines(conn, sheet.rule.sheet_id, (after[0], after[1]), size + 1)
        lines = [text for _, _, text in found[:size]]
        token = pages.encode(*found[size - 1][:2]) if len(found) > size else ""
        return pb.GetSheetExportResponse(
            lines=[sheet.rule.text, *lines] if values is None else lines, next_page_token=token
        )

    async def CreateSheetDispute(
        self, request: pb.CreateSheetDisputeRequest, _context: object
    ) -> pb.CreateSheetDisputeResponse:
        """Somebody objects."""
        who = caller.current()
        async with self._log.transaction() as tx:

            async def make() -> pb.CreateSheetDisputeResponse:
                made = await sheet_commands.object_to(
                    tx.conn,
                    who,
                    request.sheet_id,
                    entry_id=request.entry_id,
                    wanted_verdict=verdict_word(request.wanted_verdict) or "",
                    note=request.note.replace("\x00", "\ufffd"),
                )
                return pb.CreateSheetDisputeResponse(dispute=_dispute(made))

            # A request of one sheet's partner is never taken for one of another's, nor for the workspace's own.
            party = f"{request.sheet_id}/{'partner' if who.role == sheet_commands.PARTNER else ''}"
            request_id = request.request_id and f"{party}/{request.request_id}"
            return await answer_once(tx, "CreateSheetDispute", request_id, pb.CreateSheetDisputeResponse, make)

    async def ListSheetDisputes(
        self, request: pb.ListSheetDisputesRequest, _context: object
    ) -> pb.ListSheetDisputesResponse:
        """Returns a page of disputes, oldest first."""
        size = pages.size(request.page_size)
        after = pages.decode_after(request.page_token)
        sheet = await self._get(request.sheet_id)
        async with self._pool.acquire() as conn:
            state = _STATE_WORDS.get(request.state)
            found = await sheet_store.list_disputes(conn, sheet.rule.sheet_id, state, after, size + 1)
        token = ""
        if len(found) > size:
            token = pages.encode(found[size - 1].create_time.isoformat(), found[size - 1].dispute_id)
        return pb.ListSheetDisputesResponse(disputes=map(_dispute, found[:size]), next_page_token=token)

    async def ResolveSheetDispute(
        self, request: pb.ResolveSheetDisputeRequest, _context: object
    ) -> pb.ResolveSheetDisputeResponse:
        """The dispute is answered."""
        async with self._log.transaction() as tx:
            resolved = await sheet_commands.answer(
                tx.conn,
                caller.current(),
                request.sheet_id,
                request.dispute_id,
                accept=request.accept,
                text=request.answer.replace("\x00", "\ufffd"),
            )
        return pb.ResolveSheetDisputeResponse(dispute=_dispute(resolved))

    async def WithdrawSheetDispute(
        self, request: pb.WithdrawSheetDisputeRequest, _context: object
    ) -> pb.WithdrawSheetDisputeResponse:
        """The dispute is taken back."""
        async with self._log.transaction() as tx:
            resolved = await sheet_commands.withdraw(tx.conn, caller.current(), request.sheet_id, request.dispute_id)
        return pb.WithdrawSheetDisputeResponse(dispute=_dispute(resolved))

    async def _get(self, sheet_id: str) -> Sheet:
        async with self._pool.acquire() as conn:
            return await sheet_commands.get(conn, caller.current(), sheet_id)


def _last_day(sheet: Sheet) -> date:
    return sheet.end_day or max(sheet.rule.calendar.day_of(utc_now()), sheet.rule.start_day)


def _period(sheet: Sheet, from_day: str, to_day: str) -> tuple[date, date]:
    """Returns the first and last local day that is asked for, inside the sheet's. Raises Invalid INVALID_DAY."""
    end = _last_day(sheet)
    first = sheet_commands.read_day(from_day, "from_day") or sheet.rule.start_day
    last = sheet_commands.read_day(to_day, "to_day") or max(end, first)
    if first > last or (last - first).days > _MOST_DAYS:
        raise Invalid("INVALID_DAY", "from_day is to_day or before it, within ten years")
    if (last - end).days > _MOST_DAYS:
        raise Invalid("INVALID_DAY", "from_day and to_day are within ten years of the sheet's last day")
    # What is found later about a sheet that has ended is settled in days after its last one.
    return max(first, sheet.rule.start_day), max(last, sheet.rule.start_day)


def _number(values: tuple[Any, ...] | None, index: int) -> int:
    if values is None:
        return 0
    if not isinstance(values[index], int) or not 0 <= values[index] < 1 << 31:
        raise Invalid("BAD_PAGE_TOKEN", "page_token is not one that this list gave")
    return int(values[index])


def _sheet(sheet: Sheet) -> nouns.Sheet:
    rule = sheet.rule
    return nouns.Sheet(
        sheet_id=rule.sheet_id,
        display_name=rule.display_name,
        counter_id=rule.counter_id,
        policy=shown_policy(rule.policy),
        day_start_hour=rule.day_start_hour,
        start_day=rule.start_day.isoformat(),
        end_day=sheet.end_day.isoformat() if sheet.end_day else "",
        target=rule.target,
        price=str(rule.price),
        currency=rule.currency,
        create_time=to_proto(rule.create_time),
        closed_days=sheet.closed_days,
        digest=sheet.digest,
    )


def _figures(rule: Rule, tally: Tally) -> nouns.SheetFigures:
    return nouns.SheetFigures(new=tally.new, repeat=tally.repeat, excluded=tally.excluded, amount=rule.amount(tally))


def _row(rule: Rule, row: Row) -> nouns.SheetRow:
    return nouns.SheetRow(
        entry_id=row.entry_id,
        contact_id=row.contact_id,
        account_id=row.account_id,
        platform=row.platform,  # type: ignore[arg-type]  # stored as the enum's number
        day=rule.calendar.day_of(row.occurred_time).isoformat(),
        occurred_time=to_proto(row.occurred_time),
        verdict=verdict_value(row.counts_as),
        reason=row.reason,
        repeat_of=row.repeat_of,
        settled_verdict=verdict_value(row.settled_as) if row.settled_as else count_pb.VERDICT_UNSPECIFIED,
        campaign_id=row.campaign_id,
        language=row.language,
        country=row.country,
    )


def _day(said: Mapping[str, Any], digest: str) -> nouns.SheetDay:
    """Returns the day that a line of the export says."""
    return nouns.SheetDay(
        number=said["number"],
        day=said["day"],
        start_time=to_proto(datetime.fromisoformat(said["start_time"])),
        end_time=to_proto(datetime.fromisoformat(said["end_time"])),
        close_time=to_proto(datetime.fromisoformat(said["close_time"])),
        settled=nouns.SheetFigures(**said["settled"]),
        adjustments=nouns.SheetFigures(**said["adjustments"]),
        total=nouns.SheetFigures(**said["total"]),
        lines=said["lines"],
        lines_digest=said["lines_digest"],
        previous_digest=said["previous_digest"],
        digest=digest,
    )


def _dispute(dispute: Dispute) -> nouns.SheetDispute:
    return nouns.SheetDispute(
        dispute_id=dispute.dispute_id,
        entry_id=dispute.entry_id,
        wanted_verdict=verdict_value(dispute.wanted_verdict),
        note=dispute.note,
        state=_STATES[dispute.state],
        creator=dispute.creator,
        create_time=to_proto(dispute.create_time),
        answer=dispute.answer,
        resolver=dispute.resolver,
        resolve_time=None if dispute.resolve_time is None else to_proto(dispute.resolve_time),
    )
