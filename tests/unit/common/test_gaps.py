"""What a walk through a log finds missing: exactly what was taken out of it, as far as it came."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from lobby_common.events.gaps import Edge, Gap, Walk

BIRTH = datetime(2026, 5, 1, tzinfo=UTC)
LANES = 3
LATER = 10**9

batches = st.lists(st.dictionaries(st.integers(0, LANES - 1), st.integers(1, 4), min_size=1), max_size=12)
"""By lane, how many events each batch tells."""


def at(batch_id: int) -> datetime:
    return BIRTH + timedelta(seconds=batch_id)


def told(log):
    """Returns each batch with its id and segments, and the last position of each lane."""
    heads, placed = dict.fromkeys(range(LANES), 0), []
    for batch_id, counts in enumerate(log, start=1):
        placed.append((batch_id, [(lane, heads[lane] + 1, count) for lane, count in sorted(counts.items())]))
        for lane, count in counts.items():
            heads[lane] += count
    return placed, heads


def walk(held, heads) -> Walk:
    found = Walk({lane: Edge(last, at(LATER), LATER) for lane, last in heads.items()})
    for batch_id, segments in reversed(held):
        found.pass_by(batch_id, at(batch_id), segments)
    return found


def positions(segments) -> set[tuple[int, int]]:
    return {(lane, first + n) for lane, first, count in segments for n in range(count)}


@given(batches, st.data())
def test_what_was_taken_out_is_found_and_nothing_else(log, data):
    placed, heads = told(log)
    taken = data.draw(st.sets(st.sampled_from(range(len(placed)))) if placed else st.just(set()))
    found = walk([each for n, each in enumerate(placed) if n not in taken], heads)
    found.end(BIRTH)
    lost = set().union(*(positions(placed[n][1]) for n in taken))
    assert positions([(gap.lane, gap.first, gap.count) for gap in found.gaps]) == lost
    for n in taken:
        batch_id, segments = placed[n]
        for gap in found.gaps:
            if positions(segments) & positions([(gap.lane, gap.first, gap.count)]):
                assert gap.after_batch_id < batch_id < gap.before_batch_id
                assert gap.may_be_of(at(batch_id), at(batch_id + 1))


@given(batches, st.dictionaries(st.integers(0, LANES - 1), st.integers(1, 4), min_size=1))
def test_what_is_told_while_it_walks_is_no_gap(log, more):
    _, heads = told(log)
    placed, _ = told([*log, more])
    found = walk(placed, heads)
    found.end(BIRTH)
    assert found.gaps == []


def test_a_walk_is_past_a_time_when_each_lane_has_been_met_before_it_or_is_known():
    placed, heads = told([{0: 1, 1: 1}, {0: 1}, {0: 1}])
    found = walk(placed[1:], heads)
    assert not found.is_past(at(3), {})
    assert found.is_past(at(3), {1: 1})
    assert walk(placed, heads).is_past(at(3), {})


def test_a_gap_at_the_end_of_a_lane_may_have_been_told_until_now():
    placed, heads = told([{0: 2}, {0: 3}])
    assert walk(placed[:1], heads).gaps == [Gap(0, 3, 3, at(1), at(LATER), 1, LATER)]
