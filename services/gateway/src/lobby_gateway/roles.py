"""The table of roles: which holds which permission, and what it sees of people."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from lobby.options.v1.options_pb2 import (
    PERMISSION_CONVERSE,
    PERMISSION_COUNT,
    PERMISSION_MANAGE,
    PERMISSION_OBJECT,
    PERMISSION_OWN,
    PERMISSION_SHARE,
    PERMISSION_VIEW,
)

OWNER, SUPERVISOR, AGENT, VIEWER, PARTNER = "owner", "supervisor", "agent", "viewer", "partner"
NOBODY = "nobody"
"""Who asks what is public: he may do and see nothing else, whatever his key is."""

_SUPERVISING = frozenset(
    {
        PERMISSION_MANAGE,
        PERMISSION_CONVERSE,
        PERMISSION_VIEW,
        PERMISSION_COUNT,
        PERMISSION_SHARE,
        PERMISSION_OBJECT,
    }
)

PERMISSIONS: Mapping[str, frozenset[int]] = {
    OWNER: _SUPERVISING | {PERMISSION_OWN},
    SUPERVISOR: _SUPERVISING,
    AGENT: frozenset({PERMISSION_CONVERSE, PERMISSION_VIEW, PERMISSION_COUNT}),
    VIEWER: frozenset({PERMISSION_VIEW, PERMISSION_COUNT, PERMISSION_SHARE}),
    PARTNER: frozenset({PERMISSION_SHARE, PERMISSION_OBJECT}),
}
"""What each role may do. A role that is not here may do nothing."""


class Shown(Enum):
    """How much of a personal value is shown."""

    WHOLE = "whole"
    PART = "part"
    """Initials of a name; the last 4 characters of an address."""
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Sight:
    """What one reader sees of people."""

    names: Shown
    texts: Shown
    reachable: Shown
    """Phones and e-mails: addresses by which people are reached outside the platform."""
    identifiers: Shown
    """All other addresses."""

    @property
    def is_full(self) -> bool:
        """Nothing is hidden from this reader."""
        return self == EVERYTHING


EVERYTHING = Sight(Shown.WHOLE, Shown.WHOLE, Shown.WHOLE, Shown.WHOLE)

_SIGHTS: Mapping[str, Sight] = {
    OWNER: EVERYTHING,
    SUPERVISOR: EVERYTHING,
    AGENT: Sight(Shown.WHOLE, Shown.WHOLE, reachable=Shown.PART, identifiers=Shown.WHOLE),
    VIEWER: Sight(Shown.PART, Shown.NOTHING, reachable=Shown.NOTHING, identifiers=Shown.NOTHING),
    PARTNER: Sight(Shown.PART, Shown.NOTHING, reachable=Shown.PART, identifiers=Shown.PART),
}
_BLIND = Sight(Shown.NOTHING, Shown.NOTHING, Shown.NOTHING, Shown.NOTHING)


def may(role: str, permission: int) -> bool:
    """Returns whether the role holds the permission. What is public is no permission that anybody holds."""
    return permission in PERMISSIONS.get(role, frozenset())


def sight(role: str, *, agents_see_identifiers: bool = False) -> Sight:
    """Returns what the role sees of people in a workspace with that setting."""
    if role == AGENT and agents_see_identifiers:
        return EVERYTHING
    return _SIGHTS.get(role, _BLIND)
