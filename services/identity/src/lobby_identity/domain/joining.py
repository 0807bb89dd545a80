"""Rows of a file against the people that are known: who is new, who is known, and what hangs together.

A phone may become a messenger's account, so each has a channel user of its own; e-mails and ids go to the first one.
Rows that share an identifier are one group and one person. A group that leads to several persons, or to several ids of
the workspace's own system with those of whom it leads to, is in conflict: nothing is joined, unless the importer says
so.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from lobby_common.ids import derive_ordered_id
from lobby_identity.domain.identifiers import CRM_ID, PHONE, ChannelUserId, ContactId

NEW = "new"
KNOWN = "known"
REPEATED = "repeated"
CONFLICT = "conflict"

SEVERAL_PERSONS = "SEVERAL_PERSONS"
SEVERAL_CRM_IDS = "SEVERAL_CRM_IDS"


class Named(NamedTuple):
    """An identifier of a row: equal kind and key are the same address."""

    kind: str
    match_key: str
    value: str


class Said(NamedTuple):
    """A value of one of the workspace's attributes: its kind, and the text from which it is read."""

    name: str
    kind: str
    text: str


class Row(NamedTuple):
    """What a row of the file says."""

    row_number: int
    named: tuple[Named, ...]
    display_name: str = ""
    country: str = ""
    tags: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    """Of what was left out."""
    said: tuple[Said, ...] = ()
    """Each attribute once."""


Address = tuple[str, str]
"""Kind and match key."""


class Holder(NamedTuple):
    """A channel user who holds an identifier; his contact, and that of the person."""

    channel_user_id: ChannelUserId
    contact_id: ContactId
    root: ContactId
    first_seen_time: datetime


class Birth(NamedTuple):
    """A channel user whom the import makes, with the contact he begins as."""

    channel_user_id: ChannelUserId
    contact_id: ContactId
    display_name: str
    country: str
    tags: tuple[str, ...]
    said: tuple[Said, ...] = ()


class Lesson(NamedTuple):
    """What a row says of a contact who is there already."""

    contact_id: ContactId
    display_name: str
    country: str
    tags: tuple[str, ...]
    said: tuple[Said, ...] = ()


class Verdict(NamedTuple):
    """What became of a row."""

    row_number: int
    outcome: str
    reasons: tuple[str, ...]
    contact_ids: tuple[ContactId, ...] = ()


@dataclass(slots=True)
class Plan:
    """What some groups come to."""

    births: list[Birth] = field(default_factory=list)
    bindings: list[tuple[Named, ChannelUserId]] = field(default_factory=list)
    changed: dict[ContactId, None] = field(default_factory=dict)
    """Contacts who were there and have another identifier."""
    bonds: list[tuple[ContactId, ContactId]] = field(default_factory=list)
    lessons: list[Lesson] = field(default_factory=list)
    members: list[tuple[int, ChannelUserId, bool]] = field(default_factory=list)
    """Row, channel user, and whether the import makes him: who is known by it."""
    verdicts: list[Verdict] = field(default_factory=list)


def plan(
    import_id: str,
    at: datetime,
    groups: Iterable[Sequence[Row]],
    held: Mapping[Address, Holder],
    ids: Mapping[ContactId, set[str]],
    *,
    link_conflicts: bool,
    most_bonds: int,
) -> tuple[Plan, int]:
    """Returns what the groups come to, and how many of them: after `most_bonds` bonds no further group is taken.

    `ids`: of the workspace's own system, by the root of who is known; asked for where rows have such ids.
    The same input gives the same ids; at least one group is taken.
    """
    made = Plan()
    known_ids = {root: set(keys) for root, keys in ids.items()}
    taken = 0
    for rows in groups:
        if taken and len(made.bonds) >= most_bonds:
            break
        _Group(import_id, at, rows, held, known_ids, made=made).settle(link_conflicts=link_conflicts)
        taken += 1
    return made, taken


def _besides(row: Row) -> tuple[str, str, tuple[str, ...], tuple[Said, ...]]:
    """Returns what a row says besides identifiers, in the order of Birth's and Lesson's fields."""
    return row.display_name, row.country, row.tags, row.said


def _person(rows: Sequence[Row]) -> Row:
    """Returns the first row as it would be if it said what all of them say: of names and values the first, all tags."""
    if len(rows) == 1:
        return rows[0]
    said = {each.name: each for row in reversed(rows) for each in row.said}
    return rows[0]._replace(
        display_name=next((row.display_name for row in rows if row.display_name), ""),
        country=next((row.country for row in rows if row.country), ""),
        tags=tuple(sorted({tag for row in rows for tag in row.tags})),
        said=tuple(said[name] for name in sorted(said)),
    )


