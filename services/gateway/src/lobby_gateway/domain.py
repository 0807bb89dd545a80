"""Workspaces and keys: what they are and which changes are allowed. Pure.

WORKSPACE_NOT_FOUND  the credential's workspace is gone
KEY_NOT_FOUND        no such key in this workspace
LAST_OWNER_KEY       the last key that could make another one stays
AGENT_REQUIRED       a key of role agent acts for one agent
INVALID_TIME_ZONE    no IANA time zone has that name
"""

import base64
import hashlib
import hmac
import zoneinfo
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from typing import Literal

from lobby_common.errors import Conflict, Invalid
from lobby_gateway import roles

SECRET_BYTES = 32
_SECRET_PREFIX = "lobby_"  # noqa: S105  # what every secret begins with is no secret
_SECRET_LENGTH = len(_SECRET_PREFIX) + 43

Purpose = Literal["api-key", "link"]
"""What secrets of repeated requests are for: the same request makes another one for each."""


@dataclass(frozen=True, slots=True)
class Workspace:
    """A tenant."""

    workspace_id: str
    display_name: str
    time_zone: str
    day_start_hour: int
    agents_see_identifiers: bool
    create_time: datetime


@dataclass(frozen=True, slots=True)
class Key:
    """A key without its secret."""

    key_id: str
    workspace_id: str
    role: str
    agent_id: str
    display_name: str
    create_time: datetime
    revoke_time: datetime | None = None


@dataclass(frozen=True, slots=True)
class Principal:
    """Who a credential stands for."""

    workspace_id: str
    key_id: str
    role: str
    agent_id: str
    agents_see_identifiers: bool
    sheet_id: str = ""
    """Of a partner: the sheet that he sees."""
    link_id: str = ""
    """Of a partner: the link by which he came in."""
    expire_time: datetime | None = None
    """From when on the credential stands for nobody; None means that it has no end."""

    @property
    def holder(self) -> str:
        """By what he is known: a partner has another key each time he opens his link."""
        return self.link_id or self.key_id

    def holds(self, at: datetime) -> bool:
        """Returns whether the credential has not ended yet."""
        return self.expire_time is None or at < self.expire_time

    @property
    def sight(self) -> roles.Sight:
        """What he sees of people."""
        return roles.sight(self.role, agents_see_identifiers=self.agents_see_identifiers)


def secret_of(entropy: bytes) -> str:
    """Returns the secret that 32 random bytes make."""
    return _SECRET_PREFIX + token_of(entropy)


def token_of(entropy: bytes) -> str:
    """Returns the token of a link that 32 random bytes make."""
    if len(entropy) != SECRET_BYTES:
        raise ValueError(f"a secret is made of {SECRET_BYTES} bytes")
    return base64.urlsafe_b64encode(entropy).decode().rstrip("=")


def repeatable_entropy(master_key: bytes, purpose: Purpose, workspace_id: str, request_id: str) -> bytes:
    """Returns the bytes that belong to one request: asked again, it gets the same secret without our keeping it."""
    return hmac.digest(master_key, f"{purpose}\x1f{workspace_id}\x1f{request_id}".encode(), "sha256")


def could_be_secret(text: str) -> bool:
    """Returns whether it is worth looking the text up."""
    return len(text) == _SECRET_LENGTH and text.startswith(_SECRET_PREFIX) and text.isascii()


def hash_of(secret: str) -> bytes:
    """Returns what is stored. A fast hash is right: 256 random bits cannot be guessed at any speed."""
    return hashlib.sha256(secret.encode()).digest()


def new_key(key: Key) -> Key:
    """Returns the key as it is made: only one of role agent acts for an agent. Raises Invalid AGENT_REQUIRED."""
    if key.role != roles.AGENT:
        return replace(key, agent_id="")
    if not key.agent_id:
        raise Invalid("AGENT_REQUIRED", "name the agent for whom the key acts in agent_id")
    return key


def revoke(key: Key, owner_keys: Sequence[str], at: datetime) -> Key:
    """Returns the key, revoked; one that is revoked stays as it is. Raises Conflict LAST_OWNER_KEY.

    `owner_keys` are the ids of the workspace's owner keys that hold.
    """
    if key.revoke_time is not None:
        return key
    if list(owner_keys) == [key.key_id]:
        raise Conflict("LAST_OWNER_KEY", "this is the last owner key: make another one first")
    return replace(key, revoke_time=at)


@cache
def _time_zones() -> frozenset[str]:
    return frozenset(zoneinfo.available_timezones())


def check_time_zone(name: str) -> str:
    """Returns the name. Raises Invalid INVALID_TIME_ZONE."""
    if name not in _time_zones():
        raise Invalid("INVALID_TIME_ZONE", "time_zone is no IANA time zone, such as Asia/Shanghai")
    return name
