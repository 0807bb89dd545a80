"""An older release of Lobby's code, as the repository's history has it."""

import io
import subprocess
import tarfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
_MIGRATIONS = ":(glob)**/migrations/*.sql"


class NoHistory(Exception):
    """The repository does not reach back to another schema; the message says what would help."""


def git(*words: str) -> bytes:
    """Returns what git says. Raises NoHistory."""
    done = subprocess.run(("git", "-C", str(ROOT), *words), capture_output=True, check=False)
    if done.returncode:
        raise NoHistory(f"no older release to upgrade from, git says: {done.stderr.decode().strip()}")
    return done.stdout


def before_last_migration() -> str:
    """Returns the newest commit whose schema is older than that of the code here. Raises NoHistory."""
    last = git("log", "-1", "--diff-filter=A", "--format=%H", "--", _MIGRATIONS).decode().strip()
    if not last:
        raise NoHistory("no older release to upgrade from: the history is cut off (git fetch --unshallow)")
    return git("rev-parse", "--verify", f"{last}^").decode().strip()


def unpack(commit: str, folder: Path) -> list[Path]:
    """Returns where Python finds the services of that commit, below the folder. Raises NoHistory."""
    archive = git("archive", commit, "protos/src", "libs/common/src", "services")
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        tar.extractall(folder, filter="data")
    return [folder / "protos/src", folder / "libs/common/src", *sorted(folder.glob("services/*/src"))]
