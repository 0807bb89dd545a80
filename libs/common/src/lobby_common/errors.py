"""What can go wrong, as callers see it.

    LobbyError
    ├── Invalid           the request can never work as it is          INVALID_ARGUMENT
    ├── Unauthenticated   nobody knows who is asking                   UNAUTHENTICATED
    ├── Refused           the caller may not do this                   PERMISSION_DENIED
    ├── NotFound          there is no such thing in this workspace     NOT_FOUND
    ├── Conflict          the thing is not in a state for this         FAILED_PRECONDITION
    ├── Exhausted         too much at once; wait and try again         RESOURCE_EXHAUSTED
    └── Unavailable       a part is away; try again                    UNAVAILABLE

People read the message, programs read the reason (UPPER_SNAKE, stable). `lobby_common.rpc.codec` is the only place that
turns these into gRPC statuses and back.
"""

from google.protobuf.message import Message


class LobbyError(Exception):
    """A refusal that a caller can understand."""

    def __init__(self, reason: str, message: str, *, detail: Message | None = None) -> None:
        super().__init__(f"{reason}: {message}")
        self.reason = reason
        self.message = message
        self.detail = detail


class Invalid(LobbyError):
    """The request can never work as it is."""


class Unauthenticated(LobbyError):
    """Nobody knows who is asking."""


class Refused(LobbyError):
    """The caller may not do this."""


class NotFound(LobbyError):
    """There is no such thing in this workspace."""


class Conflict(LobbyError):
    """The thing is not in a state for this."""


class Exhausted(LobbyError):
    """Too much at once; `retry_after` is how many seconds to wait."""

    def __init__(self, reason: str, message: str, *, detail: Message | None = None, retry_after: float = 1.0) -> None:
        super().__init__(reason, message, detail=detail)
        self.retry_after = retry_after


class Unavailable(LobbyError):
    """A part is away; the same call may work later."""
