"""The folder in which one stack lives, and the lock that keeps a second one out."""

import fcntl
import os
import tempfile
from pathlib import Path


class HomeInUseError(Exception):
    """Another stack runs in this home."""

    def __init__(self, path: Path, pid: int) -> None:
        super().__init__(f"Lobby already runs in {path} (pid {pid})")
        self.pid = pid


class Home:
    """Names of everything in one home."""

    def __init__(self, path: Path) -> None:
        self.path = path.expanduser().resolve()
        self.postgres = self.path / "postgres"
        self.nats = self.path / "nats"
        self.logs = self.path / "logs"
        self.secrets = self.path / "secrets.json"
        self.ports = self.path / "ports.json"
        self.owner = self.path / "owner.json"
        self.demo = self.path / "demo.json"
        self.ready = self.path / "ready.json"
        self._lock_file = self.path / "supervisor.pid"
        self._lock: int | None = None

    def make(self) -> None:
        """The folder is there and only its owner may look in."""
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)

    def log(self, name: str) -> Path:
        """Where the process of that name writes."""
        return self.logs / f"{name}.log"

    def acquire(self) -> None:
        """The home is ours until we release it or end, however we end. Raises HomeInUseError."""
        self.make()
        lock = os.open(self._lock_file, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            raise HomeInUseError(self.path, self._written_pid()) from None
        os.truncate(lock, 0)
        os.write(lock, f"{os.getpid()}\n".encode())
        self._lock = lock

    def release(self) -> None:
        """Another stack may start here. May be repeated."""
        if self._lock is not None:
            os.truncate(self._lock, 0)
            os.close(self._lock)
            self._lock = None

    def owner_pid(self) -> int | None:
        """The pid of the supervisor that runs here now, or None. The lock proves it, not the file."""
        if not self._lock_file.exists():
            return None
        probe = os.open(self._lock_file, os.O_RDWR)
        try:
            fcntl.flock(probe, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return self._written_pid()
        finally:
            os.close(probe)
        return None

    def _written_pid(self) -> int:
        text = self._lock_file.read_text().strip()
        return int(text) if text.isdigit() else 0


def write_private(path: Path, text: str) -> None:
    """The file holds this text, for its owner only; a reader sees the old or the new, never a part."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(handle, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    Path(name).replace(path)
