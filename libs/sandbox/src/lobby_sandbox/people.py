"""Invented customers: the same name for the same customer, every time."""

import hashlib
from dataclasses import dataclass

from lobby_sandbox.bounded import Bounded

_GIVEN = (
    *("Amara", "Anong", "Beatriz", "Bruno", "Camila", "Chidi", "Dao", "Elena", "Farid", "Grace", "Haruka"),
    *("Ibrahim", "Inês", "João", "Kwame", "Lan", "Leila", "Lin", "Lucía", "Mateus", "Mei", "Minh", "Nadia"),
    *("Niran", "Omar", "Priya", "Rafael", "Samira", "Somchai", "Tomás", "Wei", "Yara"),
)
_FAMILY = (
    *("Almeida", "Boonmee", "Castro", "Chen", "Costa", "Diallo", "Ferreira", "García", "Hassan", "Ito"),
    *("Khan", "Kowalski", "Lima", "Liu", "Mbeki", "Moreau", "Nguyen", "Okafor", "Pereira", "Ramos", "Rossi"),
    *("Santos", "Schmidt", "Silva", "Suzuki", "Tran", "Wang", "Yilmaz", "Zhang"),
)


def digest(*parts: str) -> int:
    """A number that depends on these strings and nothing else."""
    return int.from_bytes(hashlib.sha256("\0".join(parts).encode()).digest())


@dataclass(frozen=True, slots=True)
class Person:
    """What a platform shows about a customer."""

    given: str
    family: str | None = None
    language: str | None = None
    """As the platform's client would report it; None where the customer gave none."""
    picture: bytes | None = None
    """A file; None where the customer shows none."""

    @property
    def name(self) -> str:
        """The whole name."""
        return f"{self.given} {self.family}" if self.family else self.given

    @property
    def handle(self) -> str:
        """A user name made of the name."""
        return "".join(part for part in self.name.lower().split() if part.isascii()) or "customer"


def invent(customer_id: str) -> Person:
    """The person whom this customer always turns out to be."""
    number = digest("person", customer_id)
    return Person(_GIVEN[number % len(_GIVEN)], _FAMILY[number // len(_GIVEN) % len(_FAMILY)])


class People:
    """What customers said about themselves; everybody else is invented."""

    def __init__(self) -> None:
        self._known: Bounded[str, Person] = Bounded()

    def meet(self, customer_id: str, name: str | None, language: str | None, picture: bytes | None = None) -> Person:
        """The person behind this id, from now on with this name, language and picture where they are given."""
        person = self.person(customer_id)
        given, _, family = ((name or "").strip() or person.name).partition(" ")
        person = Person(given, family.strip() or None, language or person.language, picture or person.picture)
        self._known.put(customer_id, person)
        return person

    def person(self, customer_id: str) -> Person:
        """The person behind this id."""
        return self._known.get(customer_id) or invent(customer_id)
