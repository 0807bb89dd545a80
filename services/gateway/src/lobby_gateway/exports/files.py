"""The formats: each makes the bytes of a file from its items, a page at a time, and keeps nothing of what it wrote."""

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec

from lobby_gateway.exports import catalogue
from lobby_gateway.exports.catalogue import Export
from lobby_gateway.exports.columns import Cell, cells, columns
from lobby_gateway.exports.workbook import Workbook

BOM = "\ufeff"
"""Tells Excel that the file is UTF-8."""
_STARTS_A_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""With these a text becomes a formula where a spreadsheet reads it; in full width too."""


class File(Protocol):
    """A file in the making. Its methods are called in this order, `write` for each page."""

    def begin(self) -> bytes:
        """Returns what comes before the items."""

    def write(self, items: Sequence[Any]) -> bytes:
        """Returns the items as they are written."""

    def end(self, rows: int) -> bytes:
        """Returns what comes after all items, of which there were `rows`."""


class CsvFile:
    """A table as RFC 4180 has it; every text in quotation marks, whatever sign a spreadsheet splits cells at."""

    def __init__(self, columns: Sequence[str]) -> None:
        self._columns = columns

    def begin(self) -> bytes:
        """Returns the byte order mark and the columns' names."""
        return (BOM + _lines([self._columns])).encode()

    def write(self, items: Sequence[Mapping[str, Any]]) -> bytes:
        """Returns a line for each item."""
        return _lines([harmless(cell) for cell in cells(item, self._columns)] for item in items).encode()

    def end(self, rows: int) -> bytes:
        """Returns nothing."""
        return b""


def _lines(rows: Any) -> str:
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_NONNUMERIC).writerows(rows)
    return text.getvalue()


def harmless(cell: Cell) -> Cell:
    """Returns the cell such that no spreadsheet takes a text for a formula; numbers stay numbers."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_STARTS_A_FORMULA) else cell


class XlsxFile:
    """A workbook whose texts are texts, never formulas."""

    def __init__(self, columns: Sequence[str]) -> None:
        self._columns = columns
        self._book = Workbook(columns)

    def begin(self) -> bytes:
        """Returns nothing: the first rows begin the file."""
        return b""

    def write(self, items: Sequence[Mapping[str, Any]]) -> bytes:
        """Returns what is ready of the rows so far."""
        self._book.add([cells(item, self._columns) for item in items])
        return self._book.take()

    def end(self, rows: int) -> bytes:
        """Returns the rest, without which no program opens the file."""
        self._book.close()
        return self._book.take()


class JsonLinesFile:
    """A line for each item, as the list has it, and one that says how many there were."""

    def __init__(self, columns: Sequence[str]) -> None:
        """The columns are those of each item."""

    def begin(self) -> bytes:
        """Returns nothing."""
        return b""

    def write(self, items: Sequence[Mapping[str, Any]]) -> bytes:
        """Returns a line for each item."""
        return b"".join(msgspec.json.encode(item) + b"\n" for item in items)

    def end(self, rows: int) -> bytes:
        """Returns the last line: without it the file is not whole."""
        return msgspec.json.encode({"end": True, "rows": rows}) + b"\n"


class LinesFile:
    """Lines that are ready, with nothing before or after: their digests prove that they are all there."""

    def begin(self) -> bytes:
        """Returns nothing."""
        return b""

    def write(self, items: Sequence[str]) -> bytes:
        """Returns the lines."""
        return "".join(f"{line}\n" for line in items).encode()

    def end(self, rows: int) -> bytes:
        """Returns nothing."""
        return b""


@dataclass(frozen=True, slots=True)
class Format:
    """How a format is called, and how its files begin."""

    content_type: str
    start: Callable[[Sequence[str]], File]


FORMATS: Mapping[str, Format] = {
    catalogue.CSV: Format("text/csv; charset=utf-8", CsvFile),
    catalogue.XLSX: Format("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", XlsxFile),
    catalogue.JSONL: Format("application/jsonl", JsonLinesFile),
}


def start(export: Export, chosen: str) -> File:
    """Returns the file that the export's items are written to."""
    field = export.source.response.DESCRIPTOR.fields_by_name[export.items]
    if field.message_type is None:
        return LinesFile()
    item: Any = field.message_type
    return FORMATS[chosen].start(columns(item))
