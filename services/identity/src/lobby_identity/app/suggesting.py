"""Who may be one person: contacts of whom something new is known are weighed against those that are like them.

Off the event path: a batch only notes whose something is new. Weighing again changes nothing, so dying anywhere is
harmless; what a person decided is never changed here.
"""

import asyncio
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from lobby_common.events import EventLog
from lobby_common.events.log import Connection
from lobby_common.ids import derive_id
from lobby_identity import metrics
from lobby_identity.domain.identifiers import EMAIL, PHONE, ContactId, WorkspaceId
from lobby_identity.domain.mentions import AVATAR, Mention
from lobby_identity.likeness import contacts, names
from lobby_identity.likeness.blocks import MOST_IN_A_BLOCK
from lobby_identity.likeness.contacts import Facts
from lobby_identity.likeness.model import Model
from lobby_identity.store import suggestions as store
from lobby_identity.store.suggestions import LIKENESS, Found, Policy, RecordToWeigh

_AT_ONCE = 20
_PAUSE = 1.0
_REST = 9.0
"""Times as long as it worked: weighing takes a tenth of a core from those who answer customers."""
_LONGEST_REST = 5.0
_MOST_SHARING = {PHONE: 5, EMAIL: 5, AVATAR: 3}
"""A value that more people typed is an office's, a picture that more show an idol's or a shop's."""
_MOST_SUGGESTED = 20
"""Suggestions of one person: more is a name that many have."""
_SAMPLE = 5_000
_SAMPLE_SECONDS = 3_600.0
_FEWEST_BETWEEN_SAMPLES = 100


@dataclass
class _Sampled:
    """A model, and how old it is."""

    model: Model
    contacts: int
    at: float
    weighed: int = 0

    def is_fresh(self, now: float) -> bool:
        """Returns whether the workspace is still as it was."""
        few = self.weighed < max(self.contacts / 2, _FEWEST_BETWEEN_SAMPLES)
        return few and now - self.at < _SAMPLE_SECONDS


class Suggester:
    """Weighs what is new. One at a time, whatever the number of replicas."""

    def __init__(self, log: EventLog) -> None:
        self._log = log
        self._sampled: dict[WorkspaceId, _Sampled] = {}

    async def run(self) -> None:
        """Weighs until cancelled."""
        while True:
            started = time.monotonic()
            weighed = await self.take()
            worked = time.monotonic() - started
            await asyncio.sleep(min(worked * _REST, _LONGEST_REST) if weighed else _PAUSE)

    async def take(self) -> int:
        """Some contacts that waited are weighed. Returns how many."""
        async with self._log.pool.acquire() as conn:
            waiting = await store.read_unweighed(conn, _AT_ONCE)
            if waiting is None:
                return 0
            # Not before somebody waits: the dictionaries take 36 MiB.
            await asyncio.to_thread(names.prepare)
            workspace_id, unweighed = waiting
            model = await self._model(conn, workspace_id, len(unweighed))
            policy = await store.find_policy(conn, workspace_id)
            # No transaction around it: comparing takes long, and messages would wait for the rows it has written.
            await weigh(conn, workspace_id, model, policy, [each.contact_id for each in unweighed])
            await store.delete_unweighed(conn, workspace_id, unweighed)
        metrics.WEIGHED.inc(len(unweighed))
        return len(unweighed)

    async def _model(self, conn: Connection, workspace_id: WorkspaceId, weighed: int) -> Model:
        """Returns what contacts of the workspace are like; looked at again after an hour, or half as many contacts."""
        now = time.monotonic()
        known = self._sampled.get(workspace_id)
        if known is None or not known.is_fresh(now):
            sample, many = await store.sample_contacts(conn, workspace_id, _SAMPLE)
            model = await asyncio.to_thread(
                contacts.model_of,
                [_facts(row, ()) for row in sample],
                many,
            )
            known = self._sampled[workspace_id] = _Sampled(model, many, now)
        known.weighed += weighed
        return known.model


