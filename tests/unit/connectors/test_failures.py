"""The platforms' errors are typed ones, as their documentation classes them."""

import json

import pytest

from lobby_connectors.domain.kinds import State
from lobby_connectors.platforms.failures import (
    BadCredentials,
    Blocked,
    RateLimited,
    Rejected,
    Unavailable,
    UnknownOutcome,
    WindowClosed,
)
from lobby_connectors.platforms.http import Answer
from lobby_connectors.platforms.line import failures as line
from lobby_connectors.platforms.telegram import failures as telegram
from lobby_connectors.platforms.whatsapp import failures as whatsapp


def answer(status: int, body: object = None, **headers: str) -> Answer:
    return Answer(status, headers, body if isinstance(body, bytes) else json.dumps(body).encode())


def graph(code: int, status: int = 400) -> Answer:
    return answer(status, {"error": {"code": code, "message": "m", "type": "OAuthException", "fbtrace_id": "x"}})


@pytest.mark.parametrize(
    ("codes", "failure"),
    [
        ((0, 190, 3, 10, 200, 250, 299, 131005), BadCredentials),
        ((4, 80007, 130429, 131056, 131048, 131064, 133016), RateLimited),
        ((131047,), WindowClosed),
        ((131026, 131050, 130403), Blocked),
        ((131049, 130472, 131021, 131030, 137000, 131062), Rejected),
        ((132000, 132001, 132005, 132007, 132008, 132012, 132015, 132016, 131063), Rejected),
        ((100, 131008, 131009, 131051, 131053, 424242), Rejected),
        ((1, 2, 131000, 131016, 131057, 135000), Unavailable),
        ((33, 131031, 368, 131045, 133010, 131037, 131042, 130497), Rejected),
    ],
)
def test_whatsapp_codes(codes, failure):
    for code in codes:
        assert type(whatsapp.failure_of_answer(graph(code))) is failure, code


def test_whatsapp_numbers_that_are_off_show_in_the_account():
    assert whatsapp.failure_of(33, "").account == (State.LOGGED_OUT, "number_deleted")
    assert whatsapp.failure_of(190, "").account == (State.BAD_CREDENTIALS, "refused_by_platform")
    assert whatsapp.failure_of(100, "").account is None


def test_whatsapp_waits_are_those_of_the_header_where_there_is_one():
    assert whatsapp.failure_of_answer(answer(429, {"error": {"code": 130429}}, **{"Retry-After": "7"})).wait == 7.0
    assert whatsapp.failure_of_answer(graph(130429)).wait is None


@pytest.mark.parametrize(
    ("status", "failure"),
    [
        (401, BadCredentials),
        (403, BadCredentials),
        (429, RateLimited),
        (500, UnknownOutcome),
        (502, UnknownOutcome),
        (503, Unavailable),
        (504, UnknownOutcome),
        (404, Rejected),
    ],
)
def test_without_its_own_words_a_whatsapp_5xx_may_have_let_the_message_through(status, failure):
    assert type(whatsapp.failure_of_answer(answer(status, b"<html>"))) is failure


DATE = {"Date": "Thu, 26 Nov 2026 10:00:00 GMT"}


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "7"}, 7.0),
        ({"Retry-After": "99999999999999999999"}, 86_400.0),
        ({"Retry-After": "Thu, 26 Nov 2026 10:00:30 GMT"} | DATE, 30.0),
        ({"Retry-After": "Thu, 26 Nov 2026 09:00:00 GMT"} | DATE, 0.0),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "-3"}, None),
        ({}, None),
    ],
)
def test_a_wait_is_a_number_or_a_date_by_the_platforms_own_clock(headers, seconds):
    assert answer(429, **headers).retry_after() == seconds


def test_waits_are_told_whoever_has_to_wait():
    assert whatsapp.failure_of(131056, "").chat
    assert not whatsapp.failure_of(130429, "").chat
    assert whatsapp.failure_of(80007, "").wait == 60.0
    assert telegram.failure_of_answer(answer(503, b"", **{"Retry-After": "5"})).wait == 5.0
    assert line.failure_of_answer(answer(503, b"", **{"Retry-After": "5"})).wait == 5.0
    assert whatsapp.failure_of_answer(answer(503, b"", **{"Retry-After": "5"})).wait == 5.0


def bot(status: int, description: str, **parameters: int) -> Answer:
    return answer(status, {"ok": False, "error_code": status, "description": description, "parameters": parameters})


@pytest.mark.parametrize(
    ("given", "failure"),
    [
        (bot(429, "Too Many Requests: retry after 3", retry_after=3), RateLimited),
        (bot(401, "Unauthorized"), BadCredentials),
        (bot(404, "Not Found"), BadCredentials),
        (bot(421, "Misdirected"), BadCredentials),
        (bot(403, "Forbidden: bot was blocked by the user"), Blocked),
        (bot(403, "Forbidden: user is deactivated"), Blocked),
        (bot(403, "Forbidden: bot can't initiate conversation with a user"), Blocked),
        (bot(400, "Bad Request: chat not found"), Blocked),
        (bot(400, "Bad Request: group chat was upgraded to a supergroup chat"), Blocked),
        (bot(400, "Bad Request: message is too long"), Rejected),
        (bot(409, "Conflict"), Unavailable),
        (bot(500, "Internal Server Error"), Unavailable),
        (answer(502, b"<html>"), UnknownOutcome),
        (answer(503, b""), Unavailable),
    ],
)
def test_telegram_errors(given, failure):
    found = telegram.failure_of_answer(given)
    assert type(found) is failure
    if isinstance(found, RateLimited):
        assert found.wait == 3.0


@pytest.mark.parametrize(
    ("given", "failure"),
    [
        (answer(429, {"message": "The API rate limit has been exceeded. Try again later."}), RateLimited),
        (answer(429, {"message": "You have reached your monthly limit."}), Rejected),
        (answer(401, {"message": "Authentication failed"}), BadCredentials),
        (answer(403, {"message": "Not available"}), BadCredentials),
        (answer(400, {"message": "Failed to send messages"}), Blocked),
        (answer(400, {"message": "The request body has 1 error(s)"}), Rejected),
        (answer(413, b""), Rejected),
        (answer(503, b""), Unavailable),
        (answer(500, b""), UnknownOutcome),
    ],
)
def test_line_errors(given, failure):
    assert type(line.failure_of_answer(given)) is failure


def test_a_detail_is_short_and_can_be_stored():
    assert len(Rejected("x" * 5000).detail) == 200
    assert Rejected("a\x00b").detail == "ab"
