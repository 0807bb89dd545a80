"""What the counter counts of its own work, in Prometheus' words. Names are constants: dashboards depend on them."""

from prometheus_client import Counter, Gauge

from lobby_common.metrics import REGISTRY

RECOUNTS = Gauge(
    "lobby_counter_recounts",
    "Counters and campaigns for which what was before is to be judged: all, or those that failed the last time.",
    ["state"],
    registry=REGISTRY,
)
RECOUNT_FAILURES = Counter(
    "lobby_counter_recount_failures",
    "Tries to judge what was before that failed, by error.",
    ["error"],
    registry=REGISTRY,
)
