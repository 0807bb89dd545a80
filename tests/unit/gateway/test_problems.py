import json

import pytest
from google.protobuf import any_pb2

from lobby.connectors.v1.message_pb2 import Message
from lobby.routing.v1.conversation_service_pb2 import NewerMessages
from lobby_common.errors import (
    Conflict,
    Exhausted,
    Invalid,
    LobbyError,
    NotFound,
    Refused,
    Unauthenticated,
    Unavailable,
)
from lobby_gateway import problems
from lobby_gateway.roles import EVERYTHING, sight


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (Invalid("R", "m"), 400),
        (Unauthenticated("R", "m"), 401),
        (Refused("R", "m"), 403),
        (NotFound("R", "m"), 404),
        (Conflict("R", "m"), 409),
        (Exhausted("R", "m"), 429),
        (Unavailable("R", "m"), 503),
        (Unavailable("DEADLINE_EXCEEDED", "m"), 504),
        (LobbyError("UNIMPLEMENTED", "m"), 501),
        (LobbyError("INTERNAL", "m"), 500),
    ],
)
def test_each_kind_of_error_has_its_status(error, status):
    assert problems.of_error(error, EVERYTHING).status == status


def test_waits_are_whole_seconds_and_never_none():
    assert problems.of_error(Exhausted("R", "m", retry_after=0.2), EVERYTHING).headers == {"retry-after": "1"}
    assert problems.of_error(Exhausted("R", "m", retry_after=7.1), EVERYTHING).headers == {"retry-after": "8"}


def test_what_grpc_says_of_our_addresses_stays_inside():
    error = Unavailable("UNAVAILABLE", "failed to connect to ipv4:127.0.0.1:4711")
    assert "127" not in problems.of_error(error, EVERYTHING).detail


def test_a_detail_is_part_of_the_problem_as_far_as_the_reader_may_see_it():
    packed = any_pb2.Any()
    packed.Pack(NewerMessages(newer=[Message(message_id="m", text="secret")]))
    error = Conflict("NEWER_MESSAGE", "there is more", detail=packed)
    body = json.loads(problems.of_error(error, EVERYTHING).body("t"))
    assert body["newer"][0]["text"] == "secret"
    assert body["status"] == 409
    assert b"secret" not in problems.of_error(error, sight("viewer")).body("t")


def test_a_detail_that_nobody_here_knows_is_left_out():
    error = Conflict("R", "m", detail=any_pb2.Any(type_url="type.googleapis.com/lobby.future.v1.Thing"))
    assert problems.of_error(error, EVERYTHING).more == {}
