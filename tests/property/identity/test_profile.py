"""Laws of what is known of a contact."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from lobby_identity.domain.identifiers import bounded, phone_key, search_keys
from lobby_identity.domain.profile import Hints, Profile, clean, learn, name_key, of_person

START = datetime(2026, 11, 22, tzinfo=UTC)
words = st.sampled_from(["", "a", "b", "c"])
hints = st.builds(
    Hints, st.integers(0, 9).map(lambda minute: START + timedelta(minutes=minute)), words, words, words, st.booleans()
)


@given(st.lists(hints), hints)
def test_hearing_the_same_again_changes_nothing(rows, last):
    profile = Profile()
    for each in rows:
        profile = learn(profile, each)
    once = learn(profile, last)
    assert learn(once, last) is once


@given(st.lists(hints), st.randoms())
def test_the_first_entry_is_the_earliest_greeting_in_any_order(rows, random):
    random.shuffle(rows)
    profile = Profile()
    for each in rows:
        profile = learn(profile, each)
    assert profile.first_entry_time == min((each.at for each in rows if each.greeting), default=None)


@given(st.lists(st.tuples(st.text("abc", min_size=1), st.builds(Profile, words, words, words)), min_size=1))
def test_a_person_s_canonical_record_speaks_first(records):
    root, profile = records[-1]
    records = [each for each in records if each[0] != root] + [records[-1]]
    known = of_person(root, records)
    assert known.display_name == profile.display_name or not profile.display_name


@given(st.text())
def test_text_can_be_stored_and_indexed(text):
    for each in (clean(text), bounded(text), name_key(text)):
        assert "\x00" not in each
    assert len(bounded(text).encode("utf-8", "replace")) <= 256
    assert bounded(bounded(text)) == bounded(text)


@given(st.text("0123456789", min_size=5, max_size=15))
def test_a_phone_is_found_with_and_without_plus(digits):
    assert phone_key("+" + digits) in search_keys(digits)
    assert phone_key("+" + digits) in search_keys("+" + digits)
