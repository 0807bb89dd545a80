from datetime import UTC, datetime, timedelta

import pytest

from lobby_sandbox.contract import Probe, Reply
from lobby_sandbox.line import Line
from lobby_sandbox.mint import Mint

NANA = "U0123456789abcdef0123456789abcdef"
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
KEY = "123e4567-e89b-12d3-a456-426614174000"
HI = [{"type": "text", "text": "hi"}]


def push(line, body=None, **keywords):
    return line.answer(
        "POST", "v2/bot/message/push", {"to": NANA, "messages": HI} if body is None else body, **keywords
    )


def reply_token(line):
    return line.say("hi").body["events"][0]["replyToken"]


def reply(line, token, **keywords):
    return line.answer("POST", "v2/bot/message/reply", {"replyToken": token, "messages": HI}, **keywords)


def test_a_push_is_answered_with_an_id_for_each_message(line):
    answer = push(line, {"to": NANA, "messages": HI * 5})
    assert answer.status == 200
    assert tuple(sent["id"] for sent in answer.body["sentMessages"]) == answer.message_ids
    assert len(set(answer.message_ids)) == 5
    assert all(sent["quoteToken"] for sent in answer.body["sentMessages"])
    assert answer.headers["X-Line-Request-Id"]


def test_a_retry_key_is_accepted_once(line):
    first = push(line, headers={"X-Line-Retry-Key": KEY})
    again = push(line, headers={"x-line-retry-key": KEY.upper()})
    assert (first.status, again.status) == (200, 409)
    assert again.body["message"] == "The retry key is already accepted"
    assert again.body["sentMessages"] == first.body["sentMessages"]
    assert again.headers["X-Line-Accepted-Request-Id"] == first.headers["X-Line-Request-Id"]
    assert again.message_ids == ()


def test_a_refused_request_leaves_its_retry_key_free(line):
    assert push(line, {"to": NANA, "messages": []}, headers={"X-Line-Retry-Key": KEY}).status == 400
    assert push(line, headers={"X-Line-Retry-Key": KEY}).status == 200


def test_two_channels_may_use_the_same_retry_key(line):
    assert push(line, headers={"X-Line-Retry-Key": KEY}).status == 200
    assert push(line, headers={"X-Line-Retry-Key": KEY}, token="another").status == 200


def test_a_retry_key_is_a_uuid_and_has_no_place_in_a_reply(line):
    assert push(line, headers={"X-Line-Retry-Key": "7"}).status == 400
    assert reply(line, reply_token(line), headers={"X-Line-Retry-Key": KEY}).status == 400


def test_a_reply_token_is_good_for_one_reply(line):
    token = reply_token(line)
    assert reply(line, token).status == 200
    again = reply(line, token)
    assert (again.status, again.body) == (400, {"message": "Invalid reply token"})


def test_a_reply_token_is_not_used_up_by_a_refused_reply(line):
    token = reply_token(line)
    bad = line.answer("POST", "v2/bot/message/reply", {"replyToken": token, "messages": []})
    assert bad.status == 400
    assert reply(line, token).status == 200


def test_a_reply_token_is_good_for_a_minute(theatre):
    moments = [NOON]
    line = theatre(Line(Mint(clock=lambda: moments[-1])))
    early, late = reply_token(line), reply_token(line)
    moments.append(NOON + timedelta(seconds=60))
    assert reply(line, early).status == 200
    moments.append(NOON + timedelta(seconds=61))
    assert reply(line, late).body == {"message": "Invalid reply token"}


def test_a_token_that_the_sandbox_never_gave_out_is_good_once(line):
    assert [reply(line, "nHuyWiB7yP5Zw52FIkcQobQuGDXCTA").status for _ in range(2)] == [200, 400]


@pytest.mark.parametrize(
    ("body", "details"),
    [
        ({"messages": HI}, [("May not be empty", "to")]),
        ({"to": NANA}, [("Size must be between 1 and 5", "messages")]),
        ({"to": NANA, "messages": HI * 6}, [("Size must be between 1 and 5", "messages")]),
        ({"to": NANA, "messages": [{"type": "text"}]}, [("May not be empty", "messages[0].text")]),
        (
            {"to": NANA, "messages": [*HI, {"type": "text", "text": "😀" * 2501}]},
            [("Length must be between 0 and 5000", "messages[1].text")],
        ),
        (
            {"to": NANA, "messages": [{"type": "image", "originalContentUrl": "https://x"}]},
            [("May not be empty", "messages[0].previewImageUrl")],
        ),
        (
            {"messages": ["hi"]},
            [("May not be empty", "to"), ("Must be an object", "messages[0]")],
        ),
    ],
)
def test_all_faults_of_a_request_are_told(line, body, details):
    answer = push(line, body)
    assert answer.status == 400
    assert answer.body["message"] == f"The request body has {len(details)} error(s)"
    assert [(detail["message"], detail["property"]) for detail in answer.body["details"]] == details


def test_a_message_of_unknown_type_is_told_the_types(line):
    (detail,) = push(line, {"to": NANA, "messages": [{"type": "hologram"}]}).body["details"]
    assert detail["property"] == "messages[0].type"
    assert detail["message"].startswith("Must be one of the following values: [text,")


