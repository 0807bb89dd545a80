"""What routing reads from the environment."""

from dataclasses import dataclass

from lobby_common.config import ServiceConfig


@dataclass(frozen=True, kw_only=True, slots=True)
class RoutingConfig(ServiceConfig):
    """Nothing beyond what every service needs."""
