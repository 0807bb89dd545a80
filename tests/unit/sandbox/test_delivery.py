from lobby_sandbox.contract import Reply
from lobby_sandbox.delivery import Patience


def test_pauses_double_up_to_the_longest_and_end_within_two_minutes():
    pauses = list(Patience().pauses())
    assert pauses[:6] == [1, 2, 4, 8, 10, 10]
    assert 110 < sum(pauses) <= 120


def test_only_success_is_acceptance():
    assert [Reply(status).accepted for status in (200, 204, 302, 401, 503, None)] == [True, True] + [False] * 4


def test_a_reply_is_decoded_when_it_is_json():
    assert Reply(200, '{"ok": true}').body == {"ok": True}
    assert Reply(200, "EVENT_RECEIVED").body == "EVENT_RECEIVED"
    assert Reply(200).body == ""
