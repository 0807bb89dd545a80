import csv
import io
import json
import zipfile

import openpyxl
import pytest

from lobby.counter.v1.count_service_pb2 import VERDICT_NEW, VERDICT_REPEAT, Entry
from lobby.counter.v1.sheet_pb2 import SheetAddress, SheetRow
from lobby_common.errors import Invalid
from lobby_gateway.exports import catalogue, workbook
from lobby_gateway.exports.columns import cells, columns
from lobby_gateway.exports.files import FORMATS, CsvFile, JsonLinesFile, LinesFile, XlsxFile, harmless, start
from lobby_gateway.transcode import to_json

COLUMNS = columns(SheetRow.DESCRIPTOR)
ROWS = [
    SheetRow(
        entry_id="e1",
        verdict=VERDICT_NEW,
        display_name='Ana "Á" Maria',
        addresses=[SheetAddress(kind="phone", value="+5511"), SheetAddress(kind="line_user_id", value="U1")],
    ),
    SheetRow(entry_id="e2", verdict=VERDICT_REPEAT, repeat_of="e1", display_name="=1+1"),
]
ITEMS = [to_json(row) for row in ROWS]
EXPORTS = {each.name: each for each in catalogue.exports()}


def written(file, *pages) -> bytes:
    rows = sum(map(len, pages))
    return file.begin() + b"".join(file.write(page) for page in pages) + file.end(rows)


def table(data: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline="")))


def test_a_row_has_a_cell_for_every_field_also_for_those_that_are_not_set():
    first, second = (dict(zip(COLUMNS, cells(item, COLUMNS), strict=True)) for item in ITEMS)
    assert (first["entry_id"], first["verdict"], first["repeat_of"]) == ("e1", "new", None)
    assert first["addresses"] == "phone: +5511; line_user_id: U1"
    assert (second["repeat_of"], second["addresses"], second["settled_verdict"]) == ("e1", "", None)


def test_what_is_more_than_a_pair_is_json_in_its_cell():
    entry = Entry(entry_id="e")
    entry.corrections.add(correction_id="k", reason="merged")
    names = columns(Entry.DESCRIPTOR)
    cell = dict(zip(names, cells(to_json(entry), names), strict=True))["corrections"]
    assert json.loads(cell)["reason"] == "merged"


@pytest.mark.parametrize("text", ["=1+1", "+55", "-2", "@SUM(A1)", "\tx", "\rx", "\nx", "＝1", "＋1"])
def test_a_text_that_looks_like_a_formula_is_none(text):
    assert harmless(text) == "'" + text


@pytest.mark.parametrize("cell", [-5, 0, 2.5, None, "", "Ana", "a=b", "••••4567", "2026-11-27"])
def test_numbers_and_plain_texts_stay_what_they_are(cell):
    assert harmless(cell) == cell


def test_csv_is_utf_8_with_a_mark_and_reads_back():
    data = written(CsvFile(COLUMNS), ITEMS[:1], ITEMS[1:])
    assert data.startswith(b"\xef\xbb\xbf")
    assert data.count(b"\r\n") == 3
    names, first, second = table(data)
    assert names == COLUMNS
    assert dict(zip(names, first, strict=True))["display_name"] == 'Ana "Á" Maria'
    assert dict(zip(names, second, strict=True))["display_name"] == "'=1+1"


def test_every_text_in_csv_is_quoted_so_that_no_other_separator_splits_it():
    data = written(CsvFile(["a", "b"]), [{"a": "x;=1+1", "b": 5}])
    assert data.decode("utf-8-sig").splitlines()[1] == '"x;=1+1",5'


def test_lines_of_json_are_the_lists_own_and_the_last_one_says_how_many():
    data = written(JsonLinesFile(COLUMNS), ITEMS[:1], ITEMS[1:])
    lines = [json.loads(line) for line in data.splitlines()]
    assert lines == [*ITEMS, {"end": True, "rows": 2}]


def test_lines_that_are_ready_are_written_as_they_are():
    assert written(LinesFile(), ['{"é":1}', "{}"]) == '{"é":1}\n{}\n'.encode()


def opened(data: bytes):
    return openpyxl.load_workbook(io.BytesIO(data), read_only=True)


def test_a_workbook_reads_back_and_holds_no_formula():
    book = opened(written(XlsxFile(COLUMNS), ITEMS[:1], ITEMS[1:]))
    names, first, second = book.active.iter_rows()
    assert [cell.value for cell in names] == COLUMNS
    place = COLUMNS.index("display_name")
    assert first[place].value == 'Ana "Á" Maria'
    assert second[place].value == "=1+1"
    assert second[place].data_type in ("s", "inlineStr")


