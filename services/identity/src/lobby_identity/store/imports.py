"""Imports: their files, rows, and who is known by them."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import zip_longest
from typing import Any, NamedTuple

from lobby_common import sql
from lobby_common.events.log import Connection
from lobby_common.ids import new_id
from lobby_identity.domain.identifiers import ChannelUserId, ContactId, WorkspaceId
from lobby_identity.domain.joining import Address, Birth, Holder, Lesson, Named, Row, Said, Verdict
from lobby_identity.domain.profile import name_key

QUERIES = sql.load("lobby_identity", "imports.sql")

_IGNORED, _ATTRIBUTE = "ignored", "attribute"
_NO_PLATFORM = 0
"""Of whom no platform told."""

PATIENCE = 3600.0
"""Seconds that one statement over a whole file may take."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How a file is read and what it does."""

    default_country: str = ""
    encoding: str = ""
    has_header: bool | None = None
    columns: tuple[str, ...] = ()
    retroactive: bool = False
    link_conflicts: bool = False
    attributes: tuple[str, ...] = ()
    """Names of the attributes that those of the columns hold which hold attributes."""


@dataclass(frozen=True, slots=True)
class StoredImport:
    """An import as stored."""

    import_id: str
    workspace_id: WorkspaceId
    display_name: str
    settings: Settings
    state: str
    phase: str
    progress: int
    part_count: int
    byte_count: int
    sha256: str
    rows_read: int
    counts: Mapping[str, int]
    failure: str
    same_as_import_id: str
    actor: str
    end_actor: str
    create_time: datetime
    commit_time: datetime | None


class Member(NamedTuple):
    """A channel user who is known by a row of an import."""

    row_number: int
    channel_user_id: ChannelUserId
    born: bool
    contact_id: ContactId | None
    """None where he is gone."""
    root: ContactId | None


OUTCOMES = ("new", "known", "repeated", "conflict", "invalid")


def _settings(settings: Settings) -> tuple[Any, ...]:
    names = iter(settings.attributes)
    return (
        settings.default_country,
        settings.encoding,
        settings.has_header,
        [_IGNORED if each == _ATTRIBUTE else each for each in settings.columns],
        settings.retroactive,
        settings.link_conflicts,
        [next(names) if each == _ATTRIBUTE else "" for each in settings.columns],
    )


def _columns(row: Any) -> tuple[str, ...]:
    return tuple(_ATTRIBUTE if name else each for each, name in zip_longest(row["columns"], row["attributes"]))


async def insert_import(
    conn: Connection, import_id: str, workspace_id: WorkspaceId, display_name: str, settings: Settings, *, actor: str
) -> None:
    """An import waits for its file."""
    await conn.execute(QUERIES["insert_import"], import_id, workspace_id, display_name, *_settings(settings), actor)


async def find_import(conn: Connection, workspace_id: WorkspaceId, import_id: str) -> StoredImport | None:
    """Returns an import of the workspace."""
    row = await conn.fetchrow(QUERIES["find_import"], workspace_id, import_id)
    return None if row is None else _import(row)


async def lock_import(conn: Connection, workspace_id: WorkspaceId, import_id: str) -> StoredImport | None:
    """Returns an import of the workspace, ours to change."""
    row = await conn.fetchrow(QUERIES["lock_import"], workspace_id, import_id)
    return None if row is None else _import(row)


async def list_imports(
    conn: Connection, workspace_id: WorkspaceId, before: str | None, limit: int
) -> list[StoredImport]:
    """Returns imports, the newest first."""
    return [_import(row) for row in await conn.fetch(QUERIES["list_imports"], workspace_id, before, limit)]


def _import(row: Any) -> StoredImport:
    return StoredImport(
        row["import_id"],
        WorkspaceId(row["workspace_id"]),
        row["display_name"],
        Settings(
            row["default_country"],
            row["encoding"],
            row["has_header"],
            _columns(row),
            row["retroactive"],
            row["link_conflicts"],
            tuple(filter(None, row["attributes"])),
        ),
        row["state"],
        row["phase"],
        row["progress"],
        row["part_count"],
        row["byte_count"],
        row["sha256"],
        row["rows_read"],
        {outcome: row[f"rows_{outcome}"] for outcome in OUTCOMES},
        row["failure"],
        row["same_as_import_id"] or "",
        row["actor"],
        row["end_actor"],
        row["create_time"],
        row["commit_time"],
    )


