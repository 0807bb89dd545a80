"""DirectoryService: people looked up for other services, many at once."""

from lobby.identity.v1 import directory_service_pb2 as pb
from lobby.identity.v1.directory_service_pb2_grpc import DirectoryServiceServicer
from lobby_common import caller
from lobby_common.errors import Refused
from lobby_common.events import EventLog
from lobby_common.ids import is_id
from lobby_identity.api import contact_proto
from lobby_identity.app import people
from lobby_identity.domain.identifiers import ContactId, WorkspaceId

_AGENT = "agent"


class DirectoryApi(DirectoryServiceServicer):
    """Answers for contacts that the asking service shows; what of them is seen by whom, the gateway decides."""

    def __init__(self, log: EventLog) -> None:
        self._log = log

    async def BatchGetContacts(
        self, request: pb.BatchGetContactsRequest, context: object
    ) -> pb.BatchGetContactsResponse:
        """Returns the persons behind ids. Agents, who see some contacts only, get none here: Refused NOT_FOR_AGENTS."""
        who = caller.current()
        if who.role == _AGENT:
            raise Refused("NOT_FOR_AGENTS", "agents see contacts of their conversations only")
        asked = [ContactId(each) for each in request.contact_ids if is_id(each)]
        async with self._log.pool.acquire() as conn:
            found = await people.read(conn, WorkspaceId(who.workspace_id), asked)
        by_record = {record: contact_proto(person) for person in found for record in person.record_ids}
        return pb.BatchGetContactsResponse(contacts={each: by_record[each] for each in asked if each in by_record})
