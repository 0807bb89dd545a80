"""What people bought: amounts in the smallest unit of their currency, and what a person spent."""

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from lobby_identity.domain.identifiers import ContactId

MOST_MINOR = 10**15
"""The largest amount, in the smallest unit."""

# fmt: off
_WHOLE = (
    "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND", "VUV", "XAF", "XOF",
    "XPF",
)
_THOUSANDTHS = ("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND")
# fmt: on
_DIGITS = {**dict.fromkeys(_WHOLE, 0), **dict.fromkeys(_THOUSANDTHS, 3), "CLF": 4, "UYW": 4}
"""Digits behind the point, of currencies that have not two (ISO 4217)."""
_DECIMAL = re.compile(r"([0-9]{1,16})(?:\.([0-9]{1,6}))?")


def digits(currency: str) -> int:
    """Returns how many digits the currency has behind the point."""
    return _DIGITS.get(currency, 2)


def to_minor(amount: str, currency: str) -> int | None:
    """Returns a decimal number in the smallest unit; None where it is none, or has more digits than the currency."""
    found = _DECIMAL.fullmatch(amount.strip())
    if found is None:
        return None
    whole, behind = found[1], (found[2] or "").rstrip("0")
    places = digits(currency)
    return int(whole + behind.ljust(places, "0")) if len(behind) <= places else None


def to_decimal(minor: int, currency: str) -> str:
    """Returns an amount in the smallest unit as a decimal number."""
    places = digits(currency)
    text = str(abs(minor)).rjust(places + 1, "0")
    number = f"{text[:-places]}.{text[-places:]}" if places else text
    return f"-{number}" if minor < 0 else number


class Item(NamedTuple):
    """One thing that was bought."""

    name: str
    sku: str
    quantity: int


@dataclass(frozen=True, slots=True)
class Purchase:
    """What a record bought."""

    purchase_id: str
    contact_id: ContactId
    external_id: str
    amount_minor: int
    currency: str
    time: datetime
    items: tuple[Item, ...]
    refunded_minor: int
    void_time: datetime | None
    actor: str
    create_time: datetime

    def is_same_as(self, other: "Purchase") -> bool:
        """Returns whether both tell of the same money; who told it, and when, does not matter."""
        return (self.amount_minor, self.currency) == (other.amount_minor, other.currency)


@dataclass(frozen=True, slots=True)
class Spend:
    """What was spent in one currency."""

    currency: str
    amount_minor: int
    purchase_count: int
    last_purchase_time: datetime


def total(spends: Iterable[Spend]) -> tuple[Spend, ...]:
    """Returns what all spent together, by currency."""
    by_currency: dict[str, list[Spend]] = defaultdict(list)
    for each in spends:
        by_currency[each.currency].append(each)
    return tuple(
        Spend(
            currency,
            sum(each.amount_minor for each in found),
            sum(each.purchase_count for each in found),
            max(each.last_purchase_time for each in found),
        )
        for currency, found in sorted(by_currency.items())
    )
