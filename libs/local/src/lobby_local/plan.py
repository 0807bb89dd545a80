"""What one run of a stack consists of: ports, secrets, servers, and the environment of each service."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from lobby_local import roles
from lobby_local.home import Home
from lobby_local.keyring import Keyring
from lobby_local.nats import Nats
from lobby_local.ports import Ports, is_free
from lobby_local.postgres import Postgres
from lobby_local.services import (
    GATEWAY,
    SANDBOX,
    Address,
    Service,
    Surroundings,
    environment,
    names,
    replicas_of,
    service_of,
)


class PortTakenError(Exception):
    """The gateway's port belongs to somebody else."""

    def __init__(self, port: int) -> None:
        super().__init__(f"port {port} is taken: free it, or set LOBBY_PORT to another one")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Decided once when a run begins, and kept through all restarts within it."""

    postgres: Postgres
    nats: Nats
    keyring: Keyring
    addresses: Mapping[str, Address]
    """By replica."""
    gateway_port: int
    sandbox_port: int

    @classmethod
    def make(cls, home: Home, services: Sequence[Service], *, port: int, replicas: int = 1) -> Self:
        """A plan for this home, whose lock we hold; `port` 0 is any. Raises PortTakenError for another.

        The first gateway has the port; each service has so many replicas.
        """
        ports = Ports(home.ports)
        gateway_port = port or ports.choose(f"{GATEWAY}.http")
        if not is_free(gateway_port):
            raise PortTakenError(gateway_port)
        return cls(
            postgres=Postgres(home, port=ports.choose(Postgres.name)),
            nats=Nats(home, port=ports.choose(Nats.name), services=names(services)),
            keyring=Keyring(home.secrets),
            addresses={
                name: Address(
                    grpc=ports.choose(f"{name}.grpc"),
                    http=gateway_port if name == GATEWAY else ports.choose(f"{name}.http"),
                )
                for service in names(services)
                for name in replicas_of(service, replicas)
            },
            gateway_port=gateway_port,
            sandbox_port=ports.choose(SANDBOX),
        )

    @property
    def gateway_url(self) -> str:
        """The public address."""
        return f"http://127.0.0.1:{self.gateway_port}"

    @property
    def sandbox_url(self) -> str:
        """Where the platforms' stand-ins are."""
        return f"http://127.0.0.1:{self.sandbox_port}"

    @property
    def database_url(self) -> str:
        """The database, as its administrator."""
        return self.postgres.url(roles.DATABASE)

    def environment(self, replica: str) -> dict[str, str]:
        """The whole environment of a replica."""
        service = service_of(replica)
        around = Surroundings(
            addresses=self.addresses,
            master_key=self.keyring.master_key(),
            internal_token=self.keyring.internal_token(),
            public_url=os.environ.get("LOBBY_PUBLIC_URL") or self.gateway_url,
        )
        return environment(
            replica,
            around,
            database_url=self.postgres.url(roles.DATABASE, roles.role_of(service)),
            nats_url=self.nats.url(service),
        )
