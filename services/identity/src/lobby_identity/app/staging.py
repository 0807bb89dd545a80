"""Contacts move from stage to stage: by hand, through the API, because they bought something, or as time passes."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from lobby_common.errors import Conflict, Invalid
from lobby_common.events.log import Connection
from lobby_common.ids import new_id
from lobby_common.times import utc_now
from lobby_identity.app import people
from lobby_identity.app.people import Person
from lobby_identity.domain import rules, tags
from lobby_identity.domain.identifiers import ContactId, WorkspaceId
from lobby_identity.domain.rules import Rule
from lobby_identity.domain.stages import LifeCycle, Silence, StageChange
from lobby_identity.store import rules as rule_store
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
    if not all(_is_silence(each, wanted) for each in wanted.silences) or _repeated(wanted.silences):
        raise Invalid(
            "BAD_STAGE", "each silence leads to a stage of its own, which is not the first, after days or months"
        )
    await store.write_life_cycle(conn, workspace_id, wanted)
    await _write_silences(conn, workspace_id, wanted.silences)
    return await get_life_cycle(conn, workspace_id)


async def get_life_cycle(conn: Connection, workspace_id: WorkspaceId) -> LifeCycle:
    """Returns the stages of the workspace, and after which silence people are in which."""
    life_cycle = await store.find_life_cycle(conn, workspace_id)
    held = [each for each in await rule_store.list_rules(conn, workspace_id) if each.moves]
    return replace(life_cycle, silences=tuple(map(_silence, held)))


def _silence(rule: Rule) -> Silence:
    return Silence(rule.tag, rule.days, rule.months)


def _is_silence(silence: Silence, wanted: LifeCycle) -> bool:
    return silence.stage in wanted.stages[1:] and bool(silence.days) != bool(silence.months)


def _repeated(silences: Sequence[Silence]) -> bool:
    return len({each.stage for each in silences}) < len(silences)


async def _write_silences(conn: Connection, workspace_id: WorkspaceId, wanted: Sequence[Silence]) -> None:
    """Rules that say the same stay: from them on it is known when people wrote."""
    held = {_silence(each): each for each in await rule_store.list_rules(conn, workspace_id) if each.moves}
    for silence, rule in held.items():
        if silence not in wanted:
            await rule_store.end(conn, workspace_id, rule.rule_id)
    for silence in wanted:
        if silence not in held:
            await rule_store.insert(conn, _rule(workspace_id, silence))


def _rule(workspace_id: WorkspaceId, silence: Silence) -> Rule:
    return Rule(
        new_id(),
        workspace_id,
        silence.stage,
        silence.stage,
        rules.STAGE_SILENT_FOR,
        silence.days,
        silence.months,
        time=None,
        currency="",
        amount_minor=0,
        words=(),
        create_time=utc_now(),
    )
