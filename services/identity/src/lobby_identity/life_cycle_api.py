"""LifeCycleService: proto in, use-case, proto out."""

from lobby.identity.v1 import contact_pb2
from lobby.identity.v1 import life_cycle_service_pb2 as pb
from lobby.identity.v1.contact_pb2 import TagOrigin
from lobby.identity.v1.events_pb2 import ContactStageChanged
from lobby.identity.v1.life_cycle_service_pb2_grpc import LifeCycleServiceServicer
from lobby_common import caller, pages, tracing
from lobby_common.caller import Caller
from lobby_common.events import EventLog, Tx
from lobby_common.requests import answer_once
from lobby_common.times import to_proto
from lobby_identity.api import AGENT_ROLE, contact_proto, visible_person
from lobby_identity.app import staging
from lobby_identity.app.staging import Moved
from lobby_identity.clients import Visibility
from lobby_identity.domain import tags
from lobby_identity.domain.identifiers import WorkspaceId
from lobby_identity.domain.stages import LifeCycle, Silence, StageChange
from lobby_identity.store import stages as store


class LifeCycleApi(LifeCycleServiceServicer):
    """Moves contacts from stage to stage, and names the stages."""

    def __init__(self, log: EventLog, visibility: Visibility) -> None:
        self._log = log
        self._visibility = visibility

    async def SetStage(self, request: pb.SetStageRequest, context: object) -> pb.SetStageResponse:
        """The contact is in the stage."""
        who = caller.current()
        await visible_person(self._log, self._visibility, who, request.contact_id)

        async with self._log.transaction() as tx:

            async def make() -> pb.SetStageResponse:
                moved = await staging.move(
                    tx.conn,
                    WorkspaceId(who.workspace_id),
                    request.contact_id,
                    request.stage.strip(),
                    origin=tags.AGENT if who.role == AGENT_ROLE else tags.API,
                    source_id=who.actor,
                )
                tell_moved(tx, who, moved)
                return pb.SetStageResponse(contact=contact_proto(moved.person))

            return await answer_once(tx, "SetStage", request.request_id, pb.SetStageResponse, make)

    async def ListStageChanges(
        self, request: pb.ListStageChangesRequest, context: object
    ) -> pb.ListStageChangesResponse:
        """Returns a page, the newest first."""
        who = caller.current()
        size, after = pages.size(request.page_size), pages.decode_after(request.page_token)
        person = await visible_person(self._log, self._visibility, who, request.contact_id)
        async with self._log.pool.acquire() as conn:
            found = await store.list_changes(conn, person.record_ids, after, size + 1)
        answer = pb.ListStageChangesResponse(stage_changes=[_change(each) for each in found[:size]])
        if len(found) > size:
            answer.next_page_token = pages.encode(found[size - 1].time.isoformat(), found[size - 1].change_id)
        return answer

    async def GetLifeCycle(self, request: pb.GetLifeCycleRequest, context: object) -> pb.GetLifeCycleResponse:
        """Returns the stages of the workspace."""
        async with self._log.pool.acquire() as conn:
            found = await staging.get_life_cycle(conn, WorkspaceId(caller.current().workspace_id))
        return pb.GetLifeCycleResponse(life_cycle=_life_cycle(found))

    async def UpdateLifeCycle(self, request: pb.UpdateLifeCycleRequest, context: object) -> pb.UpdateLifeCycleResponse:
        """The workspace has these stages."""
        silences = tuple(Silence(_storable(each.stage), each.days, each.months) for each in request.silences)
        wanted = LifeCycle(tuple(map(_storable, request.stages)), _storable(request.purchase_stage), silences)
        async with self._log.transaction() as tx:
            made = await staging.update_life_cycle(tx.conn, WorkspaceId(caller.current().workspace_id), wanted)
            return pb.UpdateLifeCycleResponse(life_cycle=_life_cycle(made))


def tell_moved(tx: Tx, who: Caller, moved: Moved | None) -> None:
    """Neighbours hear where the person stands, where that changed."""
    if moved is None or moved.change is None:
        return
    change = moved.change
    tx.tell(
        ContactStageChanged(
            contact_id=moved.person.contact_id,
            stage=change.stage,
            former_stage=change.former_stage,
            origin=change.origin,
            source_id=change.source_id,
            change_time=to_proto(change.time),
        ),
        workspace_id=who.workspace_id,
        key=moved.person.contact_id,
        event_id=change.change_id,
        traceparent=tracing.current(),
    )


def _storable(text: str) -> str:
    return text.replace("\x00", "\ufffd").strip()


def _change(change: StageChange) -> contact_pb2.StageChange:
    return contact_pb2.StageChange(
        stage=change.stage,
        former_stage=change.former_stage,
        origin=TagOrigin.Value(f"TAG_ORIGIN_{change.origin.upper()}"),
        source_id=change.source_id,
        time=to_proto(change.time),
        contact_id=change.contact_id,
    )


def _life_cycle(life_cycle: LifeCycle) -> pb.LifeCycle:
    return pb.LifeCycle(
        stages=life_cycle.stages,
        purchase_stage=life_cycle.purchase_stage,
        silences=[
            pb.StageAfterSilence(stage=each.stage, days=each.days, months=each.months) for each in life_cycle.silences
        ],
    )
