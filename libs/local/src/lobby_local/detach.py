"""A stack in the background: nothing of it holds on to the terminal, and it can be stopped from anywhere."""

import os
import select
import signal
import subprocess
import sys
import time

from lobby_local.child import open_log, tail
from lobby_local.home import Home
from lobby_local.ready import read, welcome

STOP_WITHIN_SECONDS = 90
LOOK_EVERY_SECONDS = 0.05


def start(home: Home, *, demo: bool, replicas: int = 1) -> None:
    """The stack is ready and runs on its own; its progress was shown. Exits with 1 if it could not start."""
    home.make()
    log = home.log("supervisor")
    command = [sys.executable, "-m", "lobby_local", "up", "--unseen", f"--replicas={replicas}"]
    command += [] if demo else ["--no-demo"]
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
    """No stack runs in this home, and none of its processes. Exits with 1 when it would not stop."""
    pid = home.owner_pid()
    if pid is None:
        print(f"nothing runs in {home.path}")
        return
    print(f"stopping Lobby in {home.path} (pid {pid})", flush=True)
    if not end(pid):
        sys.exit(f"it did not stop within {STOP_WITHIN_SECONDS} s; the end of its log:\n{tail(home.log('supervisor'))}")
    print("stopped")


def end(pid: int) -> bool:
    """That process was told to stop. Returns whether it ended in time: it does so after it gave its lock up."""
    try:
        process = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        signal.pidfd_send_signal(process, signal.SIGTERM)
        ended, _, _ = select.select([process], [], [], STOP_WITHIN_SECONDS)
        return bool(ended)
    except ProcessLookupError:
        return True
    finally:
        os.close(process)


def is_ready(home: Home, pid: int) -> bool:
    """True when ready.json is there and was written by that supervisor."""
    said = read(home.ready)
    return said is not None and said["processes"]["supervisor"] == pid


def show(text: str) -> None:
    """The text is on the terminal."""
    if text:
        print(text, end="", flush=True)
