"""Imports, one step after the other: read, grouped, resolved, told; or taken back.

Each step is one transaction that moves the import on, so a process may die anywhere and the next one goes on where the
last step ended. People are stored a few thousand at a time, in the order in which messages take identifiers, so that
messages go on; nobody is in the base before all of them are stored.
"""

import asyncio
import hashlib
import json
import time
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass
from datetime import datetime

from lobby.identity.v1 import events_pb2 as pb
from lobby_common import tracing
from lobby_common.errors import Unavailable
from lobby_common.events import EventLog, Tx
from lobby_common.ids import derive_id
from lobby_common.log import get_logger
from lobby_common.times import to_proto, utc_now
from lobby_identity import events
from lobby_identity.app import linking
from lobby_identity.app.files import INVALID, OpenFile, open_file
from lobby_identity.domain import joining
from lobby_identity.domain.graph import LARGEST_GROUP, Joined
from lobby_identity.domain.identifiers import CRM_ID, PHONE, ContactId, Key
from lobby_identity.domain.joining import Address, Holder, Plan
from lobby_identity.domain.resolution import VERIFIED_PHONE
from lobby_identity.importing import reasons
from lobby_identity.importing.files import Unreadable
from lobby_identity.importing.rows import OfAttribute
from lobby_identity.store import Found, lock_roots, read_claims
from lobby_identity.store import imports as store
from lobby_identity.store.attributes import share_definitions
from lobby_identity.store.imports import Member, StoredImport

IMPORT = "import"
"""Evidence of a link: the rows of a file say so."""

_PAUSE = 1.0
_ATTEMPTS = 20
_MOST_BONDS = 500
"""Links in one transaction: each takes locks, of which a database has a bounded number."""
_MOST_NAMES = 5
"""A value with more names than this is an office's, not a person's."""
_ROWS_TOLD = 1_000
_LINKS_UNDONE = 50
_MOST_OPEN = 4
_ABANDONED_SECONDS = 3_600.0
_CONFLICTS = (joining.SEVERAL_PERSONS, joining.SEVERAL_CRM_IDS)
_SOME = {"parts": 20, "staged": 20_000, "shared": 20_000, "rows": 20_000}

_LOG = get_logger("imports")


class _Taken(Exception):
    """Somebody took, or lost, an identifier between reading and writing: the step is made again."""


@dataclass(frozen=True, slots=True)
class Draft:
    """What comes to some groups by what was known when they were read."""

    held: Mapping[Address, Holder]
    """Who of them was known."""
    ids: Mapping[ContactId, set[str]]
    """Theirs of the workspace's own system, by root; of nobody where no row has such ids."""
    made: Plan
    last: int
    """The row by which the last of the groups is known."""
    rows: bool
    """Whether there was any group."""


