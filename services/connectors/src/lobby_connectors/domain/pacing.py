"""How fast a platform may be called: its figures, and what a workspace makes of them."""

from collections.abc import Mapping

from msgspec import Struct

SETTING = "messages_per_second"
"""The account's setting that names another rate: a lower one, or that of a higher tier of the platform."""


class Pace(Struct, frozen=True):
    """So many calls at once, then one in each step."""

    step: float
    """Seconds from one call to the next."""
    burst: int = 1
    """Calls that may go at once after a rest of as many steps."""

    @classmethod
    def within(cls, most: int, seconds: float, burst: int) -> "Pace":
        """Returns the fastest pace with the burst that never makes more than `most` calls in so many seconds."""
        return cls(seconds / (most - burst + 1), burst)


def own_pace(settings: Mapping[str, str], fastest: int) -> Pace | None:
    """Returns the pace that an account's settings name, `fastest` calls a second at most; None where they name none.

    ValueError where it is no number of one or more.
    """
    named = settings.get(SETTING, "").strip()
    if not named:
        return None
    if not (named.isascii() and named.isdigit() and int(named[:9])):
        raise ValueError(f"{SETTING} is a whole number of one or more")
    most = min(int(named[:9]), fastest)
    return Pace.within(most, 1.0, max(1, most // 10))
