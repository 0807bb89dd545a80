"""Randomness at the edge: domain functions take it as an argument."""

import secrets

from lobby_gateway import domain


def new_secret() -> str:
    """Returns the secret of a new key: 256 random bits."""
    return domain.secret_of(secrets.token_bytes(domain.SECRET_BYTES))


def new_token() -> str:
    """Returns the token of a new link: 256 random bits."""
    return domain.token_of(secrets.token_bytes(domain.SECRET_BYTES))
