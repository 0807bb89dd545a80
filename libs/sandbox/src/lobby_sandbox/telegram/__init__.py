"""Telegram Bot API."""

from lobby_sandbox.telegram.platform import Telegram

__all__ = ["Telegram"]
