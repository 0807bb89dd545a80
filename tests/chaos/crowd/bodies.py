"""What customers make their platforms post: messages that carry their number, and what else comes in between."""

import hashlib
import random
import time
from dataclasses import dataclass
from itertools import count
from typing import Any

from tests import platforms
from tests.chaos.crowd.plan import Line, Plan
from tests.platforms import Channel

_WORDS = (
    "hello",
    "مرحبا",
    "你好",
    "สวัสดี",
    "olá 😀",
    "👩‍👩‍👧‍👦",
    "how much is it?",
    "多少钱",
    "quanto custa?",
    "ok 👍🏽",
)
_LONG = 66_000
"""Characters of a long text: more than an event may carry."""


@dataclass(frozen=True)
class Body:
    """One webhook, the same bytes however often it is posted."""

    kind: str
    """message, fact (an edit or a receipt), poison or forged."""
    data: bytes
    headers: dict[str, str]
    chat: str = ""
    message: str = ""
    """The platform's id of the message."""
    n: int = 0
    """Which message of its conversation it is, from 1 on."""

    @property
    def digest(self) -> str:
        """What tells bodies apart."""
        return hashlib.sha256(self.data).hexdigest()


class Writer:
    """One customer at one account: what he says, in order."""

    def __init__(self, plan: Plan, line: Line, customer: str, chance: random.Random) -> None:
        self._plan = plan
        self._channel = Channel(line.platform, line.account_id, line.credentials)
        self._customer = customer
        self._chance = chance
        self._numbers = count(1)
        self._said: list[tuple[int, str]] = []
        """Number and id of what he may still edit."""

    def next_message(self) -> Body:
        """Returns his next message."""
        n = next(self._numbers)
        words = f"{self._plan.marker} {n} {self._chance.choice(_WORDS)}"
        if self._chance.random() < self._plan.long:
            words = f"{words} {'z🙂' * (_LONG // 2)}"
        message = str(platforms.number())
        match self._channel.platform:
            case "whatsapp":
                message = f"wamid.{message}"
                body = self._channel.text(self._customer, words, id=message)
            case "telegram":
                body = self._channel.text(self._customer, words, message_id=int(message))
            case _:
                said = {"id": message, "type": "text", "text": words}
                body = platforms.line(platforms.line_event(self._customer, type="message", message=said))
        self._said.append((n, message))
        return self._signed("message", platforms.dump(body), message=message, n=n)

    def extras(self) -> list[Body]:
        """Returns what comes besides messages now, mostly nothing."""
        found = []
        if self._said and self._chance.random() < self._plan.facts and self._channel.platform != "line":
            found.append(self._signed("fact", platforms.dump(self._fact())))
        if self._chance.random() < self._plan.poison:
            # Broken after the signature was made: nobody can parse it, and only the platform can have sent it.
            found.append(self._signed("poison", b'{"object": "%d", "entry": [{' % platforms.number()))
        if self._chance.random() < self._plan.forged:
            found.append(self._forged())
        return found

    def _fact(self) -> Any:
        """An edit of what he said before, each message once; a receipt where the platform knows no edits."""
        if self._channel.platform == "telegram":
            n, message = self._said.pop(self._chance.randrange(len(self._said)))
            words = f"{self._plan.marker} {n} edited"
            edit = {"message_id": int(message), "text": words, "edit_date": int(time.time())}
            return platforms.telegram(self._customer, update="edited_message", **edit)
        status = platforms.whatsapp_status(f"wamid.other{platforms.number()}", "read", self._customer)
        return platforms.whatsapp(self._channel.phone_number_id, [], statuses=[status])

    def _forged(self) -> Body:
        genuine = platforms.dump(self._channel.text(self._customer, f"{self._plan.marker} forged"))
        headers = {name: value[:-4] + "AAA=" for name, value in self._sign(genuine).items()}
        return Body("forged", genuine, headers, self._customer)

    def _signed(self, kind: str, data: bytes, message: str = "", n: int = 0) -> Body:
        return Body(kind, data, self._sign(data), self._customer, message, n)

    def _sign(self, data: bytes) -> dict[str, str]:
        return platforms.signature(self._channel.platform, self._channel.credentials, data)
