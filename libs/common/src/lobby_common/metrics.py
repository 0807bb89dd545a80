"""Metrics of every service, in Prometheus' words. Names are constants: dashboards depend on them."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

REGISTRY = CollectorRegistry(auto_describe=True)

RPCS = Histogram(
    "lobby_rpc_seconds",
    "Calls served, by method and code.",
    ["method", "code"],
    registry=REGISTRY,
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)
BATCHES_PUBLISHED = Counter("lobby_batches_published", "Event batches that the broker took.", registry=REGISTRY)
EVENTS_APPLIED = Counter("lobby_events_applied", "Events whose effects were committed.", ["service"], registry=REGISTRY)
EVENTS_QUARANTINED = Counter(
    "lobby_events_quarantined", "Events that could not be applied.", ["service"], registry=REGISTRY
)
RETRIES = Counter("lobby_transactions_retried", "Batches repeated after a deadlock.", ["service"], registry=REGISTRY)
FENCED = Counter(
    "lobby_writes_fenced", "Batches refused because another replica holds the lane.", ["service"], registry=REGISTRY
)
GAPS = Counter("lobby_gaps", "Gaps found in a producer's lanes.", ["producer"], registry=REGISTRY)
LEDGER_MISMATCH = Gauge(
    "ledger_mismatch",
    "Events told whose effects are missing after mending; producer `stream`: batches that the own stream has lost.",
    ["service", "producer"],
    registry=REGISTRY,
)
EFFECTS_MENDED = Counter(
    "lobby_effects_mended", "Effects that were missing and were made again.", ["service", "reason"], registry=REGISTRY
)
STREAM_GARBAGE = Counter(
    "lobby_stream_garbage", "Messages of a stream that are no batch.", ["producer"], registry=REGISTRY
)


def exposition() -> bytes:
    """Returns all metrics in Prometheus' text format."""
    return generate_latest(REGISTRY)
