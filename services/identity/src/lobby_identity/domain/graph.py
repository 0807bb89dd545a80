"""Which records are one person: components of the links that hold, each with one canonical id.

A record is a contact as it was born, with its channel user. Links are the truth; `root` (the canonical id) is derived
and kept flat. A record that stops being a root remembers in which version: a split gives back the ids of before.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from lobby_identity.domain.identifiers import ChannelUserId, ContactId

LARGEST_GROUP = 1_000
"""Channel users of one person at most: more is a shared address, not a person."""


@dataclass(frozen=True, slots=True)
class Record:
    """A contact as it was born."""

    contact_id: ContactId
    channel_user_id: ChannelUserId
    root: ContactId
    first_seen_time: datetime
    version: int = 0
    """Version of the last change of its group."""
    below_since: int = 0
    """Version in which it last stopped being a root."""


@dataclass(frozen=True, slots=True)
class Edge:
    """A link that holds."""

    link_id: str
    contact_id: ContactId
    other_contact_id: ContactId


@dataclass(frozen=True, slots=True)
class Roots:
    """Whom a link found in charge, to give it back: the roots of both ends, and the version it made (0: none)."""

    contact_root: ContactId
    other_root: ContactId
    version: int


@dataclass(frozen=True, slots=True)
class Joined:
    """Two persons became one, or one person has another canonical id: then `merged_root` is his former one."""

    root: ContactId
    merged_root: ContactId
    members: tuple[Record, ...]
    roots: Roots


@dataclass(frozen=True, slots=True)
class AlreadyOne:
    """The link joins what was one person before; nobody changes."""

    roots: Roots


@dataclass(frozen=True, slots=True)
class TooLarge:
    """The person would have more channel users than a person can have; nobody changes."""

    size: int
    roots: Roots


@dataclass(frozen=True, slots=True)
class NotSame:
    """Somebody said that they are not one person: no rule joins them, a person may."""

    roots: Roots


@dataclass(frozen=True, slots=True)
class SeveralIds:
    """Each has an id of the workspace's own system, and they are two: no rule joins them, a person may."""

    roots: Roots


Outcome = Joined | AlreadyOne | TooLarge | NotSame | SeveralIds
"""What became of a link."""


class People:
    """Records of whole groups, and what becomes of them."""

    def __init__(self, records: Iterable[Record]) -> None:
        self._records = {record.contact_id: record for record in records}
        self._groups: dict[ContactId, set[ContactId]] = {}
        for record in self._records.values():
            self._groups.setdefault(record.root, set()).add(record.contact_id)
        self._changed: set[ContactId] = set()

    def root_of(self, contact_id: ContactId) -> ContactId:
        """Returns the canonical id of a record."""
        return self._records[contact_id].root

    def group(self, root: ContactId) -> tuple[Record, ...]:
        """Returns the records of a person in the order of their ids."""
        return tuple(self._records[each] for each in sorted(self._groups[root]))

    def roots(self) -> dict[ContactId, ContactId]:
        """Returns the canonical id of every record."""
        return {each: record.root for each, record in self._records.items()}

    def elder(self, one: ContactId, other: ContactId) -> ContactId:
        """Returns the older root of two records: it survives where nobody says otherwise."""
        return min(self.root_of(one), self.root_of(other), key=self._age)

    def changed(self) -> list[Record]:
        """Returns the records that are no longer as they were given."""
        return [self._records[each] for each in sorted(self._changed)]

    def join(
        self, contact_id: ContactId, other_contact_id: ContactId, *, root: ContactId, version: int
    ) -> Joined | AlreadyOne | TooLarge:
        """Both records are one person under `root`, which is a record of one of their groups."""
        ends = self.root_of(contact_id), self.root_of(other_contact_id)
        if ends[0] == ends[1]:
            return self._put_first(root, Roots(*ends, version))
        size = sum(len(self._groups[each]) for each in ends)
        if size > LARGEST_GROUP:
            return TooLarge(size, Roots(*ends, 0))
        merged = ends[1] if self.root_of(root) == ends[0] else ends[0]
        self._settle(self._groups.pop(ends[0]) | self._groups.pop(ends[1]), root, version)
        return Joined(root, merged, self.group(root), Roots(*ends, version))

    def _put_first(self, root: ContactId, roots: Roots) -> Joined | AlreadyOne:
        """Of those who are one person already only the canonical id may change."""
        if root == roots.contact_root:
            return AlreadyOne(replace(roots, version=0))
        self._settle(self._groups.pop(roots.contact_root), root, roots.version)
        return Joined(root, roots.contact_root, self.group(root), roots)

    def cut(self, contact_id: ContactId, roots: Roots, edges: Sequence[Edge], *, version: int) -> list[ContactId]:
        """The record's group falls into the components of the edges that remain; returns their roots.

        `roots` is whom the edge that is gone found in charge. The present root's component comes first. It keeps its
        id and the others get back the one they had last; undoing the very last change of a group gives both sides
        exactly what they had.
        """
        present = self.root_of(contact_id)
        members = self._groups[present]
        parts = components(members, edges)
        former = (roots.contact_root, roots.other_root)
        exact = roots.version != 0 and roots.version == self._records[present].version
        heads_before = former if exact and present not in former else ()
        if len(parts) == 1 and not (heads_before and former[0] == former[1]):
            return [present]
        del self._groups[present]
        heads = []
        for part in sorted(parts, key=lambda part: (present not in part, min(part))):
            head = next((each for each in (*heads_before, present) if each in part), None) or self._latest_root(part)
            self._settle(part, head, version)
            heads.append(head)
        return heads

    def _latest_root(self, part: set[ContactId]) -> ContactId:
        return max(part, key=lambda each: (self._records[each].below_since, each))

    def _settle(self, members: set[ContactId], root: ContactId, version: int) -> None:
        for each in members:
            record = self._records[each]
            was_root = record.root == each
            self._records[each] = replace(
                record,
                root=root,
                version=version,
                below_since=version if was_root and each != root else record.below_since,
            )
        self._groups[root] = set(members)
        self._changed |= members

    def _age(self, contact_id: ContactId) -> tuple[datetime, ContactId]:
        return self._records[contact_id].first_seen_time, contact_id


def components(members: Iterable[ContactId], edges: Iterable[Edge]) -> list[set[ContactId]]:
    """Returns the members in connected parts."""
    neighbours: Mapping[ContactId, set[ContactId]] = {each: set() for each in members}
    for edge in edges:
        neighbours[edge.contact_id].add(edge.other_contact_id)
        neighbours[edge.other_contact_id].add(edge.contact_id)
    parts: list[set[ContactId]] = []
    unseen = set(neighbours)
    while unseen:
        part, front = set(), [unseen.pop()]
        while front:
            each = front.pop()
            part.add(each)
            reached = neighbours[each] & unseen
            unseen -= reached
            front.extend(reached)
        parts.append(part)
    return parts
