"""The OpenAPI 3.1 document of everything that this gateway serves, made from the contracts and their comments."""

from lobby_gateway.openapi.document import document

__all__ = ["document"]
