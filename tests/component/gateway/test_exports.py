"""Lists as files: written as they come, masked as the list is, on record, and never a part taken for the whole."""

import asyncio
import csv
import io
import json

import aiohttp
import openpyxl
import pytest

from lobby.counter.v1.count_service_pb2 import (
    VERDICT_NEW,
    Counts,
    Entry,
    GetCountsResponse,
    ListEntriesResponse,
)
from lobby.counter.v1.sheet_pb2 import SheetRow
from lobby.counter.v1.sheet_service_pb2 import GetSheetExportResponse, ListSheetRowsResponse
from lobby.identity.v1.contact_pb2 import Contact, ContactIdentifier
from lobby.identity.v1.directory_service_pb2 import BatchGetContactsResponse
from lobby_common.errors import NotFound, Unavailable
from lobby_common.rpc.client import create_channel
from lobby_common.service import start
from lobby_gateway.http import exports as door
from lobby_gateway.main import SERVICE
from tests.component.gateway.conftest import OTHERS, PASSWORD, TOKEN, away, config, listening, until

COUNTS = "CountService.GetCounts"
ENTRIES = "CountService.ListEntries"
ROWS = "SheetService.ListSheetRows"
LINES = "SheetService.GetSheetExport"
PEOPLE = "DirectoryService.BatchGetContacts"
PAGE = 200


def entries(pages: int, *, breaks_at: int | None = None):
    """Pages of entries; the one at `breaks_at` is never answered."""

    def answer(request):
        number = int(request.page_token or 0)
        if number == breaks_at:
            raise Unavailable("BROKEN", "no more")
        page = [Entry(entry_id=f"{number}-{n}", contact_id="c" * 36, verdict=VERDICT_NEW) for n in range(PAGE)]
        return ListEntriesResponse(entries=page, next_page_token=str(number + 1) if number + 1 < pages else "")

    return answer


async def export(gateway, path: str, key: str | None = None) -> tuple[int, bytes, dict[str, str]]:
    headers = {"Authorization": f"Bearer {gateway.owner if key is None else key}"}
    async with gateway.session.get(f"{gateway.url}/v1/exports/{path}", headers=headers) as answer:
        return answer.status, await answer.read(), answer.headers


async def audit(gateway, action: str) -> list[dict]:
    found = await gateway.rows(
        f"SELECT actor, subject_id, detail::text FROM audit_entry WHERE action = '{action}' ORDER BY create_time"
    )
    return [json.loads(row["detail"]) | {"actor": row["actor"], "id": row["subject_id"]} for row in found]


async def ended(gateway, number: int = 1) -> list[dict]:
    """Returns what is on record of exports that ended, once it is so many."""
    async with asyncio.timeout(10):
        while len(found := await audit(gateway, "export_ended")) < number:
            await asyncio.sleep(0.02)
    return found


async def test_all_pages_are_in_the_file_in_order(gateway):
    gateway.neighbours.answers[ENTRIES] = entries(3)
    status, data, headers = await export(gateway, "entries?account_id=a&verdict=new")
    assert status == 200
    assert headers["content-type"] == "text/csv; charset=utf-8"
    assert headers["content-disposition"].startswith('attachment; filename="entries-2')
    assert headers["content-disposition"].endswith('.csv"')
    names, *rows = csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""))
    assert names[:2] == ["entry_id", "event_id"]
    assert [row[0] for row in rows] == [f"{page}-{n}" for page in range(3) for n in range(PAGE)]
    requests = [call.request for call in gateway.neighbours.calls[ENTRIES]]
    assert [(each.page_token, each.page_size, each.account_id) for each in requests] == [
        ("", PAGE, "a"),
        ("1", PAGE, "a"),
        ("2", PAGE, "a"),
    ]


async def test_each_format_holds_the_same(gateway):
    gateway.neighbours.answers[ENTRIES] = entries(2)
    _, listed = await gateway.ask("GET", "/v1/entries")
    _, lines, headers = await export(gateway, "entries?format=jsonl")
    assert headers["content-type"] == "application/jsonl"
    *items, end = map(json.loads, lines.splitlines())
    assert items[:PAGE] == listed["entries"]
    assert (len(items), end) == (2 * PAGE, {"end": True, "rows": 2 * PAGE})
    _, data, headers = await export(gateway, "entries?format=xlsx")
    assert headers["content-type"] == "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    names, *rows = openpyxl.load_workbook(io.BytesIO(data), read_only=True).active.iter_rows(values_only=True)
    assert [dict(zip(names, row, strict=True))["entry_id"] for row in rows] == [item["entry_id"] for item in items]


