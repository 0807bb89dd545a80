"""Which contacts a list holds: those that show certain tags, a stage, values of attributes.

Whether a person fits is decided by what he shows, and by nothing else. Signs are what the database can look for first:
nobody fits who has not got them, but not everybody fits who has.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from lobby_identity.domain import rules
from lobby_identity.domain.attributes import Value
from lobby_identity.domain.rules import Rule
from lobby_identity.domain.stages import LifeCycle


@dataclass(frozen=True, slots=True)
class Filter:
    """What a contact of the list shows: all of these tags, the stage ("": any), and these values."""

    tags: tuple[str, ...] = ()
    stage: str = ""
    values: Mapping[str, Value] = field(default_factory=dict)

    def __bool__(self) -> bool:
        """Something is asked for."""
        return bool(self.tags or self.stage or self.values)

    def fits(self, tags: Sequence[str], stage: str, values: Mapping[str, Value]) -> bool:
        """Returns whether somebody who shows this is in the list."""
        return (
            set(self.tags) <= set(tags)
            and self.stage in ("", stage)
            and all(values.get(name) == value for name, value in self.values.items())
        )


class Sign(NamedTuple):
    """Some record of a person is so, by a condition of `filters.sql`; `absent`: none of them is."""

    condition: str
    values: tuple[Any, ...]
    absent: bool = False


Signs = tuple[Sign, ...]
"""Who fits has one of them."""


def signs(wanted: Filter, life_cycle: LifeCycle, of: Sequence[Rule], now: datetime) -> list[Signs]:
    """Returns what everybody has who fits: one of each."""
    found = [_of_tag(tag, of, now) for tag in wanted.tags]
    if wanted.stage:
        found.append(_of_stage(wanted.stage, life_cycle, of, now))
    found += [(_of_value(name, value),) for name, value in wanted.values.items()]
    return [each for each in found if each]


def _of_tag(tag: str, of: Sequence[Rule], now: datetime) -> Signs:
    """Returns () where nothing can be said before a person is looked at."""
    found = [Sign("tagged", (tag,))]
    watched = min((rule.create_time for rule in of if rule.asks_for_activity), default=now)
    for rule in of:
        if rule.tag != tag or rule.lasting or rule.moves:
            continue
        # Whoever was there before anybody looked counts as seen then.
        if rule.kind == rules.SEEN_WITHIN and watched > rule.boundary(now):
            return ()
        found.append(_of_rule(rule, now))
    return tuple(found)


def _of_rule(rule: Rule, now: datetime) -> Sign:
    if rule.kind in {rules.SPENT_AT_LEAST, rules.SPENT_LESS_THAN}:
        return Sign("bought", (rule.currency,))
    boundary = rule.time or rule.boundary(now)
    if rule.kind in {rules.SILENT_FOR, rules.STAGE_SILENT_FOR}:
        return Sign("wrote", (boundary,), absent=True)
    conditions = {rules.SEEN_WITHIN: "seen", rules.FIRST_SEEN_BEFORE: "entered_before"}
    return Sign(conditions.get(rule.kind, "entered_from"), (boundary,))


def _of_stage(stage: str, life_cycle: LifeCycle, of: Sequence[Rule], now: datetime) -> Signs:
    found = [Sign("moved_to", (stage,))]
    if stage == life_cycle.first:
        found.append(Sign("moved", (), absent=True))
    return (*found, *(_of_rule(rule, now) for rule in of if rule.moves and rule.tag == stage))


def _of_value(name: str, value: Value) -> Sign:
    [(kind, given)] = [(kind, each) for kind, each in value._asdict().items() if each is not None]
    return Sign(f"has_{kind}", (name, given))
