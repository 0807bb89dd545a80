"""Config, ids, pages, times, statements, traces: small laws."""

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lobby_common import caller, ids, pages, times, tracing
from lobby_common.caller import Caller
from lobby_common.config import ConfigError, Secret, ServiceConfig, read, setting
from lobby_common.errors import Invalid, Refused, Unauthenticated
from lobby_common.events.linger import Linger

NEEDED = {"LOBBY_DATABASE_URL": "postgresql://x", "LOBBY_NATS_URL": "nats://x", "LOBBY_INTERNAL_TOKEN": "t"}


def test_a_missing_variable_is_named():
    with pytest.raises(ConfigError, match="LOBBY_NATS_URL"):
        read(ServiceConfig, {"LOBBY_DATABASE_URL": "x"})


def test_a_number_that_is_none_is_named():
    with pytest.raises(ConfigError, match="LOBBY_GRPC_PORT is 'abc'"):
        read(ServiceConfig, NEEDED | {"LOBBY_GRPC_PORT": "abc"})


def test_a_flag_that_is_neither_is_named():
    @dataclass(frozen=True, kw_only=True, slots=True)
    class Flagged:
        on: bool = setting(False, env="LOBBY_ON", doc="")

    assert read(Flagged, {"LOBBY_ON": "1"}).on
    with pytest.raises(ConfigError, match="LOBBY_ON"):
        read(Flagged, {"LOBBY_ON": "perhaps"})


def test_a_secret_does_not_show_itself():
    config = read(ServiceConfig, NEEDED)
    assert "postgresql" not in repr(config)
    assert config.database_url.reveal() == "postgresql://x"
    assert not Secret("")


def test_a_neighbour_without_an_address_is_named():
    with pytest.raises(ConfigError, match="LOBBY_ROUTING_TARGET"):
        read(ServiceConfig, NEEDED).target("routing")


@given(st.datetimes(timezones=st.just(UTC)), st.text(), st.text())
def test_a_derived_id_depends_on_its_parts_alone(at, left, right):
    assert ids.derive_id(at, left, right) == ids.derive_id(at, left, right)
    assert ids.is_id(ids.derive_id(at, left, right))
    if left != right:
        assert ids.derive_id(at, left) != ids.derive_id(at, right)


orders = st.integers(0, 2**26 - 1)


@given(st.datetimes(timezones=st.just(UTC)), orders, orders, st.text())
def test_derived_ids_of_one_time_sort_by_the_order_that_was_given(at, one, other, part):
    ids_of = [ids.derive_ordered_id(at, order, part) for order in (one, other)]
    assert all(map(ids.is_id, ids_of))
    assert all(uuid.UUID(each).version == 8 and uuid.UUID(each).variant == uuid.RFC_4122 for each in ids_of)
    assert (ids_of[0] < ids_of[1], ids_of[0] == ids_of[1]) == (one < other, one == other)
    assert ids_of[0] != ids.derive_ordered_id(at, one, part + "x")
    assert ids.time_of(ids_of[0]) == ids.time_of(ids.derive_id(at, part))


def test_ids_sort_by_their_time():
    early = datetime(2026, 1, 1, tzinfo=UTC)
    assert ids.derive_id(early, "z") < ids.derive_id(early + timedelta(milliseconds=1), "a")
    assert ids.time_of(ids.derive_id(early, "z")) == early


@given(st.text())
def test_only_ids_are_ids(text):
    assert ids.is_id(ids.new_id())
    assert not ids.is_id(text + "!")


@given(
    st.lists(st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"])) | st.integers(), max_size=4)
)
def test_a_page_token_gives_back_what_went_in(values):
    assert pages.decode(pages.encode(*values), len(values)) == tuple(values)


@given(st.text(min_size=1))
def test_a_token_that_nobody_gave_is_refused(token):
    with pytest.raises(Invalid, match="BAD_PAGE_TOKEN"):
        pages.decode(token, 9)


def test_a_tokens_time_is_a_time_of_our_years_in_utc_or_none():
    at = datetime(2026, 11, 22, 3, tzinfo=UTC)
    assert pages.read_time(at.isoformat()) == pages.read_time("2026-11-22T04:00:00+01:00") == at
    for none in ("", "x", 5, None, "2026-11-22T03:00:00", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"):
        assert pages.read_time(none) is None


def test_pages_are_fifty_by_default_and_two_hundred_at_most():
    assert [pages.size(wanted) for wanted in (0, 7, 200, 1000)] == [50, 7, 200, 200]


@given(st.datetimes(min_value=datetime(1, 1, 2), max_value=datetime(9999, 12, 30), timezones=st.just(UTC)))  # noqa: DTZ001
def test_times_survive_the_wire(at):
    assert times.from_proto(times.to_proto(at)) == at


@pytest.mark.parametrize("edge", [datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)])
def test_the_outermost_microseconds_are_told_as_those_beside_them(edge):
    assert abs(times.from_proto(times.to_proto(edge)) - edge) == timedelta(microseconds=1)


def test_an_agents_key_acts_for_its_own_agent_only():
    agent, owner = Caller("w", "agent", "a1"), Caller("w", "owner")
    assert caller.acting_agent(agent, "") == "a1"
    assert caller.acting_agent(owner, "a2") == "a2"
    with pytest.raises(Refused, match="OTHER_AGENT"):
        caller.acting_agent(agent, "a2")
    with pytest.raises(Invalid, match="AGENT_REQUIRED"):
        caller.acting_agent(owner, "")


def test_nobody_is_asking_outside_a_call():
    with pytest.raises(Unauthenticated):
        caller.current()
    with caller.use(Caller("w", "owner")):
        assert caller.current().workspace_id == "w"


def test_linger_follows_the_last_batch_and_ends_when_idle():
    linger = Linger(longest=0.15, factor=3)
    assert linger.pause() == 0
    linger.after(events=100, seconds=0.02)
    assert linger.pause() == pytest.approx(0.06)
    linger.after(events=1000, seconds=1.0)
    assert linger.pause() == 0.15
    linger.after(events=3, seconds=1.0)
    assert linger.pause() == 0
    linger.after(events=1000, seconds=1.0)
    linger.idle()
    assert linger.pause() == 0


def test_a_trace_is_sampled_by_ratio_and_keeps_its_id():
    assert tracing.is_sampled(tracing.new_traceparent(1.0))
    unsampled = tracing.new_traceparent(0.0)
    assert not tracing.is_sampled(unsampled)
    assert len(tracing.trace_id(unsampled)) == 32
    assert tracing.trace_id("garbage") == ""
