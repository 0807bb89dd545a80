"""Every platform there is, by its name in addresses; a test compares this with the folders."""

from collections.abc import Mapping

from lobby_connectors.platforms.interface import Platform
from lobby_connectors.platforms.line.client import Line
from lobby_connectors.platforms.telegram.client import Telegram
from lobby_connectors.platforms.whatsapp.client import WhatsApp

PLATFORMS: Mapping[str, Platform] = {
    "whatsapp": WhatsApp(),
    "telegram": Telegram(),
    "line": Line(),
}
