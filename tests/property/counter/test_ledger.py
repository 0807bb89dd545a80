"""The laws of counting (I1 to I7) over random histories, against a plain recount."""

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lobby_counter.domain import Cause, CauseKind, Correction, Entry, EntryId, Judgement, Verdict
from lobby_counter.ledger import First, Greeting, Ledger, Member, Regrouping, own
from lobby_counter.policies import CounterId
from tests.property.counter.histories import Happening, Regroups, Says, deliveries, history

BEGIN = datetime(2026, 11, 22, tzinfo=UTC)

randoms = st.integers(0, 2**32).map(Random)
lengths = st.integers(1, 40)


class Memory:
    """What the database remembers between batches, in dictionaries."""

    def __init__(self) -> None:
        self.members: dict[str, Member] = {}
        self.entries: dict[str, Entry] = {}
        self.judgements: dict[str, Judgement] = {}
        self.first: dict[str, First] = {}
        self.corrections: list[Correction] = []

    def hear(self, batch: Iterable[Happening]) -> None:
        books = own("W1")
        book = books[CounterId("W1")]
        book.judgements = dict(self.judgements)
        ledger = Ledger(books, dict(self.members), dict(self.entries))
        batch = list(batch)
        ledger.enter(_greeting(each) for each in batch if isinstance(each, Says))
        for each in sorted((one for one in batch if isinstance(one, Regroups)), key=lambda one: one.version):
            ledger.regroup(_regrouping(each))
        self.members, self.entries = ledger.members, ledger.entries
        self.judgements = book.judgements
        self.first |= book.first
        self.corrections += book.corrections

    def restated(self) -> dict[tuple[str, str], str]:
        return {each.chat: self.judgements[each.entry_id].verdict for each in self.entries.values()}

    def recorded(self) -> Counter[tuple[datetime, Verdict]]:
        """First verdicts plus corrections, by the time at which they count."""
        sums: Counter[tuple[datetime, Verdict]] = Counter()
        for first in self.first.values():
            sums[first.time, first.verdict] += 1
        for made in self.corrections:
            sums[made.from_time, made.from_verdict] -= 1
            sums[made.to_time, made.to_verdict] += 1
        return Counter({key: value for key, value in sums.items() if value})


def _greeting(said: Says) -> Greeting:
    name = f"{said.user} {said.account} {said.minute}"
    time = BEGIN + timedelta(minutes=said.minute)
    return Greeting(
        entry_id=EntryId(f"{said.user}@{said.account}"),
        event_id=name,
        message_id=name,
        workspace_id="W1",
        account_id=said.account,
        platform=1,
        channel_user_id=said.user,
        contact_id=said.contact,
        occurred_time=time,
        received_time=time,
    )


def _regrouping(told: Regroups) -> Regrouping:
    kind = CauseKind.SPLIT if told.split else CauseKind.MERGE
    return Regrouping("W1", Cause(kind, told.merge), told.version, told.groups)


@settings(deadline=None)
@given(randoms, lengths)
def test_any_delivery_gives_what_a_recount_of_the_truth_gives(random, length):
    world, told = history(random, length)
    memory = Memory()
    for batch in deliveries(random, told):
        memory.hear(batch)
    assert memory.restated() == world.recount()


@settings(deadline=None)
@given(randoms, lengths)
def test_first_verdicts_and_corrections_add_up_to_what_is_known_now(random, length):
    _, told = history(random, length)
    memory = Memory()
    for batch in deliveries(random, told):
        memory.hear(batch)
    now = Counter((each.occurred_time, memory.judgements[each.entry_id].verdict) for each in memory.entries.values())
    assert memory.recorded() == now


@settings(deadline=None)
@given(randoms, lengths)
def test_there_is_one_new_entry_per_person_who_entered(random, length):
    world, told = history(random, length)
    memory = Memory()
    for batch in deliveries(random, told):
        memory.hear(batch)
    verdicts = Counter(memory.restated().values())
    assert verdicts[Verdict.NEW] == len({world.members(said.user) for said in world.said})
    assert verdicts.total() == len({(said.user, said.account) for said in world.said})


@settings(deadline=None)
@given(randoms, lengths)
def test_a_merge_and_its_undo_leave_two_corrections_or_none_per_entry(random, length):
    world, told = history(random, length)
    memory = Memory()
    for each in told:
        memory.hear([each])
    before, recorded = memory.restated(), len(memory.corrections)
    left, right = world.members("u1"), world.members("u2")
    if left == right:
        return
    both = tuple(left | right)
    memory.hear([Regroups("last", split=False, groups=((both[0], both),), version=world.version + 1)])
    groups = ((min(left), tuple(left)), (min(right), tuple(right)))
    memory.hear([Regroups("last", split=True, groups=groups, version=world.version + 2)])
    assert memory.restated() == before
    touched = Counter(made.entry_id for made in memory.corrections[recorded:])
    assert set(touched.values()) <= {2}


@settings(deadline=None)
@given(randoms, lengths)
def test_every_repeat_names_the_new_entry_of_its_person(random, length):
    world, told = history(random, length)
    memory = Memory()
    for batch in deliveries(random, told):
        memory.hear(batch)
    for entry in memory.entries.values():
        judgement = memory.judgements[entry.entry_id]
        if judgement.verdict is Verdict.REPEAT:
            first = memory.entries[judgement.repeat_of]
            assert memory.judgements[first.entry_id].verdict is Verdict.NEW
            assert first.channel_user_id in world.members(entry.channel_user_id)


@pytest.mark.fuzz
@pytest.mark.timeout(600)
@settings(deadline=None, max_examples=20_000)
@given(randoms, st.integers(1, 120))
def test_long_histories_give_what_a_recount_gives(random, length):
    world, told = history(random, length)
    memory = Memory()
    for batch in deliveries(random, told):
        memory.hear(batch)
    assert memory.restated() == world.recount()
