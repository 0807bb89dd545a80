import socket

import pytest

from lobby_local.ports import Ports, ephemeral_start, free_port, is_free


@pytest.fixture
def listener():
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_port_with_a_listener_is_not_free(listener):
    assert not is_free(listener)


def test_a_free_port_cannot_be_lent_to_outgoing_connections():
    assert free_port() < ephemeral_start()


def test_every_name_has_a_port_of_its_own(tmp_path):
    ports = Ports(tmp_path / "ports.json")
    assert len({ports.choose(name) for name in "abcdef"}) == 6
    assert ports.choose("a") == ports.choose("a")


def test_the_next_run_has_the_same_ports(tmp_path):
    first = Ports(tmp_path / "ports.json").choose("gateway")
    assert Ports(tmp_path / "ports.json").choose("gateway") == first


def test_a_port_that_somebody_took_meanwhile_is_given_up(tmp_path, listener):
    path = tmp_path / "ports.json"
    path.write_text(f'{{"gateway": {listener}}}')
    assert Ports(path).choose("gateway") != listener
