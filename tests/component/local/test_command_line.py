"""`python -m lobby_local`, with the services' modules replaced by fakes through PYTHONPATH."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

FAKE = Path(__file__).with_name("fake_service.py")
MODULES = ("connectors", "identity", "routing", "counter", "translate", "gateway", "sandbox")


@pytest.fixture
def home(tmp_path):
    return tmp_path / "home"


@pytest.fixture
def lobby(tmp_path, home):
    """Runs the command line in a home of its own, the door on any free port."""
    modules = tmp_path / "modules"
    modules.mkdir()
    for name in MODULES:
        (modules / f"lobby_{name}.py").write_text(
            f"import runpy, sys\nsys.argv.insert(1, {name!r})\nrunpy.run_path({str(FAKE)!r}, run_name='__main__')\n"
        )
    env = os.environ | {"PYTHONPATH": str(modules), "LOBBY_HOME": str(home), "LOBBY_PORT": "0"}

    def run(*words, **changes):
        command = [sys.executable, "-m", "lobby_local", *words]
        # Output through a pipe: reading its end waits for everybody who holds it.
        return subprocess.run(command, env=env | changes, capture_output=True, text=True, timeout=60, check=False)

    run.env = env
    yield run
    run("down")


def processes(home):
    return json.loads((home / "ready.json").read_text())["processes"]


def test_up_detached_returns_when_ready_and_down_leaves_nothing(lobby, home, is_alive):
    up = lobby("up", "--detach", "--no-demo")
    assert up.returncode == 0, up.stderr
    assert "migrating" in up.stdout
    pids = processes(home)
    assert all(map(is_alive, pids.values()))
    down = lobby("down")
    assert (down.returncode, down.stdout.splitlines()[-1]) == (0, "stopped")
    assert not [name for name, pid in pids.items() if is_alive(pid)]
    assert not (home / "ready.json").exists()


def test_down_has_not_stopped_what_gave_its_lock_up_and_still_runs(lobby, home, is_alive):
    """A supervisor has things to do after it let the home go."""
    script = """
import signal, sys, time
from pathlib import Path
from lobby_local.home import Home

home = Home(Path(sys.argv[1]))
home.acquire()
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
print("here", flush=True)
signal.sigwait([signal.SIGTERM])
home.release()
time.sleep(0.5)
"""
    with subprocess.Popen([sys.executable, "-c", script, str(home)], stdout=subprocess.PIPE, text=True) as supervisor:
        assert supervisor.stdout.readline() == "here\n"
        down = lobby("down")
        assert (down.returncode, down.stdout.splitlines()[-1]) == (0, "stopped")
        assert not is_alive(supervisor.pid)


def test_no_log_holds_the_key(lobby, home):
    up = lobby("up", "--detach", "--no-demo")
    key = json.loads((home / "ready.json").read_text())["api_key"]
    assert key in up.stdout
    assert not [log for log in (home / "logs").iterdir() if key in log.read_text()]


def test_up_where_a_stack_runs_says_so(lobby, home):
    lobby("up", "--detach", "--no-demo")
    before = processes(home)
    again = lobby("up", "--detach")
    assert again.returncode == 1
    assert f"already runs in {home}" in again.stderr
    assert processes(home) == before


def test_down_where_nothing_runs_is_fine(lobby):
    down = lobby("down")
    assert (down.returncode, down.stdout.split(" in ")[0]) == (0, "nothing runs")


@pytest.mark.parametrize("words", [("up",), ("up", "--detach")])
def test_a_taken_port_is_refused_before_anything_starts(lobby, home, words):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        up = lobby(*words, LOBBY_PORT=port)
    assert up.returncode == 1
    assert f"port {port} is taken" in up.stderr
    assert "LOBBY_PORT" in up.stderr
    assert not (home / "postgres").exists()


def test_a_port_that_is_no_port_is_refused_by_name(lobby):
    up = lobby("up", LOBBY_PORT="http")
    assert up.returncode == 1
    assert "LOBBY_PORT must be a port" in up.stderr


def test_a_start_that_fails_detached_shows_why(lobby, tmp_path):
    (tmp_path / "modules" / "lobby_counter.py").write_text("raise SystemExit('the counter is broken')")
    up = lobby("up", "--detach")
    assert up.returncode == 1
    assert "the counter is broken" in up.stdout


async def test_ctrl_c_stops_everything_in_order(lobby, home, until, is_alive):
    up = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "lobby_local", "up", "--no-demo"),
        env=lobby.env,
        stdout=asyncio.subprocess.PIPE,
    )
    await until((home / "ready.json").exists, within=30)
    pids = processes(home)
    up.send_signal(signal.SIGINT)
    said, _ = await up.communicate()
    assert up.returncode == 0
    assert said.decode().rstrip().endswith("stopped")
    assert not [name for name, pid in pids.items() if is_alive(pid)]
