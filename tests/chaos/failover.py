"""PostgreSQL with a standby that takes over (row 25): the stack knows both, and which of them may be written to."""

import contextlib
import os
import pwd
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

import lobby_local.plan
from lobby_local import Postgres, Stack
from lobby_local.child import Child
from lobby_local.home import Home
from lobby_local.keyring import Keyring
from lobby_local.ports import free_port
from lobby_local.postgres import ADMIN, environment, program
from tests.chaos.proxy import Proxy
from tests.lobby import until


class Primary(Postgres):
    """Where it is says also where its standby is: whoever asks finds the one that takes writes."""

    def __init__(self, home: Home, *, port: int) -> None:
        super().__init__(home, port=port)
        self.standby_port = free_port([port])

    def url(self, database: str, user: str = ADMIN) -> str:
        alone, _, path = super().url(database, user).rpartition("/")
        return f"{alone},127.0.0.1:{self.standby_port}/{path}?target_session_attrs=read-write"

    async def wait_for_standby(self) -> None:
        """From now on nothing is committed that the standby has not on its disk."""
        connection = await asyncpg.connect(self.url("postgres"))

        async def is_synchronous() -> bool:
            return await connection.fetchval("SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'") == 1

        try:
            await connection.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
            await connection.execute("SELECT pg_reload_conf()")
            await until(is_synchronous)
        finally:
            await connection.close()


class Standby(Postgres):
    """A copy of the primary that follows it."""

    def __init__(self, folder: Path, primary: Primary, upstream: int) -> None:
        super().__init__(Home(folder), port=primary.standby_port)
        self._keyring = Keyring(primary._home.secrets)
        self._upstream = upstream

    async def promote(self) -> None:
        """It is the primary."""
        connection = await asyncpg.connect(self.url("postgres"))
        try:
            assert await connection.fetchval("SELECT pg_promote(true, 30)")
        finally:
            await connection.close()

    async def _initialise(self) -> None:
        data = self._home.postgres.with_suffix(".new")
        data.mkdir(mode=0o700)
        if os.geteuid() == 0:
            shutil.chown(data, "nobody", pwd.getpwnam("nobody").pw_gid)
        source = f"postgresql://{ADMIN}:{self.password_of(ADMIN)}@127.0.0.1:{self._upstream}/postgres"
        child = Child("pg_basebackup", self._home.log("pg_basebackup"))
        command = [
            program("pg_basebackup"),
            "-D",
            str(data),
            "-d",
            source,
            "--write-recovery-conf",
            "--checkpoint=fast",
        ]
        await child.spawn(command, environment(), step_down=True)
        if await child.exited():
            raise child.died("failed")
        data.rename(self._home.postgres)


class Pair:
    """A stack, the standby of its database, and the line between them."""

    def __init__(self, stack: Stack, standby: Standby, line: Proxy) -> None:
        self.stack = stack
        self.standby = standby
        self.line = line


@contextlib.asynccontextmanager
async def pair(folder: Path, *, synchronous: bool) -> AsyncIterator[Pair]:
    """Inside the block a stack runs whose database has a standby that follows it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lobby_local.plan, "Postgres", Primary)
        async with Stack(folder / "home", port=0) as stack:
            line = Proxy(lambda: stack.plan.postgres.port)
            await line.start()
            try:
                async with Standby(folder / "standby", stack.plan.postgres, line.port) as standby:
                    if synchronous:
                        await stack.plan.postgres.wait_for_standby()
                    yield Pair(stack, standby, line)
            finally:
                await line.stop()
