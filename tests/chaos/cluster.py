"""Three NATS servers that keep each stream three times, in the place of the stack's one (R3)."""

import asyncio
from collections.abc import Sequence

import nats

from lobby_local import Nats
from lobby_local.home import Home
from lobby_local.keyring import Keyring
from lobby_local.ports import free_port
from tests.lobby import until

SERVERS = 3


class Member(Nats):
    """One server of the cluster; users and passwords are those of all."""

    def __init__(self, home: Home, number: int, services: Sequence[str], routes: Sequence[int]) -> None:
        super().__init__(Home(home.path / f"nats-{number}"), services=services)
        self.member = f"nats-{number}"
        self._keyring = Keyring(home.secrets)
        self._routes = routes
        self._route = routes[number]

    def _config(self) -> dict[str, object]:
        return super()._config() | {
            "server_name": self.member,
            "cluster": {
                "name": "lobby",
                "listen": f"127.0.0.1:{self._route}",
                "routes": [f"nats-route://127.0.0.1:{port}" for port in self._routes],
            },
        }


class Cluster:
    """To the stack it is one server, which never ends; tests do to its members what they like."""

    name = "nats"

    def __init__(self, home: Home, *, port: int = 0, services: Sequence[str] = ()) -> None:
        routes = [free_port() for _ in range(SERVERS)]
        self.members = [Member(home, number, services, routes) for number in range(SERVERS)]
        self._stopped = asyncio.Event()

    @property
    def pid(self) -> int:
        """Somebody's: no test asks for the pid of a cluster."""
        return self.members[0].pid

    def url(self, user: str = "admin") -> str:
        """One server: of the others its clients hear from it."""
        return self.members[0].url(user)

    async def spawn(self) -> None:
        for member in self.members:
            await member.spawn()

    async def ready(self) -> None:
        """Every server takes connections, and they have a leader."""
        for member in self.members:
            await member.ready()
        await until(self.works, seconds=30)

    async def exited(self) -> int:
        await self._stopped.wait()
        return 0

    async def stop(self) -> None:
        for member in self.members:
            await member.stop()
        self._stopped.set()

    async def works(self) -> bool:
        """Whether the cluster as a whole does what it is asked."""
        for member in self.members:
            try:
                client = await nats.connect(member.url(), allow_reconnect=False, connect_timeout=1)
            except (OSError, nats.errors.Error, TimeoutError):
                return False
            try:
                await client.jetstream(timeout=2).account_info()
            except (nats.errors.Error, nats.js.errors.Error):
                return False
            finally:
                await client.close()
        return True

    async def leader(self, stream: str) -> Member:
        """Returns the server through which everything goes that is written to the stream, as soon as there is one."""
        return await until(lambda: self._find_leader(stream), seconds=30)

    async def _find_leader(self, stream: str) -> Member | None:
        for member in self.members:
            try:
                client = await nats.connect(member.url(), allow_reconnect=False, connect_timeout=1)
            except (OSError, nats.errors.Error, TimeoutError):
                continue
            try:
                info = await client.jetstream(timeout=2).stream_info(stream)
                return next((each for each in self.members if each.member == info.cluster.leader), None)
            except (nats.errors.Error, nats.js.errors.Error):
                continue
            finally:
                await client.close()
        return None
