"""What WhatsApp remembers between two requests."""

from dataclasses import dataclass, field

from lobby_sandbox.bounded import Bounded
from lobby_sandbox.media import Media
from lobby_sandbox.people import People
from lobby_sandbox.whatsapp.customers import Customer, phone_of, user_id_of

Thread = tuple[str, str]
"""A phone_number_id and the user id of a customer."""


@dataclass(slots=True)
class Memory:
    """Customers, the last messages with them, and files."""

    people: People = field(default_factory=People)
    phones: Bounded[str, str] = field(default_factory=Bounded)
    """Phone numbers of the users who wrote with theirs."""

    said: Bounded[Thread, str] = field(default_factory=Bounded)
    """The customer's last message."""

    sent: Bounded[Thread, str] = field(default_factory=Bounded)
    """The business's last message."""

    media: Bounded[str, Media] = field(default_factory=Bounded)
    _changed: Bounded[str, str] = field(default_factory=Bounded)

    def customer(self, name: str, portfolio: str) -> Customer:
        """The customer whom a test, or the `to` of a send, names like this."""
        phone = phone_of(name)
        user_id = self._current(name if phone is None else user_id_of(phone, portfolio))
        return Customer(user_id, phone, self.people.person(user_id))

    def user(self, user_id: str) -> Customer:
        """The customer whom the `recipient` of a send names; his phone is known if he wrote with it."""
        user_id = self._current(user_id)
        return Customer(user_id, self.phones.get(user_id), self.people.person(user_id))

    def change_user_id(self, old: str, new: str) -> None:
        """The person behind the old id is found under the new one."""
        person, phone = self.people.person(old), self.phones.get(old)
        self._changed.drop(new)
        if old != new:
            self._changed.put(old, new)
        self.people.meet(new, person.name, person.language)
        if phone is not None:
            self.phones.put(new, phone)

    def _current(self, user_id: str) -> str:
        while (newer := self._changed.get(user_id)) is not None:
            user_id = newer
        return user_id