async def read_reasons(conn: Connection, import_ids: Sequence[str]) -> dict[str, list[tuple[str, int]]]:
    """Returns for each import how often each reason was given, the commonest first."""
    found: dict[str, list[tuple[str, int]]] = {each: [] for each in import_ids}
    for row in await conn.fetch(QUERIES["read_reasons"], list(import_ids)):
        found[row["import_id"]].append((row["reason"], row["count"]))
    return found


async def update_settings(conn: Connection, import_id: str, settings: Settings) -> None:
    """The file is to be read so, and to be read anew."""
    await conn.execute(QUERIES["update_settings"], import_id, *_settings(settings))


async def find_part(conn: Connection, import_id: str, number: int) -> bytes | None:
    """Returns the digest of a part that is here."""
    digest: bytes | None = await conn.fetchval(QUERIES["find_part"], import_id, number)
    return digest


async def insert_part(conn: Connection, import_id: str, number: int, digest: bytes, data: bytes) -> tuple[int, int]:
    """The part is here. Returns how many parts and bytes are."""
    await conn.execute(QUERIES["insert_part"], import_id, number, digest, data)
    row = await conn.fetchrow(QUERIES["add_part"], import_id, len(data))
    assert row is not None
    return row["part_count"], row["byte_count"]


async def read_part(conn: Connection, import_id: str, number: int) -> bytes | None:
    """Returns the bytes of a part."""
    data: bytes | None = await conn.fetchval(QUERIES["read_part"], import_id, number)
    return data


async def find_last_part(conn: Connection, import_id: str) -> int:
    """Returns the highest number of the parts that are here, 0 where none is."""
    return int(await conn.fetchval(QUERIES["find_last_part"], import_id))


async def begin(conn: Connection, import_id: str, state: str, phase: str, sha256: str) -> None:
    """The import is worked on."""
    await conn.execute(QUERIES["begin_import"], import_id, state, phase, sha256)


async def find_work(conn: Connection) -> tuple[WorkspaceId, str] | None:
    """Returns the import that waits longest for its next step."""
    row = await conn.fetchrow(QUERIES["find_work"])
    return None if row is None else (WorkspaceId(row["workspace_id"]), row["import_id"])


async def advance(conn: Connection, import_id: str, state: str, phase: str, progress: int = 0) -> None:
    """The import is so far."""
    await conn.execute(QUERIES["advance"], import_id, state, phase, progress)


async def set_fingerprint(conn: Connection, import_id: str, fingerprint: str) -> None:
    """What the import does is known by one value."""
    await conn.execute(QUERIES["set_fingerprint"], import_id, fingerprint)


async def end_as_same(conn: Connection, stored: StoredImport, fingerprint: str, now: datetime) -> bool:
    """The import is done if another one did the very same. Returns whether it did."""
    same = await conn.fetchrow(QUERIES["find_same"], stored.workspace_id, fingerprint, stored.import_id)
    if same is None:
        return False
    await conn.execute(
        QUERIES["end_as_same"], stored.import_id, same["import_id"], same["rows_read"], same["rows_invalid"], now
    )
    return True


async def fail(conn: Connection, import_id: str, reason: str) -> None:
    """The file cannot be read."""
    await conn.execute(QUERIES["fail_import"], import_id, reason)


async def delete_some(conn: Connection, what: str, import_id: str, limit: int) -> int:
    """Some parts, staged, shared or rows (`what`) are gone. Returns how many."""
    status = await conn.execute(QUERIES[f"delete_{what}"], import_id, limit)
    return int(status.rpartition(" ")[2])


async def reset_counts(conn: Connection, import_id: str) -> None:
    """Nothing of the file was read."""
    await conn.execute(QUERIES["reset_counts"], import_id)