class Importer:
    """Works on the imports of all workspaces, one step of each in turn. One at a time, whatever the number of replicas.

    `rows` is how many rows, or groups of rows, a step takes.
    """

    def __init__(self, log: EventLog, *, rows: int = 5_000) -> None:
        self._log = log
        self._rows = rows
        self._open: OrderedDict[str, OpenFile] = OrderedDict()
        self._ahead: tuple[tuple[str, str, int], asyncio.Task[Draft]] | None = None
        """What comes to the groups after those in hand: of which import, in which state, after which row."""
        self._looked = -_ABANDONED_SECONDS
        self._steps: dict[str, Callable[[StoredImport], Awaitable[None]]] = {
            "clearing": self._clear,
            "reading": self._read,
            "grouping": self._group,
            "resolving": self._resolve,
            "telling": self._tell,
            "sweeping": self._sweep,
            "unlinking": self._unlink,
            "dropping": self._drop,
        }

    async def run(self) -> None:
        """Imports until cancelled."""
        try:
            while True:
                if not await self.take():
                    await self._abandon()
                    await asyncio.sleep(_PAUSE)
        finally:
            self.close()

    def close(self) -> None:
        """No file is open any more, and nothing is thought out."""
        self._forget_ahead()
        for import_id in list(self._open):
            self._close(import_id)

    async def take(self) -> bool:
        """An import is one step further. Returns whether there was one to work on."""
        async with self._log.pool.acquire() as conn:
            work = await store.find_work(conn)
            stored = None if work is None else await store.find_import(conn, *work)
        if stored is None or not stored.phase:
            return work is not None
        await self._steps[stored.phase](stored)
        return True

    async def _abandon(self) -> None:
        if time.monotonic() - self._looked >= _ABANDONED_SECONDS:
            self._looked = time.monotonic()
            async with self._log.pool.acquire() as conn:
                await store.abandon(conn)

    # Reading

    async def _clear(self, stored: StoredImport) -> None:
        """What was read before, in another way, is gone; then the file is read."""
        async with self._log.transaction() as tx:
            if not await _is_there(tx, stored):
                return
            for what in ("staged", "shared", "rows"):
                if await store.delete_some(tx.conn, what, stored.import_id, _SOME[what]):
                    return
            await store.reset_counts(tx.conn, stored.import_id)
            await store.advance(tx.conn, stored.import_id, stored.state, "reading")

    async def _read(self, stored: StoredImport) -> None:
        """The next rows wait for their outcome; those that identify nobody have it."""
        try:
            opened = await self._opened(stored)
            if opened is None:
                return
            read = await opened.next(self._rows)
            async with self._log.transaction() as tx:
                if not await _is_there(tx, stored):
                    self._close(stored.import_id)
                    return
                conn, import_id = tx.conn, stored.import_id
                await store.insert_staged(conn, import_id, read.staged)
                await store.upsert_rows(conn, import_id, read.invalid)
                await store.add_counts(conn, import_id, read.count, [INVALID] * len(read.invalid))
                given = Counter(each for given in read.reasons for each in given)
                await store.add_reasons(conn, import_id, given)
                await store.advance(conn, import_id, stored.state, "grouping" if read.ended else "reading", read.last)
            if read.ended:
                self._close(stored.import_id)
        except Unreadable as unreadable:
            self._close(stored.import_id)
            await self._fail(stored, unreadable.reason)
        except BaseException:
            self._close(stored.import_id)
            raise

    async def _opened(self, stored: StoredImport) -> OpenFile | None:
        """Returns the file at its next row. None where the import needs it no more. Raises Unreadable."""
        opened = self._open.get(stored.import_id)
        if opened is not None and stored.progress == opened.position:
            self._open.move_to_end(stored.import_id)
            return opened
        self._close(stored.import_id)
        opened = await open_file(self._log, stored)
        self._open[stored.import_id] = opened
        while len(self._open) > _MOST_OPEN:
            self._open.popitem(last=False)[1].close()
        if stored.sha256 not in ("", opened.digest):
            raise Unreadable(reasons.WRONG_HASH)
        if stored.progress == 0 and await self._is_same(stored, opened):
            self._close(stored.import_id)
            return None
        await asyncio.to_thread(opened.start, stored.progress)
        return opened

    def _close(self, import_id: str) -> None:
        if opened := self._open.pop(import_id, None):
            opened.close()

    async def _is_same(self, stored: StoredImport, opened: OpenFile) -> bool:
        """Another import did the very same: this one is done. Returns whether it is."""
        fingerprint = _fingerprint(stored, opened)
        async with self._log.transaction() as tx:
            if not await _is_there(tx, stored):
                return True
            await store.set_fingerprint(tx.conn, stored.import_id, fingerprint)
            return stored.state == "running" and await store.end_as_same(tx.conn, stored, fingerprint, utc_now())

    async def _fail(self, stored: StoredImport, reason: str) -> None:
        async with self._log.transaction() as tx:
            if await _is_there(tx, stored):
                await store.fail(tx.conn, stored.import_id, reason)
        _LOG.warning("import_failed", import_id=stored.import_id, reason=reason)

    async def _group(self, stored: StoredImport) -> None:
        """Rows that share identifiers are one group."""
        async with self._log.transaction() as tx:
            if not await _is_there(tx, stored):
                return
            if stored.rows_read == 0:
                await store.fail(tx.conn, stored.import_id, reasons.EMPTY_FILE)
                return
            taken, given = await store.group_rows(
                tx.conn,
                stored.import_id,
                most_rows=LARGEST_GROUP,
                most_names=_MOST_NAMES,
                shared=reasons.SHARED_VALUE,
                too_large=reasons.GROUP_TOO_LARGE,
            )
            await store.add_counts(tx.conn, stored.import_id, 0, [INVALID] * taken)
            await store.add_reasons(tx.conn, stored.import_id, given)
            await store.advance(tx.conn, stored.import_id, stored.state, "resolving")

    # Resolving

    async def _resolve(self, stored: StoredImport) -> None:
        """The next groups have their outcome; unless it is a dry run, their people are there.

        What comes to the groups after them is thought out meanwhile, beside the database's work.
        """
        if stored.progress == 0 and not await self._begin_to_resolve(stored):
            return
        for attempt in range(_ATTEMPTS):
            draft = await self._drafted(stored, anew=attempt > 0)
            if draft.rows:
                self._draft_ahead(stored, draft.last)
            try:
                async with self._log.transaction() as tx:
                    if await _is_there(tx, stored):
                        await self._resolve_some(tx, stored, draft)
                    return
            except _Taken:
                continue
        raise Unavailable("IDENTIFIERS_BUSY", "these identifiers are being taken by many at once")

    async def _begin_to_resolve(self, stored: StoredImport) -> bool:
        """No row has an outcome of an earlier run. Returns whether the import is there to be resolved."""
        async with self._log.transaction() as tx:
            if not await _is_there(tx, stored):
                return False
            await store.reset_outcomes(tx.conn, stored.import_id, _CONFLICTS)
            await store.analyze_people(tx.conn)
        return True

    async def _drafted(self, stored: StoredImport, *, anew: bool) -> Draft:
        """Returns what comes to the next groups, thought out before or, where that is not so or `anew`, now."""
        ahead, self._ahead = self._ahead, None
        if ahead is not None:
            key, task = ahead
            if not anew and key == (stored.import_id, stored.state, stored.progress) and not _has_failed(task):
                return await task
            task.cancel()
        return await self._draft(stored, stored.progress)

    def _draft_ahead(self, stored: StoredImport, progress: int) -> None:
        self._forget_ahead()
        task = asyncio.create_task(self._draft(stored, progress))
        # What fails here is thought out again when the groups' turn has come.
        task.add_done_callback(lambda done: done.cancelled() or done.exception())
        self._ahead = (stored.import_id, stored.state, progress), task

    def _forget_ahead(self) -> None:
        if self._ahead is not None:
            self._ahead[1].cancel()
            self._ahead = None

    async def _draft(self, stored: StoredImport, progress: int) -> Draft:
        """Returns what comes to the groups after a row by what is known now; nothing is locked."""
        async with self._log.pool.acquire() as conn, conn.transaction():
            await store.look_up_by_index(conn)
            groups = await store.read_groups(conn, stored.import_id, progress, self._rows)
            addresses = list({each[:2] for rows in groups for row in rows for each in row.named})
            held = await store.read_holders(conn, stored.workspace_id, addresses) if addresses else {}
            has_ids = any(kind == CRM_ID for kind, _ in addresses)
            ids = await store.read_crm_ids(conn, {each.root for each in held.values()}) if has_ids else {}
        made, taken = await asyncio.to_thread(
            joining.plan,
            stored.import_id,
            stored.create_time,
            groups,
            held,
            ids,
            link_conflicts=stored.settings.link_conflicts,
            most_bonds=_MOST_BONDS,
        )
        return Draft(held, ids, made, groups[taken - 1][0].row_number if taken else progress, bool(groups))

    async def _resolve_some(self, tx: Tx, stored: StoredImport, draft: Draft) -> None:
        """What was thought out is so. Raises _Taken where it was by what is not known any more."""
        conn, import_id = tx.conn, stored.import_id
        if not draft.rows:
            await self._resolved(tx, stored)
            return
        await store.look_up_by_index(conn)
        held = await store.read_holders(conn, stored.workspace_id, list(draft.held)) if draft.held else {}
        if held != draft.held:
            raise _Taken
        made = draft.made
        if stored.state == "running":
            await _store_people(tx, stored, draft)
        await store.upsert_rows(conn, import_id, made.verdicts)
        await store.add_counts(conn, import_id, 0, [each.outcome for each in made.verdicts])
        given = Counter(each for verdict in made.verdicts for each in verdict.reasons if each in _CONFLICTS)
        await store.add_reasons(conn, import_id, given)
        await store.advance(conn, import_id, stored.state, "resolving", draft.last)
        if _is_due(stored.progress // self._rows):
            await store.analyze_people(conn)

    async def _resolved(self, tx: Tx, stored: StoredImport) -> None:
        if stored.state == "checking":
            await store.advance(tx.conn, stored.import_id, "checked", "")
        else:
            await store.commit_import(tx.conn, stored.import_id, utc_now())

    # Telling and sweeping

    async def _tell(self, stored: StoredImport) -> None:
        """Neighbours have heard of some more who are in the base; after the last the import is done."""
        async with self._log.transaction() as tx:
            if not await _is_there(tx, stored):
                return
            await store.look_up_by_index(tx.conn)
            members = await store.read_members(tx.conn, stored.import_id, stored.progress, self._rows)
            if not members:
                await store.advance(tx.conn, stored.import_id, "done", "sweeping")
                return
            effective = None if stored.settings.retroactive else to_proto(_commit_time(stored))
            for rows in _chunks(_told(stored, members)):
                _say(tx, stored, pb.BaseImported(import_id=stored.import_id, rows=rows, effective_from=effective))
            await store.advance(tx.conn, stored.import_id, stored.state, "telling", members[-1].row_number)

    async def _sweep(self, stored: StoredImport) -> None:
        """The file and what was read of it are gone; what became of its rows stays."""
        async with self._log.transaction() as tx:
            if not await _is_there(tx, stored):
                return
            for what in ("parts", "staged", "shared"):
                if await store.delete_some(tx.conn, what, stored.import_id, _SOME[what]):
                    return
            await store.advance(tx.conn, stored.import_id, stored.state, "")

    # Undoing

    async def _unlink(self, stored: StoredImport) -> None:
        """Some links that the import made do not hold any more."""
        async with self._log.transaction() as tx:
            if not await _is_there(tx, stored):
                return
            links = await store.find_links(tx.conn, stored.import_id, _LINKS_UNDONE)
            now = utc_now()
            for link_id in links:
                undone = await linking.undo(tx.conn, stored.workspace_id, link_id, actor=stored.end_actor, now=now)
                if undone.groups:
                    events.tell_split(tx, stored.workspace_id, undone, actor=stored.end_actor)
            if not links:
                await store.advance(tx.conn, stored.import_id, stored.state, "dropping")

    async def _drop(self, stored: StoredImport) -> None:
        """Some are in the base by this import no more; whom it made, and nobody met, is gone."""
        async with self._log.transaction() as tx:
            if not await _is_there(tx, stored):
                return
            await store.look_up_by_index(tx.conn)
            members = await store.read_members(tx.conn, stored.import_id, 0, _ROWS_TOLD)
            if not members:
                await store.advance(tx.conn, stored.import_id, "undone", "sweeping")
                return
            await lock_roots(tx.conn, {each.contact_id for each in members if each.contact_id is not None})
            await store.drop(tx.conn, stored, members)
            await store.delete_members(tx.conn, stored.import_id, 0, members[-1].row_number)
            if stored.commit_time is not None:
                for rows in _chunks(_told(stored, members)):
                    undone = pb.BaseUndone(import_id=stored.import_id, rows=rows, actor=stored.end_actor)
                    _say(tx, stored, undone)


def _fingerprint(stored: StoredImport, opened: OpenFile) -> str:
    """Returns what is equal where two imports do the same: of attributes also which are found out by their names."""
    *settings, _ = astuple(stored.settings)
    attributes = [each for each in opened.understand().columns.meanings if isinstance(each, OfAttribute)]
    return hashlib.sha256(json.dumps([opened.digest, *settings, *attributes]).encode()).hexdigest()


def _has_failed(task: asyncio.Task[Draft]) -> bool:
    return task.done() and (task.cancelled() or task.exception() is not None)


def _is_due(steps: int) -> bool:
    """The tables have grown to twice what they may have been: at 0, 1, 2, 4 and so on."""
    return steps & (steps - 1) == 0


async def _is_there(tx: Tx, stored: StoredImport) -> bool:
    """Returns whether the import is where it was read to be; then it is ours until the transaction ends."""
    now = await store.lock_import(tx.conn, stored.workspace_id, stored.import_id)
    return now is not None and (now.state, now.phase, now.progress) == (stored.state, stored.phase, stored.progress)


async def _store_people(tx: Tx, stored: StoredImport, draft: Draft) -> None:
    """The people of a draft are there. Raises _Taken where a message took one of their identifiers meanwhile."""
    conn, made = tx.conn, draft.made
    if any(each.said for each in made.births) or any(each.said for each in made.lessons):
        await share_definitions(conn, stored.workspace_id)
    claimed: Sequence[str] = ()
    if made.bindings:
        taken = await store.insert_identifiers(conn, stored, made.bindings)
        if taken is None:
            raise _Taken
        claimed = taken
    await _check_ids(tx, stored, draft)
    if made.births:
        await store.insert_people(conn, stored, made.births)
    requests = [_request(stored, *bond) for bond in made.bonds]
    if claimed:
        requests += await _claims(tx, stored, made, claimed)
    if requests:
        await _link(tx, stored, requests)
    changed = await _teach(tx, stored, made)
    for contact_id, fields in changed.items():
        if fields:
            _tell_changed(tx, stored, contact_id, fields)
    await store.insert_members(conn, stored.import_id, made.members)


async def _teach(tx: Tx, stored: StoredImport, made: Plan) -> dict[ContactId, tuple[str, ...]]:
    """Contacts know what the file says of them. Returns what is new of those who were there."""
    changed: dict[ContactId, tuple[str, ...]] = dict.fromkeys(made.changed, ("identifiers",))
    if made.lessons:
        for contact_id, fields in (await store.fill_profiles(tx.conn, stored, made.lessons)).items():
            changed[contact_id] = (*fields, *changed.get(contact_id, ()))
    given = [(each.contact_id, said) for each in made.births for said in each.said]
    given += [(each.contact_id, said) for each in made.lessons for said in each.said]
    if given:
        news = await store.insert_values(tx.conn, stored, given)
        for contact_id in sorted(news.intersection(each.contact_id for each in made.lessons)):
            changed[contact_id] = (*changed.get(contact_id, ()), "attributes")
    return changed


async def _check_ids(tx: Tx, stored: StoredImport, draft: Draft) -> None:
    """Who is known, and is given an id, has none beside those we know, nor will before it is stored. Raises _Taken."""
    given = {named.match_key for named, _ in draft.made.bindings if named.kind == CRM_ID}
    if not given or not draft.made.changed:
        return
    await store.lock_ids(tx.conn, stored.workspace_id)
    has = await store.read_crm_ids(tx.conn, draft.made.changed)
    if any(ids - draft.ids.get(root, set()) - given for root, ids in has.items()):
        raise _Taken


def _request(stored: StoredImport, one: ContactId, other: ContactId) -> linking.Request:
    """By rule: what a person said of them, that they are not the same, holds."""
    link_id = derive_id(None, "link", stored.workspace_id, IMPORT, stored.import_id, *sorted((one, other)))
    return linking.Request(
        link_id,
        stored.workspace_id,
        one,
        other,
        IMPORT,
        cause_id=stored.import_id,
        despite_ids=stored.settings.link_conflicts,
    )


async def _claims(tx: Tx, stored: StoredImport, made: Plan, phones: Sequence[str]) -> list[linking.Request]:
    """Who claimed a phone, as a platform vouches, is whom it now leads to."""
    found = Found()
    keys = [Key(stored.workspace_id, phone, PHONE, "") for phone in phones]
    await read_claims(tx.conn, keys, found)
    contacts = {each.channel_user_id: each.contact_id for each in made.births}
    owners = {named.match_key: contacts[user] for named, user in made.bindings if named.kind == PHONE}
    requests = []
    for key in keys:
        for claimant in sorted(found.claims.get(key, ())):
            one, other = sorted((owners[key.match_key], found.met[claimant].contact_id))
            link_id = derive_id(None, "link", stored.workspace_id, VERIFIED_PHONE, one, other)
            requests.append(
                linking.Request(link_id, stored.workspace_id, one, other, VERIFIED_PHONE, cause_id=stored.import_id)
            )
    return requests


async def _link(tx: Tx, stored: StoredImport, requests: Sequence[linking.Request]) -> None:
    now = utc_now()
    united = await linking.unite(tx.conn, requests, now=now)
    for request, outcome in zip(requests, united.outcomes, strict=True):
        if isinstance(outcome, Joined):
            tx.tell(
                events.merged(
                    request.link_id,
                    outcome.members,
                    outcome.merged_root,
                    outcome.roots.version,
                    evidence=request.evidence,
                ),
                workspace_id=stored.workspace_id,
                key=outcome.root,
                event_id=events.merged_id(request.link_id),
                time=now,
                traceparent=tracing.current(),
            )


def _tell_changed(tx: Tx, stored: StoredImport, contact_id: ContactId, fields: tuple[str, ...]) -> None:
    tx.tell(
        pb.ContactChanged(contact_id=contact_id, fields=fields),
        workspace_id=stored.workspace_id,
        key=contact_id,
        event_id=derive_id(stored.create_time, "contact_changed", stored.import_id, str(stored.progress), contact_id),
        traceparent=tracing.current(),
    )


def _commit_time(stored: StoredImport) -> datetime:
    assert stored.commit_time is not None  # a phase after the commit
    return stored.commit_time


def _told(stored: StoredImport, members: Iterable[Member]) -> list[pb.BaseRow]:
    return [
        pb.BaseRow(
            row_id=derive_id(
                stored.create_time, "base_row", stored.import_id, str(each.row_number), each.channel_user_id
            ),
            row_number=each.row_number,
            channel_user_id=each.channel_user_id,
            contact_id=each.root or "",
        )
        for each in members
    ]


def _chunks(rows: Sequence[pb.BaseRow]) -> Iterable[Sequence[pb.BaseRow]]:
    return (rows[start : start + _ROWS_TOLD] for start in range(0, len(rows), _ROWS_TOLD))


def _say(tx: Tx, stored: StoredImport, payload: pb.BaseImported | pb.BaseUndone) -> None:
    """Neighbours hear of some rows; the event is known by the first of them, which is in no other."""
    tx.tell(
        payload,
        workspace_id=stored.workspace_id,
        key=stored.import_id,
        event_id=derive_id(stored.create_time, payload.DESCRIPTOR.name, payload.rows[0].row_id),
        traceparent=tracing.current(),
    )
