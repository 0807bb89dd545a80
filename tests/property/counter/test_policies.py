"""The laws of counting (I1 to I7) for any policy over random lives, against a plain recount."""

from collections import Counter
from collections.abc import Iterable
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lobby_counter.domain import Cause, CauseKind, Entry, EntryId, Judgement, Verdict, place
from lobby_counter.ledger import BaseRow, Book, First, Greeting, Ledger, Member, Regrouping
from lobby_counter.policies import Policy
from tests.property.counter.histories import deliveries
from tests.property.counter.lives import ACCOUNTS, ROWS, Event, Imported, Joined, Life, Undone, Wrote, life, policy

randoms = st.integers(0, 2**32).map(Random)
lengths = st.integers(1, 50)


class Memory:
    """What the database remembers between batches, in dictionaries, for several counters."""

    def __init__(self, world: Life, policies: Iterable[Policy]) -> None:
        self.ledger = Ledger({name: Book(each) for name, each in enumerate(policies)}, campaigns=world.campaigns)
        self.wrote: dict[str, Wrote] = {}
        self.first: dict[int, dict[str, First]] = {name: {} for name in self.ledger.books}
        self.corrections: dict[int, list] = {name: [] for name in self.ledger.books}

    def hear(self, batch: list[Event]) -> None:
        ledger = self.ledger
        said = [each for each in batch if isinstance(each, Wrote)]
        self.wrote |= {each.name: each for each in said}
        ledger.enter(self._greetings({(each.user, each.account) for each in said}))
        for told in batch:
            if isinstance(told, Imported | Undone):
                since = told.effective_from if isinstance(told, Imported) else None
                row = BaseRow(told.row, told.user, since, undone=since is None)
                ledger.know([row], [Member(told.user, told.contact, -1)], Cause(CauseKind.IMPORT, told.row))
        for told in sorted((each for each in batch if isinstance(each, Joined)), key=lambda each: each.version):
            ledger.regroup(_regrouping(told))
        for name, book in ledger.books.items():
            self.first[name] |= book.first
            self.corrections[name] += book.corrections
            book.first, book.corrections = {}, []

    def _greetings(self, chats: set[tuple[str, str]]) -> Iterable[Greeting]:
        last = {}
        for _, each in sorted(self.wrote.items()):
            chat = (each.user, each.account)
            before, last[chat] = last.get(chat), each.at
            if each.kind == "greeting" and chat in chats:
                yield _greeting(each, None if before is None else each.at - before)

    def verdicts(self, name: int) -> dict[str, Judgement]:
        """Of what are entries now, by the name of the greeting."""
        entries, book = self.ledger.entries, self.ledger.books[name]
        return {
            entries[entry_id].event_id: judgement
            for entry_id, judgement in book.judgements.items()
            if judgement.verdict is not Verdict.NONE
        }

    def restated(self, name: int) -> dict[str, str]:
        return {event_id: judgement.verdict for event_id, judgement in self.verdicts(name).items()}

    def ids(self) -> dict[str, EntryId]:
        """Of what are entries at some counter, by the name of the greeting."""
        counted = {event_id for name in self.ledger.books for event_id in self.verdicts(name)}
        return {each.event_id: each.entry_id for each in self.ledger.entries.values() if each.event_id in counted}

    def firsts(self) -> dict[tuple, Entry]:
        """The first entry of each chat in each campaign and in none."""
        placed = place(self.ledger.entries.values(), self.ledger.campaigns)
        return {(*each.entry.chat, each.campaign_id): each.entry for each in placed if each.first}

    def recorded(self, name: int) -> Counter:
        """First verdicts plus corrections, by the time at which they count."""
        sums: Counter = Counter()
        for first in self.first[name].values():
            sums[first.time, first.verdict] += 1
        for made in self.corrections[name]:
            sums[made.from_time, made.from_verdict] -= 1
            sums[made.to_time, made.to_verdict] += 1
        return Counter({key: value for key, value in sums.items() if value and key[1] is not Verdict.NONE})


