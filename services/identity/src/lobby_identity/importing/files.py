"""A file as rows of texts: CSV in several encodings, and XLSX. Read as a stream; formulas are texts."""

import codecs
import contextlib
import csv
import io
import re
import zipfile
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from itertools import islice
from typing import BinaryIO
from xml.etree.ElementTree import ParseError

import openpyxl

from lobby_identity.importing import reasons
from lobby_identity.importing.values import LONGEST_CELL

CSV = "csv"
XLSX = "xlsx"

MOST_COLUMNS = 200
MOST_ROWS = 5_000_000

_SAMPLE = 256 * 1024
_LONGEST_LINE = 64 * 1024
_SAMPLE_ROWS = 50
_DELIMITERS = (",", ";", "\t", "|")
_SEPARATOR_LINE = re.compile(r"sep=(.)\r?\n?", re.IGNORECASE)
_LARGEST_UNPACKED = 4 * 1024**3
_LARGEST_STRINGS = 512 * 1024**2
_EXACT = 1e15
"""Table programs keep 15 digits of a number."""
_ZIP = b"PK\x03\x04"
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)

ENCODINGS = frozenset((
    "utf-8", "utf-16", "utf-16-le", "utf-16-be", "gb18030", "gbk", "gb2312", "big5", "big5hkscs", "shift_jis",
    "cp932", "euc_jp", "euc_kr", "cp949", "koi8-r", "cp874", "tis-620", "iso8859-1", "iso8859-2", "iso8859-9",
    "iso8859-15", "cp1250", "cp1251", "cp1252", "cp1253", "cp1254", "cp1255", "cp1256", "cp1258",
))  # fmt: skip
"""Those that may be named, as Python calls them."""

# A cell that is longer than this is no cell: its quotes are broken. Valid for the whole process, which reads no others.
csv.field_size_limit(LONGEST_CELL + 1)


class Unreadable(Exception):
    """The file is not one that can be read; `reason` says why."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a file is written; empty encoding and delimiter for XLSX."""

    format: str
    encoding: str = ""
    delimiter: str = ""


Cells = tuple[Sequence[str], str]
"""The cells of a row, and why they are none: broken quotes or a line too long."""


def dialect_of(file: BinaryIO, encoding: str = "") -> Dialect:
    """Returns how the file is written. Raises Unreadable."""
    file.seek(0)
    sample = file.read(_SAMPLE)
    if not sample.strip(b"\x00\xff\xfe\xef\xbb\xbf \t\r\n"):
        raise Unreadable(reasons.EMPTY_FILE)
    if sample.startswith(_ZIP):
        return Dialect(XLSX)
    encoding = encoding or encoding_of(sample)
    try:
        text = codecs.getincrementaldecoder(encoding)("replace").decode(sample)
    except UnicodeError:  # UTF-16 without its mark
        raise Unreadable(reasons.UNREADABLE_FILE) from None
    if not text.strip("\ufeff \t\r\n"):
        raise Unreadable(reasons.EMPTY_FILE)
    return Dialect(CSV, encoding, _delimiter_of(text))


def is_zip(file: BinaryIO) -> bool:
    """Returns whether the file is one that is read from its end, as XLSX is."""
    file.seek(0)
    return file.read(len(_ZIP)) == _ZIP


def is_encoding(name: str) -> bool:
    """Returns whether a file may be said to be in this encoding."""
    try:
        return codecs.lookup(name).name in ENCODINGS
    except (LookupError, ValueError):
        return False


def encoding_of(sample: bytes) -> str:
    """Returns the encoding of a text that begins like this: by its mark, by its zeros, or as the one that fits best."""
    for mark, encoding in _BOMS:
        if sample.startswith(mark):
            return encoding
    zeros = [sample[place::2][:1000].count(0) for place in (0, 1)]
    if max(zeros) * 5 > len(sample[::2][:1000]):
        return "utf-16-le" if zeros[1] > zeros[0] else "utf-16-be"
    # A few broken bytes make no other encoding of a text that is UTF-8 elsewhere.
    return "utf-8" if _errors(sample, "utf-8") <= _errors(sample, "gb18030") else "gb18030"


def _errors(sample: bytes, encoding: str) -> int:
    return codecs.getincrementaldecoder(encoding)("replace").decode(sample).count("\ufffd")


