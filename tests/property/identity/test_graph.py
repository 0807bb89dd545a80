"""Laws of the graph: persons are the components of the links that remain, and undo gives back what was."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from lobby_identity.domain.graph import AlreadyOne, Edge, Joined, People, Record, Roots, TooLarge, components

START = datetime(2026, 11, 22, tzinfo=UTC)
COUNT = 7


class World:
    """All records, the links that hold, and a version that rises."""

    def __init__(self) -> None:
        self.records = [
            Record(f"c{number}", f"u{number}", f"c{number}", START + timedelta(minutes=number))
            for number in range(COUNT)
        ]
        self.links: dict[int, tuple[Edge, Roots]] = {}
        self.version = 0
        self.number = 0

    def join(self, one: str, other: str, *, by_hand: bool = True) -> Joined | AlreadyOne | TooLarge:
        self.version += 1
        self.number += 1
        people = People(self.records)
        root = one if by_hand else people.elder(one, other)
        outcome = people.join(one, other, root=root, version=self.version)
        self.links[self.number] = (Edge(str(self.number), one, other), outcome.roots)
        self._keep(people)
        return outcome

    def undo(self, number: int) -> list[str]:
        self.version += 1
        edge, found = self.links.pop(number)
        people = People(self.records)
        present = people.root_of(edge.contact_id)
        members = {each.contact_id for each in people.group(present)}
        edges = [each for each, _ in self.links.values() if each.contact_id in members]
        heads = people.cut(edge.contact_id, found, edges, version=self.version)
        self._keep(people)
        return heads

    def _keep(self, people: People) -> None:
        changed = {each.contact_id: each for each in people.changed()}
        self.records = [changed.get(each.contact_id, each) for each in self.records]

    def roots(self) -> dict[str, str]:
        return {each.contact_id: each.root for each in self.records}

    def check(self) -> None:
        """Persons are the components of the links, each below one of its own records."""
        roots = self.roots()
        edges = [edge for edge, _ in self.links.values()]
        for part in components(roots, edges):
            heads = {roots[each] for each in part}
            assert len(heads) == 1
            assert heads <= part


steps = st.lists(
    st.tuples(st.integers(0, COUNT - 1), st.integers(0, COUNT - 1), st.sampled_from(["hand", "rule", "undo"])),
    max_size=25,
)


def play(world: World, rows) -> None:
    for one, other, kind in rows:
        if kind == "undo":
            if world.links:
                world.undo(sorted(world.links)[one % len(world.links)])
        elif one != other:
            world.join(f"c{one}", f"c{other}", by_hand=kind == "hand")
        world.check()


@given(steps)
def test_persons_are_always_the_components_of_the_links_that_hold(rows):
    play(World(), rows)


@given(steps, st.integers(0, COUNT - 1), st.integers(0, COUNT - 1), st.booleans())
def test_undoing_the_last_link_gives_everybody_his_id_back(rows, one, other, by_hand):
    world = World()
    play(world, rows)
    before = world.roots()
    if one == other:
        return
    world.join(f"c{one}", f"c{other}", by_hand=by_hand)
    world.undo(world.number)
    assert world.roots() == before


@given(steps, st.randoms())
def test_when_all_links_are_undone_everybody_is_himself_again(rows, random):
    world = World()
    play(world, rows)
    numbers = list(world.links)
    random.shuffle(numbers)
    for number in numbers:
        world.undo(number)
    assert world.roots() == {each: each for each in world.roots()}


@given(steps, st.integers(0, COUNT - 1), st.integers(0, COUNT - 1))
def test_a_merge_by_hand_survives_under_the_id_named_first(rows, one, other):
    world = World()
    play(world, rows)
    if one == other:
        return
    outcome = world.join(f"c{one}", f"c{other}")
    assert world.roots()[f"c{one}"] == world.roots()[f"c{other}"] == f"c{one}"
    if isinstance(outcome, Joined):
        assert outcome.root == f"c{one}" != outcome.merged_root
        assert outcome.merged_root in world.roots()


@given(steps)
def test_a_split_keeps_the_present_root_in_its_own_part(rows):
    world = World()
    play(world, rows)
    for number in list(world.links):
        before = world.roots()
        edge, found = world.links[number]
        heads = world.undo(number)
        present = before[edge.contact_id]
        last_change = found.version and present not in (found.contact_root, found.other_root)
        if not last_change:
            assert heads[0] == present
