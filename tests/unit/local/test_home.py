import stat
import subprocess
import sys

import pytest

from lobby_local.home import Home, HomeInUseError, write_private
from lobby_local.keyring import Keyring


@pytest.fixture
def home(tmp_path):
    return Home(tmp_path / "home")


def test_a_home_is_open_to_its_owner_only(home):
    home.make()
    assert stat.S_IMODE(home.path.stat().st_mode) == 0o700


def test_a_home_has_one_owner_at_a_time(home):
    home.acquire()
    with pytest.raises(HomeInUseError):
        Home(home.path).acquire()
    home.release()
    Home(home.path).acquire()


def test_a_home_whose_owner_was_killed_is_free(home):
    program = (
        "import os, sys; from pathlib import Path; from lobby_local.home import Home\n"
        "home = Home(Path(sys.argv[1])); home.acquire(); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", program, str(home.path)], check=False)
    assert home.owner_pid() is None
    home.acquire()


def test_a_private_file_is_replaced_whole_and_stays_private(tmp_path):
    path = tmp_path / "secret"
    path.write_text("a longer text than before")
    write_private(path, "new")
    assert path.read_text() == "new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_secrets_are_made_once_and_kept(tmp_path):
    path = tmp_path / "secrets.json"
    first = Keyring(path)
    kept = (first.master_key(), first.internal_token(), first.password("nats/admin"))
    again = Keyring(path)
    assert (again.master_key(), again.internal_token(), again.password("nats/admin")) == kept
    assert len(set(kept)) == 3
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_two_keyrings_of_one_home_do_not_lose_each_others_secrets(tmp_path):
    path = tmp_path / "secrets.json"
    one, other = Keyring(path), Keyring(path)
    kept = one.password("a"), other.password("b")
    assert (Keyring(path).password("a"), Keyring(path).password("b")) == kept


def test_a_keyring_does_not_show_its_secrets(tmp_path):
    keyring = Keyring(tmp_path / "secrets.json")
    assert keyring.internal_token() not in repr(keyring)
