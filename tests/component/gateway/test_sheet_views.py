from lobby.counter.v1.sheet_pb2 import SheetRow
from lobby.counter.v1.sheet_service_pb2 import ListSheetRowsResponse
from lobby.identity.v1.contact_pb2 import Contact, ContactIdentifier
from lobby.identity.v1.directory_service_pb2 import BatchGetContactsResponse
from lobby_common.errors import NotFound
from lobby_common.times import to_proto, utc_now
from tests.component.gateway.conftest import away

ROWS = "SheetService.ListSheetRows"
PEOPLE = "DirectoryService.BatchGetContacts"
PATH = "/v1/sheets/sheet-1/rows"


def contact(contact_id: str, name: str, phone: str, **more) -> Contact:
    addresses = [
        ContactIdentifier(kind="phone", value=phone),
        ContactIdentifier(kind="line_user_id", value="U4af4980629", **more),
    ]
    return Contact(contact_id=contact_id, display_name=name, identifiers=addresses)


def people(gateway):
    """Three entries of two persons, one of whom was merged away meanwhile, and one of nobody."""
    rows = [SheetRow(entry_id=f"e{n}", contact_id=contact_id) for n, contact_id in enumerate("abab")]
    gateway.neighbours.answers[ROWS] = ListSheetRowsResponse(
        rows=[*rows, SheetRow(entry_id="e4", contact_id="gone")], next_page_token="more"
    )
    known = {
        "a": contact("a", "Ana Maria Souza", "+5511912345678"),
        "b": contact("root", "Somchai", "+66899999999", retired_time=to_proto(utc_now())),
    }
    gateway.neighbours.answers[PEOPLE] = lambda request: BatchGetContactsResponse(
        contacts={each: known[each] for each in request.contact_ids if each in known}
    )


async def test_rows_say_who_the_people_are_by_one_question(gateway):
    people(gateway)
    status, page = await gateway.ask("GET", f"{PATH}?verdict=new&from_day=2026-11-01&page_size=5&page_token=t")
    assert (status, page["next_page_token"]) == (200, "more")
    [asked] = gateway.neighbours.calls[PEOPLE]
    assert list(asked.request.contact_ids) == ["a", "b", "gone"]
    names = [(row["contact_id"], row["display_name"], len(row["addresses"])) for row in page["rows"]]
    assert names == [("a", "Ana Maria Souza", 2), ("b", "Somchai", 1)] * 2 + [("gone", "", 0)]
    [listed] = gateway.neighbours.calls[ROWS]
    assert (listed.request.sheet_id, listed.request.from_day) == ("sheet-1", "2026-11-01")
    assert (listed.request.page_size, listed.request.page_token, listed.request.verdict) == (5, "t", 1)


async def test_a_partner_sees_initials_and_the_end_of_addresses(gateway):
    people(gateway)
    key = await gateway.partner("sheet-1")
    _, page = await gateway.ask("GET", PATH, key=key)
    row = page["rows"][0]
    assert row["display_name"] == "A. M. S."
    assert [each["value"] for each in row["addresses"]] == ["••••5678", "••••0629"]
    for call in (*gateway.neighbours.calls[ROWS], *gateway.neighbours.calls[PEOPLE]):
        assert (call.caller.role, call.caller.sheet_id) == ("partner", "sheet-1")
    _, page = await gateway.ask("GET", PATH, key=await gateway.key("viewer"))
    assert [each["value"] for each in page["rows"][0]["addresses"]] == ["", ""]


async def test_no_row_hides_its_name_because_identity_is_away(gateway):
    people(gateway)
    gateway.neighbours.answers[PEOPLE] = away
    status, problem = await gateway.ask("GET", PATH)
    assert (status, problem["reason"]) == (503, "AWAY")


async def test_a_sheet_without_rows_asks_nobody_who_they_are(gateway):
    gateway.neighbours.answers[ROWS] = ListSheetRowsResponse()
    assert await gateway.ask("GET", PATH) == (200, {"rows": [], "next_page_token": ""})
    assert not gateway.neighbours.calls[PEOPLE]
    gateway.neighbours.answers[ROWS] = NotFound("SHEET_NOT_FOUND", "no")
    status, problem = await gateway.ask("GET", PATH)
    assert (status, problem["reason"]) == (404, "SHEET_NOT_FOUND")
