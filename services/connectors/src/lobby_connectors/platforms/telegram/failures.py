"""The Bot API's errors as typed failures; descriptions are texts, so they are matched loosely."""

import msgspec
from msgspec import Struct

from lobby_connectors.platforms.failures import (
    BadCredentials,
    Blocked,
    RateLimited,
    Rejected,
    SendFailure,
    Unavailable,
    UnknownOutcome,
)
from lobby_connectors.platforms.http import LONGEST_PAUSE, Answer
from lobby_connectors.platforms.reading import ParseError, decode

_GONE = ("chat not found", "user is deactivated", "group chat was upgraded", "user not found", "peer_id_invalid")


class _Parameters(Struct):
    retry_after: int | None = None


class _Problem(Struct):
    ok: bool = False
    error_code: int = 0
    description: str = ""
    parameters: _Parameters | None = None


_PROBLEM = msgspec.json.Decoder(_Problem)


def failure_of_answer(answer: Answer) -> SendFailure:  # noqa: PLR0911  # a table, one line per kind
    """Returns what an answer that is no acceptance means."""
    try:
        problem = decode(_PROBLEM, answer.body)
    except ParseError:
        problem = None
    text = f"{answer.status} {problem.description}".strip() if problem else f"HTTP {answer.status}"
    match answer.status:
        case 429:
            told = problem.parameters.retry_after if problem and problem.parameters else None
            return RateLimited(text, min(float(told), LONGEST_PAUSE) if told is not None else answer.retry_after())
        case 401 | 404 | 421:
            return BadCredentials(text)
        case 403:
            return Blocked(text)
        case 400 if any(sign in text.lower() for sign in _GONE):
            return Blocked(text)
        case 409:
            return Unavailable(text)
        case status if status >= 500:  # noqa: PLR2004  # HTTP
            return _broken(answer, problem, text)
    return Rejected(text)


def _broken(answer: Answer, problem: _Problem | None, text: str) -> SendFailure:
    """The Bot API's own words say that it did nothing; a proxy's 5xx says nothing about what it passed on."""
    said = problem is not None and problem.error_code == answer.status
    sure = said or answer.status == 503  # noqa: PLR2004  # HTTP
    return Unavailable(text, wait=answer.retry_after()) if sure else UnknownOutcome(text)
