"""What counts as applied, to come, in quarantine or missing, against a plain model of it."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from lobby_common.events.evidence import LATE, MOST_NAMED, Evidence, Expected, Lack, Tally, judge, merged
from lobby_common.events.lanes import Span
from lobby_common.events.proof import BUCKET, bucket_of, closed_before, pieces_without, stored_before

NOW = datetime(2026, 11, 26, 12, 3, tzinfo=UTC)
LANES = st.integers(0, 2)
SPANS = st.lists(st.builds(Span, st.integers(1, 40), st.integers(1, 10)), max_size=8)
EVENTS = st.lists(
    st.tuples(LANES, st.integers(1, 40), st.sampled_from(["w1", "w2"]), st.integers(0, 120)), max_size=40, unique=True
)


def expected(lane: int, position: int, workspace_id: str, age: int) -> Expected:
    name = f"{lane}/{position}/{workspace_id}/{age}"
    return Expected(name, workspace_id, lane, position, NOW - timedelta(seconds=age))


@given(
    EVENTS,
    st.dictionaries(LANES, SPANS),
    st.dictionaries(LANES, st.integers(0, 40)),
    st.randoms(use_true_random=False),
)
def test_every_event_is_one_of_four_things_and_each_missing_one_is_named_with_its_reason(told, rows, positions, random):
    events = [expected(*each) for each in told]
    names = [event.event_id for event in events]
    quarantined = set(random.sample(names, len(names) // 4))
    effectless = set(random.sample(names, len(names) // 4))
    evidence = Evidence(positions, {lane: merged(spans) for lane, spans in rows.items()}, quarantined, effectless)
    tallies, lacks = judge(events, evidence, NOW)

    held = {(lane, at) for lane, spans in rows.items() for span in spans for at in range(span.first, span.last + 1)}
    for event in events:
        if event.event_id in quarantined:
            wanted = None
        elif event.position > positions.get(event.lane, 0):
            wanted = Lack.LATE if NOW - event.told_time > LATE else None
        elif (event.lane, event.position) not in held:
            wanted = Lack.NO_RANGE
        else:
            wanted = Lack.NO_EFFECT if event.event_id in effectless else None
        assert lacks.get(event.event_id) == wanted
    for workspace_id in ("w1", "w2"):
        mine = [event for event in events if event.workspace_id == workspace_id]
        tally = tallies.get(workspace_id, Tally())
        assert tally.expected == len(mine)
        assert sorted(tally.named) == sorted(event.event_id for event in mine if event.event_id in lacks)
        assert tally.quarantined == sum(event.event_id in quarantined for event in mine)


def test_of_very_many_that_are_missing_the_first_are_named_and_all_are_counted():
    events = [expected(0, position, "w1", 0) for position in range(1, MOST_NAMED + 11)]
    tallies, _ = judge(events, Evidence({0: 10_000}, {}, (), ()), NOW)
    assert (tallies["w1"].missing, len(tallies["w1"].named)) == (MOST_NAMED + 10, MOST_NAMED)
    total = Tally()
    for _ in range(2):
        total.add(tallies["w1"])
    assert (total.missing, len(total.named)) == (2 * MOST_NAMED + 20, MOST_NAMED)


@given(SPANS)
def test_merged_spans_hold_the_same_and_stand_apart(spans):
    result = merged(spans)
    held = [at for span in result for at in range(span.first, span.last + 1)]
    assert held == sorted({at for span in spans for at in range(span.first, span.last + 1)})
    assert all(before.last + 1 < after.first for before, after in pairwise(result))


@given(st.timedeltas(timedelta(0), timedelta(days=2000)).map(lambda since: datetime(2024, 1, 1, tzinfo=UTC) + since))
def test_buckets_of_five_minutes_cover_time_and_the_last_closed_one_is_a_minute_old(at):
    bucket = bucket_of(at)
    assert bucket <= at < bucket + BUCKET
    assert (bucket.minute % 5, bucket.second, bucket.microsecond) == (0, 0, 0)
    assert timedelta(seconds=60) <= at - closed_before(at) < BUCKET + timedelta(seconds=60)


@given(
    st.lists(st.integers(0, 400), max_size=20),
    st.integers(0, 100),
    st.integers(1, 120),
    st.integers(0, 2000),
)
def test_the_newest_events_of_a_period_are_examined_anew_and_each_moment_is_accounted_for_once(
    sizes, begin, long, most
):
    origin = datetime(2026, 11, 26, tzinfo=UTC)
    by_bucket = {origin + n * BUCKET: size for n, size in enumerate(sizes)}
    start = origin + timedelta(minutes=begin)
    end = start + timedelta(minutes=long)
    known = stored_before(by_bucket, start, end, most, origin - timedelta(days=1))
    pieces = pieces_without(known, start, end)
    whole = sorted([*pieces, *((bucket, bucket + BUCKET) for bucket in known)])
    assert whole[0][0] == start
    assert whole[-1][1] == end
    assert all(before[1] == after[0] for before, after in pairwise(whole))
    anew = sum(size for bucket, size in by_bucket.items() if bucket not in known and bucket >= start + BUCKET)
    edges = [size for bucket, size in by_bucket.items() if bucket + BUCKET > end or bucket < start]
    assert anew <= most + sum(edges)


def test_of_buckets_older_than_the_logs_what_was_found_then_is_taken():
    origin = datetime(2026, 11, 26, tzinfo=UTC)
    by_bucket = {origin + n * BUCKET: 1 for n in range(4)}
    known = stored_before(by_bucket, origin, origin + 4 * BUCKET, 1000, origin + 2 * BUCKET)
    assert known == {origin, origin + BUCKET}
