"""What can become of a send: the only errors that leave a platform folder.

SendFailure
├── RateLimited      the account, or one chat of it, has to wait
├── BadCredentials   the platform refuses the account's credentials
├── WindowClosed     the free reply window is over
├── Blocked          this customer cannot be reached
├── Rejected         the platform refuses this message for good
├── Unavailable      surely not sent, for a reason that passes
└── UnknownOutcome   the request had left when the line broke: sent or not, nobody knows
"""

from typing import ClassVar

from lobby_connectors.domain.items import Refusal
from lobby_connectors.domain.kinds import State

_LONGEST_DETAIL = 200


class SendFailure(Exception):
    """A send did not end in an acceptance.

    `account` is the state it shows the account to be in, where it does; `wait` the seconds that the platform asks the
    account to wait, where it says so.
    """

    reason: ClassVar[str] = ""

    def __init__(self, detail: str, *, account: tuple[State, str] | None = None, wait: float | None = None) -> None:
        super().__init__(detail)
        self.detail = detail.replace("\x00", "")[:_LONGEST_DETAIL]
        self.account = account
        self.wait = wait

    def refusal(self) -> Refusal:
        """Returns it as it is stored and told."""
        return Refusal(self.reason, self.detail)


class RateLimited(SendFailure):
    """Too much at once: for the account, or only for the `chat`. Without `wait` the pauses double."""

    reason = "RATE_LIMITED"

    def __init__(self, detail: str, wait: float | None = None, *, chat: bool = False) -> None:
        super().__init__(detail, wait=wait)
        self.chat = chat

    def refusal(self) -> Refusal:
        """Returns it with the wait in whole seconds."""
        return Refusal(self.reason, self.detail, None if self.wait is None else max(1, round(self.wait)))


class BadCredentials(SendFailure):
    """The platform refuses the account's credentials."""

    reason = "BAD_CREDENTIALS"

    def __init__(self, detail: str) -> None:
        super().__init__(detail, account=(State.BAD_CREDENTIALS, "refused_by_platform"))


class WindowClosed(SendFailure):
    """The free reply window is over."""

    reason = "WINDOW_CLOSED"


class Blocked(SendFailure):
    """The customer cannot be reached."""

    reason = "BLOCKED"


class Rejected(SendFailure):
    """The platform refuses this message for good."""

    reason = "REJECTED"


class Unavailable(SendFailure):
    """Surely not sent, for a reason that passes."""

    reason = "UNAVAILABLE"


class UnknownOutcome(SendFailure):
    """The request had left when the line broke."""

    reason = "UNKNOWN_OUTCOME"
