"""One frozen dataclass per service, read once from the environment.

A field says its variable and what it is for; `docs/configuration.md` is made from these.
"""

import dataclasses
import os
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

T = TypeVar("T")

_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"0", "false", "no", "off", ""}


class ConfigError(Exception):
    """The environment does not hold what the service needs; the message names the variable."""


class Secret:
    """A value that shows itself only when asked to."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Returns the value."""
        return self._value

    def __bool__(self) -> bool:
        return bool(self._value)

    def __repr__(self) -> str:
        return "Secret('…')" if self._value else "Secret('')"

    __str__ = __repr__


def setting(default: Any = dataclasses.MISSING, *, env: str, doc: str) -> Any:
    """Returns a dataclass field that is read from the variable `env`; without a default it must be there."""
    metadata = {"env": env, "doc": doc}
    if default is dataclasses.MISSING:
        return field(metadata=metadata)
    return field(default=default, metadata=metadata)


@dataclass(frozen=True, kw_only=True, slots=True)
class ServiceConfig:
    """What every service needs."""

    database_url: Secret = setting(
        env="LOBBY_DATABASE_URL",
        doc="PostgreSQL as this service's own role: postgresql://role:password@host:port/database; with a standby that "
        "may take over …@host:port,host:port/database?target_session_attrs=read-write",
    )
    nats_url: Secret = setting(
        env="LOBBY_NATS_URL",
        doc="NATS as this service's own user: nats://user:password@host:port; of a cluster one server or several, with "
        "commas (those after the first need no user)",
    )
    nats_replicas: int = setting(
        1, env="LOBBY_NATS_REPLICAS", doc="Servers of a NATS cluster that hold each stream: 1, or 3 (or 5) of a cluster"
    )
    internal_token: Secret = setting(
        env="LOBBY_INTERNAL_TOKEN", doc="Shared secret with which services recognise each other's calls"
    )
    bind_host: str = setting("127.0.0.1", env="LOBBY_BIND_HOST", doc="Address to listen on")
    grpc_port: int = setting(0, env="LOBBY_GRPC_PORT", doc="Port for gRPC; 0 takes a free one")
    http_port: int = setting(
        0,
        env="LOBBY_HTTP_PORT",
        doc="Port for /healthz, /readyz and /metrics (gateway: its public port); 0 takes a free one",
    )
    replica: str = setting(
        "",
        env="LOBBY_REPLICA",
        doc="Name of this replica among its service's, the same after a restart; empty takes the host's name",
    )
    gateway_target: str = setting("", env="LOBBY_GATEWAY_TARGET", doc="host:port of gateway's gRPC, or several")
    connectors_target: str = setting("", env="LOBBY_CONNECTORS_TARGET", doc="host:port of connectors' gRPC")
    identity_target: str = setting("", env="LOBBY_IDENTITY_TARGET", doc="host:port of identity's gRPC, or several")
    routing_target: str = setting("", env="LOBBY_ROUTING_TARGET", doc="host:port of routing's gRPC, or several")
    counter_target: str = setting("", env="LOBBY_COUNTER_TARGET", doc="host:port of counter's gRPC, or several")
    translate_target: str = setting("", env="LOBBY_TRANSLATE_TARGET", doc="host:port of translate's gRPC, or several")
    log_level: str = setting("info", env="LOBBY_LOG_LEVEL", doc="debug, info, warning or error")
    trace_ratio: float = setting(
        0.01, env="LOBBY_TRACE_RATIO", doc="Share of webhooks and API calls whose trace is recorded, 0 to 1"
    )
    linger_max_ms: int = setting(
        60, env="LOBBY_LINGER_MAX_MS", doc="Longest wait of a batch loop for more work, in milliseconds"
    )
    pool_size: int = setting(8, env="LOBBY_DATABASE_POOL_SIZE", doc="Most connections to PostgreSQL at once")
    otlp_endpoint: str = setting(
        "",
        env="OTEL_EXPORTER_OTLP_ENDPOINT",
        doc="Where traces are exported by OTLP over gRPC; empty exports none",
    )

    def target(self, service: str) -> str:
        """Returns where gRPC finds a neighbour: host:port, a name that gRPC resolves, or several addresses with commas.

        ConfigError when its variable is empty.
        """
        target: str = getattr(self, f"{service}_target")
        if not target:
            raise ConfigError(f"LOBBY_{service.upper()}_TARGET is not set: this service calls {service}")
        return f"ipv4:{target}" if "," in target and not target.startswith("ipv") else target


def read(cls: type[T], environ: Mapping[str, str] = os.environ) -> T:
    """Returns `cls` filled from `environ`; ConfigError names the first variable that is missing or makes no sense."""
    hints = typing.get_type_hints(cls)
    values: dict[str, Any] = {}
    for each in dataclasses.fields(cls):  # type: ignore[arg-type]  # T is a dataclass by use
        name = each.metadata["env"]
        raw = environ.get(name)
        if raw is None:
            if each.default is dataclasses.MISSING:
                raise ConfigError(f"{name} is not set: {each.metadata['doc']}")
            continue
        values[each.name] = _convert(name, raw, hints[each.name])
    return cls(**values)


def _convert(name: str, raw: str, kind: Any) -> Any:
    if isinstance(kind, types.UnionType):
        kind = next(arg for arg in typing.get_args(kind) if arg is not type(None))
    if kind is bool:
        if raw.lower() not in _TRUE | _FALSE:
            raise ConfigError(f"{name} is {raw!r}: expected 1 or 0")
        return raw.lower() in _TRUE
    if kind in (int, float):
        try:
            return kind(raw)
        except ValueError:
            raise ConfigError(f"{name} is {raw!r}: expected a number") from None
    return kind(raw)


@dataclass(frozen=True, kw_only=True, slots=True)
class MigrationConfig:
    """What `migrate` needs."""

    migration_database_url: Secret = setting(
        env="LOBBY_MIGRATION_DATABASE_URL",
        doc="PostgreSQL as a role that may make schemas and roles; only for `migrate`",
    )
    database_url: Secret = setting(
        Secret(""), env="LOBBY_DATABASE_URL", doc="The service's own role: `migrate` gives it this password"
    )
