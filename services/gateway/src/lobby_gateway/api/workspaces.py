"""WorkspaceService: the workspace of the credential, and its keys."""

import base64
from collections.abc import Callable

import grpc

from lobby.gateway.v1 import workspace_service_pb2 as pb
from lobby.gateway.v1.workspace_service_pb2_grpc import WorkspaceServiceServicer
from lobby.routing.v1.agent_service_pb2 import GetAgentRequest
from lobby.routing.v1.agent_service_pb2_grpc import AgentServiceStub
from lobby_common import caller, pages
from lobby_common.config import Secret
from lobby_common.events import EventLog, Tx
from lobby_common.ids import new_id
from lobby_common.requests import answer_once
from lobby_common.times import to_proto, utc_now
from lobby_gateway import domain, entropy, roles, store, workspaces
from lobby_gateway.domain import Key, Workspace
from lobby_gateway.transcode import names

_ROLE = pb.Role.DESCRIPTOR


class WorkspaceApi(WorkspaceServiceServicer):
    """Serves workspaces and keys. Who may call it was decided at the door; a key of another workspace is not found."""

    def __init__(
        self, log: EventLog, routing: grpc.aio.Channel, master_key: Secret, revoked: Callable[[str], None]
    ) -> None:
        """`revoked` is told the id of each key that was revoked here."""
        self._log = log
        self._agents = AgentServiceStub(routing)
        self._master_key = base64.b64decode(master_key.reveal())
        self._revoked = revoked

    async def GetWorkspace(self, request: pb.GetWorkspaceRequest, context: object) -> pb.GetWorkspaceResponse:
        """Returns the workspace."""
        found = await workspaces.get_workspace(self._log.pool, caller.current())
        return pb.GetWorkspaceResponse(workspace=_workspace(found))

    async def UpdateWorkspace(self, request: pb.UpdateWorkspaceRequest, context: object) -> pb.UpdateWorkspaceResponse:
        """Changes what is present."""
        changes = {field.name: getattr(request, field.name) for field, _ in request.ListFields()}
        async with self._log.transaction() as tx:
            after = await workspaces.change_workspace(tx.conn, caller.current(), changes)
        return pb.UpdateWorkspaceResponse(workspace=_workspace(after))

    async def CreateKey(self, request: pb.CreateKeyRequest, context: object) -> pb.CreateKeyResponse:
        """Makes a key; asked again with the same request_id it gives the same key and secret."""
        key = domain.new_key(
            Key(
                key_id=new_id(),
                workspace_id=caller.current().workspace_id,
                role=names.words(_ROLE)[request.role],
                agent_id=request.agent_id,
                display_name=request.display_name,
                create_time=utc_now(),
            )
        )
        if key.role == roles.AGENT:
            # Raises AGENT_NOT_FOUND for an agent of another workspace too: routing looks in the caller's.
            await self._agents.GetAgent(GetAgentRequest(agent_id=key.agent_id))
        secret = self._secret(key.workspace_id, request.request_id)
        async with self._log.transaction() as tx:
            answer = await self._create(tx, key, secret, request.request_id)
        # The secret is not part of the answer that is kept.
        answer.secret = secret
        return answer

    def _secret(self, workspace_id: str, request_id: str) -> str:
        if not request_id:
            return entropy.new_secret()
        return domain.secret_of(domain.repeatable_entropy(self._master_key, "api-key", workspace_id, request_id))

    async def _create(self, tx: Tx, key: Key, secret: str, request_id: str) -> pb.CreateKeyResponse:
        async def make() -> pb.CreateKeyResponse:
            await workspaces.add_key(tx.conn, caller.current(), key, secret)
            return pb.CreateKeyResponse(key=_key(key))

        return await answer_once(tx, "CreateKey", request_id, pb.CreateKeyResponse, make)

    async def ListKeys(self, request: pb.ListKeysRequest, context: object) -> pb.ListKeysResponse:
        """Lists keys, oldest first."""
        size = pages.size(request.page_size)
        after = pages.decode_after(request.page_token)
        found = await store.list_keys(self._log.pool, caller.current().workspace_id, after, size + 1)
        answer = pb.ListKeysResponse(keys=[_key(key) for key in found[:size]])
        if len(found) > size:
            last = found[size - 1]
            answer.next_page_token = pages.encode(last.create_time.isoformat(), last.key_id)
        return answer

    async def DeleteKey(self, request: pb.DeleteKeyRequest, context: object) -> pb.DeleteKeyResponse:
        """Revokes a key."""
        async with self._log.transaction() as tx:
            after = await workspaces.revoke_key(tx.conn, caller.current(), request.key_id, utc_now())
        self._revoked(after.key_id)
        return pb.DeleteKeyResponse(key=_key(after))


def _workspace(workspace: Workspace) -> pb.Workspace:
    return pb.Workspace(
        workspace_id=workspace.workspace_id,
        display_name=workspace.display_name,
        time_zone=workspace.time_zone,
        day_start_hour=workspace.day_start_hour,
        agents_see_identifiers=workspace.agents_see_identifiers,
        create_time=to_proto(workspace.create_time),
    )


def _key(key: Key) -> pb.Key:
    return pb.Key(
        key_id=key.key_id,
        role=pb.Role.Value(names.prefix(_ROLE) + key.role.upper()),
        agent_id=key.agent_id,
        display_name=key.display_name,
        create_time=to_proto(key.create_time),
        revoke_time=None if key.revoke_time is None else to_proto(key.revoke_time),
    )
