"""Phone numbers: E.164 and the country they belong to, by libphonenumber's data."""

import re
from functools import lru_cache

import phonenumbers
from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, NumberParseException

_NOT_GEOGRAPHIC = "001"
_BSUID_COUNTRY = re.compile(r"[A-Z]{2}\.")


def of_digits(digits: str) -> str:
    """Returns "+" and the digits of a number that a platform gives in full; "" where it is none."""
    plain = digits.removeprefix("+")
    return f"+{plain}" if plain.isascii() and plain.isdigit() and 3 <= len(plain) <= 20 else ""  # noqa: PLR2004  # a little wider than E.164: platforms have test numbers


def of_text(text: str) -> str:
    """Returns a written number as E.164; "" where it does not say its country or is none."""
    if not text.lstrip().startswith("+"):
        return ""
    try:
        number = phonenumbers.parse(text[:64], None)
    except NumberParseException:
        return ""
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


@lru_cache(maxsize=65_536)
def country_of(phone: str) -> str:
    """Returns the ISO 3166-1 alpha-2 code of a number in E.164; "" where it has none.

    Most calling codes belong to one country: only shared ones (+1, +7, +44 …) cost a real look-up.
    """
    digits = phone.removeprefix("+")
    for length in (1, 2, 3):
        regions = COUNTRY_CODE_TO_REGION_CODE.get(int(digits[:length] or 0))
        if regions is not None:
            found = regions[0] if len(regions) == 1 else _shared(phone, regions[0])
            return "" if found == _NOT_GEOGRAPHIC else found
    return ""


def _shared(phone: str, main: str) -> str:
    try:
        return phonenumbers.region_code_for_number(phonenumbers.parse(phone, None)) or main
    except NumberParseException:
        return main


def country_of_bsuid(user_id: str) -> str:
    """Returns the country with which a WhatsApp user id begins; "" where it does not."""
    return user_id[:2] if _BSUID_COUNTRY.match(user_id) else ""
