"""How a platform answers its next requests, when a test says so."""

import re
from collections import deque
from typing import Annotated, Any, Literal

import msgspec

from lobby_sandbox.contract import Purpose

QUEUE_LIMIT = 10_000

_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_FRAMING = frozenset({"content-length", "transfer-encoding"})


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """What goes wrong with one request."""

    http_status: Annotated[int, msgspec.Meta(ge=200, le=599)] | None = None
    """Answered instead of the real answer. An error means that the request was not accepted."""

    body: Any = msgspec.UNSET
    """The body to answer; the platform's own for that status if absent."""

    headers: dict[str, str] = {}
    delay_ms: Annotated[int, msgspec.Meta(ge=0, le=600_000)] = 0
    """How long the answer takes; what is accepted is accepted before the wait."""

    drop: Literal["before", "after"] | None = None
    """The connection is closed without an answer, before or after the request was accepted."""

    on: Literal["changes", "any"] = "changes"
    """Which requests use the fault up: sends and webhook settings, or look-ups as well."""

    def __post_init__(self) -> None:
        if self.http_status is None and self.drop is None and not self.delay_ms and not self.answers:
            raise ValueError("a fault needs http_status, body, headers, drop or delay_ms")
        for name, value in self.headers.items():
            if not _HEADER_NAME.fullmatch(name) or not value.isprintable() or name.lower() in _FRAMING:
                raise ValueError(f"header {name!r} cannot be sent")

    @property
    def answers(self) -> bool:
        """The real answer is changed."""
        return self.body is not msgspec.UNSET or bool(self.headers)

    @property
    def refuses(self) -> bool:
        """The request is not accepted."""
        failed = self.http_status is not None and self.http_status >= 300  # noqa: PLR2004 - beyond success
        return self.drop == "before" or (failed and self.drop is None)


class Faults:
    """The faults ahead of one platform: queues per account, and one for whoever comes."""

    def __init__(self) -> None:
        self._queues: dict[str | None, deque[Fault]] = {}

    def plan(self, account_id: str | None, faults: list[Fault]) -> int:
        """The faults stand at the end of this queue, or the queue is empty when there are none.

        Answers how many wait in it now.
        """
        queue = self._queues.setdefault(account_id, deque(maxlen=QUEUE_LIMIT))
        queue.extend(faults)
        if not faults:
            queue.clear()
        return len(queue)

    def take(self, account_id: str | None, purpose: Purpose) -> Fault | None:
        """The fault for this request, which is used up by it: the account's own before anybody's."""
        for key in (account_id, None) if account_id is not None else (None,):
            queue = self._queues.get(key, ())
            fault = next((fault for fault in queue if purpose != "other" or fault.on == "any"), None)
            if fault is not None:
                self._queues[key].remove(fault)
                return fault
        return None
