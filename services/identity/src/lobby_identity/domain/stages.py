"""Stages of people's life cycles: a change stays on the record that was moved, and of a person the last one counts."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from lobby_identity.domain.identifiers import ContactId


@dataclass(frozen=True, slots=True)
class LifeCycle:
    """The stages of a workspace, and to which a purchase moves a contact ("": to none)."""

    stages: tuple[str, ...] = ("new", "engaged", "customer", "dormant", "lost")
    purchase_stage: str = "customer"

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
