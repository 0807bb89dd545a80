"""What counts as applied, to come, in quarantine or missing, against a plain model of it."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from lobby_common.events.evidence import LATE, MOST_NAMED, Evidence, Expected, Lack, Tally, judge, merged
from lobby_common.events.lanes import Span

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
    for event in events:
        is_whole = evidence.holds(event.lane, event.position, event.position) and not evidence.accuses(event.event_id)
        assert is_whole == (
            event.event_id not in lacks
            and (event.lane, event.position) in held
            and event.event_id not in quarantined
            and event.position <= positions.get(event.lane, 0)
        )
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
