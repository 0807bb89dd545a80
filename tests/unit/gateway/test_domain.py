import hashlib
from datetime import UTC, datetime

import pytest

from lobby_common.errors import Conflict, Invalid
from lobby_gateway import domain, entropy
from lobby_gateway.domain import Key

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def key(role: str = "owner", agent_id: str = "", key_id: str = "k") -> Key:
    return Key(key_id, "w", role, agent_id, "", NOW)


def test_a_secret_is_256_random_bits_and_only_its_hash_is_kept():
    secret = entropy.new_secret()
    assert secret.startswith("lobby_")
    assert domain.could_be_secret(secret)
    assert domain.hash_of(secret) == hashlib.sha256(secret.encode()).digest()
    assert secret != entropy.new_secret()


@pytest.mark.parametrize("text", ["", "lobby_", "lobby_" + "x" * 42, "other_" + "x" * 43, "lobby_" + "é" * 43])
def test_what_cannot_be_a_secret_is_not_looked_up(text):
    assert not domain.could_be_secret(text)


def test_the_secret_of_a_repeated_request_is_the_same_for_nobody_else():
    secret = domain.repeatable_entropy(b"m" * 32, "link", "w", "r")
    assert secret == domain.repeatable_entropy(b"m" * 32, "link", "w", "r")
    others = [
        (b"n" * 32, "link", "w", "r"),
        (b"m" * 32, "api-key", "w", "r"),
        (b"m" * 32, "link", "v", "r"),
        (b"m" * 32, "link", "w", "s"),
    ]
    assert secret not in {domain.repeatable_entropy(*other) for other in others}


def test_a_key_of_an_agent_names_the_agent_and_others_act_for_none():
    with pytest.raises(Invalid, match="AGENT_REQUIRED"):
        domain.new_key(key("agent"))
    assert domain.new_key(key("agent", "a")).agent_id == "a"
    assert domain.new_key(key("viewer", "a")).agent_id == ""


def test_the_last_owner_key_stays():
    with pytest.raises(Conflict, match="LAST_OWNER_KEY"):
        domain.revoke(key(), ["k"], NOW)
    assert domain.revoke(key(), ["k", "other"], NOW).revoke_time == NOW
    assert domain.revoke(key("viewer", key_id="v"), ["k"], NOW).revoke_time == NOW


def test_revoking_again_changes_nothing():
    revoked = domain.revoke(key(), ["k", "other"], NOW)
    assert domain.revoke(revoked, ["other"], datetime(2027, 1, 1, tzinfo=UTC)) is revoked


@pytest.mark.parametrize("name", ["Mars/Olympus", "", "../../etc/passwd", "asia/shanghai"])
def test_a_time_zone_is_an_iana_name(name):
    with pytest.raises(Invalid, match="INVALID_TIME_ZONE"):
        domain.check_time_zone(name)
    assert domain.check_time_zone("Asia/Shanghai") == "Asia/Shanghai"
