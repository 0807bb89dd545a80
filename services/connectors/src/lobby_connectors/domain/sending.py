"""Where an outbound message stands, and how answers, receipts and people move it."""

import random
from datetime import datetime, timedelta

from msgspec import Struct
from msgspec.structs import replace

from lobby_connectors.domain.items import Refusal
from lobby_connectors.domain.kinds import Delivery

LONGEST_WAIT = 60.0
"""Seconds: a platform that wants a longer pause gets none, the message fails and says so."""
RATE_ATTEMPTS = 20
"""Tries of a message that the platform's rate holds back, before it fails."""
_ARRIVED = (Delivery.SENT, Delivery.DELIVERED, Delivery.READ)


class Standing(Struct, frozen=True):
    """Where a message stands."""

    delivery: Delivery
    parts: int = 1
    parts_done: int = 0
    attempts: int = 0
    generation: int = 0
    error: Refusal | None = None
    accept_time: datetime | None = None
    due_time: datetime | None = None


def by_receipt(
    standing: Standing, part: int, generation: int, told: Delivery, *, refusal: Refusal | None, at: datetime
) -> Standing | None:
    """Returns where it stands after a receipt for one of its parts; None where nothing changes.

    A receipt can come before the answer of the call, and settles a call whose outcome is unknown.
    """
    if told is Delivery.FAILED:
        return _failed(standing, part, generation, refusal)
    done = max(standing.parts_done, part + 1)
    if done < standing.parts:
        return _partly(standing, done, at)
    if part < standing.parts - 1:
        return None  # an earlier part arrived: the last one speaks for the message
    delivery = _forward(standing, told)
    if delivery is None:
        return None
    return replace(
        standing, delivery=delivery, parts_done=done, error=None, due_time=None, accept_time=standing.accept_time or at
    )


def _failed(standing: Standing, part: int, generation: int, refusal: Refusal | None) -> Standing | None:
    """A failure counts unless the customer has the message, or it speaks of an attempt before the last retry."""
    if standing.delivery in (Delivery.DELIVERED, Delivery.READ, Delivery.FAILED) or generation < standing.generation:
        return None
    error = refusal or Refusal("REJECTED")
    return replace(
        standing, delivery=Delivery.FAILED, parts_done=min(standing.parts_done, part), error=error, due_time=None
    )


def _partly(standing: Standing, done: int, at: datetime) -> Standing | None:
    """An unknown part turns out to be sent: the next one may go."""
    if standing.delivery is not Delivery.UNKNOWN or done == standing.parts_done:
        return None
    return replace(standing, delivery=Delivery.QUEUED, parts_done=done, error=None, attempts=0, due_time=at)


def _forward(standing: Standing, told: Delivery) -> Delivery | None:
    now = standing.delivery
    if now is Delivery.FAILED:
        # On several devices "delivered" can follow "failed"; "sent" only settles what was never accepted.
        late = told is not Delivery.SENT or standing.accept_time is None
        return told if late else None
    if now in _ARRIVED:
        return told if told > now else None
    return told


def accepted(standing: Standing, at: datetime) -> Standing:
    """Returns where it stands after the platform took its next part; a receipt may have been faster."""
    done = min(standing.parts_done + 1, standing.parts)
    if standing.delivery in _ARRIVED:
        return replace(standing, parts_done=done, accept_time=standing.accept_time or at)
    if done < standing.parts:
        if standing.delivery is Delivery.SENDING:  # the same process goes on with the next part
            return replace(standing, parts_done=done, error=None)
        return replace(standing, delivery=Delivery.QUEUED, parts_done=done, attempts=0, error=None, due_time=at)
    return replace(
        standing,
        delivery=Delivery.SENT,
        parts_done=done,
        error=None,
        due_time=None,
        accept_time=standing.accept_time or at,
    )


def refused(standing: Standing, refusal: Refusal) -> Standing:
    """Returns where it stands after the platform refused it for good."""
    return standing if standing.delivery in _ARRIVED else _end(standing, Delivery.FAILED, refusal)


def unknown(standing: Standing, refusal: Refusal) -> Standing:
    """Returns where it stands when nobody knows whether the platform has it."""
    return standing if standing.delivery in _ARRIVED else _end(standing, Delivery.UNKNOWN, refusal)


def held_back(standing: Standing, refusal: Refusal, wait: float | None, at: datetime) -> Standing:
    """Returns where it stands after the platform asked for a pause: queued for then, or failed where it is too long."""
    seconds = wait if wait is not None else min(float(2 ** min(standing.attempts, 6)), LONGEST_WAIT)
    if standing.delivery in _ARRIVED:
        return standing
    if seconds > LONGEST_WAIT or standing.attempts >= RATE_ATTEMPTS:
        return _end(standing, Delivery.FAILED, refusal)
    told = replace(refusal, retry_after=max(1, round(seconds)))
    return replace(standing, delivery=Delivery.QUEUED, error=told, due_time=at + timedelta(seconds=seconds))


def not_sent(standing: Standing, refusal: Refusal, at: datetime, most: int, chance: random.Random) -> Standing:
    """Returns where it stands after a try that surely did not arrive: queued with back-off, or failed after `most`."""
    if standing.delivery in _ARRIVED:
        return standing
    if standing.attempts >= most:
        return _end(standing, Delivery.FAILED, refusal)
    seconds = chance.uniform(0.5, 1.0) * min(2.0 ** (standing.attempts - 1), 30.0)
    return replace(standing, delivery=Delivery.QUEUED, error=refusal, due_time=at + timedelta(seconds=seconds))


def retried(standing: Standing, at: datetime) -> Standing:
    """Returns where a failed message stands when somebody asks to try again."""
    return replace(
        standing,
        delivery=Delivery.QUEUED,
        attempts=0,
        generation=standing.generation + 1,
        error=None,
        due_time=at,
    )


def resumed(standing: Standing, at: datetime, *, safe: bool) -> Standing:
    """Returns where a message stands that was under way when its process died; `safe`: it may be sent again."""
    if safe:
        return replace(standing, delivery=Delivery.QUEUED, due_time=at)
    return _end(standing, Delivery.UNKNOWN, Refusal("UNKNOWN_OUTCOME", "the process died during the call"))


def resolved(standing: Standing, *, sent: bool, at: datetime) -> Standing:
    """Returns where a message of unknown outcome stands after a person found out."""
    if sent:
        return accepted(standing, at)
    return _end(standing, Delivery.FAILED, Refusal("UNKNOWN_OUTCOME", "found not to be sent"))


def _end(standing: Standing, delivery: Delivery, refusal: Refusal) -> Standing:
    return replace(standing, delivery=delivery, error=refusal, due_time=None)
