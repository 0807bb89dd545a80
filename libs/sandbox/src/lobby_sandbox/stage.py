"""The platforms on stage, each with what it accepted and what is to go wrong."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from lobby_sandbox.contract import Platform
from lobby_sandbox.faults import Faults
from lobby_sandbox.line import Line
from lobby_sandbox.mint import Mint
from lobby_sandbox.sent import Outbox
from lobby_sandbox.telegram import Telegram
from lobby_sandbox.whatsapp import WhatsApp


@dataclass(frozen=True, slots=True)
class Stage:
    """One platform and its surroundings."""

    platform: Platform
    outbox: Outbox = field(default_factory=Outbox)
    faults: Faults = field(default_factory=Faults)


def set_stages(mint: Mint) -> Mapping[str, Stage]:
    """Every platform that the sandbox plays, by the name in its paths."""
    platforms: tuple[Platform, ...] = (WhatsApp(mint), Telegram(mint), Line(mint))
    return {platform.name: Stage(platform) for platform in platforms}
