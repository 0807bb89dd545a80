"""A stack in the background: nothing of it holds on to the terminal, and it can be stopped from anywhere."""

import os
import signal
import subprocess
import sys
import time

from lobby_local.child import open_log, tail
from lobby_local.home import Home
from lobby_local.ready import read, welcome

STOP_WITHIN_SECONDS = 90
LOOK_EVERY_SECONDS = 0.05


def start(home: Home, *, demo: bool) -> None:
    """The stack is ready and runs on its own; its progress was shown. Exits with 1 if it could not start."""
    home.make()
    log = home.log("supervisor")
    command = [sys.executable, "-m", "lobby_local", "up", "--unseen", *([] if demo else ["--no-demo"])]
    environment = os.environ | {"LOBBY_HOME": str(home.path)}
    with open_log(log) as output:
        begin = output.tell()
        # In a session of its own it outlives this terminal.
        supervisor = subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    with log.open() as progress:
        progress.seek(begin)
        while not is_ready(home, supervisor.pid):
            show(progress.read())
            if supervisor.poll() is not None:
                show(progress.read())
                sys.exit(1)
            time.sleep(LOOK_EVERY_SECONDS)
        show(progress.read() + welcome(home))
    # Left running on purpose; without this, Popen would warn that nobody waited for it.
    supervisor.returncode = 0


def stop(home: Home) -> None:
    """No stack runs in this home. Exits with 1 when it would not stop."""
    pid = home.owner_pid()
    if pid is None:
        print(f"nothing runs in {home.path}")
        return
    print(f"stopping Lobby in {home.path} (pid {pid})", flush=True)
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + STOP_WITHIN_SECONDS
    while home.owner_pid() is not None:
        if time.monotonic() > deadline:
            sys.exit(
                f"it did not stop within {STOP_WITHIN_SECONDS} s; the end of its log:\n{tail(home.log('supervisor'))}"
            )
        time.sleep(LOOK_EVERY_SECONDS)
    print("stopped")


def is_ready(home: Home, pid: int) -> bool:
    """True when ready.json is there and was written by that supervisor."""
    said = read(home.ready)
    return said is not None and said["processes"]["supervisor"] == pid


def show(text: str) -> None:
    """The text is on the terminal."""
    if text:
        print(text, end="", flush=True)
