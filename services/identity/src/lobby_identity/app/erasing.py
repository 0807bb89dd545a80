"""A person is forgotten because he asks for it; what was counted stays, by ids that lead to nobody."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from lobby_common.errors import Unavailable
from lobby_common.events import erasing as log_erasing
from lobby_common.events.log import Connection
from lobby_identity import store
from lobby_identity.app import people
from lobby_identity.app.people import Person
from lobby_identity.domain.identifiers import WorkspaceId
from lobby_identity.store import erasing
from lobby_identity.store.erasing import Erased

_ATTEMPTS = 20
_SKEW = timedelta(hours=1)
"""How much later than it was told something may be said to have happened."""


@dataclass(frozen=True, slots=True)
class Forgotten:
    """A person after it, and all his records."""

    person: Person
    records: tuple[Erased, ...]

    @property
    def is_news(self) -> bool:
        """Something of him was there."""
        return any(each.is_news for each in self.records)


async def erase(conn: Connection, workspace_id: WorkspaceId, contact_id: str, now: datetime) -> Forgotten:
    """Nothing personal is left of the person. Raises NotFound CONTACT_NOT_FOUND."""
    for _ in range(_ATTEMPTS):
        before = await people.get(conn, workspace_id, contact_id)
        roots = await store.lock_roots(conn, before.record_ids)
        person = await people.get(conn, workspace_id, contact_id)
        if roots == [person.contact_id] and person.record_ids == before.record_ids:
            records = await erasing.erase_people(conn, workspace_id, person.record_ids, now)
            await _clear_log(conn, workspace_id, [each for each in records if each.is_news])
            person = await people.get(conn, workspace_id, contact_id)
            return Forgotten(person, tuple(sorted(records, key=lambda each: each.contact_id)))
    raise Unavailable("PEOPLE_BUSY", "this contact is being changed by many at once")


async def _clear_log(conn: Connection, workspace_id: WorkspaceId, records: Sequence[Erased]) -> None:
    """What was told of the person will hold nothing personal: every event about a channel user names him."""
    marks = [each.contact_id for each in records]
    for each in records:
        since = each.first_seen_time - _SKEW
        await log_erasing.order(conn, workspace_id, each.channel_user_id, marks=marks, since=since)
