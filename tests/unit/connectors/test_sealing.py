"""Credentials at rest open only with the right key, for the right account, unchanged."""

import base64

import pytest

from lobby_common.config import ConfigError
from lobby_connectors.sealing import CannotOpen, Sealer, read_keys

OLD, NEW = b"o" * 32, b"n" * 32


def test_what_is_sealed_opens_again_and_never_looks_the_same():
    sealer = Sealer([NEW])
    one, other = sealer.seal(b"secret", "a"), sealer.seal(b"secret", "a")
    assert one != other
    assert b"secret" not in one
    assert sealer.open(one, "a") == b"secret"


def test_it_opens_for_no_other_account_and_not_when_changed():
    sealer = Sealer([NEW])
    sealed = sealer.seal(b"secret", "a")
    for broken, context in ((sealed, "b"), (sealed[:-1] + bytes([sealed[-1] ^ 1]), "a")):
        with pytest.raises(CannotOpen):
            sealer.open(broken, context)


def test_a_new_key_seals_and_the_old_one_still_opens():
    sealed = Sealer([OLD]).seal(b"secret", "a")
    rotated = Sealer([NEW, OLD])
    assert rotated.open(sealed, "a") == b"secret"
    with pytest.raises(CannotOpen):
        Sealer([OLD]).open(rotated.seal(b"secret", "a"), "a")


def test_keys_are_32_bytes_of_base64():
    text = base64.b64encode(NEW).decode()
    assert read_keys(text, f"{base64.b64encode(OLD).decode()}, ") == [NEW, OLD]
    for bad in ("", "x", base64.b64encode(b"short").decode()):
        with pytest.raises(ConfigError, match="LOBBY_MASTER_KEY"):
            read_keys(bad, "")
    with pytest.raises(ConfigError, match="LOBBY_OLD_MASTER_KEYS"):
        read_keys(text, "!")
