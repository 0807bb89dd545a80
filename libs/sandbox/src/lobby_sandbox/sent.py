"""What the platforms accepted."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from lobby_sandbox.merge import Json

REMEMBERED = 100_000


@dataclass(frozen=True, slots=True)
class Sent:
    """One accepted send."""

    account_id: str | None
    """None when nobody registered the token."""

    time: datetime
    path: str
    headers: Mapping[str, str]
    body: Any
    message_ids: tuple[str, ...]

    def as_json(self) -> Json:
        """As `GET /{platform}/sent` shows it."""
        shown: Json = {} if self.account_id is None else {"account_id": self.account_id}
        return shown | {
            "time": self.time.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "path": self.path,
            "headers": dict(self.headers),
            "body": self.body,
            "message_ids": list(self.message_ids),
        }


class Outbox:
    """The last accepted sends of one platform, in order."""

    def __init__(self, limit: int = REMEMBERED) -> None:
        self._sends: deque[Sent] = deque(maxlen=limit)

    def record(self, sent: Sent) -> None:
        """The send is the newest one."""
        self._sends.append(sent)

    def list(self, account_id: str | None) -> list[Sent]:
        """The sends of one account, or of all, oldest first."""
        return [sent for sent in self._sends if account_id is None or sent.account_id == account_id]