def test_numbers_in_a_workbook_are_numbers():
    book = opened(written(XlsxFile(["a", "b", "c", "d"]), [{"a": -5, "b": 2.5, "d": "5"}]))
    assert [cell.value for cell in list(book.active.iter_rows())[1]] == [-5, 2.5, None, "5"]


def test_what_xml_cannot_hold_is_left_out_of_a_workbook():
    hostile = "a\x00\x0b<b>&\ufffe\ud800\"'] _x0041_ \n é"
    book = opened(written(XlsxFile(["a"]), [{"a": hostile}]))
    [cell] = list(book.active.iter_rows())[1]
    assert cell.value.replace("_x005F_", "_") == "a<b>&\"'] _x0041_ \n é"


def test_a_text_too_long_for_a_cell_is_cut_and_says_so():
    book = opened(written(XlsxFile(["a"]), [{"a": "x" * 40_000}]))
    [cell] = list(book.active.iter_rows())[1]
    assert len(cell.value) == 32_767
    assert cell.value.endswith("x…")


def test_more_rows_than_a_worksheet_takes_go_on_in_the_next(monkeypatch):
    monkeypatch.setattr(workbook, "MOST_ROWS", 2)
    book = opened(written(XlsxFile(["n"]), [{"n": n} for n in range(3)], [{"n": n} for n in range(3, 5)]))
    found = [[cell.value for (cell,) in sheet.iter_rows()] for sheet in book.worksheets]
    assert found == [["n", 0, 1], ["n", 2, 3], ["n", 4]]


def test_a_workbook_that_breaks_off_is_none():
    file = XlsxFile(COLUMNS)
    part = file.begin() + file.write(ITEMS * 1000)
    with pytest.raises(zipfile.BadZipFile):
        opened(part)


def test_a_workbook_that_is_given_up_says_nothing():
    """The collector may come to the archive before it comes to the sheet that is still open in it."""
    book = workbook.Workbook(["name"])
    book.add([["Ana"]])
    book._archive.__del__()
    assert book._archive.fp is not None


def test_a_workbook_goes_out_while_it_is_written():
    file = XlsxFile(["n"])
    parts = [file.write([{"n": f"{page} {n} {page * n}"} for n in range(2000)]) for page in range(50)]
    end = file.end(0)
    assert sum(map(bool, parts)) > 5
    assert sum(map(len, parts)) > 5 * len(end)
    assert opened(b"".join(parts) + end).active.max_row in (None, 100_001)


def test_every_export_knows_its_formats_and_begins_a_file_for_each():
    assert {name: export.formats for name, export in EXPORTS.items()} == {
        "counts": ("csv", "xlsx", "jsonl"),
        "entries": ("csv", "xlsx", "jsonl"),
        "sheetRows": ("csv", "xlsx", "jsonl"),
        "sheet": ("jsonl",),
    }
    for export in EXPORTS.values():
        for each in export.formats:
            assert each in FORMATS
            assert start(export, each)
    assert isinstance(start(EXPORTS["sheet"], "jsonl"), LinesFile)


def test_an_export_takes_the_filters_of_its_list_and_asks_for_large_pages():
    chosen, request = catalogue.asked(
        EXPORTS["sheetRows"], {"sheet_id": "s"}, b"format=xlsx&verdict=new&fromDay=2026-11-01"
    )
    assert chosen == "xlsx"
    assert (request.sheet_id, request.verdict, request.from_day) == ("s", VERDICT_NEW, "2026-11-01")
    assert (request.page_size, request.page_token) == (200, "")
    assert catalogue.asked(EXPORTS["sheet"], {"sheet_id": "s"}, b"")[1].page_size == 1000
    assert catalogue.asked(EXPORTS["counts"], {}, b"group_by=account&group_by=agent")[0] == "csv"


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        (b"page_size=5", "UNKNOWN_PARAMETER"),
        (b"pageToken=x", "UNKNOWN_PARAMETER"),
        (b"nothing=1", "UNKNOWN_PARAMETER"),
        (b"format=pdf", "UNKNOWN_VALUE"),
        (b"format=csv&format=xlsx", "DUPLICATE_FIELD"),
        (b"account_id=a&account_id=b", "DUPLICATE_FIELD"),
        (b"verdict=odd", "UNKNOWN_VALUE"),
        (b"from=yesterday", "WRONG_TYPE"),
    ],
)
def test_what_an_export_does_not_take_is_refused(query, reason):
    with pytest.raises(Invalid, match=reason):
        catalogue.asked(EXPORTS["entries"], {}, query)


def test_what_is_ready_has_no_other_format():
    with pytest.raises(Invalid, match="UNKNOWN_VALUE"):
        catalogue.asked(EXPORTS["sheet"], {"sheet_id": "s"}, b"format=csv")
