"""Contacts as the model sees them: the fields that are compared, with which weights, and the keys to find them by."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from lobby_identity.likeness import blocks
from lobby_identity.likeness.model import COMPARISONS, Model, Record, Score, Weights
from lobby_identity.likeness.names import cuts
from lobby_identity.likeness.population import Chances, OnePersons, Pictures, Population

KINDS: Mapping[str, str] = {
    "name": "name",
    "phone": "code",
    "email": "code",
    "avatar": "bits",
    "country": "exact",
    "language": "exact",
    "campaign": "exact",
    "arrival": "exact",
}
"""What is compared. `campaign` is the ad or link that brought a person first; `arrival` the same with the half hour."""

WEIGHTS: Weights = {
    # Learned from FEBRL 1 without its answers (grading.py): .78 .15 .02 .01 .05. People call themselves otherwise on
    # another platform, so a different name is given four times the share.
    "name": (0.62, 0.12, 0.03, 0.03, 0.20),
    # FEBRL 1: .90 .06 .00 .01 .04. A typed phone may be anybody's; to differ says little.
    "phone": (0.70, 0.04, 0.01, 0.01, 0.24),
    "email": (0.70, 0.03, 0.01, 0.01, 0.25),
    # Some people show one picture everywhere. Who shows another says nothing of himself.
    "avatar": (0.25, 0.001, 0.04, 0.001, 0.708),
    # FEBRL 1 has .96 of equal states.
    "country": (0.90, 0.025, 0.025, 0.025, 0.025),
    "language": (0.80, 0.05, 0.05, 0.05, 0.05),
    "campaign": (0.30, 0.001, 0.001, 0.001, 0.697),
    "arrival": (0.20, 0.001, 0.001, 0.001, 0.797),
}
"""Judgement where no source is named: to be replaced by what workspaces decide, when there is enough of it."""

_EXPECTED_PER_CONTACT = 0.2
"""Other records of the same person that a contact has on average."""
_HALF_HOUR = timedelta(minutes=30)
_MOST_READINGS = 6
_SCHEME = blocks.Scheme(
    towns={}, regions={"country": "r", "language": "l"}, codes={"phone": "p", "email": "e"}, bits={"avatar": "a"}
)


@dataclass(frozen=True)
class Facts:
    """What is known of a person, all records together."""

    names: frozenset[str] = frozenset()
    countries: frozenset[str] = frozenset()
    languages: frozenset[str] = frozenset()
    touches: frozenset[tuple[str, datetime]] = frozenset()
    """Campaign and time of the first touch."""
    own_phones: frozenset[str] = frozenset()
    """Phones that are his: two of them are two phones of one person as well as of two."""
    phones: frozenset[str] = frozenset()
    """Phones that he typed."""
    emails: frozenset[str] = frozenset()
    crm_scopes: frozenset[str] = frozenset()
    """Of the ids of the workspace's own systems that he has; an id leads to one person."""
    avatars: frozenset[str] = frozenset()
    """What the pictures that he shows look like: 64 bits each, in hexadecimal."""

    def joined(self, other: "Facts") -> "Facts":
        """Returns what both know."""
        return Facts(
            self.names | other.names,
            self.countries | other.countries,
            self.languages | other.languages,
            self.touches | other.touches,
            self.own_phones | other.own_phones,
            self.phones | other.phones,
            self.emails | other.emails,
            self.crm_scopes | other.crm_scopes,
            self.avatars | other.avatars,
        )

    def contradicts(self, other: "Facts") -> bool:
        """Returns whether both have an id of the same system, which are two."""
        return not self.crm_scopes.isdisjoint(other.crm_scopes)


def record(facts: Facts) -> Record:
    """Returns what is compared."""
    names = tuple(dict.fromkeys(cut for name in sorted(facts.names) for cut in cuts(name)))
    values = {
        "phone": facts.own_phones | facts.phones,
        "email": facts.emails,
        "avatar": facts.avatars,
        "country": facts.countries,
        "language": frozenset(each.split("-")[0].lower() for each in facts.languages),
        "campaign": frozenset(campaign for campaign, _ in facts.touches),
        "arrival": frozenset(arrival for campaign, at in facts.touches for arrival in _arrivals(campaign, at)),
    }
    return Record(names, {field: tuple((each,) for each in sorted(found) if each) for field, found in values.items()})


def _arrivals(campaign: str, at: datetime) -> tuple[str, str]:
    """Two neighbouring half hours, so that whoever came within one shares one."""
    half = int(at.timestamp() // _HALF_HOUR.total_seconds())
    return f"{campaign} {half}", f"{campaign} {half + 1}"


def weigh(model: Model, one: Facts, other: Facts) -> Score:
    """Returns how likely the two are one person.

    Phones are compared only where one of both was typed: that two people have two phones says nothing.
    """
    left, right = record(one), record(other)
    if not one.phones and not other.phones:
        left, right = _without_phones(left), _without_phones(right)
    return model.score(left, right)


def _without_phones(full: Record) -> Record:
    return replace(full, values={field: values for field, values in full.values.items() if field != "phone"})


def keys(facts: Facts) -> set[int]:
    """Returns the digests by which alike people are found; signed, 64 bits."""
    full = record(facts)
    few = tuple(tuple(word[:_MOST_READINGS] for word in name) for name in full.names)
    return {_digest(key) for key in blocks.keys(replace(full, names=few), _SCHEME)}


def _digest(key: str) -> int:
    return int.from_bytes(hashlib.blake2b(key.encode(), digest_size=8).digest(), signed=True)


def model_of(sample: Iterable[Facts], contacts: int) -> Model:
    """Returns a model of a workspace with so many contacts, of which some are known by chance."""
    records = [record(facts) for facts in sample]
    populations: dict[str, Chances] = {
        field: Population((value for each in records for value in each.values.get(field, ())), COMPARISONS[kind])
        for field, kind in KINDS.items()
        if kind == "exact"
    }
    populations["name"] = Population(
        (word for each in records if each.names for word in each.names[0]), COMPARISONS["name"]
    )
    populations["phone"] = populations["email"] = OnePersons(contacts)
    populations["avatar"] = Pictures(contacts)
    return Model(KINDS, populations, WEIGHTS, _EXPECTED_PER_CONTACT / max(contacts, 2))
