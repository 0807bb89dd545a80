"""Contacts move from stage to stage: by hand, through the API, or because they bought something."""

from dataclasses import dataclass

from lobby_common.errors import Conflict, Invalid
from lobby_common.events.log import Connection
from lobby_identity.app import people
from lobby_identity.app.people import Person
from lobby_identity.domain import tags
from lobby_identity.domain.identifiers import ContactId, WorkspaceId
from lobby_identity.domain.stages import LifeCycle, StageChange
from lobby_identity.store import stages as store
from lobby_identity.store import tags as records


@dataclass(frozen=True, slots=True)
class Moved:
    """A person after it, and the change; None where he was there already."""

    person: Person
    change: StageChange | None


async def move(
    conn: Connection, workspace_id: WorkspaceId, contact_id: str, stage: str, *, origin: str, source_id: str
) -> Moved:
    """The person is in the stage. CONTACT_NOT_FOUND, CONTACT_ERASED, UNKNOWN_STAGE."""
    life_cycle = await store.find_life_cycle(conn, workspace_id)
    if stage not in life_cycle.stages:
        raise Invalid("UNKNOWN_STAGE", f"the stages of this workspace are {', '.join(life_cycle.stages)}")
    await people.records(conn, workspace_id, contact_id)
    if not await records.lock_record(conn, workspace_id, ContactId(contact_id)):
        raise Conflict("CONTACT_ERASED", "this contact was forgotten")
    person = await people.get(conn, workspace_id, contact_id)
    if stage == person.stage:
        return Moved(person, None)
    change = await store.insert_change(
        conn, workspace_id, ContactId(contact_id), (person.stage, stage), origin=origin, source_id=source_id
    )
    return Moved(await people.get(conn, workspace_id, contact_id), change)


async def move_buyer(
    conn: Connection, workspace_id: WorkspaceId, contact_id: ContactId, purchase_id: str
) -> Moved | None:
    """Who bought something is in the stage that the workspace names for it. None where it names none."""
    life_cycle = await store.find_life_cycle(conn, workspace_id)
    if not life_cycle.purchase_stage:
        return None
    stage = life_cycle.purchase_stage
    return await move(conn, workspace_id, contact_id, stage, origin=tags.RULE, source_id=purchase_id)


async def update_life_cycle(conn: Connection, workspace_id: WorkspaceId, wanted: LifeCycle) -> LifeCycle:
    """The workspace has these stages. BAD_STAGE."""
    if not all(wanted.stages) or len(set(wanted.stages)) < len(wanted.stages):
        raise Invalid("BAD_STAGE", "each stage has a name of its own")
    if wanted.purchase_stage and wanted.purchase_stage not in wanted.stages:
        raise Invalid("BAD_STAGE", "purchase_stage is one of the stages")
    await store.write_life_cycle(conn, workspace_id, wanted)
    return wanted
