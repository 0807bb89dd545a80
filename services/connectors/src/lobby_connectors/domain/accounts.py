"""A connected channel account and the states it moves through."""

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from lobby_connectors.domain.kinds import State

OVERLAP: Final = timedelta(hours=24)
"""How long a platform may go on to sign under a secret that was replaced (docs/adr/0011)."""
_MOST_FORMER = 3


@dataclass(frozen=True, slots=True)
class Former:
    """Secrets under which the platform signed, and until when it may."""

    credentials: Mapping[str, str] = dataclasses.field(repr=False)
    until: datetime


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
    former: tuple[Former, ...] = ()
    """The newest first."""


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


def signing(account: Account, at: datetime) -> Iterator[Mapping[str, str]]:
    """Yields the credentials under which the platform may sign at that time: today's, and those of not long ago."""
    yield account.credentials
    for former in account.former:
        if at < former.until:
            yield former.credentials


def replaced(account: Account, credentials: Mapping[str, str], secrets: tuple[str, ...], at: datetime) -> Account:
    """Returns the account with these credentials; those of the secrets that change hold for a while longer."""
    old = {name: account.credentials[name] for name in secrets if name in account.credentials}
    former = tuple(each for each in account.former if at < each.until)
    if any(credentials.get(name) != value for name, value in old.items()):
        former = (Former(old, at + OVERLAP), *former)[:_MOST_FORMER]
    return dataclasses.replace(account, credentials=credentials, former=former)
