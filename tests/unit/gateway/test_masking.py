import pytest

from lobby.connectors.v1.message_pb2 import Attachment, Message
from lobby.counter.v1.sheet_pb2 import SheetAddress, SheetRow
from lobby.counter.v1.sheet_service_pb2 import ListSheetRowsResponse
from lobby.identity.v1.contact_pb2 import Contact, ContactIdentifier
from lobby.identity.v1.contact_service_pb2 import ListContactsResponse
from lobby.routing.v1.conversation_pb2 import Conversation
from lobby.translate.v1.translation_pb2 import Translation
from lobby_gateway.masking import initials, last_four, masked
from lobby_gateway.roles import sight


@pytest.fixture
def people():
    return ListContactsResponse(
        contacts=[
            Contact(
                contact_id="c",
                display_name="Ana Maria",
                identifiers=[
                    ContactIdentifier(kind="phone", value="+5511912345678"),
                    ContactIdentifier(kind="email", value="ana@example.org"),
                    ContactIdentifier(kind="telegram_id", value="123456789"),
                ],
            )
        ]
    )


SEEN = {
    "owner": ("Ana Maria", ["+5511912345678", "ana@example.org", "123456789"]),
    "supervisor": ("Ana Maria", ["+5511912345678", "ana@example.org", "123456789"]),
    "agent": ("Ana Maria", ["••••5678", "••••.org", "123456789"]),
    "viewer": ("A. M.", ["", "", ""]),
    "partner": ("A. M.", ["••••5678", "••••.org", "••••6789"]),
}


@pytest.mark.parametrize("role", SEEN)
def test_each_role_sees_of_people_what_the_table_says(people, role):
    shown = masked(people, sight(role)).contacts[0]
    assert (shown.display_name, [each.value for each in shown.identifiers]) == SEEN[role]
    assert shown.contact_id == "c"


def test_a_workspace_may_show_agents_everything(people):
    assert masked(people, sight("agent", agents_see_identifiers=True)) == people


def test_masking_leaves_the_message_as_it_was(people):
    masked(people, sight("viewer"))
    assert people.contacts[0].identifiers[0].value == "+5511912345678"


@pytest.mark.parametrize(("role", "shown"), [("agent", True), ("viewer", False), ("partner", False)])
def test_texts_are_hidden_wherever_they_are(role, shown):
    message = Message(
        message_id="m",
        text="secret",
        source_text="secret",
        translation=Translation(text="secret", language="zh"),
        attachments=[Attachment(kind="location", url="https://secret", title="secret", latitude=1.5)],
    )
    seen = masked(message, sight(role))
    assert ("secret" in str(seen)) == shown
    assert (seen.attachments[0].latitude == 1.5) == shown
    assert seen.translation.language == "zh"


def test_a_viewer_sees_no_text_in_a_list_of_conversations():
    seen = masked(Conversation(last_message_text="secret", display_name="王小明", owed=True), sight("viewer"))
    assert (seen.last_message_text, seen.display_name, seen.owed) == ("", "王.", True)


@pytest.mark.parametrize(
    ("name", "shown"),
    [("Ana Maria de Souza", "A. M. D."), ("+55 11 99999", ""), ("", ""), ("🌸 lily", "L."), ("4ever Young", "E. Y.")],
)
def test_initials_never_show_a_number(name, shown):
    assert initials(name) == shown


@pytest.mark.parametrize(("address", "shown"), [("+5511", "••••5511"), ("1234", "••••"), ("1", "••••")])
def test_a_short_address_is_hidden_whole(address, shown):
    assert last_four(address) == shown


@pytest.mark.parametrize(
    ("role", "is_whole"), [("owner", True), ("supervisor", True), ("agent", False), ("viewer", False)]
)
def test_a_platforms_id_shows_no_phone_and_replies_still_find_theirs(role, is_whole):
    wamid = "wamid.HBgLMTIwMjU1NTAxMDEVAgASGBQ1NUJGOEQ5QzA4QUYyNjE3MDc0OQA="
    asked = masked(Message(platform_message_id=wamid), sight(role))
    reply = masked(Message(platform_message_id="", reply_to_platform_message_id=wamid), sight(role))
    assert (asked.platform_message_id == wamid) == is_whole
    assert "MTIwMjU1NTAxMDE" in asked.platform_message_id or not is_whole
    assert reply.reply_to_platform_message_id == asked.platform_message_id
    assert reply.platform_message_id == ""


def test_a_partner_sees_of_a_sheets_people_initials_and_the_last_characters():
    addresses = [SheetAddress(kind="phone", value="+66812345678"), SheetAddress(kind="line_user_id", value="U12")]
    page = ListSheetRowsResponse(rows=[SheetRow(contact_id="c", display_name="Ana Maria", addresses=addresses)])
    [row] = masked(page, sight("partner")).rows
    assert row.display_name == "A. M."
    assert [(each.kind, each.value) for each in row.addresses] == [("phone", "••••5678"), ("line_user_id", "••••")]
    assert row.contact_id == "c"
    [row] = masked(page, sight("viewer")).rows
    assert (row.display_name, [each.value for each in row.addresses]) == ("A. M.", ["", ""])
    assert masked(page, sight("supervisor")) is page
