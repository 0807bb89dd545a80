"""Rules that set tags: made and ended by people, applied to messages, worked out for persons, swept by the clock."""

import asyncio
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import asyncpg

from lobby.identity.v1.events_pb2 import ContactChanged
from lobby_common.errors import Conflict, Invalid, NotFound
from lobby_common.events import EventLog, Tx
from lobby_common.events.log import Connection
from lobby_common.ids import derive_id, is_id
from lobby_common.times import utc_now
from lobby_identity.domain import rules
from lobby_identity.domain.identifiers import ContactId, WorkspaceId
from lobby_identity.domain.rules import Facts, Rule
from lobby_identity.domain.stages import Timed
from lobby_identity.domain.tags import Tag
from lobby_identity.store import rules as store
from lobby_identity.store.rules import Lasting

_LOOK_SECONDS = 1.0
"""How old what a process knows of rules is at most."""


async def create(conn: Connection, wanted: Rule) -> Rule:
    """The rule holds. BAD_RULE, TOO_MANY_RULES."""
    if not rules.is_complete(wanted):
        raise Invalid("BAD_RULE", "a rule names what its kind asks for, and nothing else")
    if sum(not rule.moves for rule in await store.list_rules(conn, wanted.workspace_id)) >= rules.MOST:
        raise Conflict("TOO_MANY_RULES", f"a workspace has at most {rules.MOST} rules")
    return replace(wanted, create_time=await store.insert(conn, wanted))


async def end(conn: Connection, workspace_id: WorkspaceId, rule_id: str) -> None:
    """The rule holds no more. TAG_RULE_NOT_FOUND."""
    if not is_id(rule_id) or not await store.end(conn, workspace_id, rule_id):
        raise NotFound("TAG_RULE_NOT_FOUND", "there is no such rule in this workspace")


class RuleBook:
    """The rules of all workspaces, as they were a second ago: messages ask no database for them."""

    def __init__(self) -> None:
        self._by_workspace: dict[WorkspaceId, tuple[Rule, ...]] = {}
        self._mark: tuple[int, int] | None = None

    async def watch(self, pool: asyncpg.Pool) -> None:
        """Keeps up with the rules until cancelled."""
        while True:
            await self.refresh(pool)
            await asyncio.sleep(_LOOK_SECONDS)

    async def refresh(self, pool: asyncpg.Pool) -> None:
        """The rules are as they are now."""
        async with pool.acquire() as conn:
            mark = await store.read_mark(conn)
            if mark == self._mark:
                return
            found: dict[WorkspaceId, list[Rule]] = defaultdict(list)
            for rule in await store.list_all(conn):
                found[rule.workspace_id].append(rule)
        self._mark = mark
        self._by_workspace = {workspace_id: tuple(each) for workspace_id, each in found.items()}

    def of(self, workspace_id: str) -> tuple[Rule, ...]:
        """Returns the rules of a workspace."""
        return self._by_workspace.get(WorkspaceId(workspace_id), ())

    def all(self) -> list[Rule]:
        """Returns the rules of all workspaces."""
        return [rule for each in self._by_workspace.values() for rule in each]


@dataclass(frozen=True, slots=True)
class Wrote:
    """A message of a record, in a workspace that has rules."""

    place: int
    """Of the event in the batch."""
    workspace_id: WorkspaceId
    contact_id: ContactId
    at: datetime
    text: str


