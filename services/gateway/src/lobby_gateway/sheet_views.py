"""Use-case of sheets' rows: the counter knows what counts, identity who the people are."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from lobby.counter.v1.sheet_pb2 import SheetAddress, SheetRow
from lobby.counter.v1.sheet_service_pb2 import ListSheetRowsRequest, ListSheetRowsResponse
from lobby.identity.v1.contact_pb2 import Contact


class People(Protocol):
    """What is asked. Every method raises LobbyError."""

    async def rows(self, request: ListSheetRowsRequest) -> ListSheetRowsResponse:
        """Returns a page of rows without names. Raises NotFound for a sheet that the caller may not see."""

    async def contacts(self, contact_ids: Sequence[str]) -> Mapping[str, Contact]:
        """Returns the persons behind ids; those of nobody are left out."""


async def list_rows(people: People, request: ListSheetRowsRequest) -> ListSheetRowsResponse:
    """Returns a page of rows with who they are. Where identity is away there are none: a row never hides its name."""
    page = await people.rows(request)
    asked = list(dict.fromkeys(row.contact_id for row in page.rows))
    found = await people.contacts(asked) if asked else {}
    for row in page.rows:
        if row.contact_id in found:
            _introduce(row, found[row.contact_id])
    return page


def _introduce(row: SheetRow, contact: Contact) -> None:
    """The row says who it is, by the addresses that hold."""
    row.display_name = contact.display_name
    row.addresses.extend(
        SheetAddress(kind=each.kind, value=each.value)
        for each in contact.identifiers
        if not each.HasField("retired_time")
    )
