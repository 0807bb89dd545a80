"""What the gateway counts, beside what every service counts."""

from collections.abc import Mapping

from prometheus_client import Counter, Gauge, Histogram

from lobby_common.metrics import REGISTRY

REQUESTS = Histogram(
    "lobby_http_seconds",
    "API calls answered, by route and status.",
    ["route", "status"],
    registry=REGISTRY,
    buckets=(0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
_WEBHOOKS = Counter("lobby_webhooks_answered", "Webhooks answered, by verdict.", ["verdict"], registry=REGISTRY)
WEBHOOKS: Mapping[str, Counter] = {
    verdict: _WEBHOOKS.labels(verdict)
    for verdict in ("accepted", "bad_signature", "unknown_account", "unavailable", "unspecified")
}
"""Counters of webhooks by verdict, looked up once: this is the hottest path."""
LINK_OPENINGS = Counter(
    "lobby_link_openings", "Tries to open a link to a sheet, by outcome.", ["outcome"], registry=REGISTRY
)
EXPORTS = Counter("lobby_exports", "Exports that ended, by how.", ["outcome"], registry=REGISTRY)
LIVE_CONNECTIONS = Gauge("lobby_live_connections", "Screens that listen now.", registry=REGISTRY)
LIVE_DROPPED = Counter("lobby_live_dropped", "Screens cut off because they read too slowly.", registry=REGISTRY)
