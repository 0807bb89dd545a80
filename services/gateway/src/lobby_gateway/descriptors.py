"""Every RPC with a `google.api.http` rule, as a route: a new RPC needs no code here."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from google.api import annotations_pb2, http_pb2  # type: ignore[import-untyped]  # ships no types
from google.protobuf.descriptor import Descriptor, MethodDescriptor, ServiceDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from lobby.options.v1 import options_pb2
from lobby_gateway import contract, template
from lobby_gateway.template import Router, Template

_OWN = "gateway"
_REASON = re.compile(r"\b[A-Z]+(?:_[A-Z]+)+\b")


@dataclass(frozen=True, slots=True)
class Route:
    """One RPC under one HTTP method and path."""

    verb: str
    """HTTP method, upper case."""
    template: Template
    takes_body: bool
    service: str
    """Which of our services answers it, such as "connectors"."""
    rpc: str
    """Full name of the RPC: `lobby.connectors.v1.AccountService.GetAccount`."""
    path: str
    """The same as gRPC names it: `/lobby.connectors.v1.AccountService/GetAccount`."""
    request: type[Message]
    response: type[Message]
    permission: int
    """A value of lobby.options.v1.Permission."""
    audited: str
    """What the audit log calls it, with who asked and how it ended; "" where it says nothing of it."""
    reasons: tuple[str, ...]
    """Reasons with which it fails, as its comment lists them."""

    def not_found_reason(self, variable: str) -> str:
        """Returns the reason with which the RPC says that it knows no such id."""
        noun = variable.removesuffix("_id").upper()
        known = [reason for reason in self.reasons if reason.endswith("_NOT_FOUND")]
        named = [reason for reason in known if reason.startswith(noun)]
        if named:
            return named[0]
        return known[0] if len(known) == 1 else "NOT_FOUND"


@cache
def routes() -> tuple[Route, ...]:
    """All routes of all contracts. ValueError where a rule uses what this gateway does not serve."""
    return tuple(
        route
        for module in contract.service_modules()
        for service in module.DESCRIPTOR.services_by_name.values()
        for method in service.methods
        for route in _routes_of(service, method)
    )


def router() -> Router[Route]:
    """Finds the route of a path."""
    found: Router[Route] = Router()
    for route in routes():
        found.add(route.verb, route.template, route)
    return found


def _routes_of(service: ServiceDescriptor, method: MethodDescriptor) -> Iterator[Route]:
    options = method.GetOptions()
    if not options.HasExtension(annotations_pb2.http):
        return
    rule = options.Extensions[annotations_pb2.http]
    name = method.full_name
    permission = options.Extensions[options_pb2.permission]
    service_name = service.full_name.split(".")[1]
    if not permission:
        raise ValueError(f"{name} has an http rule and no permission")
    if permission == options_pb2.PERMISSION_PUBLIC and service_name != _OWN:
        raise ValueError(f"{name} is public, which only the gateway's own calls can be")
    for each in (rule, *rule.additional_bindings):
        verb, path = _verb_and_path(each, name)
        yield Route(
            verb=verb,
            template=_checked(template.parse(path), method.input_type, name),
            takes_body=_takes_body(each, name),
            service=service_name,
            rpc=name,
            path=f"/{service.full_name}/{method.name}",
            request=GetMessageClass(method.input_type),
            response=GetMessageClass(method.output_type),
            permission=permission,
            audited=options.Extensions[options_pb2.audited],
            reasons=tuple(_REASON.findall(contract.comments().get(name, ""))),
        )


def _verb_and_path(rule: http_pb2.HttpRule, name: str) -> tuple[str, str]:
    kind = rule.WhichOneof("pattern")
    if kind is None or kind == "custom":
        raise ValueError(f"{name}: an http rule names get, put, post, delete or patch")
    return kind.upper(), getattr(rule, kind)


def _takes_body(rule: http_pb2.HttpRule, name: str) -> bool:
    if rule.body not in ("", "*") or rule.response_body:
        raise ValueError(f'{name}: only body: "*" is served')
    return bool(rule.body)


def _checked(path: Template, request: Descriptor, name: str) -> Template:
    for variable in path.variables:
        field = request.fields_by_name.get(variable)
        if field is None or field.type != field.TYPE_STRING or field.is_repeated:
            raise ValueError(f"{name}: {{{variable}}} is no string field of {request.full_name}")
    return path
