"""Random lives under random policies: what really happened, the events that tell it, and the plain recount of it."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random

from lobby_counter.policies import BaseMode, Campaign, CampaignId, DedupeLevel, Policy

BEGIN = datetime(2026, 11, 1, tzinfo=UTC)
ALWAYS = datetime(1, 1, 2, tzinfo=UTC)
USERS = ("u1", "u2", "u3", "u4")
ROWS = {"row 1": "u1", "row 2": "u2", "row 3": "u2"}
ACCOUNTS = {"WA1": 1, "WA2": 1, "TG1": 2}


@dataclass(frozen=True)
class Wrote:
    """Somebody wrote in a chat; `contact` is who identity thought the channel user was then."""

    user: str
    account: str
    at: datetime
    kind: str
    contact: str

    @property
    def name(self) -> str:
        """What is told of it, it is told under this name; ordered by time."""
        return f"{self.at.isoformat()} {self.user} {self.account} {self.kind}"


@dataclass(frozen=True)
class Joined:
    """A merge or its undo: all persons it touched, with all their channel users."""

    merge: str
    split: bool
    persons: tuple[tuple[str, frozenset[str]], ...]
    version: int


@dataclass(frozen=True)
class Imported:
    """A channel user was imported as already known; `contact` is who he was then."""

    row: str
    user: str
    contact: str
    effective_from: datetime


@dataclass(frozen=True)
class Undone:
    """The import was undone."""

    row: str
    user: str
    contact: str


Event = Wrote | Joined | Imported | Undone


@dataclass
class Life:
    """The truth: who wrote what, which links hold, who is in the base since when, which campaigns there are."""

    campaigns: tuple[Campaign, ...]
    wrote: list[Wrote] = field(default_factory=list)
    links: dict[str, tuple[str, str]] = field(default_factory=dict)
    known: dict[str, datetime] = field(default_factory=dict)
    imported: set[str] = field(default_factory=set)
    version: int = 0

    def person(self, node: str) -> frozenset[str]:
        """The channel users that are one person with this one."""
        found, edge = {node}, {node}
        while edge:
            edge = {b for link in self.links.values() for a, b in (link, link[::-1]) if a in edge} - found
            found |= edge
        return frozenset(found)

    def contact(self, node: str) -> str:
        """The name of its person."""
        return min(self.person(node))

    def campaign(self, said: Wrote) -> str:
        """In which campaign it was written."""
        held = [c for c in self.campaigns if said.account in c.account_ids and c.start_time <= said.at]
        return next((c.campaign_id for c in held if c.end_time is None or said.at < c.end_time), "")

    def entries(self, policy: Policy) -> list[Wrote]:
        """What is an entry: the first greeting of a chat in each campaign, and each one after long enough a silence."""
        found, last, seen = [], {}, set()
        for said in sorted(self.wrote, key=lambda each: each.name):
            chat, place = (said.user, said.account), (said.user, said.account, self.campaign(said))
            quiet = said.at - last.get(chat, said.at)
            gap = policy.reentry_gap_days
            if said.kind == "greeting" and (place not in seen or (gap and quiet >= timedelta(days=gap))):
                found.append(said)
            seen |= {place} if said.kind == "greeting" else set()
            last[chat] = said.at
        return [e for e in found if self._passes(e, policy)]

    def _passes(self, said: Wrote, policy: Policy) -> bool:
        return (
            (not policy.platforms or ACCOUNTS[said.account] in policy.platforms)
            and (not policy.account_ids or said.account in policy.account_ids)
            and (policy.campaign_id is None or self.campaign(said) == policy.campaign_id)
        )

    def recount(self, policy: Policy) -> dict[str, str]:
        """The rule in ten lines: verdict by the name of the greeting."""
        verdicts: dict[str, str] = {}
        new: dict[tuple[frozenset[str], str], datetime] = {}
        for said in self.entries(policy):
            person = self.person(said.user)
            unit = {"workspace": "", "account": said.account, "campaign": self.campaign(said) or said.account}
            key = (person, unit[policy.dedupe_level])
            if any(said.at >= since for row, since in self.known.items() if ROWS[row] in person):
                verdicts[said.name] = "excluded" if policy.base_mode == "exclude" else "repeat"
            elif key not in new or (policy.window_days and said.at - new[key] >= timedelta(days=policy.window_days)):
                verdicts[said.name], new[key] = "new", said.at
            else:
                verdicts[said.name] = "repeat"
        return verdicts


def life(random: Random, length: int) -> tuple[Life, list[Event]]:
    """A life, and what was told of it in the order in which it happened."""
    world, told = Life(_campaigns(random)), list[Event]()
    times = random.sample(range(24 * 40), length)
    for number, hours in enumerate(times):
        event = _next(random, world, BEGIN + timedelta(hours=hours), f"m{number}")
        if event is not None:
            told.append(event)
    return world, told


def _campaigns(random: Random) -> tuple[Campaign, ...]:
    if random.random() < 0.3:
        return ()
    first, second, third = (BEGIN + timedelta(days=day) for day in sorted(random.sample(range(1, 40), 3)))
    return (
        Campaign(CampaignId("c1"), frozenset({"WA1", "TG1"}), first, second),
        Campaign(CampaignId("c2"), frozenset({"WA1"}), second, random.choice((None, third))),
        Campaign(CampaignId("c3"), frozenset({"WA2"}), first),
    )


def _next(random: Random, world: Life, at: datetime, merge: str) -> Event | None:
    choice = random.random()
    if choice < 0.65:
        user = random.choice(USERS)
        kind = random.choices(("greeting", "reaction", "answer"), (5, 1, 1))[0]
        said = Wrote(user, random.choice(tuple(ACCOUNTS)), at, kind, world.contact(user))
        world.wrote.append(said)
        return said
    if choice < 0.72:
        row, user = random.choice(tuple(ROWS.items()))
        if row in world.imported:
            return Undone(row, user, world.contact(user)) if world.known.pop(row, None) else None
        world.imported.add(row)
        world.known[row] = random.choice((at, ALWAYS))
        return Imported(row, user, world.contact(user), world.known[row])
    world.version += 1
    if choice < 0.9:
        world.links[merge] = (left, right) = tuple(random.sample(USERS, 2))
        person = world.person(left)
        return Joined(merge, split=False, persons=((min(person), person),), version=world.version)
    if not world.links:
        return None
    undone = random.choice(sorted(world.links))
    left, right = world.links.pop(undone)
    persons = {world.person(left), world.person(right)}
    return Joined(undone, split=True, persons=tuple((min(each), each) for each in persons), version=world.version)


def policy(random: Random) -> Policy:
    """Any policy."""
    return Policy(
        dedupe_level=random.choice(tuple(DedupeLevel)),
        window_days=random.choice((None, None, 1, 3, 10)),
        reentry_gap_days=random.choice((None, None, 1, 2, 7)),
        base_mode=random.choice(tuple(BaseMode)),
        platforms=frozenset(random.choice(((), (), (1,), (2,)))),
        account_ids=frozenset(random.choice(((), (), ("WA1", "TG1")))),
        campaign_id=random.choice((None, None, None, CampaignId("c1"))),
    )
