"""The document as a whole."""

from importlib import metadata
from typing import Any

from lobby_gateway import contract, descriptors
from lobby_gateway.openapi import exports, fixed
from lobby_gateway.openapi.operations import operations
from lobby_gateway.openapi.schemas import Schemas, described

_DESCRIPTION = """Customers come in from every messaging platform; each is met once, led to the right agent, \
answered in his own language, and counted once as a person.

Names are snake_case; requests take lowerCamelCase too. Enums are lower-case words. Scalars, booleans and lists are \
always present; what is not set or not computed yet is left out. Times are RFC 3339 in UTC. Lists are paged by \
`page_size` (50, at most 200) and `page_token`. Everything happens inside the workspace of the key; an id of another \
workspace is 404."""


def document() -> dict[str, Any]:
    """Returns the OpenAPI 3.1 document."""
    schemas = Schemas()
    paths = fixed.paths() | operations(descriptors.routes(), schemas) | exports.paths(schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Lobby",
            "version": metadata.version("lobby-gateway"),
            "summary": "The one public door of Lobby",
            "description": _DESCRIPTION,
        },
        "servers": [{"url": "/"}],
        "security": [{"key": []}],
        "tags": _tags(),
        "paths": paths,
        "components": {
            "schemas": schemas.components() | {"LiveItem": fixed.live_item(), "Problem": fixed.PROBLEM_SCHEMA},
            "responses": {"Problem": fixed.PROBLEM_RESPONSE},
            "securitySchemes": {
                "key": {"type": "http", "scheme": "bearer", "description": "An API key of the workspace."},
                "token": {"type": "apiKey", "in": "query", "name": "access_token", "description": "The same key."},
            },
        },
    }


def _tags() -> list[dict[str, str]]:
    """The services that are offered, with what their contracts say of them; and what is beside them."""
    served = {route.rpc.rpartition(".")[0] for route in descriptors.routes()}
    names = [
        service.full_name
        for module in contract.service_modules()
        for service in module.DESCRIPTOR.services_by_name.values()
        if service.full_name in served
    ]
    tags = [{"name": name.rpartition(".")[2].removesuffix("Service"), "description": described(name)} for name in names]
    return [
        *tags,
        {"name": "Exports", "description": "Lists as files, of any length."},
        {"name": "Live", "description": "Hints that something changed, as it happens."},
        {"name": "Webhooks", "description": "Where platforms post; each account's address is its webhook_url."},
        {"name": "Gateway", "description": "The gateway itself."},
    ]
