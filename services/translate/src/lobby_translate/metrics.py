"""What is counted here. Names are constants: dashboards depend on them."""

from typing import Final

from prometheus_client import Counter

from lobby_common.metrics import REGISTRY

TRANSLATIONS: Final = Counter(
    "lobby_translations",
    "Texts given to an engine, by engine and outcome (translated or the reason why not).",
    ["provider", "outcome"],
    registry=REGISTRY,
)
RENDERED: Final = Counter(
    "lobby_translate_rendered",
    "Texts by how their rendering came about: the provider, or the status and reason.",
    ["outcome"],
    registry=REGISTRY,
)
ENGINE_STARTS: Final = Counter("lobby_translate_engine_starts", "Starts of the engine's process.", registry=REGISTRY)
