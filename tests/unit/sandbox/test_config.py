import pytest

from lobby_sandbox.config import Config, ConfigError, read_config


def test_an_empty_environment_listens_on_a_free_loopback_port():
    assert read_config({}) == Config(host="127.0.0.1", port=0)


def test_host_and_port_come_from_the_environment():
    environment = {"LOBBY_BIND_HOST": "0.0.0.0", "LOBBY_SANDBOX_PORT": "9090"}
    assert read_config(environment) == Config(host="0.0.0.0", port=9090)


@pytest.mark.parametrize("port", ["-1", "65536", "http", "8080.0", "١"])
def test_a_port_that_is_none_is_refused_by_the_name_of_its_variable(port):
    with pytest.raises(ConfigError, match="LOBBY_SANDBOX_PORT"):
        read_config({"LOBBY_SANDBOX_PORT": port})
