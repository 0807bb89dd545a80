"""XLSX as it comes: rows go into the archive at once, and what is compressed goes out. No file is kept anywhere.

The archive's directory comes last, as ZIP has it: what breaks off before is opened by no program. Texts are written
inline, never as formulas. Libraries that write XLSX keep all of it, in memory or on disk, until it is whole.
"""

import io
import re
import zipfile
from collections.abc import Iterable, Sequence
from typing import IO, Any
from xml.sax.saxutils import escape

from lobby_gateway.exports.columns import Cell

MOST_ROWS = 1_000_000
"""Of one worksheet; spreadsheets end at 1,048,576. What comes after is in the next one."""
_MOST_BYTES = 1_500_000_000
"""Of one worksheet: more needs an extension of ZIP that spreadsheets warn of."""
_LONGEST_TEXT = 32_767
"""Characters of a cell; a spreadsheet refuses a file with more."""
_CUT = "…"
_NO_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_LOOKS_ESCAPED = re.compile("_(?=x[0-9A-Fa-f]{4}_)")
_HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_DOCUMENT = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_KIND = "application/vnd.openxmlformats-officedocument.spreadsheetml"


class _Outlet(io.RawIOBase):
    """What the archive writes to: it cannot go back, and gives away what it has."""

    def __init__(self) -> None:
        self._ready = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._ready += data
        return len(data)

    def take(self) -> bytes:
        taken = bytes(self._ready)
        self._ready.clear()
        return taken


class _Archive(zipfile.ZipFile):
    """One that is given up is left as it is: with a sheet still open in it, it cannot be made whole."""

    def __del__(self) -> None:
        pass


class Workbook:
    """A workbook in the making."""

    def __init__(self, columns: Sequence[str]) -> None:
        self._columns = columns
        self._outlet = _Outlet()
        self._archive = _Archive(self._outlet, "w", zipfile.ZIP_DEFLATED)
        self._sheets = 0
        self._rows = 0
        self._bytes = 0
        self._sheet = self._next_sheet()

    def add(self, rows: Iterable[Sequence[Cell]]) -> None:
        """The rows are in the workbook."""
        for row in rows:
            if self._rows >= MOST_ROWS or self._bytes >= _MOST_BYTES:
                self._end_sheet()
                self._sheet = self._next_sheet()
            self._write(_row(row))
            self._rows += 1

    def close(self) -> None:
        """The workbook is whole."""
        self._end_sheet()
        numbers = range(1, self._sheets + 1)
        for name, text in _PARTS.items():
            self._archive.writestr(name, _HEAD + text(numbers))
        self._archive.close()

    def take(self) -> bytes:
        """Returns what was not taken yet."""
        return self._outlet.take()

    def _next_sheet(self) -> IO[bytes]:
        self._sheets += 1
        self._rows = self._bytes = 0
        sheet: IO[bytes] = self._archive.open(f"xl/worksheets/sheet{self._sheets}.xml", "w")
        sheet.write(f'{_HEAD}<worksheet xmlns="{_MAIN}"><sheetData>{_row(self._columns)}'.encode())
        return sheet

    def _end_sheet(self) -> None:
        self._write("</sheetData></worksheet>")
        self._sheet.close()

    def _write(self, text: str) -> None:
        self._bytes += self._sheet.write(text.encode())


def _row(cells: Iterable[Cell]) -> str:
    return f"<row>{''.join(map(_cell, cells))}</row>"


def _cell(value: Cell) -> str:
    if value is None:
        return "<c/>"
    if not isinstance(value, str):
        return f"<c><v>{value}</v></c>"
    return f'<c t="inlineStr"><is><t xml:space="preserve">{_escaped(value)}</t></is></c>'


def _escaped(text: str) -> str:
    """The text without what XML cannot hold; what looks like a spreadsheet's own escape is none."""
    text = _NO_XML.sub("", text)
    if len(text) > _LONGEST_TEXT:
        text = text[: _LONGEST_TEXT - len(_CUT)] + _CUT
    return escape(_LOOKS_ESCAPED.sub("_x005F_", text))


def _workbook(numbers: range) -> str:
    sheets = "".join(f'<sheet name="{number}" sheetId="{number}" r:id="rId{number}"/>' for number in numbers)
    return f'<workbook xmlns="{_MAIN}" xmlns:r="{_DOCUMENT}"><sheets>{sheets}</sheets></workbook>'


def _relationships(numbers: range) -> str:
    targets = {f"rId{number}": ("worksheet", f"worksheets/sheet{number}.xml") for number in numbers}
    return _relationships_of(targets)


def _root_relationships(_: range) -> str:
    return _relationships_of({"rId1": ("officeDocument", "xl/workbook.xml")})


def _relationships_of(targets: dict[str, tuple[str, str]]) -> str:
    inner = "".join(
        f'<Relationship Id="{name}" Type="{_DOCUMENT}/{kind}" Target="{target}"/>'
        for name, (kind, target) in targets.items()
    )
    return f'<Relationships xmlns="{_PACKAGE}/relationships">{inner}</Relationships>'


def _content_types(numbers: range) -> str:
    sheets = "".join(
        f'<Override PartName="/xl/worksheets/sheet{number}.xml" ContentType="{_KIND}.worksheet+xml"/>'
        for number in numbers
    )
    return (
        f'<Types xmlns="{_PACKAGE}/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{_KIND}.sheet.main+xml"/>{sheets}</Types>'
    )


_PARTS = {
    "xl/workbook.xml": _workbook,
    "xl/_rels/workbook.xml.rels": _relationships,
    "_rels/.rels": _root_relationships,
    "[Content_Types].xml": _content_types,
}
"""What makes an archive a workbook, beside its worksheets."""
