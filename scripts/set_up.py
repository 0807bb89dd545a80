"""`.venv` holds the pinned packages and every member, installed editable; at once when nothing changed."""

import fcntl
import hashlib
import os
import subprocess
import sys
import time

from workspace import CONSTRAINTS, ROOT, VENV, members

STAMP = VENV / ".set-up"


def fingerprint() -> str:
    """Changes when anything that decides about the environment does."""
    digest = hashlib.sha256(f"{sys.version}\n{ROOT}\n".encode())
    inputs = [
        ROOT / "pyproject.toml",
        CONSTRAINTS,
        *(ROOT / member / "pyproject.toml" for member in members()),
    ]
    inputs += [ROOT / "scripts" / name for name in ("set_up.py", "workspace.py")]
    for path in inputs:
        digest.update(path.read_bytes())
    return digest.hexdigest()


def is_current(wanted: str) -> bool:
    """True when the last finished set-up saw exactly these inputs."""
    return (VENV / "bin" / "python").exists() and STAMP.is_file() and STAMP.read_text() == wanted


def run(*command: str) -> None:
    """The command has succeeded, or the set-up ends with its exit code."""
    done = subprocess.run(command, cwd=ROOT, check=False)
    if done.returncode:
        sys.exit(f"set-up: `{' '.join(command[:6])} …` failed with exit code {done.returncode}")


def install() -> None:
    """Everything is installed as pinned. May be repeated; what is there already stays."""
    python = str(VENV / "bin" / "python")
    run(sys.executable, "-m", "venv", str(VENV))
    if not (VENV / "bin" / "uv").exists():
        run(
            python,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "-c",
            str(CONSTRAINTS),
            "uv",
        )
    editables = [word for member in members() for word in ("-e", f"./{member}")]
    constraints = ["--constraints", str(CONSTRAINTS), "--build-constraints", str(CONSTRAINTS)]
    uv = [str(VENV / "bin" / "uv"), "pip", "install", "--quiet", "--python", python]
    run(*uv, *constraints, "--group", "dev", *editables)


def main() -> None:
    """Sets up once, also when several `make` run side by side."""
    if sys.version_info < (3, 11):  # noqa: UP036 - asked before anything is known about the machine
        sys.exit(f"set-up: Lobby needs Python 3.11 or newer, this is {sys.version.split()[0]}")
    lock = os.open(ROOT, os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_EX)
    wanted = fingerprint()
    if is_current(wanted):
        return
    started = time.monotonic()
    print("set-up: installing into .venv", flush=True)
    STAMP.unlink(missing_ok=True)
    install()
    STAMP.write_text(wanted)
    print(f"set-up: done in {time.monotonic() - started:.0f} s", flush=True)


if __name__ == "__main__":
    main()
