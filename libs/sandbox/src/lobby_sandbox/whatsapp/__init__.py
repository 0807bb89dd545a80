"""WhatsApp Cloud API."""

from lobby_sandbox.whatsapp.platform import WhatsApp

__all__ = ["WhatsApp"]