async def test_figures_are_exported_with_their_groups(gateway):
    rows = [Counts(account_id="a", new=5, repeat=2), Counts(account_id="b", new=1, served=0)]
    gateway.neighbours.answers[COUNTS] = GetCountsResponse(rows=rows)
    _, data, _ = await export(gateway, "counts?group_by=account&from=2026-11-01T00:00:00Z")
    first, second = csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline=""))
    assert (first["account_id"], first["new"], first["served"]) == ("a", "5", "")
    assert (second["new"], second["served"]) == ("1", "0")
    [call] = gateway.neighbours.calls[COUNTS]
    assert list(call.request.group_by) == [1]


async def test_a_list_without_items_is_a_file_without_rows(gateway):
    status, data, _ = await export(gateway, "entries?format=jsonl")
    assert (status, data) == (200, b'{"end":true,"rows":0}\n')
    _, data, _ = await export(gateway, "entries")
    assert data.decode("utf-8-sig").count("\n") == 1
    _, data, _ = await export(gateway, "entries?format=xlsx")
    assert len(list(openpyxl.load_workbook(io.BytesIO(data)).active.iter_rows())) == 1


def sheet(gateway) -> None:
    gateway.neighbours.answers[ROWS] = ListSheetRowsResponse(rows=[SheetRow(entry_id="e", contact_id="a")])
    ana = Contact(
        contact_id="a",
        display_name="=Ana Souza",
        identifiers=[ContactIdentifier(kind="phone", value="+5511912345678")],
    )
    gateway.neighbours.answers[PEOPLE] = BatchGetContactsResponse(contacts={"a": ana})
    gateway.neighbours.answers[LINES] = lambda request: GetSheetExportResponse(
        lines=['{"day":2}'] if request.page_token else ['{"é":1}', '{"day":1}'],
        next_page_token="" if request.page_token else "t",
    )


async def test_a_partner_exports_his_sheet_masked_and_nothing_else(gateway):
    sheet(gateway)
    gateway.neighbours.answers[ENTRIES] = entries(1)
    partner = await gateway.partner("sheet-1")
    for form in ("csv", "jsonl"):
        _, data, _ = await export(gateway, f"sheets/sheet-1/rows?format={form}", partner)
        assert b"5678" in data
        assert b"+5511" not in data
        assert b"Souza" not in data
        assert "A. S." in data.decode()
    _, data, _ = await export(gateway, "sheets/sheet-1/rows")
    assert '"\'=Ana Souza"' in data.decode()
    for path, expected in (("sheets/sheet-2/rows", 404), ("sheets/sheet-2", 404), ("entries", 403), ("counts", 403)):
        assert (await export(gateway, path, partner))[0] == expected
    assert (await export(gateway, "sheets/sheet-1", partner))[0] == 200


async def test_the_sheets_own_lines_come_as_they_are(gateway):
    sheet(gateway)
    status, data, headers = await export(gateway, "sheets/sheet-1")
    assert (status, data.decode()) == (200, '{"é":1}\n{"day":1}\n{"day":2}\n')
    assert headers["content-disposition"].startswith('attachment; filename="sheet-sheet-1-2')
    assert gateway.neighbours.calls[LINES][0].request.page_size == 1000


@pytest.mark.parametrize(
    ("path", "status", "reason"),
    [
        ("nothing", 404, "NOT_FOUND"),
        ("sheets/a+b", 404, "SHEET_NOT_FOUND"),
        ("entries?format=pdf", 400, "UNKNOWN_VALUE"),
        ("entries?page_size=2", 400, "UNKNOWN_PARAMETER"),
        ("sheets/s?format=csv", 400, "UNKNOWN_VALUE"),
    ],
)
async def test_what_cannot_be_exported_is_refused_before_the_first_byte(gateway, path, status, reason):
    found, data, headers = await export(gateway, path)
    assert (found, json.loads(data)["reason"]) == (status, reason)
    assert headers["content-type"] == "application/problem+json"
    assert not await audit(gateway, "export_started")


