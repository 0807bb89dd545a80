"""Whatever people wrote, a file holds it, and no program takes it for anything but a text."""

import csv
import io
import json

import openpyxl
from hypothesis import given, settings
from hypothesis import strategies as st

from lobby_gateway.exports import workbook
from lobby_gateway.exports.files import CsvFile, JsonLinesFile, XlsxFile, harmless

COLUMNS = ["a", "b", "c"]
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
CELLS = st.none() | st.integers(-(2**53), 2**53) | TEXTS | TEXTS.map("={}".format)
ITEMS = st.lists(st.fixed_dictionaries(dict.fromkeys(COLUMNS, CELLS)), max_size=5)


def written(file, items) -> bytes:
    return file.begin() + file.write(items) + file.end(len(items))


@given(ITEMS)
def test_csv_reads_back_and_no_text_begins_like_a_formula(items):
    text = written(CsvFile(COLUMNS), items).decode("utf-8-sig")
    names, *rows = csv.reader(io.StringIO(text, newline=""))
    assert names == COLUMNS
    expected = [["" if (cell := item[name]) is None else str(harmless(cell)) for name in COLUMNS] for item in items]
    assert rows == expected
    for row, item in zip(rows, items, strict=True):
        for cell, name in zip(row, COLUMNS, strict=True):
            assert not (isinstance(item[name], str) and cell.startswith(("=", "+", "-", "@", "\t", "\r")))


@given(ITEMS)
def test_lines_of_json_read_back(items):
    *lines, end = written(JsonLinesFile(COLUMNS), items).split(b"\n")[:-1]
    assert [json.loads(line) for line in lines] == items
    assert json.loads(end) == {"end": True, "rows": len(items)}


@settings(deadline=None)
@given(ITEMS)
def test_a_workbook_reads_back_without_what_xml_cannot_hold(items):
    book = openpyxl.load_workbook(io.BytesIO(written(XlsxFile(COLUMNS), items)))
    _, *rows = book.active.iter_rows()
    found = [[cell.value for cell in row] for row in rows]
    assert found == [[shown(item[name]) for name in COLUMNS] for item in items]
    assert all(cell.data_type != "f" for row in rows for cell in row)


def shown(value):
    """A cell as a reader of XML finds it: its line ends are line feeds."""
    if not isinstance(value, str):
        return value
    text = workbook._LOOKS_ESCAPED.sub("_x005F_", workbook._NO_XML.sub("", value))
    return text.replace("\r\n", "\n").replace("\r", "\n")
