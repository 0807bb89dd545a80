from lobby_sandbox.contract import Reply
from lobby_sandbox.delivery import Patience


def pauses_of(patience, asked=0.0):
    pauses = []
    while (pause := patience.pause(len(pauses), sum(pauses), asked)) is not None:
        pauses.append(pause)
    return pauses


def test_pauses_double_up_to_the_longest_and_end_within_two_minutes():
    pauses = pauses_of(Patience())
    assert pauses[:6] == [1, 2, 4, 8, 10, 10]
    assert 110 < sum(pauses) <= 120


def test_a_receiver_may_ask_for_longer_pauses_but_not_for_more_patience():
    assert pauses_of(Patience(), asked=50) == [50, 50]
    assert pauses_of(Patience(), asked=121) == []


def test_only_success_is_acceptance():
    assert [Reply(status).accepted for status in (200, 204, 302, 401, 503, None)] == [True, True] + [False] * 4


def test_a_reply_is_decoded_when_it_is_json():
    assert Reply(200, '{"ok": true}').body == {"ok": True}
    assert Reply(200, "EVENT_RECEIVED").body == "EVENT_RECEIVED"
    assert Reply(200).body == ""
