"""Where an outbound message stands, and how answers, receipts and people move it."""

import random
from datetime import datetime, timedelta

from msgspec import Struct
from msgspec.structs import replace

from lobby_connectors.domain.items import Refusal
from lobby_connectors.domain.kinds import Delivery

LONGEST_BACK_OFF = 300.0
"""Seconds between two tries at most, where the platform does not say."""
REFUSED_PAUSE = 10.0
"""Seconds before refused credentials are tried again at the earliest: somebody has to mend them."""
_UNKNOWN = "UNKNOWN_OUTCOME"
_EXPIRED = "EXPIRED"
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
    """Returns where it stands after the platform took its next part."""
    done = min(standing.parts_done + 1, standing.parts)
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
    return _end(standing, Delivery.FAILED, refusal)


def unknown(standing: Standing, refusal: Refusal) -> Standing:
    """Returns where it stands when nobody knows whether the platform has it."""
    return _end(standing, Delivery.UNKNOWN, refusal)


def late(standing: Standing, part: int, refusal: Refusal | None, at: datetime, *, same: bool) -> Standing:
    """Returns where it stands after an answer that nobody waits for any more; no refusal: the platform took the part.

    Others have decided meanwhile: a receipt was faster, or the process stood still and its message was taken from it.
    An acceptance is a fact whenever it is heard, and counts like a receipt: it also ends a retry that has not begun.
    A refusal speaks of its own call alone: it settles what is still unknown of that call (`same`) and changes nothing
    that was decided. Even what may be tried again fails then: later messages of the chat may have gone, so a person
    tries it again.
    """
    if refusal is not None:
        settles = same and standing.delivery is Delivery.UNKNOWN and refusal.reason != _UNKNOWN
        return _end(standing, Delivery.FAILED, refusal) if settles else standing
    if same and standing.delivery is Delivery.FAILED and (standing.error is None or standing.error.reason != _UNKNOWN):
        # The platform's word that it failed was faster than its answer: it was accepted before.
        last = part == standing.parts - 1
        return replace(standing, accept_time=standing.accept_time or at) if last else standing
    after = by_receipt(standing, part, standing.generation, Delivery.SENT, refusal=None, at=at) or standing
    if after.delivery not in _ARRIVED:
        return after
    return replace(after, parts_done=max(after.parts_done, part + 1), accept_time=after.accept_time or at)


def held_back(
    standing: Standing, refusal: Refusal, seconds: float, at: datetime, until: datetime | None = None
) -> Standing:
    """Returns where it stands after the platform asked for a pause: queued, or failed where it expires before."""
    told = replace(refusal, retry_after=max(1, round(seconds)))
    due_time = at + timedelta(seconds=seconds)
    if until is not None and due_time >= until:
        return _end(standing, Delivery.FAILED, told)
    return _queued(standing, told, due_time)


def not_sent(standing: Standing, refusal: Refusal, at: datetime, most: int, chance: random.Random) -> Standing:
    """Returns where it stands after a try that surely did not arrive, or may be repeated: queued with back-off.

    It fails after `most` tries, where that is not 0.
    """
    if most and standing.attempts >= most:
        return _end(standing, Delivery.FAILED, refusal)
    return _queued(standing, refusal, at + timedelta(seconds=chance.uniform(0, back_off(standing.attempts))))


def not_let_in(standing: Standing, refusal: Refusal, at: datetime, chance: random.Random) -> Standing:
    """Returns where it stands after the platform refused the account's credentials: queued, no try is used up."""
    seconds = max(REFUSED_PAUSE, chance.uniform(0, back_off(standing.attempts)))
    return _queued(standing, refusal, at + timedelta(seconds=seconds))


def back_off(attempts: int) -> float:
    """Returns the seconds before the next try at most: 1, 2, 4, … after one try, two, three."""
    return min(2.0 ** min(attempts - 1, 16), LONGEST_BACK_OFF) if attempts > 0 else 1.0


def expired(standing: Standing) -> Standing:
    """Returns where a queued message stands that waited as long as it may, with what it waited for."""
    if standing.error is not None and standing.error.reason == _UNKNOWN:
        return _end(standing, Delivery.UNKNOWN, standing.error)
    waited_for = f": {standing.error.reason}" if standing.error else ""
    return _end(standing, Delivery.FAILED, Refusal(_EXPIRED, f"it waited too long{waited_for}"))


def _queued(standing: Standing, refusal: Refusal, due_time: datetime) -> Standing:
    """That an earlier try may have arrived is never forgotten over why a later one did not."""
    uncertain = standing.error is not None and standing.error.reason == _UNKNOWN
    error = standing.error if uncertain else refusal
    return replace(standing, delivery=Delivery.QUEUED, error=error, due_time=due_time)


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
    """Returns where a message stands whose process died or stands still; `safe`: it may be sent again."""
    refusal = Refusal(_UNKNOWN, "the process died during the call")
    return _queued(standing, refusal, at) if safe else _end(standing, Delivery.UNKNOWN, refusal)


def resolved(standing: Standing, *, sent: bool, at: datetime) -> Standing:
    """Returns where a message of unknown outcome stands after a person found out."""
    if sent:
        return accepted(standing, at)
    return _end(standing, Delivery.FAILED, Refusal(_UNKNOWN, "found not to be sent"))


def _end(standing: Standing, delivery: Delivery, refusal: Refusal) -> Standing:
    return replace(standing, delivery=delivery, error=refusal, due_time=None)
