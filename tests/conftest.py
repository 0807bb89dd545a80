"""What every kind of test may ask for: real servers on the loopback, and an empty environment."""

import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from lobby_common import log as logs
from lobby_local import Nats, Postgres
from tests import servers

_STACKS = ("tests/e2e", "tests/chaos", "tests/component/local")
"""Folders whose tests start the whole stack."""

_ROOM = 2 * 1024**3
"""Bytes that test databases may take at once, with plenty to spare."""
_FUZZ_SECONDS = 1200
"""The longest that one test may look for surprises."""

SERVICES = ("connectors", "identity", "routing", "counter", "translate", "gateway")

for name in [name for name in os.environ if name.startswith(("LOBBY_", "OTEL_", "PG"))]:
    # A test sees what it sets itself, not what the person who runs it happens to have set.
    del os.environ[name]

# As in production: structlog's own default draws tracebacks with all locals, for seconds.
logs.set_up("test", "INFO")


class StacksTogether(LoadScopeScheduling):
    """All that starts whole stacks runs in one worker, one after the other; every other test wherever there is room."""

    def _split_scope(self, nodeid: str) -> str:
        folder = nodeid.partition("::")[0].rpartition("/")[0]
        return "stacks" if folder in _STACKS else nodeid


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> StacksTogether:
    """Returns how workers get their tests. xdist's own groups do not work with this pytest (3.8.0, 9.2.0)."""
    return StacksTogether(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Who looks for surprises at length may take long."""
    for item in items:
        if item.get_closest_marker("fuzz") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(_FUZZ_SECONDS))


@pytest.fixture(scope="session")
def fast_folder() -> Iterator[Path]:
    """In memory where the machine has room there: databases of hundreds of files come and go by the thousand."""
    memory = Path("/dev/shm")
    has_room = memory.is_dir() and shutil.disk_usage(memory).free > _ROOM
    with tempfile.TemporaryDirectory(prefix="lobby-test-", dir=memory if has_room else None) as made:
        yield Path(made)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def postgres(fast_folder: Path) -> AsyncIterator[Postgres]:
    """The PostgreSQL server of this session (of this worker, under xdist)."""
    async with Postgres(fast_folder / "postgres", durable=False) as server:
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
