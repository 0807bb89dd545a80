"""Laws of the order in which screens are shown what replicas publish side by side."""

from hypothesis import given
from hypothesis import strategies as st

from lobby.events.v1.batch_pb2 import Batch, Event
from lobby_gateway.live.lanes import PATIENCE, Order

LANES = st.lists(st.lists(st.integers(0, 4), min_size=1, max_size=3, unique=True), min_size=1, max_size=14)


def batches_of(lanes: list[list[int]]) -> list[Batch]:
    """Each touches some lanes with one event each."""
    positions = dict.fromkeys(range(5), 0)
    made = []
    for number, touched in enumerate(lanes):
        batch = Batch(batch_id=number)
        for lane in touched:
            positions[lane] += 1
            event = Event(id=f"{lane}-{positions[lane]}")
            batch.segments.add(lane=lane, first=positions[lane], count=1, events=[event])
        made.append(batch)
    return made


def shown(turns) -> list[str]:
    found = []
    for turn in turns:
        events = [event for segment in turn.batch.segments for event in segment.events]
        found += [event.id for number, event in enumerate(events, 1) if number not in turn.repeated]
    return found


def heard(order: Order, arrivals: list[Batch]) -> list[str]:
    found = []
    for sequence, batch in enumerate(arrivals, 1):
        found += shown(order.hear(sequence, batch, 0.0))
    return found


def in_order(found: list[str]) -> bool:
    places = [tuple(map(int, each.split("-"))) for each in found]
    by_lane = [[place for place in places if place[0] == lane] for lane in range(5)]
    return all(lane == sorted(lane) for lane in by_lane)


@given(LANES, st.data())
def test_whatever_the_order_of_arrival_each_lane_is_shown_in_its_own_and_once(lanes, data):
    made = batches_of(lanes)
    order = Order(positions=dict.fromkeys(range(5), 0))
    arrivals = data.draw(st.permutations(made)) + data.draw(st.lists(st.sampled_from(made), max_size=5))
    found = heard(order, arrivals)
    assert sorted(found) == sorted(event.id for batch in made for s in batch.segments for event in s.events)
    assert in_order(found)
    assert not order.waiting


@given(LANES, st.data())
def test_what_waits_for_something_that_never_comes_is_shown_after_a_moment_with_a_mark(lanes, data):
    made = batches_of(lanes)
    lost = data.draw(st.sampled_from(made))
    order = Order(positions=dict.fromkeys(range(5), 0))
    found = heard(order, [batch for batch in made if batch is not lost])
    waited = bool(order.waiting)
    assert list(order.overdue(PATIENCE / 2)) == []
    known = dict(order.positions)
    late = list(order.overdue(PATIENCE * 2))
    assert bool(late) is waited
    for turn in late:
        assert turn.is_torn is any(each.first > known[each.lane] + 1 for each in turn.batch.segments)
        known |= {each.lane: max(known[each.lane], each.first + each.count - 1) for each in turn.batch.segments}
    rest = {event.id for segment in lost.segments for event in segment.events}
    assert sorted(found + shown(late)) == sorted(
        event.id for batch in made for s in batch.segments for event in s.events if event.id not in rest
    )
    assert not order.waiting


def test_a_place_is_passed_only_when_nothing_waits():
    first, second = batches_of([[1], [1]])
    order = Order(positions={1: 0})
    assert list(order.hear(7, second, 0.0)) == []
    turns = list(order.hear(8, first, 0.0))
    assert [(turn.sequence, turn.is_next, turn.is_last) for turn in turns] == [(8, False, False), (7, True, True)]


def test_what_was_published_late_from_before_the_beginning_makes_screens_read_anew():
    """A gateway that has just started hears a lane's second batch first."""
    first, second = batches_of([[1], [1]])
    order = Order()
    assert [turn.is_torn for turn in order.hear(7, second, 0.0)] == [False]
    (late,) = order.hear(8, first, 0.0)
    assert (late.is_torn, shown([late])) == (True, [])
