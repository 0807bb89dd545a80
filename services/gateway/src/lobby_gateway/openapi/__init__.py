"""The OpenAPI 3.1 document of everything that this gateway serves, made from the contracts."""

from typing import Any


def document() -> dict[str, Any]:
    return {}