class _Group:
    """Rows that hang together."""

    def __init__(
        self,
        import_id: str,
        at: datetime,
        rows: Sequence[Row],
        held: Mapping[Address, Holder],
        ids: dict[ContactId, set[str]],
        *,
        made: Plan,
    ) -> None:
        self._import_id = import_id
        self._at = at
        self._rows = rows
        self._ids = ids
        self._made = made
        self._holders = {each[:2]: held[each[:2]] for row in rows for each in row.named if each[:2] in held}
        self._is_born: set[ChannelUserId] = set()

    def settle(self, *, link_conflicts: bool) -> None:
        """The group is in the plan."""
        persons = tuple(sorted({each.root for each in self._holders.values()}))
        conflict = self._conflict(persons)
        if conflict and not link_conflicts:
            for row in self._rows:
                self._alone(row)
        else:
            self._together()
        self._judge(persons, conflict)
        self._note_members()

    def _conflict(self, persons: Sequence[ContactId]) -> tuple[str, ...]:
        reasons = []
        if len(persons) > 1:
            reasons.append(SEVERAL_PERSONS)
        ids = {each.match_key for row in self._rows for each in row.named if each.kind == CRM_ID}
        if ids and len(ids.union(*(self._ids.get(each, ()) for each in persons))) > 1:
            reasons.append(SEVERAL_CRM_IDS)
        return tuple(reasons)

    def _together(self) -> None:
        """All are one person: the eldest who is known, else the first who is born."""
        known = sorted(set(self._holders.values()), key=lambda each: (each.first_seen_time, each.channel_user_id))
        anchor = known[0] if known else None
        person = _person(self._rows)
        rest: dict[Address, Named] = {}
        for row in self._rows:
            for place, each in enumerate(row.named):
                if each[:2] in self._holders:
                    continue
                if each.kind != PHONE:
                    rest.setdefault(each[:2], each)
                    continue
                like = person._replace(tags=(), said=()) if anchor else person
                born = self._born(row.row_number, place, like)
                self._bind(each, born)
                if anchor is None:
                    anchor = born
                else:
                    self._made.bonds.append((anchor.contact_id, born.contact_id))
        if anchor is None:
            anchor = self._born(self._rows[0].row_number, 0, person)
        for each in rest.values():
            self._bind(each, anchor)
        for root in sorted({each.root for each in known} - {anchor.root}):
            self._made.bonds.append((anchor.contact_id, root))
        if known and any(_besides(person)):
            self._made.lessons.append(Lesson(anchor.contact_id, *_besides(person)))

    def _alone(self, row: Row) -> None:
        """A row in conflict: nothing is joined, and phones that nobody holds are somebody's; of several ids none is."""
        leads = any(each[:2] in self._holders for each in row.named)
        first: Holder | None = None
        for place, each in enumerate(row.named):
            if each.kind == PHONE and each[:2] not in self._holders:
                born = self._born(row.row_number, place, row)
                self._bind(each, born)
                first = first or born
        if leads:
            return
        several = sum(each.kind == CRM_ID for each in row.named) > 1
        for place, each in enumerate(row.named):
            if each[:2] not in self._holders and not (several and each.kind == CRM_ID):
                first = first or self._born(row.row_number, place, row)
                self._bind(each, first)

    def _born(self, row_number: int, place: int, like: Row) -> Holder:
        """Somebody of whom is known what the row says besides identifiers."""
        parts = (self._import_id, str(row_number), str(place))
        channel_user_id = ChannelUserId(derive_ordered_id(self._at, row_number, "channel_user", *parts))
        contact_id = ContactId(derive_ordered_id(self._at, row_number, "contact", *parts))
        self._made.births.append(Birth(channel_user_id, contact_id, *_besides(like)))
        self._is_born.add(channel_user_id)
        return Holder(channel_user_id, contact_id, contact_id, self._at)

    def _bind(self, named: Named, holder: Holder) -> None:
        self._holders[named[:2]] = holder
        if named.kind == CRM_ID:
            self._ids.setdefault(holder.root, set()).add(named.match_key)
        self._made.bindings.append((named, holder.channel_user_id))
        if holder.channel_user_id not in self._is_born:
            self._made.changed[holder.contact_id] = None

    def _judge(self, persons: tuple[ContactId, ...], conflict: tuple[str, ...]) -> None:
        first = KNOWN if persons else NEW
        for place, row in enumerate(self._rows):
            if conflict:
                self._made.verdicts.append(Verdict(row.row_number, CONFLICT, (*row.reasons, *conflict), persons))
            else:
                outcome = REPEATED if place else first
                self._made.verdicts.append(Verdict(row.row_number, outcome, row.reasons))

    def _note_members(self) -> None:
        noted: set[ChannelUserId] = set()
        for row in self._rows:
            for each in row.named:
                holder = self._holders.get(each[:2])
                if holder is not None and holder.channel_user_id not in noted:
                    noted.add(holder.channel_user_id)
                    self._made.members.append(
                        (row.row_number, holder.channel_user_id, holder.channel_user_id in self._is_born)
                    )
