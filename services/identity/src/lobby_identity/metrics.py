"""What identity counts, in Prometheus' words."""

from prometheus_client import Counter

from lobby_common.metrics import REGISTRY

WEIGHED = Counter("lobby_contacts_weighed", "Contacts weighed against those that are like them.", registry=REGISTRY)
DECIDED = Counter("lobby_suggestions_decided", "Suggestions by what became of them.", ["state"], registry=REGISTRY)
HELD = Counter(
    "lobby_merges_held",
    "Strong evidence that was held because somebody had said that the two are not the same.",
    ["evidence"],
    registry=REGISTRY,
)
