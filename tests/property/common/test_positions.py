"""Laws of lanes and positions: whatever the transport does, everything is taken once and in order."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from lobby.events.v1.batch_pb2 import Batch, Event, Segment
from lobby_common.events import packing
from lobby_common.events.lanes import LANES, Gap, Seen, Span, Take, judge, lane_of
from lobby_common.events.source import Early, Heads
from lobby_common.times import to_proto, utc_now

KEYS = st.sampled_from([f"key{number}" for number in range(12)])
TRANSACTIONS = st.lists(st.lists(KEYS, min_size=1, max_size=8), min_size=1, max_size=12)


def log_of(transactions: list[list[str]]) -> list[Batch]:
    """The batches that a service would write for transactions that tell events under these keys."""
    heads = dict.fromkeys(range(LANES), 1)
    batches: list[Batch] = []
    number = 0
    for keys in transactions:
        told = []
        for key in keys:
            number += 1
            told.append(packing.told(Event(), workspace_id="w", key=key, event_id=f"e{number}", time=utc_now()))
        batches += written(told, heads, len(batches))
    return batches


def written(told: list[packing.Told], heads: dict[int, int], after: int) -> list[Batch]:
    """What `write_batch` does with what a transaction tells; `heads` are each lane's next positions."""
    batches = []
    for batch_id, chunk in enumerate(packing.chunks(told), after + 1):
        pieces = packing.pieces("s", chunk)
        firsts = [heads[piece.lane] for piece in pieces]
        for piece in pieces:
            heads[piece.lane] += piece.count
        batches.append(Batch.FromString(packing.encode(pieces, firsts, batch_id, utc_now())))
    return batches


def beginning(lanes=range(LANES)) -> Heads:
    """Nothing was taken of these lanes, and others are not ours."""
    return Heads(dict.fromkeys(lanes, 0))


def catch_up(heads: Heads, log: list[Batch]) -> list[str]:
    """What `Source._catch_up` does: batches that touch a lane that is behind, after that lane's last batch."""
    ends: dict[int, int] = {}
    for batch in log:
        for segment in batch.segments:
            ends[segment.lane] = segment.first + segment.count - 1
    behind = [lane for lane, end in ends.items() if end > heads.positions.get(lane, 0)]
    after = min((heads.batch_ids.get(lane, 0) for lane in behind), default=0)
    found = []
    for batch in log:
        if batch.batch_id > after and any(segment.lane in behind for segment in batch.segments):
            found += ids_of(heads.take(batch)[0])
    return found


def ids_of(runs) -> list[str]:
    return [event.id for run in runs for event in run.events]


@given(TRANSACTIONS, st.data())
def test_repeated_lost_and_disordered_batches_are_taken_once_and_in_order(transactions, data):
    log = log_of(transactions)
    heads, taken = beginning(), []
    deliveries = data.draw(st.lists(st.sampled_from(range(len(log))), max_size=3 * len(log)))
    for index in deliveries:
        runs, gaps = heads.take(log[index])
        taken += ids_of(runs)
        if gaps:
            taken += catch_up(heads, log[: index + 1])
            runs, gaps = heads.take(log[index])
            taken += ids_of(runs)
            assert not gaps
    taken += catch_up(heads, log)
    keys = {event.id: event.key for batch in log for segment in batch.segments for event in segment.events}
    assert sorted(taken) == sorted(keys)
    for lane in range(LANES):
        numbers = [int(event_id[1:]) for event_id in taken if lane_of(keys[event_id]) == lane]
        assert numbers == sorted(numbers)


@given(TRANSACTIONS, st.data())
def test_a_crash_between_taking_and_applying_loses_and_doubles_nothing(transactions, data):
    """What was taken and not committed is taken again from the stored positions."""
    log = log_of(transactions)
    stored, applied = beginning(), []
    for batch in log:
        while True:
            heads = Heads(dict(stored.positions), dict(stored.batch_ids))
            runs, gaps = heads.take(batch)
            assert not gaps
            if data.draw(st.booleans(), label="dies before the commit"):
                continue
            stored, applied = heads, applied + ids_of(runs)
            break
        if data.draw(st.booleans(), label="delivered again"):
            assert ids_of(stored.take(batch)[0]) == []
    assert len(applied) == len(set(applied)) == sum(map(len, transactions))


