"""The Graph API's error codes as typed failures; logic is built on codes, never on titles."""

from collections.abc import Sequence

import msgspec
from msgspec import Struct

from lobby_connectors.domain.items import Refusal
from lobby_connectors.domain.kinds import State
from lobby_connectors.platforms.failures import (
    BadCredentials,
    Blocked,
    RateLimited,
    Rejected,
    SendFailure,
    Unavailable,
    UnknownOutcome,
    WindowClosed,
)
from lobby_connectors.platforms.http import Answer
from lobby_connectors.platforms.reading import ParseError, decode
from lobby_connectors.platforms.whatsapp import wire

_CREDENTIALS = frozenset((0, 3, 10, 190, 131005)) | frozenset(range(200, 300))
# The number or the WABA itself is off: the message is refused, and the account shows why.
_ACCOUNT = {
    33: (State.LOGGED_OUT, "number_deleted"),
    131031: (State.LOGGED_OUT, "account_locked"),
    368: (State.LOGGED_OUT, "policy_restriction"),
    131045: (State.LOGGED_OUT, "not_registered"),
    133010: (State.LOGGED_OUT, "not_registered"),
    131037: (State.UNKNOWN_ERROR, "display_name"),
    131042: (State.UNKNOWN_ERROR, "payment"),
    131044: (State.UNKNOWN_ERROR, "payment"),
    130497: (State.UNKNOWN_ERROR, "country_restriction"),
}
_PAIR = 131056
# Seconds to wait where Meta says no number: None doubles from try to try.
_RATES: dict[int, float | None] = {
    4: 60.0,  # the app's hour
    80007: 60.0,  # the WABA's hour
    130429: None,  # the number's throughput, a matter of seconds
    _PAIR: None,  # 1 message in 6 s to the same user; Meta suggests 4^n
    131048: 3600.0,  # quality: waiting a minute changes nothing
    131064: 3600.0,
    133016: 3600.0,
}
_BLOCKED = frozenset((131026, 131050, 130403))
_TRANSIENT = frozenset((1, 2, 131000, 131016, 131057, 135000))
_WINDOW = 131047


class _Problem(Struct):
    error: wire.Error


_PROBLEM = msgspec.json.Decoder(_Problem)


def failure_of(code: int, detail: str) -> SendFailure:
    """Returns the failure that a code stands for; an unknown code is a rejection that names it."""
    text = f"{code} {detail}".strip()
    if code in _CREDENTIALS:
        return BadCredentials(text)
    if code in _RATES:
        return RateLimited(text, _RATES[code], chat=code == _PAIR)
    if code == _WINDOW:
        return WindowClosed(text)
    if code in _BLOCKED:
        return Blocked(text)
    if code in _TRANSIENT:
        return Unavailable(text)
    return Rejected(text, account=_ACCOUNT.get(code))


def refusal_of(errors: Sequence[wire.Error]) -> Refusal:
    """Returns why a message failed after it had been accepted."""
    if not errors:
        return Refusal("REJECTED", "")
    return failure_of(_code(errors[0]), _detail(errors[0])).refusal()


def failure_of_answer(answer: Answer) -> SendFailure:
    """Returns what an answer that is no acceptance means."""
    try:
        error = decode(_PROBLEM, answer.body).error
    except ParseError:
        return _by_status(answer)
    failure = failure_of(_code(error), _detail(error))
    if isinstance(failure, Rejected) and answer.status in (401, 403):
        return BadCredentials(failure.detail)
    if (wait := answer.retry_after()) is not None:
        failure.wait = wait
    return failure


def _by_status(answer: Answer) -> SendFailure:
    """Without the Graph API's own words: a 5xx of some machine between us may have let the message through."""
    text = f"HTTP {answer.status}"
    match answer.status:
        case 401 | 403:
            return BadCredentials(text)
        case 429:
            return RateLimited(text, answer.retry_after())
        case 503:
            return Unavailable(text, wait=answer.retry_after())
        case status if status >= 500:  # noqa: PLR2004  # HTTP
            return UnknownOutcome(text)
    return Rejected(text)


def _detail(error: wire.Error) -> str:
    details = error.error_data.details if error.error_data else None
    return details or error.message or ""


def _code(error: wire.Error) -> int:
    """Returns the code, which some senders write as text; one that is none is no code of ours, and a rejection."""
    if isinstance(error.code, int):
        return error.code
    return int(error.code) if error.code.isascii() and error.code.isdigit() and len(error.code) < 10 else -1  # noqa: PLR2004  # codes have six digits