def _greeting(said: Wrote, silence) -> Greeting:
    return Greeting(
        entry_id=EntryId(f"{said.user}@{said.account}"),
        event_id=said.name,
        message_id=said.name,
        workspace_id="W1",
        account_id=said.account,
        platform=ACCOUNTS[said.account],
        channel_user_id=said.user,
        contact_id=said.contact,
        occurred_time=said.at,
        received_time=said.at,
        silence=silence,
    )


def _regrouping(told: Joined) -> Regrouping:
    kind = CauseKind.SPLIT if told.split else CauseKind.MERGE
    groups = tuple((contact, tuple(person)) for contact, person in told.persons)
    return Regrouping("W1", Cause(kind, told.merge), told.version, groups)


def lived(random: Random, length: int, policies: int = 3) -> tuple[Life, Memory]:
    """A life, and the memory of somebody who heard of it in any order."""
    world, told = life(random, length)
    memory = Memory(world, [policy(random) for _ in range(policies)])
    for batch in deliveries(random, told):
        memory.hear(batch)
    return world, memory


@settings(deadline=None)
@given(randoms, lengths)
def test_any_delivery_gives_what_a_recount_of_the_truth_gives(random, length):
    world, memory = lived(random, length)
    for name, book in memory.ledger.books.items():
        assert memory.restated(name) == world.recount(book.policy)


@settings(deadline=None)
@given(randoms, lengths)
def test_first_verdicts_and_corrections_add_up_to_what_is_known_now(random, length):
    _, memory = lived(random, length)
    for name in memory.ledger.books:
        times = {entry.event_id: entry.occurred_time for entry in memory.ledger.entries.values()}
        assert memory.recorded(name) == Counter((times[key], each) for key, each in memory.restated(name).items())


@settings(deadline=None)
@given(randoms, lengths)
def test_new_are_the_people_who_were_not_known_when_they_first_entered(random, length):
    world, told = life(random, length)
    memory = Memory(world, [Policy()])
    for batch in deliveries(random, told):
        memory.hear(batch)
    firsts: dict[frozenset[str], Wrote] = {}
    for said in world.entries(Policy()):
        firsts.setdefault(world.person(said.user), said)
    strangers = [
        person
        for person, said in firsts.items()
        if all(said.at < since for row, since in world.known.items() if ROWS[row] in person)
    ]
    assert Counter(memory.restated(0).values())[Verdict.NEW] == len(strangers)


@settings(deadline=None)
@given(randoms, lengths)
def test_a_merge_and_its_undo_leave_two_corrections_or_none_per_entry(random, length):
    world, memory = lived(random, length)
    left, right = world.person("u1"), world.person("u2")
    if left == right:
        return
    before = {name: memory.restated(name) for name in memory.ledger.books}
    recorded = {name: len(made) for name, made in memory.corrections.items()}
    both = left | right
    memory.hear([Joined("last", split=False, persons=((random.choice(sorted(both)), both),), version=1_000)])
    memory.hear([Joined("last", split=True, persons=((min(left), left), (min(right), right)), version=1_001)])
    assert {name: memory.restated(name) for name in memory.ledger.books} == before
    for name, made in memory.corrections.items():
        touched = Counter(each.entry_id for each in made[recorded[name] :])
        assert set(touched.values()) <= {2}


@settings(deadline=None)
@given(randoms, lengths)
def test_every_repeat_names_the_new_entry_or_the_base_row_of_its_person(random, length):
    world, memory = lived(random, length)
    for name, book in memory.ledger.books.items():
        for event_id, judgement in memory.verdicts(name).items():
            said = memory.wrote[event_id]
            if judgement.verdict is Verdict.NEW:
                assert judgement.repeat_of is None
            elif judgement.reason == "base":
                assert ROWS[judgement.repeat_of] in world.person(said.user)
                assert world.known[judgement.repeat_of] <= said.at
            else:
                assert book.judgements[judgement.repeat_of].verdict is Verdict.NEW
                assert memory.ledger.entries[judgement.repeat_of].channel_user_id in world.person(said.user)