@given(TRANSACTIONS, st.data())
def test_batches_that_replicas_publish_side_by_side_need_no_second_reading(transactions, data):
    log = log_of(transactions)
    arrival = data.draw(st.permutations(log), label="arrival")
    ours = data.draw(st.sets(st.integers(0, LANES - 1)), label="ours") | {lane_of("key0")}
    heads, early, taken, passed = beginning(ours), Early(), [], []
    for sequence, batch in enumerate(arrival, 1):
        early.add(batch, sequence)
        runs, _ = early.settle(heads)
        taken += ids_of(runs)
        passed += [run.sequence for run in runs if run.sequence is not None]
    assert not early.batches
    assert passed == list(range(1, len(log) + 1))
    keys = {event.id: event.key for batch in log for segment in batch.segments for event in segment.events}
    assert sorted(taken) == sorted(event_id for event_id, key in keys.items() if lane_of(key) in ours)
    for lane in ours:
        numbers = [int(event_id[1:]) for event_id in taken if lane_of(keys[event_id]) == lane]
        assert numbers == sorted(numbers)


@given(TRANSACTIONS, st.data())
def test_nothing_behind_a_gap_is_taken_and_no_sequence_passes_it(transactions, data):
    log = log_of(transactions)
    lost = data.draw(st.sampled_from(range(len(log))), label="lost")
    heads, early = beginning(), Early()
    taken, passed = [], []
    for sequence, batch in enumerate(log):
        if sequence == lost:
            continue
        early.add(batch, sequence)
        runs, missing = early.settle(heads)
        taken += ids_of(runs)
        passed += [run.sequence for run in runs if run.sequence is not None]
        assert missing <= {segment.lane for segment in log[lost].segments}
    blocked = {segment.lane: segment.first for segment in log[lost].segments}
    for batch in log:
        for segment in batch.segments:
            for offset, event in enumerate(segment.events):
                behind = segment.first + offset >= blocked.get(segment.lane, 10**9)
                assert (event.id in taken) is not behind
    waiting = [sequence for _, sequence in early.batches]
    assert not waiting or all(sequence < waiting[0] for sequence in passed)
    assert sorted(passed + waiting) == [sequence for sequence in range(len(log)) if sequence != lost]


@given(st.integers(0, 50), st.integers(1, 60), st.integers(1, 20))
def test_a_run_is_seen_or_next_or_behind_a_gap(position, first, count):
    verdict = judge(position, Span(first, count))
    match verdict:
        case Seen():
            assert first + count - 1 <= position
        case Gap(missing_from, missing_to):
            assert missing_from == position + 1
            assert missing_to == first - 1 >= missing_from
        case Take(skip):
            assert 0 <= skip < count
            assert first + skip == position + 1


@given(st.lists(st.tuples(KEYS, st.integers(0, 300_000)), min_size=1, max_size=20))
def test_no_batch_is_larger_than_allowed_unless_one_event_is(sizes):
    told = [
        packing.told(Event(payload=bytes(size)), workspace_id="w", key=key, event_id=str(number), time=utc_now())
        for number, (key, size) in enumerate(sizes)
    ]
    batches = written(told, dict.fromkeys(range(LANES), 1), 0)
    for batch in batches:
        assert batch.ByteSize() <= packing.LARGEST_BATCH or sum(s.count for s in batch.segments) == 1
    ids = [e.id for batch in batches for segment in batch.segments for e in segment.events]
    assert sorted(ids) == sorted(each.event.id for each in told)


@given(
    st.lists(st.tuples(KEYS, st.integers(0, 200_000)), min_size=1, max_size=20),
    st.integers(1, 2**62),
    st.integers(1, 2**62),
    st.timedeltas(timedelta(0), timedelta(days=30_000)).map(lambda since: datetime(2020, 1, 1, tzinfo=UTC) + since),
)
def test_a_batch_put_together_from_pieces_is_what_protobuf_would_write(sizes, batch_id, first, at):
    told = [
        packing.told(Event(payload=bytes(size)), workspace_id="w", key=key, event_id=str(number), time=utc_now())
        for number, (key, size) in enumerate(sizes)
    ]
    for chunk in packing.chunks(told):
        pieces = packing.pieces("service", chunk)
        firsts = [first + offset for offset in range(len(pieces))]
        assert Batch.FromString(packing.encode(pieces, firsts, batch_id, at)) == Batch(
            service="service",
            batch_id=batch_id,
            create_time=to_proto(at),
            segments=[
                Segment(
                    lane=piece.lane,
                    first=first,
                    count=piece.count,
                    events=[each.event for each in chunk if each.lane == piece.lane],
                )
                for piece, first in zip(pieces, firsts, strict=True)
            ],
        )


@given(st.text())
def test_a_key_has_one_lane(key):
    assert 0 <= lane_of(key) < LANES
    assert lane_of(key) == lane_of(key)


def test_lanes_are_what_is_stored_in_databases_already():
    assert [lane_of(key) for key in ("", "a", "account/chat", "66811111111")] == [0, 3, 15, 22]
