"""File systems in files, for power cuts and full disks. `python -m tests.chaos.disks` tells whether this machine can.

What a program wrote and did not flush is in the page cache of the file system, not in the file below it: a copy of that
file is the disk as it is when the power goes, with neither torn sectors nor a lying cache of the device.
"""

import contextlib
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

_BUSY_SECONDS = 15.0
MARK = "loop_device"
"""The pytest marker of tests that need them."""


class CannotMount(Exception):
    """This machine makes no file systems in files for us; the message says what it answered."""


class Disk:
    """An ext4 file system in a file, mounted."""

    def __init__(self, folder: Path, name: str, megabytes: int) -> None:
        self.image = folder / f"{name}.img"
        self.mount_point = folder / name
        self._megabytes = megabytes
        self._loop = ""

    def make(self) -> None:
        """It is empty and mounted. Raises CannotMount."""
        self.mount_point.mkdir(parents=True)
        with self.image.open("wb") as file:
            file.truncate(self._megabytes << 20)
        # No blocks are kept back for root, so that full is full for everybody.
        run("mkfs.ext4", "-q", "-F", "-m", "0", str(self.image))
        self.mount()

    def mount(self) -> None:
        """The file is a file system again; its journal is replayed. Raises CannotMount."""
        self._loop = run("losetup", "--find", "--show", "--direct-io=on", str(self.image)).strip()
        try:
            run("mount", self._loop, str(self.mount_point))
        except CannotMount:
            self._detach()
            raise

    def unmount(self) -> None:
        """It is no longer mounted; whoever used it has a moment to end. May be repeated."""
        deadline = time.monotonic() + _BUSY_SECONDS
        while self._loop:
            try:
                run("umount", str(self.mount_point))
            except CannotMount:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
            else:
                self._detach()

    def photograph(self) -> Path:
        """Returns a copy of the file: the disk as it would be found if the power went now."""
        copy = self.image.with_suffix(".cut")
        run("cp", "--sparse=always", str(self.image), str(copy))
        return copy

    def restore(self, copy: Path) -> None:
        """The disk is the copy, mounted; nobody uses it meanwhile."""
        self.unmount()
        copy.replace(self.image)
        self.mount()

    def hold(self, folder: Path) -> None:
        """The folder lives on this disk from now on, with what it held; it is a link."""
        inside = self.mount_point / folder.name
        if folder.exists():
            run("cp", "-a", str(folder), str(inside))
            shutil.rmtree(folder)
        else:
            inside.mkdir(mode=0o700)
        folder.symlink_to(inside)
        # What was moved here is no part of what a power cut may take.
        run("sync", "-f", str(inside))

    def fill(self) -> None:
        """There is no room left."""
        with self._filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(bytes(1 << 16))
        with self._filler.open("ab", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(bytes(512))

    def free(self) -> None:
        """There is room again."""
        self._filler.unlink(missing_ok=True)

    @property
    def _filler(self) -> Path:
        return self.mount_point / "filler"

    def _detach(self) -> None:
        loop, self._loop = self._loop, ""
        run("losetup", "-d", loop)


def run(*command: str) -> str:
    """Returns what the command printed. Raises CannotMount where it failed."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        raise CannotMount(f"{command[0]}: {error.strerror}") from None
    if done.returncode:
        raise CannotMount(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout


def probe() -> None:
    """Returns where file systems in files can be mounted. Raises CannotMount."""
    with tempfile.TemporaryDirectory(prefix="lobby-probe-") as folder:
        disk = Disk(Path(folder), "probe", 8)
        try:
            disk.make()
        finally:
            disk.unmount()


def main() -> None:
    """Prints what to add to pytest's -m: nothing, or that tests which need loop devices stay out; and then why."""
    try:
        probe()
    except CannotMount as why:
        print(f" and not {MARK}")
        print(f"chaos: power cuts and full disks do NOT run here: {why}", file=sys.stderr)


if __name__ == "__main__":
    main()
