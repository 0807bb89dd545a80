"""Tags: each stays on the record where it was set, and a person shows those of all his records.

So a merge brings tags together and its undo gives each record its own back, whatever was set meanwhile. Whoever takes a
tag away takes it from one record: nobody who is one person with that record shows it, and where they are parted again
the other record has it as before.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from lobby_identity.domain.identifiers import ContactId

AGENT, API, RULE, IMPORT = "agent", "api", "rule", "import"

LONGEST = 50
"""Characters of a tag."""
MOST = 100
"""Tags that a person has at most when another one is set by hand."""


@dataclass(frozen=True, slots=True)
class Tag:
    """One tag of one record by one who or what set it."""

    contact_id: ContactId
    tag: str
    origin: str
    source_id: str
    set_time: datetime | None = None
    """None where it is not known any more."""
    setting_id: str = ""
    """Empty for one that was written before each had an id."""
    hidden_from: frozenset[ContactId] = frozenset()
    """The records from which it was taken away."""


def shown(records: Collection[ContactId], tags: Iterable[Tag]) -> tuple[Tag, ...]:
    """Returns the tags of a person, by name and then the oldest first: those taken away from none of his records."""
    members = frozenset(records)
    seen = [each for each in tags if each.contact_id in members and not each.hidden_from & members]
    return tuple(sorted(seen, key=_order))


def _order(each: Tag) -> tuple[str, datetime, str, str]:
    return each.tag, each.set_time or datetime.min.replace(tzinfo=UTC), each.origin, each.source_id


def names(tags: Iterable[Tag]) -> tuple[str, ...]:
    """Returns each tag once, in order."""
    return tuple(sorted({each.tag for each in tags}))


def clean(text: str) -> str:
    """Returns a tag as it is stored: no NUL, no blanks around it."""
    return text.replace("\x00", "\ufffd").strip()