async def reset_outcomes(conn: Connection, import_id: str, reasons: Sequence[str]) -> None:
    """No row that identifies somebody has an outcome, nor a reason among these."""
    await conn.execute(QUERIES["reset_outcomes"], import_id, list(reasons))


async def add_counts(conn: Connection, import_id: str, read: int, outcomes: Iterable[str]) -> None:
    """So many more were read, and rows have these outcomes; the reasons are counted by `add_reasons`."""
    counts = Counter(outcomes)
    await conn.execute(QUERIES["add_counts"], import_id, read, *(counts[outcome] for outcome in OUTCOMES))


async def add_reasons(conn: Connection, import_id: str, counts: Mapping[str, int]) -> None:
    """These reasons were given so often more."""
    given = sorted(each for each in counts if counts[each])
    if given:
        await conn.execute(QUERIES["add_reasons"], import_id, given, [counts[each] for each in given])


async def upsert_rows(conn: Connection, import_id: str, verdicts: Sequence[Verdict]) -> None:
    """What became of the rows is known."""
    if verdicts:
        await conn.execute(
            QUERIES["upsert_rows"],
            import_id,
            [each.row_number for each in verdicts],
            [each.outcome for each in verdicts],
            [_literal(each.reasons) for each in verdicts],
            [_literal(each.contact_ids) for each in verdicts],
        )


def _literal(texts: Sequence[str]) -> str:
    """PostgreSQL has no arrays of arrays of unequal length: they travel as array literals."""
    if not texts:
        return "{}"
    joined = '","'.join(texts)
    if "\\" in joined or joined.count('"') != 2 * (len(texts) - 1):
        joined = '","'.join(each.replace("\\", "\\\\").replace('"', '\\"') for each in texts)
    return f'{{"{joined}"}}'


async def list_rows(
    conn: Connection, import_id: str, after: int, outcome: str, *, with_reasons: bool, limit: int
) -> list[Verdict]:
    """Returns what became of rows, in the order of the file."""
    return [
        Verdict(row["row_number"], row["outcome"], tuple(row["reasons"]), tuple(map(ContactId, row["contact_ids"])))
        for row in await conn.fetch(QUERIES["list_rows"], import_id, after, outcome, with_reasons, limit)
    ]


async def insert_staged(conn: Connection, import_id: str, rows: Sequence[Row]) -> None:
    """The rows wait for their outcome, each as a group of its own."""
    await conn.copy_records_to_table(
        "import_staged",
        columns=(
            "import_id", "row_number", "group_row", "display_name", "country", "tags", "kinds", "match_keys",
            "identifiers", "reasons", "attributes",
        ),
        records=(
            (import_id, number, number, name, country, tags, *zip(*named, strict=True), given, _packed(said))
            for number, named, name, country, tags, given, said in rows
        ),
    )  # fmt: skip


def _packed(said: Sequence[Said]) -> str | None:
    return json.dumps(said, ensure_ascii=False) if said else None


def _unpacked(text: str | None) -> tuple[Said, ...]:
    return tuple(Said(*each) for each in json.loads(text)) if text else ()


async def analyze_people(conn: Connection) -> None:
    """The planner knows of people who became many more."""
    await conn.execute(QUERIES["analyze_people"], timeout=PATIENCE)


async def look_up_by_index(conn: Connection) -> None:
    """Statements of this transaction find their rows by index, whatever was known when they were planned."""
    await conn.execute(QUERIES["look_up_by_index"])


async def group_rows(
    conn: Connection, import_id: str, *, most_rows: int, most_names: int, shared: str, too_large: str
) -> tuple[int, Counter[str]]:
    """Rows that share identifiers are one group, known by its first row. Returns how many rows were taken out, and why.

    An identifier of more than `most_rows` rows, or `most_names` names, is nobody's (`shared`), and rows without another
    one are invalid; so are those of a group of more rows (`too_large`). Reasons count also the rows that are left.
    """
    await conn.execute(QUERIES["find_shared"], import_id, timeout=PATIENCE)
    await conn.execute(QUERIES["analyze_imports"], timeout=PATIENCE)
    crowded = await _execute(conn, "drop_crowds", import_id, most_rows, most_names, shared)
    nameless = await _execute(conn, "take_nameless", import_id)
    while await _execute(conn, "hook_groups", import_id):
        while await _execute(conn, "flatten_groups", import_id):
            pass
    large = await _execute(conn, "take_large_groups", import_id, most_rows, too_large)
    return nameless + large, Counter({shared: crowded, too_large: large})


