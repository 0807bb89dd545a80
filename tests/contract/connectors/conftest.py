"""The fixtures of connectors' component tests, here with the sandbox as the platform."""

from tests.component.connectors.conftest import connectors, platform, world

__all__ = ["connectors", "platform", "world"]
