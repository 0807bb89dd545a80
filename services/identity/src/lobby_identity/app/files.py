"""The file of an import, put together from its parts on disk, and read from there row by row."""

import asyncio
import contextlib
import hashlib
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import BinaryIO

from lobby_common.errors import Conflict
from lobby_common.events import EventLog
from lobby_identity.domain.attributes import Attribute
from lobby_identity.domain.joining import Row, Verdict
from lobby_identity.importing import columns, files, reasons
from lobby_identity.importing.columns import Columns
from lobby_identity.importing.files import Cells, Dialect, Unreadable
from lobby_identity.importing.rows import IDENTIFYING, Column, Meaning, OfAttribute, read_row
from lobby_identity.store import imports as store
from lobby_identity.store.attributes import list_attributes
from lobby_identity.store.imports import Settings, StoredImport

INVALID = "invalid"


@dataclass
class Read:
    """Some rows of a file."""

    staged: list[Row] = field(default_factory=list)
    invalid: list[Verdict] = field(default_factory=list)
    last: int = 0
    """Number of the last row that was looked at."""
    ended: bool = False

    @property
    def count(self) -> int:
        """How many rows say something."""
        return len(self.staged) + len(self.invalid)

    @property
    def reasons(self) -> Iterator[tuple[str, ...]]:
        """Those of each row."""
        return chain((row.reasons for row in self.staged), (verdict.reasons for verdict in self.invalid))


@dataclass
class Understood:
    """How a file is understood, and its first rows."""

    dialect: Dialect
    columns: Columns
    sample: Sequence[Sequence[str]]


class OpenFile:
    """A file that is being read; `position` is the row, its header included, after which the next one comes."""

    def __init__(self, file: BinaryIO, settings: Settings, digest: str, attributes: Sequence[Attribute] = ()) -> None:
        self._file = file
        self._settings = settings
        self._attributes = attributes
        self._rows: Iterator[Cells] = iter(())
        self._columns: Sequence[Column] = ()
        self.digest = digest
        """SHA-256 of the file."""
        self.position = 0
        self._row = 0
        self._ahead: asyncio.Task[Read] | None = None

    @property
    def is_zip(self) -> bool:
        """It is read from its end: parts are of no use."""
        return files.is_zip(self._file)

    def understand(self) -> Understood:
        """Returns how it is written and what its columns hold. Raises Unreadable."""
        return understand(self._file, self._settings, self._attributes)

    def start(self, position: int) -> None:
        """The next row is the one after `position`. Raises Unreadable."""
        understood = self.understand()
        self._columns = understood.columns.meanings
        if not IDENTIFYING.intersection(self._columns):
            raise Unreadable(reasons.NO_IDENTIFIER_COLUMN)
        self._rows = files.read_rows(self._file, understood.dialect)
        self.position = position
        self._row = max(position, int(understood.columns.has_header))
        for _ in islice(self._rows, self._row):
            pass

    async def next(self, limit: int) -> Read:
        """Returns what the next rows say; those after them are read meanwhile. Raises Unreadable."""
        ahead, self._ahead = self._ahead, None
        read = await (ahead or asyncio.to_thread(self.take, limit))
        self.position = read.last
        if not read.ended:
            self._ahead = asyncio.create_task(asyncio.to_thread(self.take, limit))
            # Where it fails and nobody asks any more, as after `close`, nobody needs to hear of it.
            self._ahead.add_done_callback(lambda done: done.cancelled() or done.exception())
        return read

    def take(self, limit: int) -> Read:
        """Returns what the next rows say; one after the other. Raises Unreadable."""
        read = Read(last=self._row)
        seen = 0
        for cells, broken in islice(self._rows, limit):
            seen += 1
            read.last += 1
            if broken:
                read.invalid.append(Verdict(read.last, INVALID, (broken,)))
                continue
            if not any(cells):
                continue
            row = read_row(read.last, cells, self._columns, self._settings.default_country)
            if row.named:
                read.staged.append(row)
            else:
                read.invalid.append(Verdict(read.last, INVALID, row.reasons))
        self._row = read.last
        read.ended = seen < limit
        if read.last > files.MOST_ROWS + 1:
            raise Unreadable(reasons.FILE_TOO_LARGE)
        return read

    def close(self) -> None:
        """The file is gone from the disk."""
        self._rows = iter(())
        with contextlib.suppress(OSError, ValueError):
            self._file.close()


def understand(file: BinaryIO, settings: Settings, attributes: Sequence[Attribute] = ()) -> Understood:
    """Returns how the file is written and what its columns hold. Raises Unreadable."""
    dialect = files.dialect_of(file, settings.encoding)
    found = files.read_rows(file, dialect)
    sample = [list(cells) for cells, _ in islice(found, columns.SAMPLE_ROWS)]
    if not any(map(any, sample)):
        raise Unreadable(reasons.EMPTY_FILE)
    guessed = columns.guess(sample, settings.default_country, has_header=settings.has_header, attributes=attributes)
    if settings.columns:
        width = max(map(len, sample))
        given = chain(_given(settings, attributes), [Meaning.IGNORED] * width)
        guessed = Columns(guessed.has_header, tuple(islice(given, width)))
    return Understood(dialect, guessed, sample)


def _given(settings: Settings, attributes: Sequence[Attribute]) -> Iterator[Column]:
    """Columns of attributes that the workspace has no more are ignored."""
    names = iter(settings.attributes)
    kinds = {each.name: each.kind for each in attributes}
    for meaning in map(Meaning, settings.columns):
        if meaning is not Meaning.ATTRIBUTE:
            yield meaning
        else:
            name = next(names)
            yield OfAttribute(name, kinds[name]) if name in kinds else Meaning.IGNORED


async def open_file(log: EventLog, stored: StoredImport, *, most_parts: int | None = None) -> OpenFile:
    """Returns the file, put together from its parts on a disk of this process. Raises Conflict PARTS_MISSING."""
    file: BinaryIO = tempfile.TemporaryFile()  # noqa: SIM115  # whoever reads it closes it
    try:
        digest = hashlib.sha256()
        count = stored.part_count if most_parts is None else min(stored.part_count, most_parts)
        for number in range(1, count + 1):
            async with log.pool.acquire() as conn:
                data = await store.read_part(conn, stored.import_id, number)
            if data is None:
                raise Conflict("PARTS_MISSING", f"part {number} is not here")
            digest.update(data)
            await asyncio.to_thread(file.write, data)
    except BaseException:
        file.close()
        raise
    async with log.pool.acquire() as conn:
        attributes = await list_attributes(conn, stored.workspace_id)
    return OpenFile(file, stored.settings, digest.hexdigest(), attributes)
