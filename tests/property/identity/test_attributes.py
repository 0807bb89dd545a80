"""Laws of attributes: what a value looks like in the API is what it is asked for by."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from google.protobuf.json_format import MessageToDict
from hypothesis import given
from hypothesis import strategies as st

from lobby_common.times import to_proto
from lobby_identity.domain.attributes import KINDS, NOTHING, Held, Value, read, shown, written
from lobby_identity.domain.filters import Filter

START = datetime(2026, 11, 22, tzinfo=UTC)
texts = st.text(max_size=40).map(lambda text: text.replace("\x00", "\ufffd").strip())
times = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC))  # noqa: DTZ001  # bounds are naive
values = st.one_of(
    texts.map(lambda text: ("text", text, Value(text=text))),
    st.floats(allow_nan=False, allow_infinity=False).map(lambda n: ("number", repr(n), Value(number=n))),
    st.booleans().map(lambda flag: ("boolean", str(flag).lower(), Value(boolean=flag))),
    times.map(lambda at: ("time", MessageToDict(to_proto(at)), Value(time=at))),
)


@given(values)
def test_a_value_is_read_from_what_is_shown_of_it(value):
    kind, text, wanted = value
    assert read(kind, text) == wanted
    assert read(kind, written(wanted)) == wanted


@given(st.sampled_from(KINDS), st.text(max_size=30))
def test_whatever_is_read_is_a_value_of_its_kind_or_none(kind, text):
    value = read(kind, text)
    assert value is None or (value.fits(kind) and value != NOTHING)


tags = st.sets(st.sampled_from("abc"))
held = st.dictionaries(st.sampled_from(["x", "y"]), st.sampled_from("12").map(lambda text: Value(text=text)))
filters = st.builds(Filter, tags.map(tuple), st.sampled_from(["", "new", "lost"]), held)


@given(filters, filters, tags, st.sampled_from(["new", "lost"]), held)
def test_who_fits_two_filters_fits_what_both_ask_for_and_the_other_way_round(one, other, tags, stage, values):
    both = Filter((*one.tags, *other.tags), one.stage or other.stage, other.values | one.values)
    fits_each = one.fits(tags, stage, values) and other.fits(tags, stage, values)
    agree = one.stage in ("", other.stage or one.stage) and all(
        other.values.get(name, value) == value for name, value in one.values.items()
    )
    assert fits_each == (agree and both.fits(tags, stage, values)) or (not agree and not fits_each)


settings_of = st.builds(
    lambda contact, value, origin, minute: Held(
        contact, "x", Value(text=value) if value else NOTHING, origin, origin, START + timedelta(minutes=minute)
    ),
    st.sampled_from(["one", "other"]),
    st.sampled_from(["", "1", "2"]),
    st.sampled_from(["api", "agent"]),
    st.integers(0, 5),
)
imported = st.builds(
    lambda contact, value, source, minute: Held(
        contact, "x", Value(text=value), "import", source, START + timedelta(minutes=minute)
    ),
    st.sampled_from(["one", "other"]),
    st.sampled_from("12"),
    st.sampled_from("ab"),
    st.integers(0, 5),
)


@given(st.lists(settings_of, min_size=1, max_size=4), st.lists(imported, max_size=4))
def test_what_anybody_said_is_not_changed_by_what_files_say(said, files):
    assert shown([*files, *said]) == shown(said)


@given(st.lists(imported, max_size=4), imported)
def test_a_later_import_fills_only_what_is_empty(files, later):
    after = max([each.set_time for each in files], default=START) + timedelta(minutes=1)
    [found] = shown([*files, replace(later, set_time=after)])
    assert shown(files) in ((found,), ())