@settings(deadline=None)
@given(randoms, lengths)
def test_counters_that_come_later_judge_what_those_from_the_beginning_do(random, length):
    world, memory = lived(random, length, policies=2)
    late = Book(policy(random))
    memory.ledger.books["late"] = late
    every = {(said.user, said.account) for said in memory.wrote.values()}
    memory.ledger.recount(memory._greetings(every), Cause(CauseKind.POLICY, "late"))
    assert memory.restated("late") == world.recount(late.policy)
    assert not late.corrections
    assert {each.verdict for each in late.first.values()} <= {"new", "repeat", "excluded"}
    assert not any(book.corrections for book in memory.ledger.books.values())


@settings(deadline=None)
@given(randoms, lengths)
def test_campaigns_that_change_are_followed_by_a_recount(random, length):
    world, memory = lived(random, length)
    world.campaigns = memory.ledger.campaigns = life(random, 1)[0].campaigns
    every = {(said.user, said.account) for said in memory.wrote.values()}
    before = {name: memory.restated(name) for name in memory.ledger.books}
    memory.ledger.recount(memory._greetings(every), Cause(CauseKind.POLICY, "c1"))
    for name, book in memory.ledger.books.items():
        assert memory.restated(name) == world.recount(book.policy)
        assert before[name].items() <= memory.restated(name).items() or book.corrections


@settings(deadline=None)
@given(randoms, lengths)
def test_i6_what_stays_an_entry_keeps_its_id(random, length):
    world, told = life(random, length)
    memory = Memory(world, [policy(random) for _ in range(3)])
    before: dict[str, EntryId] = {}
    for batch in deliveries(random, told):
        memory.hear(batch)
        ids = memory.ids()
        assert {event: ids[event] for event in before if event in ids} == {
            event: entry_id for event, entry_id in before.items() if event in ids
        }
        before = ids


@settings(deadline=None)
@given(randoms, lengths)
def test_an_earlier_greeting_has_the_id_of_the_entry_that_no_counter_counts_beside_it(random, length):
    world, told = life(random, length)
    memory = Memory(world, [policy(random) for _ in range(3)])
    before: dict[tuple, Entry] = {}
    for batch in deliveries(random, told):
        memory.hear(batch)
        after = memory.firsts()
        counted = memory.ids()
        for spot, former in before.items():
            assert after[spot].entry_id == former.entry_id or former.event_id in counted
        before = after


@settings(deadline=None)
@given(randoms, lengths)
def test_an_entry_that_is_none_any_more_leaves_its_place_to_an_earlier_one_of_its_chat_and_campaign(random, length):
    _, memory = lived(random, length)
    placed = {each.entry.entry_id: each for each in place(memory.ledger.entries.values(), memory.ledger.campaigns)}
    for book in memory.ledger.books.values():
        for entry_id in book.judgements:
            heir = _heir(book, entry_id)
            # Where somebody was not silent for long enough after all, two entries became one, and none took a place.
            assert book.judgements[heir].verdict is not Verdict.NONE or book.policy.reentry_gap_days is not None
            gone, after = placed[entry_id], placed[heir]
            assert (gone.entry.chat, gone.campaign_id) == (after.entry.chat, after.campaign_id)
            assert after.entry.order <= gone.entry.order


def _heir(book: Book, entry_id: EntryId) -> EntryId:
    judgement = book.judgements[entry_id]
    gone = judgement.verdict is Verdict.NONE and judgement.repeat_of is not None
    return _heir(book, judgement.repeat_of) if gone else entry_id


@pytest.mark.fuzz
@pytest.mark.timeout(600)
@settings(deadline=None, max_examples=20_000)
@given(randoms, st.integers(1, 120))
def test_long_lives_give_what_a_recount_gives(random, length):
    world, memory = lived(random, length)
    for name, book in memory.ledger.books.items():
        assert memory.restated(name) == world.recount(book.policy)
