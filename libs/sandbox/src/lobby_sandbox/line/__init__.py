"""LINE Messaging API."""

from lobby_sandbox.line.platform import Line

__all__ = ["Line"]