@pytest.mark.parametrize(
    ("body", "name"), [({"to": "nana", "messages": HI}, "to"), ({"to": NANA, "messages": "hi"}, "messages")]
)
def test_a_property_of_the_wrong_kind_is_invalid(line, body, name):
    answer = push(line, body)
    assert answer.status == 400
    assert f"'{name}'" in answer.body["message"]


def test_five_thousand_code_units_are_not_too_long(line):
    assert push(line, {"to": NANA, "messages": [{"type": "text", "text": "😀" * 2500}]}).status == 200


def test_a_multicast_goes_to_users(line):
    path = "v2/bot/message/multicast"
    assert line.answer("POST", path, {"to": [NANA], "messages": HI}).message_ids
    assert line.answer("POST", path, {"to": [], "messages": HI}).status == 400
    assert line.answer("POST", path, {"to": NANA, "messages": HI}).status == 400


def test_without_a_token_nothing_is_answered(line):
    answer = push(line, token=None)
    assert answer.status == 401
    assert answer.body["message"].startswith("Authentication failed")


def test_broken_json_and_unknown_paths_are_told_so(line):
    assert "JSON" in push(line, broken=True).body["message"]
    assert line.answer("GET", "v2/bot/unicorns").status == 404


def test_a_token_that_nobody_registered_is_served(line):
    assert push(line, token="somebody").message_ids
    assert line.platform.caller(line.call("POST", "v2/bot/message/push", token="somebody")) is None


def test_a_profile_is_what_the_customer_gave(line):
    line.say("hi", customer=NANA, name="Nana", language="th")
    profile = line.answer("GET", f"v2/bot/profile/{NANA}").body
    assert (profile["displayName"], profile["userId"], profile["language"]) == ("Nana", NANA, "th")


def test_a_profile_without_a_language_has_none(line):
    assert "language" not in line.answer("GET", f"v2/bot/profile/{NANA}").body


def test_a_picture_is_shown_in_every_size_to_whoever_has_its_address(line):
    assert "pictureUrl" not in line.answer("GET", f"v2/bot/profile/{NANA}").body
    line.say("hi", customer=NANA, picture=b"picture")
    line.say("hi", customer=NANA)
    url = line.answer("GET", f"v2/bot/profile/{NANA}").body["pictureUrl"]
    path = url.partition("/line/")[2]
    for size in ("", "/large", "/small"):
        assert line.answer("GET", f"{path}{size}", token=None).body == b"picture"
    assert line.answer("GET", "picture/nobody", token=None).status == 404


def test_the_profile_of_who_is_no_friend_is_not_found(line):
    line.say(kind="unfollow", customer=NANA)
    assert line.answer("GET", f"v2/bot/profile/{NANA}").status == 404
    assert line.answer("GET", "v2/bot/profile/nana").status == 404
    line.say(kind="follow", customer=NANA)
    assert line.answer("GET", f"v2/bot/profile/{NANA}").status == 200


def test_a_channel_is_told_who_it_is(line):
    info = line.answer("GET", "v2/bot/info").body
    assert info["userId"] == line.say("hi").body["destination"]
    assert info["chatMode"] == "bot"


def test_the_endpoint_is_the_registered_one_until_the_channel_sets_another(line):
    path = "v2/bot/channel/webhook/endpoint"
    assert line.answer("GET", path).body == {"endpoint": line.account.webhook_url, "active": True}
    assert line.answer("PUT", path, {"endpoint": "https://h/w"}).status == 200
    assert line.answer("GET", path).body["endpoint"] == "https://h/w"
    assert line.answer("PUT", path, {"endpoint": "h"}).status == 400
    assert line.answer("GET", path, token="somebody").status == 404


def test_testing_the_endpoint_posts_no_events_and_tells_what_came_back(line):
    probe = line.answer("POST", "v2/bot/channel/webhook/test", {})
    assert isinstance(probe, Probe)
    assert b'"events":[]' in probe.webhook.body
    assert probe.conclude(Reply(200)).body["success"] is True
    assert probe.conclude(Reply(None, error="refused")).body["reason"] == "COULD_NOT_CONNECT"
    assert probe.conclude(Reply(401)).body["statusCode"] == 401


def test_the_file_of_a_message_can_be_fetched_but_not_a_sticker(line):
    image, sticker = line.say(kind="image").message_id, line.say(kind="sticker").message_id
    answer = line.answer("GET", f"v2/bot/message/{image}/content")
    assert answer.headers["Content-Type"] == "image/jpeg"
    assert answer.body.startswith(b"\xff\xd8")
    assert line.answer("GET", f"v2/bot/message/{image}/content/transcoding").body == {"status": "succeeded"}
    assert line.answer("GET", f"v2/bot/message/{sticker}/content").status == 404


@pytest.mark.parametrize("path", ["v2/bot/chat/markAsRead", "v2/bot/chat/loading/start"])
def test_courtesies_are_answered_and_are_no_sends(line, path):
    call = line.call("POST", path, {})
    assert line.platform.answer(call).status in {200, 202}
    assert line.platform.purpose(call) == "other"


def test_a_failure_is_told_in_lines_words(line):
    told = {status: line.platform.failure(status, {})["message"] for status in (401, 429, 500)}
    assert told[401].startswith("Authentication failed")
    assert told[429] == "The API rate limit has been exceeded. Try again later."
    assert told[500]
