"""SheetViewService: rows of sheets, composed from counter and identity."""

from collections.abc import Mapping, Sequence

from lobby.counter.v1.sheet_service_pb2 import ListSheetRowsRequest, ListSheetRowsResponse
from lobby.counter.v1.sheet_service_pb2_grpc import SheetServiceStub
from lobby.gateway.v1 import sheet_view_service_pb2 as pb
from lobby.gateway.v1.sheet_view_service_pb2_grpc import SheetViewServiceServicer
from lobby.identity.v1.contact_pb2 import Contact
from lobby.identity.v1.directory_service_pb2 import BatchGetContactsRequest
from lobby.identity.v1.directory_service_pb2_grpc import DirectoryServiceStub
from lobby_gateway import sheet_views
from lobby_gateway.api.views import Channel


class SheetViewApi(SheetViewServiceServicer):
    """Serves the composed reads of sheets."""

    def __init__(self, people: sheet_views.People) -> None:
        self._people = people

    async def ListSheetRows(self, request: pb.ListSheetRowsRequest, context: object) -> pb.ListSheetRowsResponse:
        """Returns a page of rows."""
        page = await sheet_views.list_rows(
            self._people,
            ListSheetRowsRequest(
                sheet_id=request.sheet_id,
                from_day=request.from_day,
                to_day=request.to_day,
                verdict=request.verdict,
                page_size=request.page_size,
                page_token=request.page_token,
            ),
        )
        return pb.ListSheetRowsResponse(rows=page.rows, next_page_token=page.next_page_token)


class RemotePeople:
    """The services behind sheet_views.People, asked over gRPC as the caller in hand."""

    def __init__(self, channel: Channel) -> None:
        self._sheets = SheetServiceStub(channel("counter"))
        self._directory = DirectoryServiceStub(channel("identity"))

    async def rows(self, request: ListSheetRowsRequest) -> ListSheetRowsResponse:
        """Returns a page of rows without names."""
        page: ListSheetRowsResponse = await self._sheets.ListSheetRows(request)
        return page

    async def contacts(self, contact_ids: Sequence[str]) -> Mapping[str, Contact]:
        """Returns the persons behind ids."""
        answer = await self._directory.BatchGetContacts(BatchGetContactsRequest(contact_ids=contact_ids))
        found: Mapping[str, Contact] = answer.contacts
        return found
