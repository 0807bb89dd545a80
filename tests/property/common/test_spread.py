"""Laws of who holds what."""

from hypothesis import given
from hypothesis import strategies as st

from lobby_common.leases import LANE_LEASES, spread

REPLICAS = st.sets(st.text("abcdefgh-0123456789", min_size=1, max_size=12), min_size=1, max_size=40)


@given(REPLICAS)
def test_every_lease_has_one_holder_and_no_replica_has_more_than_its_share(replicas):
    owners = spread(LANE_LEASES, replicas)
    assert owners.keys() == set(LANE_LEASES)
    loads = [list(owners.values()).count(replica) for replica in replicas]
    assert max(loads) <= -(-len(LANE_LEASES) // len(replicas))


@given(REPLICAS, st.randoms())
def test_everyone_who_asks_is_told_the_same(replicas, random):
    shuffled = sorted(replicas, key=lambda _: random.random())
    assert spread(LANE_LEASES, replicas) == spread(LANE_LEASES[::-1], shuffled)


def test_nobody_holds_anything_where_nobody_lives():
    assert spread(LANE_LEASES, []) == {}
