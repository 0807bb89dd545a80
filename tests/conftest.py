"""What every kind of test may ask for: real servers on the loopback, and an empty environment."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from lobby_common import log as logs
from lobby_local import Nats, Postgres
from tests import servers

SERVICES = ("connectors", "identity", "routing", "counter", "translate", "gateway")

for name in [name for name in os.environ if name.startswith(("LOBBY_", "OTEL_", "PG"))]:
    # A test sees what it sets itself, not what the person who runs it happens to have set.
    del os.environ[name]

# As in production: structlog's own default draws tracebacks with all locals, for seconds.
logs.set_up("test", "INFO")


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def postgres(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Postgres]:
    """The PostgreSQL server of this session (of this worker, under xdist)."""
    async with Postgres(tmp_path_factory.mktemp("postgres"), durable=False) as server:
        yield server


@pytest.fixture(scope="session")
def databases(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> servers.Databases:
    """Makes fresh databases, also several for one test."""
    return servers.Databases(postgres, tmp_path_factory.mktemp("migrations"))


@pytest.fixture
def service_name(request: pytest.FixtureRequest) -> str:
    """The service under test, by the folder: tests/<kind>/<service>/. Override it where that is not so."""
    parts = Path(request.path).relative_to(request.config.rootpath).parts
    return next(part for part in parts if part in SERVICES)


@pytest_asyncio.fixture
async def database(databases: servers.Databases, service_name: str) -> AsyncIterator[servers.Database]:
    """A fresh database with the migrated schema of the service under test."""
    made = await databases.make(service_name)
    yield made
    await databases.drop(made)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def nats_server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Nats]:
    """The NATS server of this session, with a user for each service."""
    async with Nats(tmp_path_factory.mktemp("nats"), services=SERVICES, durable=False) as server:
        yield server


@pytest_asyncio.fixture
async def broker(nats_server: Nats) -> Nats:
    """The NATS server, without a stream."""
    await servers.empty(nats_server)
    return nats_server
