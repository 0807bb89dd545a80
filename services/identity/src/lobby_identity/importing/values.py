"""What stands in a cell, as an identifier, or the reason why it is none. Nothing is guessed, nothing evaluated."""

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

import phonenumbers

from lobby_identity.domain import attributes
from lobby_identity.domain.attributes import Value
from lobby_identity.domain.identifiers import CRM_ID, EMAIL, PHONE, bounded, phone_key
from lobby_identity.domain.joining import Named
from lobby_identity.domain.mentions import email_key
from lobby_identity.importing import reasons, trunk

LONGEST_CELL = 10_000
_LONGEST_PHONE = 60
_LONGEST_E164 = 16
_LONGEST_EMAIL = 254
_LONGEST_CRM_ID = 200
_LONGEST_TAG = 50
_MOST_TAGS = 20

REGIONS = frozenset(phonenumbers.SUPPORTED_REGIONS)
"""ISO 3166-1 alpha-2 of the countries that have phone numbers."""

_CODES = "|".join(sorted(map(str, phonenumbers.COUNTRY_CODE_TO_REGION_CODE)))
# After the code no zero: that is a trunk prefix which does not belong there, or one of Italy's numbers.
_PLAIN = re.compile(rf"\+(?:{_CODES})[1-9][0-9]{{6,12}}")
_SCIENTIFIC = re.compile(r"[+-]?\d+(?:[.,]\d+)?e[+-]?\d+", re.IGNORECASE)
_PREFIX = re.compile(r"(?:tel|phone|mobile|whatsapp|wa|p)\s*:\s*", re.IGNORECASE)
_PUNCTUATION = re.compile(r"[\s().\-/\u2010-\u2015\u00b7]+")
_SEVERAL = re.compile(r"[;,|、；，\n]| / ")
_TAGS = re.compile(r"[;,|、；，\n]")
_EMAIL = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]{1,64}@(?:[\w-]{1,63}\.){1,8}[\w-]{2,63}")


class Unfit(NamedTuple):
    """A value that is none."""

    reason: str


def read_phone(text: str, region: str) -> Named | Unfit:
    """Returns a phone in E.164, or why it is none; without a country code it is one of `region`.

    Where `region` is "" it is international, with or without "+". What already is in E.164 is taken as it stands:
    WhatsApp has notations that the numbering plans have left behind.
    """
    if _PLAIN.fullmatch(text) and len(text) <= _LONGEST_E164:
        return _phone(text)
    text = _PREFIX.sub("", _visible(text), count=1)
    if unfit := _spoilt(text, _LONGEST_PHONE):
        return unfit
    digits = _PUNCTUATION.sub("", text if text.isascii() else _latin_digits(text))
    digits = "+" + digits[2:] if digits.startswith("00") else digits
    if _PLAIN.fullmatch(digits) and len(digits) <= _LONGEST_E164:
        return _phone(digits)
    if not digits.removeprefix("+").isdecimal():
        return Unfit(reasons.INVALID_PHONE)
    return _national(digits, region) if region and digits[0] != "+" else _international(digits)


def _latin_digits(text: str) -> str:
    return "".join(str(unicodedata.digit(each)) if each.isdecimal() else each for each in text)


def _phone(e164: str) -> Named:
    return Named(PHONE, phone_key(e164), e164)


def _international(digits: str) -> Named | Unfit:
    plus = digits if digits[0] == "+" else "+" + digits
    for each in (plus, phone_key(plus)):
        number = _parsed(each, None)
        if number is not None:
            return _phone(_e164(number) if each == plus else plus)
    return Unfit(reasons.INVALID_PHONE if plus == digits else reasons.NO_COUNTRY_CODE)


def _national(digits: str, region: str) -> Named | Unfit:
    if e164 := trunk.read(digits, region):
        return _phone(e164)
    number = _parsed(digits, region)
    if number is None:
        return Unfit(reasons.INVALID_PHONE)
    if not digits.startswith(("0", str(number.country_code))):
        written = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.NATIONAL)
        if written.lstrip("(").startswith("0"):
            return Unfit(reasons.LOST_LEADING_ZERO)
    return _phone(_e164(number))


