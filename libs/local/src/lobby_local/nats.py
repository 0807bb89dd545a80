"""The NATS server of one home, a child of this process: JetStream on disk, one user per service."""

import asyncio
import contextlib
import json
import shutil
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from lobby_local.child import Child
from lobby_local.home import Home, write_private
from lobby_local.keyring import Keyring
from lobby_local.ports import free_port
from lobby_local.program import status_of

ADMIN = "admin"
SPOOL = "SPOOL"
SPOOL_SUBJECTS = ("spool.connectors", "spool.connectors.again")
READY_WITHIN_SECONDS = 30
MAX_PAYLOAD_BYTES = 4 * 1024 * 1024
"""A batch of events is at most 512 KiB; the rest is room for a spooled webhook of 3 MiB."""
MAX_FILE_STORE_BYTES = 8 * 1024**3
"""Explicit, because the server's default follows the free disk at its start."""
MAX_MEMORY_STORE_BYTES = 64 * 1024**2
HEALTH_SECONDS = 2.0
UNHEALTHY_TIMES = 2
HTTP_UNAVAILABLE = 503
ROOM_BYTES = 16 * 1024 * 1024
"""With less free, a new start would fail as well."""


class Nats:
    """`async with Nats(home, services=…) as server`: it takes connections inside and has stopped after.

    Every user's inbox is `_INBOX.<user>`; a client has to connect with that as its inbox prefix.
    """

    name = "nats"

    def __init__(self, home: Home | Path, *, port: int = 0, services: Sequence[str] = (), durable: bool = True) -> None:
        self._home = home if isinstance(home, Home) else Home(home)
        self._home.make()
        self._keyring = Keyring(self._home.secrets)
        self._services = tuple(services)
        self._durable = durable
        self.port = port or free_port()
        self._health_port = 0
        self._child = Child(self.name, self._home.log(self.name))

    @property
    def pid(self) -> int:
        """The pid of the process that listens."""
        return self._child.pid

    def url(self, user: str = ADMIN) -> str:
        """Where that user connects."""
        return f"nats://{user}:{self._password_of(user)}@127.0.0.1:{self.port}"

    async def spawn(self) -> None:
        """The server is starting with a configuration written anew."""
        self._home.nats.mkdir(mode=0o700, exist_ok=True)
        self._health_port = free_port()
        config = self._home.nats / "nats.conf"
        write_private(config, json.dumps(self._config(), indent=2) + "\n")
        await self._child.spawn([program(), "-c", str(config)], {})

    async def ready(self) -> None:
        """The server takes connections, with JetStream on. Raises ChildDiedError if it ended instead."""
        while not await self._greets():
            if not self._child.is_running:
                raise self._child.died("ended before it was ready")
            await asyncio.sleep(0.02)

    async def exited(self) -> int:
        """Returns when the server has ended.

        One whose disk was full is ended as soon as there is room: a stream that could not write once takes nothing any
        more, until the next start (nats-server 2.14).
        """
        watch = asyncio.create_task(self._end_when_frozen())
        try:
            return await self._child.exited()
        finally:
            watch.cancel()

    async def start(self) -> None:
        """The server takes connections."""
        async with asyncio.timeout(READY_WITHIN_SECONDS):
            await self.spawn()
            await self.ready()

    async def stop(self) -> None:
        """The server has synced its store and ended. May be repeated."""
        await self._child.stop(signal.SIGTERM)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def _end_when_frozen(self) -> None:
        """A server that says again and again that it cannot write, where it could, is asked to end."""
        times = 0
        while True:
            await asyncio.sleep(HEALTH_SECONDS)
            is_frozen = await status_of(f"127.0.0.1:{self._health_port}/healthz") == HTTP_UNAVAILABLE
            has_room = shutil.disk_usage(self._home.nats).free > ROOM_BYTES
            times = times + 1 if is_frozen and has_room else 0
            if times >= UNHEALTHY_TIMES:
                self._child.send(signal.SIGTERM)

    def _config(self) -> dict[str, object]:
        """The server's configuration; its format takes JSON."""
        jetstream: dict[str, object] = {
            "store_dir": str(self._home.nats),
            "max_file_store": MAX_FILE_STORE_BYTES,
            "max_memory_store": MAX_MEMORY_STORE_BYTES,
        }
        if self._durable:
            # Without it an acknowledged message is only in the page cache.
            jetstream["sync_interval"] = "always"
        users: list[dict[str, object]] = [{"user": ADMIN, "password": self._password_of(ADMIN)}]
        users += [
            {"user": service, "password": self._password_of(service), "permissions": permissions(service)}
            for service in self._services
        ]
        return {
            "server_name": "lobby",
            "listen": f"127.0.0.1:{self.port}",
            "http": f"127.0.0.1:{self._health_port}",
            "max_payload": MAX_PAYLOAD_BYTES,
            "jetstream": jetstream,
            "authorization": {"timeout": 5, "users": users},
        }

    def _password_of(self, user: str) -> str:
        return self._keyring.password(f"nats/{user}")

    async def _greets(self) -> bool:
        """The first line that the server says to everybody tells whether JetStream is on."""
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError:
            return False
        try:
            line = await reader.readline()
        except OSError:
            return False
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
        return line.startswith(b"INFO ") and bool(json.loads(line[5:]).get("jetstream"))


def permissions(service: str) -> dict[str, dict[str, list[str]]]:
    """A service writes its own stream and reads any; nothing else of the broker is open to it.

    The spool holds raw webhooks: it is connectors' alone.
    """
    own = service.upper()
    spools = service == "connectors"
    return {
        "publish": {
            "deny": []
            if spools
            else [f"$JS.API.CONSUMER.*.{SPOOL}", f"$JS.API.CONSUMER.*.{SPOOL}.>", f"$JS.API.CONSUMER.*.*.{SPOOL}.>"],
            "allow": [
                *(spool_subjects() if spools else ()),
                f"lobby.{service}",
                f"lobby.{service}.>",
                "$JS.API.INFO",
                f"$JS.API.STREAM.CREATE.{own}",
                f"$JS.API.STREAM.UPDATE.{own}",
                "$JS.API.STREAM.INFO.*",
                "$JS.API.STREAM.NAMES",
                "$JS.API.CONSUMER.CREATE.>",
                "$JS.API.CONSUMER.DURABLE.CREATE.>",
                "$JS.API.CONSUMER.INFO.>",
                "$JS.API.CONSUMER.MSG.NEXT.>",
                "$JS.API.CONSUMER.DELETE.>",
                "$JS.ACK.>",
                "$JS.FC.>",
            ],
        },
        "subscribe": {"allow": ["lobby.>", f"_INBOX.{service}.>"]},
    }


def spool_subjects() -> tuple[str, ...]:
    """What the owner of the spool publishes to beside what every service does."""
    api = "$JS.API.STREAM"
    return (*SPOOL_SUBJECTS, *(f"{api}.{verb}.{SPOOL}" for verb in ("CREATE", "UPDATE", "PURGE")))


def program() -> str:
    """The server's path: the wheel puts it beside this environment's Python."""
    beside = Path(sys.executable).parent / "nats-server"
    found = str(beside) if beside.exists() else shutil.which("nats-server")
    if found is None:
        raise RuntimeError("nats-server is not installed: run `make setup`")
    return found
