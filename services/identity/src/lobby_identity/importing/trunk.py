"""Numbers as people write them at home, with their trunk zero: what phonenumbers says of them, in a tenth of the time.

Only where there is nothing to decide: the country has its calling code for itself, the zero alone is the prefix, and
the number cannot be read as an international one. Of every other number nothing is said, also of those that are none.
"""

import re
from collections.abc import Set as AbstractSet
from functools import cache
from typing import NamedTuple

import phonenumbers
from phonenumbers import PhoneMetadata

_ZERO = "0"
_TYPES = (
    "mobile", "fixed_line", "toll_free", "premium_rate", "shared_cost", "voip", "personal_number", "pager", "uan",
    "voicemail",
)  # fmt: skip


class _Description(NamedTuple):
    """Which national numbers are of a type; no lengths: all that the plan has."""

    lengths: AbstractSet[int]
    pattern: re.Pattern[str]

    def fits(self, national: str) -> bool:
        if self.lengths and len(national) not in self.lengths:
            return False
        return self.pattern.fullmatch(national) is not None


class _Plan(NamedTuple):
    """The numbering plan of a country."""

    code: str
    abroad: re.Pattern[str]
    """How a number begins that is dialled into other countries."""
    all: _Description
    types: tuple[_Description, ...]


def read(digits: str, region: str) -> str:
    """Returns a number of a region in E.164; "" where that has to be looked at more closely. `digits` are 0 to 9."""
    plan = _plan(region) if digits[0] == _ZERO and digits[1:2] != _ZERO else None
    if plan is None or plan.abroad.match(digits):
        return ""
    national = digits[1:]
    if plan.all.fits(national) and any(each.fits(national) for each in plan.types):
        return f"+{plan.code}{national}"
    return ""


@cache
def _plan(region: str) -> _Plan | None:
    metadata = PhoneMetadata.metadata_for_region(region, None)
    if (
        metadata is None
        or metadata.country_code is None
        or metadata.national_prefix_for_parsing != _ZERO
        or metadata.national_prefix_transform_rule
        or len(phonenumbers.COUNTRY_CODE_TO_REGION_CODE[metadata.country_code]) > 1
    ):
        return None
    descriptions = (_description(getattr(metadata, each)) for each in _TYPES)
    of_all = _description(metadata.general_desc)
    if of_all is None:
        return None
    abroad = re.compile(metadata.international_prefix or "(?!)")
    return _Plan(str(metadata.country_code), abroad, of_all, tuple(each for each in descriptions if each))


def _description(found: phonenumbers.PhoneNumberDesc | None) -> _Description | None:
    if found is None or not found.national_number_pattern:
        return None
    return _Description(frozenset(found.possible_length), re.compile(found.national_number_pattern))
