"""Rules that set tags, and what they ask for."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from lobby_common import sql
from lobby_common.events.log import Connection
from lobby_identity.domain.identifiers import ContactId, WorkspaceId
from lobby_identity.domain.rules import Rule

_RAW = sql.load("lobby_identity", "rules.sql")
_COLUMNS = _RAW["columns"].partition("\n")[2]
_QUERIES = {name: text.replace("{columns}", _COLUMNS) for name, text in _RAW.items()}


def _rule(row: Any) -> Rule:
    values: list[Any] = [tuple(each) if isinstance(each, list) else each for each in row]
    return Rule(*values)


async def insert(conn: Connection, rule: Rule) -> datetime:
    """The rule is there. Returns since when."""
    made: datetime = await conn.fetchval(
        _QUERIES["insert_rule"],
        rule.rule_id,
        rule.workspace_id,
        rule.display_name,
        rule.tag,
        rule.kind,
        rule.days,
        rule.months,
        rule.time,
        rule.currency,
        rule.amount_minor,
        list(rule.words),
    )
    return made


async def list_rules(conn: Connection, workspace_id: WorkspaceId) -> list[Rule]:
    """Returns the rules of the workspace, the oldest first."""
    return [_rule(row) for row in await conn.fetch(_QUERIES["list_rules"], workspace_id)]


async def list_all(conn: Connection) -> list[Rule]:
    """Returns the rules of all workspaces."""
    return [_rule(row) for row in await conn.fetch(_QUERIES["list_all_rules"])]


async def read_mark(conn: Connection) -> tuple[int, int]:
    """Returns what is another value after every change of any rule."""
    [row] = await conn.fetch(_QUERIES["read_mark"])
    return row["count"], row["sum"]


async def end(conn: Connection, workspace_id: WorkspaceId, rule_id: str) -> bool:
    """The rule holds no more. Returns False where there is none."""
    return await conn.fetchval(_QUERIES["end_rule"], workspace_id, rule_id) is not None


class Lasting(NamedTuple):
    """A record gets the tag of a lasting rule."""

    workspace_id: WorkspaceId
    contact_id: ContactId
    tag: str
    rule_id: str
    at: datetime


async def set_lasting(conn: Connection, news: Sequence[Lasting]) -> set[tuple[ContactId, str]]:
    """The records have the tags. Returns those that had not, with the rule."""
    rows = await conn.fetch(_QUERIES["set_lasting"], *map(list, zip(*news, strict=True)))
    return {(ContactId(row[0]), row[1]) for row in rows}


async def note_activity(conn: Connection, last: Mapping[ContactId, tuple[WorkspaceId, datetime]]) -> None:
    """The records wrote last then, or later."""
    await conn.execute(
        _QUERIES["note_activity"], list(last), [one for one, _ in last.values()], [at for _, at in last.values()]
    )


async def read_activity(
    conn: Connection, workspace_id: WorkspaceId, contacts: Collection[ContactId]
) -> dict[ContactId, tuple[datetime | None, datetime]]:
    """Returns when each record wrote last, where that was noted, and when the record was made."""
    rows = await conn.fetch(_QUERIES["read_activity"], workspace_id, list(contacts))
    return {ContactId(row["contact_id"]): (row["last_seen_time"], row["create_time"]) for row in rows}


async def read_hidden(
    conn: Connection, rule_ids: Collection[str], contacts: Collection[ContactId]
) -> set[tuple[str, ContactId]]:
    """Returns from which records the tags of which rules were taken away."""
    rows = await conn.fetch(_QUERIES["read_hidden"], list(rule_ids), list(contacts))
    return {(row["rule_id"], ContactId(row["contact_id"])) for row in rows}


async def find_crossed(
    conn: Connection, workspace_id: WorkspaceId, after: datetime, until: datetime
) -> list[ContactId]:
    """Returns the persons of records that wrote last in the period."""
    rows = await conn.fetch(_QUERIES["find_crossed"], workspace_id, after, until)
    return [ContactId(row["root_id"]) for row in rows]


async def lock_sweep(conn: Connection, rule_id: str) -> tuple[datetime, datetime] | None:
    """Returns up to when the rule was swept, and what time it is; ours to move. None for a rule that ended."""
    row = await conn.fetchrow(_QUERIES["lock_sweep"], rule_id)
    return None if row is None else (row["sweep_time"], row["now"])


async def move_sweep(conn: Connection, rule_id: str, until: datetime) -> None:
    """The rule was swept up to then."""
    await conn.execute(_QUERIES["move_sweep"], rule_id, until)
