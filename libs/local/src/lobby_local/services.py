"""The programs of the stack: what each is called, how it is started, and what its environment says."""

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

GATEWAY = "gateway"
SANDBOX = "sandbox"


@dataclass(frozen=True, slots=True)
class Service:
    """One service of the stack."""

    name: str
    command: tuple[str, ...]
    """Starts it; with `migrate` added, brings its schema up to date and exits."""
    migrates: bool = True
    """False for one that keeps nothing in the database."""


def python_module(module: str) -> tuple[str, ...]:
    """The command that runs a module of this environment."""
    return (sys.executable, "-m", module)


def lobby_service(name: str) -> Service:
    """A service of ours."""
    return Service(name, python_module(f"lobby_{name}"))


SERVICES = tuple(lobby_service(name) for name in ("connectors", "identity", "routing", "counter", "translate", GATEWAY))
SANDBOX_COMMAND = python_module("lobby_sandbox")


def replicas_of(name: str, count: int) -> tuple[str, ...]:
    """The names of a service's replicas: the first is called as the service itself."""
    return (name, *(f"{name}-{number}" for number in range(2, count + 1)))


def service_of(replica: str) -> str:
    """The service of a replica."""
    return replica.partition("-")[0]


@dataclass(frozen=True, slots=True)
class Address:
    """Where a service listens."""

    grpc: int
    http: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What every service of one stack is told alike."""

    addresses: Mapping[str, Address]
    """By replica."""
    master_key: str
    internal_token: str
    public_url: str


def base_environment() -> dict[str, str]:
    """The caller's environment without what the stack decides itself.

    Keys of translation providers, OTEL_* and the log level come from the caller.
    """
    decided = {
        "LOBBY_HOME",
        "LOBBY_PORT",
        "LOBBY_MIGRATION_DATABASE_URL",
        "LOBBY_DATABASE_URL",
        "LOBBY_NATS_URL",
    }
    kept = {name: value for name, value in os.environ.items() if name not in decided}
    # Glibc gives each thread an arena of its own; two are enough here and save tens of megabytes per service.
    return {"MALLOC_ARENA_MAX": "2", "PYTHONUNBUFFERED": "1"} | kept


def environment(replica: str, around: Surroundings, *, database_url: str, nats_url: str) -> dict[str, str]:
    """The whole environment of one replica."""
    own = around.addresses[replica]
    targets: dict[str, list[str]] = {}
    for other, at in around.addresses.items():
        targets.setdefault(f"LOBBY_{service_of(other).upper()}_TARGET", []).append(f"127.0.0.1:{at.grpc}")
    return {
        **base_environment(),
        **{name: ",".join(addresses) for name, addresses in targets.items()},
        "LOBBY_REPLICA": replica,
        "LOBBY_BIND_HOST": "127.0.0.1",
        "LOBBY_GRPC_PORT": str(own.grpc),
        "LOBBY_HTTP_PORT": str(own.http),
        "LOBBY_DATABASE_URL": database_url,
        "LOBBY_NATS_URL": nats_url,
        "LOBBY_MASTER_KEY": around.master_key,
        "LOBBY_INTERNAL_TOKEN": around.internal_token,
        "LOBBY_PUBLIC_URL": around.public_url,
        # The sandbox is a private address, and on this stack it is the platform.
        "LOBBY_ALLOW_PRIVATE_API_BASE": "1",
    }


def names(services: Sequence[Service]) -> tuple[str, ...]:
    """The services' names in order."""
    return tuple(service.name for service in services)
