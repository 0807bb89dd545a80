"""What connectors counts, in Prometheus' words."""

from collections.abc import Iterable

from prometheus_client import Counter

from lobby_common.metrics import REGISTRY
from lobby_connectors.domain.webhooks import Verdict

WEBHOOKS = Counter("lobby_webhooks", "Webhooks by what was answered.", ["platform", "outcome"], registry=REGISTRY)
ITEMS = Counter(
    "lobby_webhook_items",
    "What webhooks said: new, duplicate, ignored or not understood.",
    ["platform", "result"],
    registry=REGISTRY,
)
IGNORED = Counter(
    "lobby_webhook_ignored", "Items left out, by the rule that did it.", ["platform", "rule"], registry=REGISTRY
)
SENDS = Counter("lobby_sends", "Calls of platforms by outcome.", ["platform", "outcome"], registry=REGISTRY)


def count(verdicts: Iterable[tuple[str, Verdict]]) -> None:
    """The verdicts, each with its platform, are in the figures."""
    for platform, verdict in verdicts:
        for result in ("new", "duplicate", "ignored", "problems"):
            number = getattr(verdict, result)
            if number:
                ITEMS.labels(platform, result).inc(number)
        for rule, number in verdict.rules.items():
            IGNORED.labels(platform, rule).inc(number)
