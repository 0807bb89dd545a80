"""A connected channel account and the states it moves through."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from lobby_connectors.domain.kinds import State


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """An account with its credentials opened; it never leaves this process."""

    account_id: str
    workspace_id: str
    platform: str
    display_name: str
    credentials: Mapping[str, str] = dataclasses.field(repr=False)
    api_base_url: str
    settings: Mapping[str, str]
    address: str
    owner: str
    numbers: tuple[str, ...]
    state: State
    state_reason: str
    state_time: datetime
    told_time: datetime | None
    create_time: datetime
    update_time: datetime


HEALED_BY_CALL = frozenset((State.STARTING, State.TRANSIENT_DISCONNECT, State.BAD_CREDENTIALS, State.UNKNOWN_ERROR))
"""States that a call shows to be over; those that the platform itself told end only by its word."""


def heard(account: Account) -> State | None:
    """Returns the state after a webhook with a good signature; None where it stays.

    It shows that the platform speaks with us, not that our own credentials are good.
    """
    return State.CONNECTED if account.state in (State.STARTING, State.SILENT) else None


def called(state: State) -> State | None:
    """Returns the state after a call that the platform accepted; None where it stays."""
    return State.CONNECTED if state in HEALED_BY_CALL else None


def told(account: Account, state: State, reason: str, at: datetime) -> bool:
    """Returns whether the platform's word on the account changes it: it is news, and not older than the last word."""
    if account.state is State.DISABLED or (account.told_time is not None and at < account.told_time):
        return False
    return (account.state, account.state_reason) != (state, reason)