async def test_what_the_list_refuses_the_export_refuses(gateway):
    gateway.neighbours.answers[ENTRIES] = away
    status, data, _ = await export(gateway, "entries")
    assert (status, json.loads(data)["reason"]) == (503, "AWAY")
    gateway.neighbours.answers[LINES] = NotFound("SHEET_NOT_FOUND", "no")
    status, data, _ = await export(gateway, "sheets/s")
    assert (status, json.loads(data)["reason"]) == (404, "SHEET_NOT_FOUND")
    for key, expected in (("", 401), (await gateway.key("partner"), 403)):
        assert (await export(gateway, "entries", key))[0] == expected
    status, problem = await gateway.ask("POST", "/v1/exports/entries")
    assert (status, problem["reason"]) == (405, "METHOD_NOT_ALLOWED")


@pytest.mark.parametrize("form", ["csv", "xlsx", "jsonl"])
async def test_a_file_that_breaks_off_is_broken_for_whoever_reads_it(gateway, form):
    gateway.neighbours.answers[ENTRIES] = entries(9, breaks_at=4)
    with pytest.raises(aiohttp.ClientPayloadError):
        await export(gateway, f"entries?format={form}")
    [record] = await ended(gateway)
    assert (record["outcome"], record["rows"], record["format"]) == ("broken", 4 * PAGE, form)
    assert (await gateway.ask("GET", "/v1/keys"))[0] == 200


async def test_the_bytes_of_a_broken_file_have_no_last_chunk(gateway):
    gateway.neighbours.answers[ENTRIES] = entries(9, breaks_at=4)
    host, _, port = gateway.runtime.http_address.partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(
        f"GET /v1/exports/entries HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {gateway.owner}\r\n\r\n".encode()
    )
    async with asyncio.timeout(10):
        data = await reader.read()
    assert b"transfer-encoding: chunked" in data
    assert b"0-0" in data
    assert not data.endswith(b"\r\n0\r\n\r\n")
    writer.close()


async def test_a_client_that_goes_away_ends_the_work(gateway):
    gateway.neighbours.answers[ENTRIES] = entries(10**9)
    headers = {"Authorization": f"Bearer {gateway.owner}"}
    async with gateway.session.get(f"{gateway.url}/v1/exports/entries", headers=headers) as answer:
        await answer.content.readany()
        answer.close()
    [record] = await ended(gateway)
    assert record["outcome"] == "left"
    asked = len(gateway.neighbours.calls[ENTRIES])
    assert (await gateway.ask("GET", "/v1/keys"))[0] == 200
    assert len(gateway.neighbours.calls[ENTRIES]) == asked


async def test_pages_are_asked_for_no_faster_than_they_are_read(gateway):
    gateway.neighbours.answers[ENTRIES] = entries(10**9)
    headers = {"Authorization": f"Bearer {gateway.owner}"}
    calls = gateway.neighbours.calls[ENTRIES]
    async with gateway.session.get(f"{gateway.url}/v1/exports/entries?format=jsonl", headers=headers) as answer:
        await answer.content.readany()
        async with asyncio.timeout(20):
            before = -1
            while len(calls) != before:  # the sockets' buffers are full when nothing is asked any more
                before = len(calls)
                await asyncio.sleep(0.3)
        held = len(calls)
        while len(calls) == held:
            await answer.content.readany()
        answer.close()
    await ended(gateway)
    assert held < 1000


async def test_a_client_that_reads_nothing_is_given_up(gateway, monkeypatch):
    monkeypatch.setattr(door, "_STUCK_SECONDS", 0.2)
    gateway.neighbours.answers[ENTRIES] = entries(10**9)
    headers = {"Authorization": f"Bearer {gateway.owner}"}
    async with gateway.session.get(f"{gateway.url}/v1/exports/entries?format=jsonl", headers=headers) as answer:
        [record] = await ended(gateway)
        assert record["outcome"] == "broken"
        answer.close()


async def test_an_export_ends_when_its_key_does(gateway):
    reached, go_on = asyncio.Event(), asyncio.Event()

    def answer(request):
        page = ListEntriesResponse(entries=[Entry(entry_id="e")], next_page_token="more")

        async def late():
            if request.page_token:
                reached.set()
                await go_on.wait()
            return page

        return late()

    gateway.neighbours.answers[ENTRIES] = answer
    status, made = await gateway.ask("POST", "/v1/keys", body={"role": "viewer"})
    assert status == 200
    reading = asyncio.ensure_future(export(gateway, "entries", made["secret"]))
    await reached.wait()
    await gateway.ask("DELETE", f"/v1/keys/{made['key']['key_id']}")
    go_on.set()
    with pytest.raises(aiohttp.ClientPayloadError):
        await reading
    [record] = await ended(gateway)
    assert (record["outcome"], record["rows"]) == ("broken", 2)