async def hear(conn: Connection, book: RuleBook, wrote: Sequence[Wrote]) -> list[int]:
    """What messages mean to the rules of their workspaces is noted. Returns the places of those that set a new tag."""
    seen: dict[ContactId, tuple[WorkspaceId, datetime]] = {}
    lasting: dict[tuple[ContactId, str], tuple[int, Lasting]] = {}
    for each in wrote:
        of = book.of(each.workspace_id)
        if any(rule.asks_for_activity for rule in of):
            before = seen.get(each.contact_id)
            seen[each.contact_id] = (each.workspace_id, max(each.at, before[1]) if before else each.at)
        text = rules.folded(each.text) if any(rule.lasting for rule in of) else ""
        for rule in of:
            if rule.lasting and any(rules.contains(text, word) for word in rule.words):
                row = Lasting(each.workspace_id, each.contact_id, rule.tag, rule.rule_id, each.at)
                lasting.setdefault((each.contact_id, rule.rule_id), (each.place, row))
    if seen:
        await store.note_activity(conn, seen)
    if not lasting:
        return []
    news = await store.set_lasting(conn, [row for _, row in lasting.values()])
    return sorted({place for key, (place, _) in lasting.items() if key in news})


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a person besides his tags."""

    record_ids: tuple[ContactId, ...]
    first_seen: datetime | None
    spent: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class ByRule:
    """What rules of state say of a person now."""

    tags: Sequence[Tag]
    """With the records from which they were taken away."""
    timed: Sequence[Timed]


async def held(
    conn: Connection, workspace_id: WorkspaceId, persons: Mapping[ContactId, Known]
) -> dict[ContactId, ByRule]:
    """Returns what rules of state say of persons now."""
    of = [rule for rule in await store.list_rules(conn, workspace_id) if not rule.lasting]
    if not of:
        return {}
    everybody = [contact_id for known in persons.values() for contact_id in known.record_ids]
    hidden: dict[str, set[ContactId]] = defaultdict(set)
    for rule_id, contact_id in await store.read_hidden(conn, [rule.rule_id for rule in of], everybody):
        hidden[rule_id].add(contact_id)
    seen = await _last_seen(conn, workspace_id, of, persons, everybody)
    now = utc_now()
    found = {}
    for root, known in persons.items():
        facts = Facts(known.first_seen, seen.get(root), known.spent)
        shown = [
            replace(tag, hidden_from=frozenset(hidden[tag.setting_id])) for tag in rules.held(of, root, facts, now)
        ]
        found[root] = ByRule(shown, rules.timed(of, facts, now))
    return found


async def _last_seen(
    conn: Connection,
    workspace_id: WorkspaceId,
    of: Sequence[Rule],
    persons: Mapping[ContactId, Known],
    everybody: Collection[ContactId],
) -> dict[ContactId, datetime | None]:
    watched = [rule.create_time for rule in of if rule.asks_for_activity]
    if not watched:
        return {}
    noted = await store.read_activity(conn, workspace_id, everybody)
    return {
        root: rules.last_seen([noted[each] for each in known.record_ids if each in noted], min(watched))
        for root, known in persons.items()
    }


class Sweeper:
    """Time passes: whoever crossed the boundary of a rule since it was swept last is told of."""

    def __init__(self, log: EventLog, book: RuleBook, seconds: float = 30.0) -> None:
        self._log = log
        self._book = book
        self._seconds = seconds

    async def run(self) -> None:
        """Works until cancelled."""
        while True:
            await self.sweep()
            await asyncio.sleep(self._seconds)

    async def sweep(self) -> int:
        """Everybody who crossed a boundary was told of. Returns how many."""
        told = 0
        for rule in self._book.all():
            if rule.asks_for_activity:
                async with self._log.transaction() as tx:
                    told += await _sweep(tx, rule)
        return told


async def _sweep(tx: Tx, rule: Rule) -> int:
    times = await store.lock_sweep(tx.conn, rule.rule_id)
    if times is None:
        return 0
    before, now = times
    crossed = await store.find_crossed(tx.conn, rule.workspace_id, rule.boundary(before), rule.boundary(now))
    for contact_id in crossed:
        tx.tell(
            ContactChanged(contact_id=contact_id, fields=["stage" if rule.moves else "tags"]),
            workspace_id=rule.workspace_id,
            key=contact_id,
            event_id=derive_id(now, "contact_crossed", rule.rule_id, contact_id),
            time=now,
        )
    await store.move_sweep(tx.conn, rule.rule_id, now)
    return len(crossed)
