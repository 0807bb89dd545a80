"""A stack whose servers keep their data on disks that can lose their power."""

import contextlib
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from lobby_local import Postgres, Stack
from lobby_local.home import Home
from tests.chaos import faults
from tests.chaos.disks import Disk

MEGABYTES = {"postgres": 700, "nats": 300}


class Power:
    """Cuts the power of servers of a stack."""

    def __init__(self, stack: Stack, disks: dict[str, Disk]) -> None:
        self.stack = stack
        self.disks = disks

    async def cut(self, names: Sequence[str]) -> None:
        """The servers end at one moment, and come back on disks that hold what was flushed until then."""
        old = {name: self.stack.ready().processes[name] for name in names}
        servers = {"postgres": self.stack.plan.postgres, "nats": self.stack.plan.nats}
        frozen = faults.freeze(old.values())
        copies = {name: self.disks[name].photograph() for name in names}
        for name in names:
            faults.before_restart(servers[name], lambda name=name: self.disks[name].restore(copies[name]))
        faults.slay(frozen)
        for name, pid in old.items():
            await faults.restarted(self.stack, name, pid)


@contextlib.asynccontextmanager
async def stack_on_disks(folder: Path, megabytes: dict[str, int] | None = None) -> AsyncIterator[Power]:
    """Inside the block a stack runs whose servers have a disk each, of so many megabytes."""
    home = Home(folder / "home")
    async with Postgres(home):
        pass  # its data are made in the home, and move from there
    with contextlib.ExitStack() as mounted:
        disks = {name: Disk(folder, name, size) for name, size in (megabytes or MEGABYTES).items()}
        for name, disk in disks.items():
            mounted.callback(disk.unmount)
            disk.make()
            disk.hold(home.path / name)
        async with Stack(home.path, port=0) as stack:
            yield Power(stack, disks)