async def weigh(
    conn: Connection, workspace_id: WorkspaceId, model: Model, policy: Policy, waiting: Sequence[ContactId]
) -> None:
    """The suggestions of the persons to whom these contacts belong are what is known of them now."""
    rows = await store.read_records_to_weigh(conn, workspace_id, waiting)
    shared = await _shared(conn, workspace_id, rows)
    # Reading names takes milliseconds: not on the event loop, where customers' messages wait.
    keys = await asyncio.to_thread(lambda: {row.contact_id: contacts.keys(_facts(row, shared)) for row in rows})
    for contact_id, found_by in sorted(keys.items()):
        await store.replace_keys(conn, workspace_id, contact_id, found_by)
    for root, facts in _persons(rows, shared).items():
        ids = [row.contact_id for row in rows if row.root == root]
        alike = await store.find_alike(conn, workspace_id, {key for each in ids for key in keys[each]}, MOST_IN_A_BLOCK)
        others = await store.read_records_to_weigh(conn, workspace_id, alike - {root})
        apart = await store.read_not_same(conn, [*ids, *(row.contact_id for row in others)])
        strangers = _said_not_same(ids, others, apart)
        known = _persons(others, shared | await _shared(conn, workspace_id, others))
        candidates = {each: facts for each, facts in known.items() if each not in strangers}
        found = await asyncio.to_thread(_weighed, model, policy, workspace_id, (root, facts), candidates)
        await store.delete_outweighed(conn, workspace_id, ids, found)
        if found:
            await store.upsert_suggestions(conn, workspace_id, found)


async def _shared(conn: Connection, workspace_id: WorkspaceId, rows: Sequence[RecordToWeigh]) -> set[Mention]:
    """Returns the values of these that too many have."""
    mentions = sorted({mention for row in rows for mention in row.mentions})
    if not mentions:
        return set()
    return await store.find_shared(conn, workspace_id, mentions, _MOST_SHARING)


def _said_not_same(
    ids: Collection[ContactId], others: Iterable[RecordToWeigh], apart: Collection[frozenset[ContactId]]
) -> set[ContactId]:
    """Returns the roots of which somebody said that they are not this person."""
    return {row.root for row in others if any(frozenset((each, row.contact_id)) in apart for each in ids)}


def _weighed(
    model: Model,
    policy: Policy,
    workspace_id: WorkspaceId,
    person: tuple[ContactId, Facts],
    others: Mapping[ContactId, Facts],
) -> list[Found]:
    root, facts = person
    found = []
    for other, known in others.items():
        if facts.contradicts(known):
            continue
        score = contacts.weigh(model, facts, known)
        if score.probability >= policy.least_probability:
            one, two = sorted((root, other))
            suggestion_id = derive_id(None, "suggestion", workspace_id, one, two)
            found.append(Found(suggestion_id, one, two, LIKENESS, score.probability, score.reasons))
    found.sort(key=lambda each: -each.probability)
    return found[:_MOST_SUGGESTED]


def _persons(rows: Iterable[RecordToWeigh], shared: Collection[Mention]) -> dict[ContactId, Facts]:
    persons: dict[ContactId, Facts] = {}
    for row in rows:
        facts = _facts(row, shared)
        known = persons.get(row.root)
        persons[row.root] = facts if known is None else known.joined(facts)
    return persons


def _facts(row: RecordToWeigh, shared: Collection[Mention]) -> Facts:
    def own(kind: str) -> frozenset[str]:
        return frozenset(each.match_key for each in row.mentions if each.kind == kind and each not in shared)

    return Facts(
        names=frozenset({row.display_name} - {""}),
        countries=frozenset({row.country} - {""}),
        languages=frozenset({row.language} - {""}),
        touches=frozenset({(row.campaign, row.touch_time)} if row.campaign and row.touch_time else ()),
        own_phones=frozenset(row.own_phones),
        phones=own(PHONE),
        emails=own(EMAIL),
        avatars=own(AVATAR),
        crm_scopes=frozenset(row.crm_scopes),
    )
