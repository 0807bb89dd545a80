"""Stages of people's life cycles: a change stays on the record that was moved, and of a person the last one counts."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from lobby_identity.domain.identifiers import ContactId


@dataclass(frozen=True, slots=True)
class Silence:
    """Who has not written for so many days or months of the calendar is in a stage."""

    stage: str
    days: int
    months: int


@dataclass(frozen=True, slots=True)
class Timed:
    """A stage to which the clock moved a person at `time`, by a rule."""

    stage: str
    rule_id: str
    time: datetime


@dataclass(frozen=True, slots=True)
class LifeCycle:
    """The stages of a workspace, and to which a purchase moves a contact ("": to none)."""

    stages: tuple[str, ...] = ("new", "engaged", "customer", "dormant", "lost")
    purchase_stage: str = "customer"
    silences: tuple[Silence, ...] = ()
    """After which silence people are in which of the stages."""

    @property
    def first(self) -> str:
        """The stage of who was never moved."""
        return self.stages[0]


@dataclass(frozen=True, slots=True)
class StageChange:
    """A record moved to a stage."""

    change_id: str
    contact_id: ContactId
    stage: str
    former_stage: str
    origin: str
    source_id: str
    time: datetime


def last(changes: Iterable[StageChange]) -> StageChange | None:
    """Returns the change that counts for a person. None of none."""
    return max(changes, key=lambda each: (each.time, each.change_id), default=None)


def by_clock(life_cycle: LifeCycle, change: StageChange | None, timed: Iterable[Timed]) -> Timed | None:
    """Returns the stage in which the clock has put a person; None where he is where he was moved last.

    Time moves people onwards only, in the order of the stages, and nobody who was moved after it would have done so.
    """
    order = {stage: place for place, stage in enumerate(life_cycle.stages)}
    here = order.get(change.stage if change else life_cycle.first, -1)
    onwards = [
        each for each in timed if order.get(each.stage, -1) > here and (change is None or change.time < each.time)
    ]
    return max(onwards, key=lambda each: order[each.stage], default=None)
