"""What identity reads from its environment."""

from dataclasses import dataclass

from lobby_common.config import ServiceConfig


@dataclass(frozen=True, kw_only=True, slots=True)
class IdentityConfig(ServiceConfig):
    """Identity needs nothing of its own."""