async def test_a_partners_export_ends_when_his_link_is_deleted(gateway):
    reached, go_on = asyncio.Event(), asyncio.Event()

    def answer(request):
        async def late():
            if request.page_token:
                reached.set()
                await go_on.wait()
            return GetSheetExportResponse(lines=["{}"], next_page_token="more")

        return late()

    gateway.neighbours.answers[LINES] = answer
    made = await gateway.link("sheet-1")
    _, opened = await gateway.open(made["token"], PASSWORD)
    reading = asyncio.ensure_future(export(gateway, "sheets/sheet-1", opened["secret"]))
    await reached.wait()
    await gateway.ask("DELETE", f"/v1/sheets/sheet-1/links/{made['link']['link_id']}")
    go_on.set()
    with pytest.raises(aiohttp.ClientPayloadError):
        await reading


async def test_what_is_written_when_the_gateway_stops_breaks_off_and_is_on_record(
    gateway, database, broker, neighbours
):
    gateway.neighbours.answers[ENTRIES] = entries(10**9)
    channel = create_channel(neighbours[1], TOKEN)
    settings = config(database, broker, replica="second")
    begun = asyncio.Event()

    async def read(address: str) -> None:
        headers = {"Authorization": f"Bearer {gateway.owner}"}
        async with gateway.session.get(f"http://{address}/v1/exports/entries", headers=headers) as answer:
            while await answer.content.readany():
                begun.set()

    async with start(SERVICE, settings, channels=dict.fromkeys(OTHERS, channel)) as runtime:
        await listening(runtime.http_address)
        reading = asyncio.ensure_future(read(runtime.http_address))
        await begun.wait()
    with pytest.raises(aiohttp.ClientPayloadError):
        await reading
    [record] = await ended(gateway)
    assert record["outcome"] == "broken"
    await channel.close()


async def test_a_workspace_has_a_few_exports_at_once_and_others_theirs(gateway):
    go_on = asyncio.Event()

    def answer(request):
        async def late():
            await go_on.wait()
            return ListEntriesResponse()

        return late()

    gateway.neighbours.answers[ENTRIES] = answer
    running = [asyncio.ensure_future(export(gateway, "entries")) for _ in range(4)]
    await until(lambda: len(gateway.neighbours.calls[ENTRIES]) == 4)
    status, data, headers = await export(gateway, "entries")
    assert (status, json.loads(data)["reason"], headers["retry-after"]) == (429, "TOO_MANY_EXPORTS", "10")
    other = asyncio.ensure_future(export(gateway, "entries", await gateway.other_workspace()))
    await until(lambda: len(gateway.neighbours.calls[ENTRIES]) == 5)
    go_on.set()
    assert [status for status, _, _ in await asyncio.gather(*running, other)] == [200] * 5
    assert (await export(gateway, "entries"))[0] == 200


async def test_a_refused_export_takes_nobodys_place(gateway):
    gateway.neighbours.answers[ENTRIES] = away
    for _ in range(6):
        assert (await export(gateway, "entries"))[0] == 503


async def test_every_export_is_on_record_with_who_what_and_how_many(gateway):
    gateway.neighbours.answers[ENTRIES] = entries(2)
    await export(gateway, "entries?account_id=a&format=jsonl")
    [started], [record] = await audit(gateway, "export_started"), await ended(gateway)
    assert record["id"] == started["id"]
    assert record["actor"] == started["actor"]
    said = {"export": "/v1/exports/entries", "format": "jsonl", "filters": {"account_id": "a"}}
    assert said.items() <= started.items()
    assert said.items() <= record.items()
    assert (record["rows"], record["outcome"]) == (2 * PAGE, "whole")
    sheet(gateway)
    made = await gateway.link("sheet-1")
    _, opened = await gateway.open(made["token"])
    await export(gateway, "sheets/sheet-1", opened["secret"])
    [_, record] = await ended(gateway, 2)
    assert (record["actor"], record["rows"]) == (made["link"]["link_id"], 3)
    assert record["filters"] == {"sheet_id": "sheet-1"}


async def test_nothing_leaves_that_cannot_be_put_on_record(gateway, monkeypatch):
    gateway.neighbours.answers[ENTRIES] = entries(1)

    async def fails(*_, **__):
        raise OSError("the database is away")

    monkeypatch.setattr(door.store, "audit", fails)
    status, data, _ = await export(gateway, "entries")
    assert (status, json.loads(data)["reason"]) == (503, "DATABASE_AWAY")
