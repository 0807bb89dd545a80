"""Laws of who is who: the cut of batches does not matter, and the order of messages decides no person."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from lobby_identity.domain.identifiers import FOREVER, Address, Holding, Key, address
from lobby_identity.domain.resolution import Known, Plan, Sighting, plan

START = datetime(2026, 11, 22, tzinfo=UTC)
ADDRESSES = [address("w", "bsuid", "p", f"B{n}") for n in range(4)] + [
    address("w", "phone", "", f"+6681{n}") for n in range(4)
]
PHONES = ADDRESSES[4:]
OTHERS = [address("w", "telegram_id", "", f"{n}") for n in range(3)]


class Tables:
    """What the database would hold after the plans so far."""

    def __init__(self) -> None:
        self.holdings: dict[Key, list[Holding]] = {}
        self.ages: dict[str, datetime] = {}
        self.claims: dict[Key, dict[str, datetime]] = {}
        self.bonds: set[frozenset[str]] = set()
        self.authors: list[str] = []

    def apply(self, batch: list[Sighting]) -> Plan:
        claims = {key: each for key, each in self.claims.items() if self._is_read(key, batch)}
        made = plan(batch, Known(self.holdings, self.ages, claims))
        for retirement in made.retirements:
            self.holdings[retirement.key] = [
                each._replace(retired_time=retirement.retired_time) if each.retired_time == FOREVER else each
                for each in self.holdings[retirement.key]
            ]
        for binding in made.bindings:
            stored = self.holdings.get(binding.key, [])
            kept = [each for each in stored if each.retired_time != binding.retired_time]
            self.holdings[binding.key] = [
                *kept,
                Holding(binding.channel_user_id, binding.first_seen_time, binding.retired_time),
            ]
        for each in made.newcomers.values():
            self.ages[each.channel_user_id] = each.first_seen_time
        for claim in made.claims:
            rows = self.claims.setdefault(claim.key, {})
            rows[claim.channel_user_id] = max(claim.at, rows.get(claim.channel_user_id, claim.at))
        self.bonds |= {frozenset((bond.elder, bond.younger)) for bond in made.bonds}
        self.authors += made.authors
        return made

    def _is_read(self, key: Key, batch: list[Sighting]) -> bool:
        """Claims are read for the phones of cards and for phones that nobody holds."""
        in_cards = any(key == phone.key for each in batch for phone in each.own_phones)
        return in_cards or any(each.channel_user_id is None for each in self.holdings.get(key, []))

    def people(self) -> dict[str, str]:
        """Of each channel user, the first one of its person."""
        return components(self.ages, self.bonds)


def components(members, pairs) -> dict[str, str]:
    """The naive union-find: of each member the smallest one it is joined with."""
    head = {each: each for each in members}
    for _ in range(len(head)):
        for pair in pairs:
            low = min(head[each] for each in pair)
            for each in list(head):
                if head[each] in {head[one] for one in pair}:
                    head[each] = low
    return head


def sighting(number: int, minute: int, held, retired=(), own=()) -> Sighting:
    return Sighting(f"e{number}", "w", START + timedelta(minutes=minute), 1, tuple(held), tuple(retired), tuple(own))


messages = st.tuples(
    st.integers(0, 50),
    st.lists(st.sampled_from(ADDRESSES), min_size=1, max_size=2, unique=True),
    st.just([]),
    st.just([]),
)
cards = st.tuples(
    st.integers(0, 50),
    st.lists(st.sampled_from(OTHERS), min_size=1, max_size=1),
    st.just([]),
    st.lists(st.sampled_from(PHONES), max_size=1),
)
changes = st.tuples(
    st.integers(0, 50),
    st.lists(st.sampled_from(ADDRESSES), max_size=2, unique=True),
    st.lists(st.sampled_from(ADDRESSES), min_size=1, max_size=2, unique=True),
    st.just([]),
)


def sightings(*kinds):
    """Events in any order of their times; no two at the same time."""
    rows = st.lists(st.one_of(*kinds), min_size=1, max_size=12, unique_by=lambda row: row[0])
    return rows.map(lambda each: [sighting(number, *row) for number, row in enumerate(each)])


@given(sightings(messages, cards, changes), st.data())
def test_however_the_events_are_cut_into_batches_they_come_to_the_same(events, data):
    whole, cut = Tables(), Tables()
    whole.apply(events)
    start = 0
    while start < len(events):
        end = data.draw(st.integers(start + 1, len(events)))
        cut.apply(events[start:end])
        start = end
    assert whole.authors == cut.authors
    assert whole.bonds == cut.bonds

    def rows(tables: Tables) -> dict[Key, list[Holding]]:
        return {key: sorted(each, key=repr) for key, each in tables.holdings.items() if each}

    assert rows(whole) == rows(cut)


@given(sightings(messages, cards), st.randoms())
def test_without_retirements_people_are_the_components_of_what_was_named_together_in_any_order(events, random):
    shuffled = list(events)
    random.shuffle(shuffled)
    tables = Tables()
    tables.apply(shuffled)
    named = [{each.key for each in (*event.addresses, *event.own_phones)} for event in events]
    expected = components({key for keys in named for key in keys}, named)
    people = tables.people()
    author = {event.event_id: people[who] for event, who in zip(shuffled, tables.authors, strict=True)}
    for one in events:
        for other in events:
            same = expected[one.addresses[0].key] == expected[other.addresses[0].key]
            assert same == (author[one.event_id] == author[other.event_id])


@given(sightings(messages, cards), st.data())
def test_applying_events_again_makes_nobody_and_joins_nobody(events, data):
    tables = Tables()
    tables.apply(events)
    ages, people = dict(tables.ages), tables.people()
    again = data.draw(st.lists(st.sampled_from(events)))
    made = tables.apply(again)
    assert (tables.ages, tables.people()) == (ages, people)
    assert (made.bindings, made.retirements, made.claims) == ([], [], [])


@given(sightings(messages, cards, changes))
def test_an_address_has_one_holder_at_a_time(events):
    tables = Tables()
    tables.apply(events)
    for rows in tables.holdings.values():
        assert len({each.retired_time for each in rows if each.retired_time > each.first_seen_time}) == len(
            [each for each in rows if each.retired_time > each.first_seen_time]
        )


@given(st.lists(st.sampled_from(ADDRESSES), min_size=1, max_size=3, unique=True))
def test_all_new_addresses_of_one_message_are_one_channel_user(held: list[Address]):
    made = plan([sighting(1, 0, held)], Known({}, {}))
    assert {each.channel_user_id for each in made.bindings} == set(made.authors) == set(made.newcomers)
    assert made.bonds == []
