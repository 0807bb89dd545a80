"""Which pairs are served, and by whom: honest also about what is phrases only."""

from lobby_translate import phrases
from lobby_translate.chain import Chain


def pairs(chain: Chain) -> dict[tuple[str, str], list[str]]:
    """The pairs in order, each with its providers in the order in which they are tried."""
    spoken = sorted(phrases.languages())
    found = {(source, target): ["phrases"] for source in spoken for target in spoken if source != target}
    for provider in chain.providers:
        for pair in sorted(provider.pairs()):
            found.setdefault(pair, []).append(provider.name)
    return dict(sorted(found.items()))
