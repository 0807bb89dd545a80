"""Routes as OpenAPI operations."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from google.protobuf.descriptor import FieldDescriptor

from lobby.options.v1.options_pb2 import PERMISSION_PUBLIC, Permission
from lobby_gateway import roles
from lobby_gateway.descriptors import Route
from lobby_gateway.openapi import rules
from lobby_gateway.openapi.schemas import Schemas, described
from lobby_gateway.transcode import names
from lobby_gateway.transcode.decode import is_query_field

Json = dict[str, Any]
ID_PATTERN = "^[A-Za-z0-9_-]{1,64}$"
PROBLEM = {"$ref": "#/components/responses/Problem"}

_IDEMPOTENCY_KEY: Json = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "Makes repeating harmless: the same key at the same path gives the same answer. Fills `request_id`.",
    "schema": {"type": "string", "pattern": "^[!-~]{1,128}$"},
}


def operations(routes: Sequence[Route], schemas: Schemas) -> dict[str, Json]:
    """Returns the paths with their operations, in order of path."""
    paths: dict[str, Json] = {}
    used = Counter(_short(route) for route in routes)
    for route in sorted(routes, key=lambda each: each.template.text):
        name = _short(route)
        operation_id = name if used[name] == 1 else f"{route.service}{name[0].upper()}{name[1:]}"
        paths.setdefault(route.template.text, {})[route.verb.lower()] = operation_of(route, operation_id, schemas)
    return paths


def _short(route: Route) -> str:
    name = route.rpc.rpartition(".")[2]
    return name[0].lower() + name[1:]


def operation_of(route: Route, operation_id: str, schemas: Schemas) -> Json:
    """Returns the operation of a route."""
    is_public = route.permission == PERMISSION_PUBLIC
    allowed = [role for role in roles.PERMISSIONS if roles.may(role, route.permission)]
    text = described(route.rpc)
    who = "Needs no key." if is_public else f"Roles: {', '.join(allowed)}."
    operation: Json = {
        "operationId": operation_id,
        "tags": [route.rpc.split(".")[-2].removesuffix("Service")],
        "summary": text.split(". ")[0].rstrip("."),
        "description": f"{text} {who}",
        "x-roles": allowed,
        "x-permission": names.words(Permission.DESCRIPTOR)[route.permission],
        "responses": {
            "200": {
                "description": described(route.response.DESCRIPTOR.full_name) or "Done.",
                "content": {"application/json": {"schema": schemas.answer(_descriptor(route.response))}},
            },
            "default": PROBLEM,
        },
    }
    if is_public:
        operation["security"] = []
    if route.reasons:
        operation["x-reasons"] = list(route.reasons)
    if parameters := _parameters(route, schemas):
        operation["parameters"] = parameters
    if route.takes_body:
        body = schemas.body(_descriptor(route.request), route.template.variables)
        operation["requestBody"] = {
            "required": any(map(rules.is_needed, names.fields_of(route.request.DESCRIPTOR))),
            "content": {"application/json": {"schema": body}},
        }
    return operation


def _descriptor(message: Any) -> Any:
    return message.DESCRIPTOR


def _parameters(route: Route, schemas: Schemas) -> list[Json]:
    fields = names.fields_of(route.request.DESCRIPTOR)
    found = [_in_path(field) for field in fields if field.name in route.template.variables]
    if not route.takes_body:
        asked = [field for field in fields if field.name not in route.template.variables and is_query_field(field)]
        found += [_in_query(field, schemas) for field in asked]
    if route.verb == "POST" and any(field.name == "request_id" for field in fields):
        found.append(_IDEMPOTENCY_KEY)
    return found


def _in_path(field: FieldDescriptor) -> Json:
    return {
        "name": field.name,
        "in": "path",
        "required": True,
        "description": described(field.full_name),
        "schema": {"type": "string", "pattern": ID_PATTERN},
    }


def _in_query(field: FieldDescriptor, schemas: Schemas) -> Json:
    schema = schemas.field(field, is_request=True)
    parameter: Json = {"name": field.name, "in": "query", "description": schema.pop("description", "")}
    if field.is_repeated:
        parameter |= {"style": "form", "explode": True}
    return parameter | {"schema": schema}