def _parsed(text: str, region: str | None) -> phonenumbers.PhoneNumber | None:
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None
    return number if phonenumbers.is_valid_number(number) else None


def _e164(number: phonenumbers.PhoneNumber) -> str:
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def read_phones(cell: str, region: str) -> Iterator[Named | Unfit]:
    """Returns the phones of a cell."""
    if _PLAIN.fullmatch(cell):
        return iter((read_phone(cell, region),))
    return (read_phone(each.strip(), region) for each in _SEVERAL.split(cell) if each.strip())


def read_email(text: str) -> Named | Unfit:
    """Returns an e-mail address without letter case, or why it is none."""
    text = _visible(text)
    text = text[7:] if text[:7].casefold() == "mailto:" else text
    if unfit := _spoilt(text, _LONGEST_EMAIL):
        return unfit
    if not _EMAIL.fullmatch(text):
        return Unfit(reasons.INVALID_EMAIL)
    return Named(EMAIL, email_key(text), email_key(text))


def read_emails(cell: str) -> Iterator[Named | Unfit]:
    """Returns the e-mail addresses of a cell."""
    return (read_email(each.strip()) for each in _SEVERAL.split(cell) if each.strip())


def read_crm_id(cell: str) -> Named | Unfit:
    """Returns an id of the workspace's own system, or why it is none."""
    text = _visible(cell)
    return _spoilt(text, _LONGEST_CRM_ID) or Named(CRM_ID, bounded(text), text)


def read_country(cell: str) -> str:
    """Returns ISO 3166-1 alpha-2, "" where it is none."""
    code = cell.strip().upper()
    return code if code in REGIONS else ""


@lru_cache(maxsize=500)
def read_tags(cell: str) -> tuple[str, ...]:
    """Returns the tags of a cell, each once, sorted, at most twenty."""
    found = dict.fromkeys(each.strip()[:_LONGEST_TAG].strip() for each in _TAGS.split(cell))
    return tuple(sorted([each for each in found if each][:_MOST_TAGS]))


def read_attribute(kind: str, cell: str) -> Value | Unfit:
    """Returns a value of an attribute's kind, or why it is none: numbers with a point, dates and times of ISO 8601."""
    text = _visible(cell.replace("\x00", "")) if kind != "text" else attributes.clean(cell)
    if unfit := _spoilt(text, attributes.LONGEST):
        return unfit
    value = _BOOLEANS.get(text.lower()) if kind == "boolean" else attributes.read(kind, text)
    return Unfit(_INVALID[kind]) if value is None else value


_BOOLEANS = {word: Value(boolean=True) for word in ("true", "yes", "1", "是")} | {
    word: Value(boolean=False) for word in ("false", "no", "0", "否")
}
_INVALID = {"number": reasons.INVALID_NUMBER, "boolean": reasons.INVALID_BOOLEAN, "time": reasons.INVALID_TIME}


def _spoilt(text: str, longest: int) -> Unfit | None:
    """What a table program or a wrong encoding made of a value; or it is too long for any."""
    if "\ufffd" in text:
        return Unfit(reasons.BROKEN_ENCODING)
    if text.startswith("="):
        return Unfit(reasons.FORMULA)
    if _SCIENTIFIC.fullmatch(text):
        return Unfit(reasons.SCIENTIFIC_NOTATION)
    return Unfit(reasons.VALUE_TOO_LONG) if len(text) > longest else None


def _visible(text: str) -> str:
    """Returns compatibility forms as plain ones, without what nobody sees: marks of direction, blanks of no width."""
    if text.isascii():
        return text.strip()
    text = unicodedata.normalize("NFKC", text)
    return "".join(each for each in text if unicodedata.category(each) != "Cf").strip()