def _delimiter_of(text: str) -> str:
    lines = text.splitlines(keepends=True)[: _SAMPLE_ROWS + 1]
    if found := _SEPARATOR_LINE.fullmatch(lines[0]):
        return found[1]
    return max(_DELIMITERS, key=lambda each: _evenness(lines, each))


def _evenness(lines: Sequence[str], delimiter: str) -> tuple[float, int]:
    """How many of the rows have as many columns as most have, where those are several; then how many columns."""
    widths = Counter(len(cells) for cells, _ in islice(_split(iter(lines), delimiter), _SAMPLE_ROWS) if cells)
    width, rows = max(widths.items(), key=lambda each: each[1], default=(1, 0))
    return (rows / widths.total(), width) if width > 1 else (0.0, 0)


def read_rows(file: BinaryIO, dialect: Dialect) -> Iterator[Cells]:
    """Returns the rows from the first one on. Raises Unreadable, also in the middle."""
    file.seek(0)
    return _read_xlsx(file) if dialect.format == XLSX else _read_csv(file, dialect)


def _read_csv(file: BinaryIO, dialect: Dialect) -> Iterator[Cells]:
    text = io.TextIOWrapper(file, dialect.encoding, errors="replace", newline="")
    try:
        yield from _split(_lines(text), dialect.delimiter)
    finally:
        # Nothing to give back where the file is closed already.
        with contextlib.suppress(ValueError):
            text.detach()


def _lines(text: io.TextIOWrapper) -> Iterator[str]:
    """Lines of bounded length; what is longer is one sign more than any cell may be."""
    first = True
    while line := text.readline(_LONGEST_LINE):
        if len(line) == _LONGEST_LINE and not line.endswith(("\n", "\r")):
            while (rest := text.readline(_LONGEST_LINE)) and not rest.endswith(("\n", "\r")):
                pass
            line = "x" * (LONGEST_CELL + 2) + "\n"
        if "\x00" in line:
            line = line.replace("\x00", "\ufffd")
        if not (first and _SEPARATOR_LINE.fullmatch(line)):
            yield line.removeprefix("\ufeff") if first else line
        first = False


class _Again(Iterator[str]):
    """Lines, of which those of a row that could not be read are read again."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines
        self._again: deque[str] = deque()
        self.taken: list[str] = []

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else next(self._lines)
        self.taken.append(line)
        return line

    def give_back(self) -> None:
        """All lines taken but the first come again."""
        self._again.extendleft(reversed(self.taken[1:]))


def _split(lines: Iterator[str], delimiter: str) -> Iterator[Cells]:
    again = _Again(lines)
    reader = csv.reader(again, delimiter=delimiter, strict=True)
    while True:
        again.taken.clear()
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error:
            # A quote that nobody closes would swallow the rows below.
            too_long = len(again.taken) == 1 and len(again.taken[0]) > LONGEST_CELL
            again.give_back()
            reader = csv.reader(again, delimiter=delimiter, strict=True)
            yield (), reasons.VALUE_TOO_LONG if too_long else reasons.BROKEN_QUOTES
        else:
            yield cells[:MOST_COLUMNS], ""


def _read_xlsx(file: BinaryIO) -> Iterator[Cells]:
    """The rows of the first sheet. What a formula came to is not asked: its cell is the formula's text."""
    try:
        with zipfile.ZipFile(file) as archive:
            _check_sizes(archive)
        book = openpyxl.load_workbook(file, read_only=True, data_only=False, keep_links=False)
        if not book.worksheets:
            raise Unreadable(reasons.EMPTY_FILE)
        sheet = book.worksheets[0]
        sheet.reset_dimensions()
        for row in sheet.iter_rows(values_only=True):
            yield [_text(each) for each in row[:MOST_COLUMNS]], ""
    except (zipfile.BadZipFile, KeyError, ValueError, TypeError, AttributeError, OSError, EOFError, ParseError):
        raise Unreadable(reasons.UNREADABLE_FILE) from None


def _check_sizes(archive: zipfile.ZipFile) -> None:
    """Raises Unreadable for what unpacks to more than a table is."""
    infos = archive.infolist()
    strings = sum(each.file_size for each in infos if each.filename.casefold().endswith("sharedstrings.xml"))
    if sum(each.file_size for each in infos) > _LARGEST_UNPACKED or strings > _LARGEST_STRINGS:
        raise Unreadable(reasons.FILE_TOO_LARGE)


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < _EXACT else repr(value)
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    return str(value)
