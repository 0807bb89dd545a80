"""Every platform there is, by its name in addresses; a test compares this with the folders."""

from collections.abc import Mapping
from functools import cache
from typing import TypeVar, cast

from lobby_connectors.platforms.interface import Platform
from lobby_connectors.platforms.line.client import Line
from lobby_connectors.platforms.telegram.client import Telegram
from lobby_connectors.platforms.whatsapp.client import WhatsApp

PLATFORMS: Mapping[str, Platform] = {
    "whatsapp": WhatsApp(),
    "telegram": Telegram(),
    "line": Line(),
}

Ability = TypeVar("Ability")


@cache
def find_ability(name: str, ability: type[Ability]) -> Ability | None:
    """Returns the platform as one that has the ability, None where it has not.

    Remembered, because asking a Protocol costs more than parsing a message.
    """
    platform = PLATFORMS[name]
    return cast("Ability", platform) if isinstance(platform, ability) else None
