"""Random histories of people: what really happened, the events that tell it, and the plain recount of it."""

from dataclasses import dataclass, field
from random import Random

USERS = ("u1", "u2", "u3", "u4", "u5")
ACCOUNTS = ("WA1", "TG1", "LN1")


@dataclass(frozen=True)
class Says:
    """A channel user wrote; `contact` is who identity thought he was then."""

    user: str
    account: str
    minute: int
    contact: str


@dataclass(frozen=True)
class Regroups:
    """A merge or its undo: all persons it touched, with all their members."""

    merge: str
    split: bool
    groups: tuple[tuple[str, tuple[str, ...]], ...]
    version: int


Happening = Says | Regroups


@dataclass
class World:
    """The truth: who wrote what, and which links hold."""

    said: list[Says] = field(default_factory=list)
    links: dict[str, tuple[str, str]] = field(default_factory=dict)
    version: int = 0

    def members(self, user: str) -> frozenset[str]:
        """The person of a channel user: what is reached over links."""
        found, edge = {user}, {user}
        while edge:
            edge = {b for link in self.links.values() for a, b in (link, link[::-1]) if a in edge} - found
            found |= edge
        return frozenset(found)

    def contact(self, user: str) -> str:
        """The name of his person."""
        return min(self.members(user))

    def recount(self) -> dict[tuple[str, str], str]:
        """The rule in ten lines: verdict by (user, account)."""
        first: dict[tuple[str, str], int] = {}
        for each in self.said:
            place = (each.user, each.account)
            first[place] = min(first.get(place, each.minute), each.minute)
        verdicts = {}
        for place, minute in first.items():
            person = self.members(place[0])
            others = (other for (user, _), other in first.items() if user in person)
            verdicts[place] = "new" if minute == min(others) else "repeat"
        return verdicts


def history(random: Random, length: int) -> tuple[World, list[Happening]]:
    """A world, and what was told of it in the order in which it happened."""
    world, told = World(), list[Happening]()
    minutes = list(range(10 * length))
    random.shuffle(minutes)
    for number in range(length):
        happening = _next(random, world, minutes.pop(), f"m{number}")
        if happening is not None:
            told.append(happening)
    return world, told


def _next(random: Random, world: World, minute: int, merge: str) -> Happening | None:
    choice = random.random()
    if choice < 0.6:
        user = random.choice(USERS)
        said = Says(user, random.choice(ACCOUNTS), minute, world.contact(user))
        world.said.append(said)
        return said
    world.version += 1
    if choice < 0.85:
        left, right = random.sample(USERS, 2)
        world.links[merge] = (left, right)
        members = world.members(left)
        return Regroups(merge, split=False, groups=((min(members), tuple(members)),), version=world.version)
    if not world.links:
        return None
    undone = random.choice(sorted(world.links))
    left, right = world.links.pop(undone)
    persons = {world.members(left), world.members(right)}
    groups = tuple((min(person), tuple(person)) for person in persons)
    return Regroups(undone, split=True, groups=groups, version=world.version)


def deliveries(random: Random, told: list[Happening]) -> list[list[Happening]]:
    """The same told in any order, some of it more than once, cut into batches anyhow."""
    shuffled = [*told, *random.sample(told, len(told) // 2)]
    random.shuffle(shuffled)
    batches: list[list[Happening]] = [[]]
    for each in shuffled:
        if random.random() < 0.4:
            batches.append([])
        batches[-1].append(each)
    return batches
