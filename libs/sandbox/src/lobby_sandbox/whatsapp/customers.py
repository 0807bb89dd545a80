"""Who writes: phone numbers and business-scoped user ids (BSUIDs)."""

import re
from dataclasses import dataclass

from lobby_sandbox.people import Person, digest

USER_ID = re.compile(r"[A-Z]{2}\.(ENT\.)?[A-Za-z0-9]{1,128}")
PHONE = re.compile(r"\d{1,20}")

# Dialling prefixes of the countries that tests write from; a BSUID begins with the country.
# fmt: off
_COUNTRIES = {
    "1": "US", "7": "RU", "20": "EG", "27": "ZA", "33": "FR", "34": "ES", "39": "IT", "44": "GB",
    "49": "DE", "51": "PE", "52": "MX", "54": "AR", "55": "BR", "56": "CL", "57": "CO", "60": "MY",
    "61": "AU", "62": "ID", "63": "PH", "65": "SG", "66": "TH", "81": "JP", "82": "KR", "84": "VN",
    "86": "CN", "90": "TR", "91": "IN", "92": "PK", "234": "NG", "244": "AO", "254": "KE", "255": "TZ",
    "258": "MZ", "351": "PT", "852": "HK", "855": "KH", "880": "BD", "886": "TW", "966": "SA", "971": "AE",
    "972": "IL",
}
# fmt: on
_LONGEST_PREFIX = 3
_USER_ID_DIGITS = 20


@dataclass(frozen=True, slots=True)
class Customer:
    """A person as one business portfolio sees him."""

    user_id: str
    phone: str | None
    """Digits without a plus sign; None when he hides behind a user name."""

    person: Person

    def contact(self) -> dict[str, object]:
        """His entry in a webhook's `contacts`."""
        profile = {"name": self.person.name}
        if self.phone is None:
            return {"profile": profile | {"username": self.person.handle}, "user_id": self.user_id}
        return {"profile": profile, "wa_id": self.phone, "user_id": self.user_id}


def phone_of(customer: str) -> str | None:
    """The phone number of a customer named like this; None for one named by his BSUID.

    Any other name stands for one and the same invented number.
    """
    if USER_ID.fullmatch(customer):
        return None
    digits = customer.removeprefix("+")
    if digits.isascii() and PHONE.fullmatch(digits):
        return digits
    return f"668{digest('phone', customer) % 10**8:08d}"


def user_id_of(phone: str, portfolio: str) -> str:
    """The BSUID that a portfolio knows this phone number by."""
    prefixes = (phone[:length] for length in range(_LONGEST_PREFIX, 0, -1))
    country = next((_COUNTRIES[prefix] for prefix in prefixes if prefix in _COUNTRIES), "US")
    number = str(digest("bsuid", portfolio, phone))[:_USER_ID_DIGITS]
    return f"{country}.{number}"