async def _execute(conn: Connection, name: str, *arguments: object) -> int:
    """Returns how many rows a statement over a whole file has changed."""
    status: str = await conn.execute(QUERIES[name], *arguments, timeout=PATIENCE)
    return int(status.rpartition(" ")[2])


async def read_groups(conn: Connection, import_id: str, after: int, limit: int) -> list[list[Row]]:
    """Returns the next groups."""
    groups: dict[int, list[Row]] = {}
    for row in await conn.fetch(QUERIES["read_groups"], import_id, after, limit, timeout=PATIENCE):
        named = tuple(map(Named, row["kinds"], row["match_keys"], row["identifiers"]))
        groups.setdefault(row["group_row"], []).append(
            Row(
                row["row_number"],
                named,
                row["display_name"],
                row["country"],
                tuple(row["tags"]),
                tuple(row["reasons"]),
                _unpacked(row["attributes"]),
            )
        )
    return list(groups.values())


async def read_holders(
    conn: Connection, workspace_id: WorkspaceId, addresses: Sequence[Address]
) -> dict[Address, Holder]:
    """Returns who holds those of the addresses that somebody holds."""
    rows = await conn.fetch(
        QUERIES["read_holders"], workspace_id, [each[0] for each in addresses], [each[1] for each in addresses]
    )
    return {
        addresses[row["n"] - 1]: Holder(
            ChannelUserId(row["channel_user_id"]),
            ContactId(row["contact_id"]),
            ContactId(row["root_id"]),
            row["first_seen_time"],
        )
        for row in rows
    }


async def lock_ids(conn: Connection, workspace_id: WorkspaceId) -> None:
    """No rule joins persons of the workspace by what their ids say now, before the transaction ends."""
    await conn.execute(QUERIES["lock_ids"], workspace_id)


async def read_crm_ids(conn: Connection, contacts: Iterable[ContactId]) -> dict[ContactId, set[str]]:
    """Returns the ids of the workspace's own system, by root, of those persons of the contacts who have any."""
    found: dict[ContactId, set[str]] = {}
    for row in await conn.fetch(QUERIES["read_crm_ids"], list(contacts)):
        found.setdefault(ContactId(row["root_id"]), set()).add(row["match_key"])
    return found


async def insert_identifiers(
    conn: Connection,
    stored: StoredImport,
    bindings: Sequence[tuple[Named, ChannelUserId]],
) -> list[str] | None:
    """The identifiers lead to these channel users. Returns the claimed phones; None where somebody has one of them."""
    row = await conn.fetchrow(
        QUERIES["insert_imported_identifiers"],
        stored.workspace_id,
        stored.create_time,
        stored.import_id,
        [each.kind for each, _ in bindings],
        [each.match_key for each, _ in bindings],
        [each.value for each, _ in bindings],
        [channel_user_id for _, channel_user_id in bindings],
    )
    assert row is not None
    return (row["claimed"] or []) if row["taken"] == len(bindings) else None


async def insert_people(conn: Connection, stored: StoredImport, births: Sequence[Birth]) -> None:
    """The channel users and their contacts are there."""
    workspace_id, at = stored.workspace_id, stored.create_time
    await conn.copy_records_to_table(
        "channel_user",
        columns=("channel_user_id", "workspace_id", "contact_id", "root_id", "platform", "first_seen_time"),
        records=(
            (each.channel_user_id, workspace_id, each.contact_id, each.contact_id, _NO_PLATFORM, at) for each in births
        ),
    )
    await conn.copy_records_to_table(
        "contact",
        columns=("workspace_id", "contact_id", "display_name", "name_key", "country"),
        records=(
            (workspace_id, each.contact_id, each.display_name, name_key(each.display_name), each.country)
            for each in births
        ),
    )
    await conn.copy_records_to_table(
        "contact_tag",
        columns=("workspace_id", "contact_id", "tag", "origin", "source_id", "setting_id", "set_time"),
        # What the table would draw itself it would draw row by row.
        records=(
            (workspace_id, each.contact_id, tag, "import", stored.import_id, new_id(), at)
            for each in births
            for tag in each.tags
        ),
    )


