"""LINE's errors as typed failures; there is no Retry-After, so texts tell a rate from a quota."""

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
from lobby_connectors.platforms.http import Answer
from lobby_connectors.platforms.reading import ParseError, decode


class _Problem(Struct):
    message: str = ""


_PROBLEM = msgspec.json.Decoder(_Problem)


def failure_of_answer(answer: Answer) -> SendFailure:  # noqa: PLR0911  # a table, one line per kind
    """Returns what an answer that is no acceptance means. What is unknown is sent again under the same retry key."""
    try:
        said = decode(_PROBLEM, answer.body).message
    except ParseError:
        said = ""
    text = f"{answer.status} {said}".strip()
    match answer.status:
        case 429 if "monthly limit" in said:
            return Rejected(text)  # a quota, not a rate: it waits for the next month or another plan
        case 429:
            return RateLimited(text, answer.retry_after())
        case 401 | 403:
            return BadCredentials(text)
        case 400 if "failed to send messages" in said.lower():
            return Blocked(text)
        case 503:
            return Unavailable(text, wait=answer.retry_after())
        case status if status >= 500:  # noqa: PLR2004  # HTTP
            return UnknownOutcome(text)
    return Rejected(text)
