"""Contacts of a list, by what the database can look for before anybody is read."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from lobby_common import sql
from lobby_common.events.log import Connection
from lobby_identity.domain.filters import Sign, Signs
from lobby_identity.domain.identifiers import ContactId, WorkspaceId

_QUERIES = {
    name: body.partition("\n")[2] for name, body in sql.load("lobby_identity", "filters.sql").items()
}  # without their line of purpose, since they go into each other

FEW, MANY = 5_000, 200_000
"""Of as few records as have a sign the persons are looked up; of many only where others are rare among the newest."""
STRETCH = 20_000
"""Contacts that one statement walks at most."""


class Named(NamedTuple):
    """A record found by its name, and the person's canonical contact."""

    name_key: str
    contact_id: ContactId
    root: ContactId


@dataclass(frozen=True, slots=True)
class Search:
    """Who may be in a list of a workspace: who has one of each `signs`.

    `few`: and one of these, which so few records have that their persons are looked up; () where all are walked.
    """

    workspace_id: WorkspaceId
    signs: Sequence[Signs] = ()
    few: Signs = ()


class _Statement:
    """A statement that is put together: `$1` is the workspace, and what is given further gets a number."""

    def __init__(self, *arguments: Any) -> None:
        self.arguments = list(arguments)

    def give(self, value: Any) -> str:
        self.arguments.append(value)
        return f"${len(self.arguments)}"

    def conditions(self, signs: Sequence[Signs]) -> str:
        return " AND ".join("(" + " OR ".join(map(self._sign, each)) + ")" for each in signs) or "true"

    def _sign(self, sign: Sign) -> str:
        given = [self.give(value) for value in sign.values]
        own, below = (
            _QUERIES[sign.condition].format(*given, record=record) for record in ("r.root_id", "v.contact_id")
        )
        return ("NOT " if sign.absent else "") + _QUERIES["person_has"].format(own=own, below=below)

    def records(self, signs: Signs) -> str:
        """Of those who have one of the signs."""
        return " UNION ALL ".join(
            _QUERIES[f"find_{each.condition}"].format(*[self.give(value) for value in each.values]) for each in signs
        )

    def source(self, search: Search, what: str, after: str) -> str:
        if search.few:
            return _QUERIES[f"few_{what}"].format(after=after, records=self.records(search.few))
        return _QUERIES[f"all_{what}"].format(after=after)


async def narrow(conn: Connection, search: Search, most: int) -> Search:
    """Returns the same search by the signs that the fewest records have, where those are `most` at most."""
    found = search
    for place, each in enumerate(search.signs):
        if any(sign.absent or f"find_{sign.condition}" not in _QUERIES for sign in each):
            continue
        statement = _Statement(search.workspace_id)
        text = _QUERIES["count_records"].format(records=statement.records(each), limit=most + 1)
        count: int = await conn.fetchval(text, *statement.arguments)
        if count <= most:
            most = count
            found = Search(search.workspace_id, [*search.signs[:place], *search.signs[place + 1 :]], each)
    return found


async def list_roots(
    conn: Connection, search: Search, before: str | None, limit: int
) -> tuple[list[ContactId], str | None]:
    """Returns canonical contacts, newest first, and after which to go on where a stretch walked had no more."""
    statement = _Statement(search.workspace_id)
    column = "c.root_id" if search.few else "c.contact_id"
    after = "true" if before is None else f"{column} < {statement.give(before)}::uuid"
    source = statement.source(search, "roots", after)
    # Where everybody is in the list, it takes no more than those who are asked for.
    stretch = STRETCH if search.signs else limit
    walked = source if search.few else f"{source} LIMIT {stretch}"
    shared = len(statement.arguments)
    text = _QUERIES["list_roots"].format(source=walked, conditions=statement.conditions(search.signs), limit=limit)
    found = [ContactId(row["root_id"]) for row in await conn.fetch(text, *statement.arguments)]
    if search.few or not search.signs or len(found) == limit:
        return found, None
    text = _QUERIES["find_end"].format(source=source, last=stretch - 1)
    end = await conn.fetchrow(text, *statement.arguments[:shared])
    return found, None if end is None else str(end["root_id"])


async def list_names(
    conn: Connection,
    search: Search,
    prefix: str,
    after: tuple[str, str] | None,
    *,
    without_keys: Sequence[str],
    limit: int,
) -> tuple[list[Named], tuple[str, str] | None]:
    """Returns records whose name starts with the prefix; and after which to go on, as `list_roots` does."""
    statement = _Statement(search.workspace_id, prefix)
    place = "true"
    if after is not None:
        key, contact_id = map(statement.give, after)
        place = f"(c.name_key, c.contact_id) > ({key}::text, {contact_id}::uuid)"
    source = statement.source(search, "names", place)
    walked = source if search.few else f"{source} LIMIT {STRETCH}"
    shared = len(statement.arguments)
    text = _QUERIES["list_names"].format(
        source=walked,
        keys=statement.give(list(without_keys)),
        conditions=statement.conditions(search.signs),
        limit=limit,
    )
    found = [
        Named(row["name_key"], ContactId(row["contact_id"]), ContactId(row["root_id"]))
        for row in await conn.fetch(text, *statement.arguments)
    ]
    if search.few or len(found) == limit:
        return found, None
    text = _QUERIES["find_end"].format(source=source, last=STRETCH - 1)
    end = await conn.fetchrow(text, *statement.arguments[:shared])
    return found, None if end is None else (end["name_key"], str(end["contact_id"]))
