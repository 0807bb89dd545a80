"""Imports as people ask for them: begun, fed, started and taken back."""

import asyncio
import hashlib

from lobby_common.errors import Conflict, Invalid, NotFound
from lobby_common.events import EventLog, Tx
from lobby_common.events.log import Connection
from lobby_common.ids import is_id, new_id
from lobby_identity.app.files import Understood, open_file
from lobby_identity.domain.identifiers import WorkspaceId
from lobby_identity.importing.files import Unreadable, is_encoding
from lobby_identity.importing.rows import IDENTIFYING, Meaning
from lobby_identity.importing.values import REGIONS
from lobby_identity.store import imports as store
from lobby_identity.store.attributes import list_attributes
from lobby_identity.store.imports import Settings, StoredImport

LARGEST_FILE = 2 * 1024**3
"""Bytes."""

_OPEN = ("uploading", "checked", "failed")
_PREVIEW_BYTES = 64 * 1024**2
"""A larger XLSX file is not shown before it is checked."""


async def check_settings(conn: Connection, workspace_id: WorkspaceId, settings: Settings) -> None:
    """Raises Invalid UNKNOWN_COUNTRY, UNKNOWN_ENCODING, NO_IDENTIFIER_COLUMN, BAD_COLUMNS, UNKNOWN_ATTRIBUTE."""
    if settings.default_country and settings.default_country not in REGIONS:
        raise Invalid("UNKNOWN_COUNTRY", "default_country is no country with phone numbers (ISO 3166-1 alpha-2)")
    if settings.encoding and not is_encoding(settings.encoding):
        raise Invalid("UNKNOWN_ENCODING", "encoding is none that files are read in; leave it out to have it found out")
    if settings.columns and not IDENTIFYING.intersection(map(Meaning, settings.columns)):
        raise Invalid("NO_IDENTIFIER_COLUMN", "none of the columns holds phones, e-mails or ids")
    names = settings.attributes
    if len(names) != settings.columns.count(Meaning.ATTRIBUTE) or len(set(names)) < len(names):
        raise Invalid("BAD_COLUMNS", "for each column that holds an attribute one is named, each once")
    if names and not {each.name for each in await list_attributes(conn, workspace_id)}.issuperset(names):
        raise Invalid("UNKNOWN_ATTRIBUTE", "a column holds an attribute that this workspace does not have")


async def create(tx: Tx, workspace_id: WorkspaceId, display_name: str, settings: Settings, actor: str) -> StoredImport:
    """An import waits for its file. Raises Invalid."""
    await check_settings(tx.conn, workspace_id, settings)
    import_id = new_id()
    await store.insert_import(tx.conn, import_id, workspace_id, display_name, settings, actor=actor)
    return await get(tx.conn, workspace_id, import_id)


async def get(conn: Connection, workspace_id: WorkspaceId, import_id: str) -> StoredImport:
    """Returns an import. IMPORT_NOT_FOUND."""
    return _found(await store.find_import(conn, workspace_id, import_id) if is_id(import_id) else None)


async def _lock(conn: Connection, workspace_id: WorkspaceId, import_id: str) -> StoredImport:
    return _found(await store.lock_import(conn, workspace_id, import_id) if is_id(import_id) else None)


def _found(stored: StoredImport | None) -> StoredImport:
    if stored is None:
        raise NotFound("IMPORT_NOT_FOUND", "there is no such import in this workspace")
    return stored


async def add_part(
    tx: Tx, workspace_id: WorkspaceId, import_id: str, *, number: int, data: bytes, sha256: str
) -> tuple[int, int]:
    """The part is here. Returns how many parts and bytes are. The same part again changes nothing, at any time."""
    digest = hashlib.sha256(data)
    if sha256 not in ("", digest.hexdigest()):
        raise Invalid("WRONG_HASH", "the part is not what its sha256 says: send it again")
    stored = await _lock(tx.conn, workspace_id, import_id)
    before = await store.find_part(tx.conn, import_id, number)
    if before == digest.digest():
        return stored.part_count, stored.byte_count
    _check_open(stored)
    if before is not None:
        raise Conflict("PART_DIFFERS", f"part {number} is here already, with other bytes; begin another import")
    if stored.byte_count + len(data) > LARGEST_FILE:
        raise Conflict("FILE_TOO_LARGE", "a file has 2 GiB at most")
    return await store.insert_part(tx.conn, import_id, number, digest.digest(), data)


async def change(tx: Tx, workspace_id: WorkspaceId, import_id: str, settings: Settings) -> StoredImport:
    """The file is read in another way from now on."""
    await check_settings(tx.conn, workspace_id, settings)
    _check_open(await _lock(tx.conn, workspace_id, import_id))
    await store.update_settings(tx.conn, import_id, settings)
    return await get(tx.conn, workspace_id, import_id)


async def begin(
    tx: Tx, workspace_id: WorkspaceId, import_id: str, state: str, *, part_count: int, sha256: str
) -> StoredImport:
    """The import is checked or run (`state`); one that already is stays as it is."""
    stored = await _lock(tx.conn, workspace_id, import_id)
    if stored.state == state or (stored.state == "done" and state == "running"):
        return stored
    _check_open(stored)
    if not stored.part_count == part_count == await store.find_last_part(tx.conn, import_id):
        raise Conflict("PARTS_MISSING", f"{stored.part_count} parts are here, not 1 to {part_count}")
    # What a dry run has read need not be read again.
    phase = "resolving" if stored.state == "checked" and sha256 in ("", stored.sha256) else "clearing"
    await store.begin(tx.conn, import_id, state, phase, sha256 or stored.sha256)
    return await get(tx.conn, workspace_id, import_id)


async def undo(tx: Tx, workspace_id: WorkspaceId, import_id: str, actor: str) -> StoredImport:
    """What the import did, or has done so far, is taken back; one that is taken back already stays as it is."""
    stored = await _lock(tx.conn, workspace_id, import_id)
    if stored.state in ("undoing", "undone"):
        return stored
    if stored.state not in ("running", "done"):
        raise Conflict("IMPORT_NOT_DONE", "the import was not started: there is nothing to take back")
    await store.begin_undo(tx.conn, import_id, actor)
    return await get(tx.conn, workspace_id, import_id)


def _check_open(stored: StoredImport) -> None:
    if stored.state not in _OPEN or stored.phase:
        raise Conflict("IMPORT_NOT_UPLOADING", f"the import is {stored.state}")


async def preview(log: EventLog, stored: StoredImport) -> Understood:
    """Returns how the file is understood, from the parts that are here. PARTS_MISSING, EMPTY_FILE, UNREADABLE_FILE."""
    opened = await open_file(log, stored, most_parts=1)
    try:
        is_whole = stored.part_count == 1
        if not is_whole and opened.is_zip:
            if stored.byte_count > _PREVIEW_BYTES:
                raise Conflict("FILE_TOO_LARGE", "an XLSX file of more than 64 MiB is not shown: check it")
            opened.close()
            opened = await open_file(log, stored)
        return await asyncio.to_thread(opened.understand)
    except Unreadable as unreadable:
        raise Conflict(unreadable.reason, "the file cannot be read") from None
    finally:
        opened.close()