async def fill_profiles(
    conn: Connection, stored: StoredImport, lessons: Sequence[Lesson]
) -> dict[ContactId, tuple[str, ...]]:
    """Contacts know what they lacked. Returns the fields that neighbours are told of, of each who changed."""
    rows = await conn.fetch(
        QUERIES["fill_profiles"],
        stored.workspace_id,
        [each.contact_id for each in lessons],
        [each.display_name for each in lessons],
        [name_key(each.display_name) for each in lessons],
        [each.country for each in lessons],
        [_literal(each.tags) for each in lessons],
        stored.import_id,
        stored.create_time,
    )
    changed = {}
    for row in rows:
        fields = (("display_name", row["named"]), ("country", row["placed"]), ("tags", row["tagged"]))
        changed[ContactId(row["contact_id"])] = tuple(name for name, is_new in fields if is_new)
    return changed


async def insert_values(
    conn: Connection, stored: StoredImport, given: Sequence[tuple[ContactId, Said]]
) -> set[ContactId]:
    """The contacts have these values by the import, but for who was forgotten. Returns those who had not."""
    rows = await conn.fetch(
        QUERIES["insert_values"],
        stored.workspace_id,
        stored.import_id,
        [contact_id for contact_id, _ in given],
        [said.name for _, said in given],
        [said.kind for _, said in given],
        [said.text for _, said in given],
    )
    return {ContactId(row["contact_id"]) for row in rows}


async def insert_members(conn: Connection, import_id: str, members: Sequence[tuple[int, ChannelUserId, bool]]) -> None:
    """These are known by the import, once it is done; they were not before."""
    await conn.copy_records_to_table(
        "base_member",
        columns=("import_id", "row_number", "channel_user_id", "born"),
        records=((import_id, *each) for each in members),
    )


async def commit_import(conn: Connection, import_id: str, now: datetime) -> None:
    """All people of the file are stored."""
    await conn.execute(QUERIES["commit_import"], import_id, now)


async def read_members(conn: Connection, import_id: str, after: int, limit: int) -> list[Member]:
    """Returns the next who are known by an import, all of each row."""
    return [
        Member(row["row_number"], row["channel_user_id"], row["born"], row["contact_id"], row["root_id"])
        for row in await conn.fetch(QUERIES["read_members"], import_id, after, limit)
    ]


async def begin_undo(conn: Connection, import_id: str, actor: str) -> None:
    """The import is being taken back."""
    await conn.execute(QUERIES["begin_undo"], import_id, actor)


async def find_links(conn: Connection, import_id: str, limit: int) -> list[str]:
    """Returns some of the links that hold because of an import."""
    return [row["link_id"] for row in await conn.fetch(QUERIES["find_links_of_import"], import_id, limit)]


async def drop(conn: Connection, stored: StoredImport, members: Sequence[Member]) -> None:
    """Whom the import made, and nobody met, is gone; what it taught of others too, but for their phones."""
    born = [each.channel_user_id for each in members if each.born]
    await conn.execute(QUERIES["drop_unmet"], stored.import_id, born, stored.workspace_id)
    everybody = [each.channel_user_id for each in members]
    await conn.execute(QUERIES["drop_taught_identifiers"], stored.import_id, everybody)
    await conn.execute(QUERIES["drop_taught_tags"], stored.import_id, everybody)
    await conn.execute(QUERIES["drop_taught_values"], stored.import_id, everybody)


async def delete_members(conn: Connection, import_id: str, after: int, last: int) -> None:
    """Nobody is known by these rows any more."""
    await conn.execute(QUERIES["delete_members"], import_id, after, last)


async def abandon(conn: Connection) -> None:
    """Files that nobody did anything with for a week are gone soon."""
    await conn.execute(QUERIES["abandon_imports"], "ABANDONED")
