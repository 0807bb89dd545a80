"""What connectors counts, in Prometheus' words."""

from collections import Counter as Count
from collections.abc import Iterable

from prometheus_client import Counter, Gauge

from lobby_common.metrics import REGISTRY
from lobby_connectors.domain.webhooks import Verdict
from lobby_connectors.platforms.registry import PLATFORMS

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
BREAKERS = Counter(
    "lobby_breakers", "Breakers of accounts that opened or closed.", ["platform", "move"], registry=REGISTRY
)
SPOOLED = Counter(
    "lobby_webhooks_spooled", "Webhooks kept by the broker because the database was away.", registry=REGISTRY
)
SPOOL_MESSAGES = Gauge(
    "lobby_spool_messages", "Messages in the spool that are not in the database yet.", registry=REGISTRY
)


def count_webhooks(answers: Iterable[tuple[str, str]]) -> None:
    """The answers, each with its platform, are in the figures."""
    for (platform, outcome), number in Count(answers).items():
        WEBHOOKS.labels(platform if platform in PLATFORMS else "other", outcome.lower()).inc(number)


def count_items(verdicts: Iterable[tuple[str, Verdict]]) -> None:
    """The verdicts, each with its platform, are in the figures."""
    results: Count[tuple[str, str]] = Count()
    rules: Count[tuple[str, str]] = Count()
    for platform, verdict in verdicts:
        results[platform, "new"] += verdict.new
        results[platform, "duplicate"] += verdict.duplicate
        results[platform, "ignored"] += verdict.ignored
        results[platform, "problem"] += verdict.problems
        for rule, number in verdict.rules.items():
            rules[platform, rule] += number
    for (platform, result), number in results.items():
        ITEMS.labels(platform, result).inc(number)
    for (platform, rule), number in rules.items():
        IGNORED.labels(platform, rule).inc(number)
