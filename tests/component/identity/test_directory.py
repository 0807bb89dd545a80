import pytest

from lobby.identity.v1 import contact_service_pb2
from lobby.identity.v1 import directory_service_pb2 as pb
from lobby_common.errors import Refused
from lobby_common.ids import new_id
from lobby_identity.directory_api import DirectoryApi
from tests.component.identity.conftest import LN1, WA1, Identity, wrote


@pytest.fixture
def directory(identity):
    return DirectoryApi(identity.log)


async def ask(identity, directory, *contact_ids: str, role: str = "partner"):
    with identity.calls(role):
        request = pb.BatchGetContactsRequest(contact_ids=contact_ids)
        return (await directory.BatchGetContacts(request, None)).contacts


async def test_people_are_found_by_their_ids_many_at_once(identity, directory):
    first, second = await identity.hear(wrote(WA1, "phone:+66811111111"), wrote(LN1, "line_user_id:U1"))
    found = await ask(identity, directory, second.contact_id, first.contact_id, first.contact_id)
    assert set(found) == {first.contact_id, second.contact_id}
    assert [each.value for each in found[first.contact_id].identifiers] == ["+66811111111"]
    assert found[first.contact_id] == await identity.contact(first.contact_id)


async def test_an_id_that_was_merged_away_answers_with_the_person(identity, directory):
    first, second = await identity.hear(wrote(WA1, "phone:+66811111111"), wrote(LN1, "line_user_id:U1"))
    await identity.merge(first.contact_id, second.contact_id)
    found = await ask(identity, directory, first.contact_id, second.contact_id)
    assert {each: contact.contact_id for each, contact in found.items()} == {
        first.contact_id: first.contact_id,
        second.contact_id: first.contact_id,
    }
    assert len(found[second.contact_id].identifiers) == 2


async def test_what_is_nobody_here_is_left_out(identity, directory):
    [known] = await identity.hear(wrote(WA1, "phone:+66811111111"))
    stranger = Identity(identity.pool)
    [other] = await stranger.hear(wrote(WA1, "phone:+66822222222"))
    assert set(await ask(identity, directory, known.contact_id, other.contact_id, new_id(), "nothing")) == {
        known.contact_id
    }
    assert not await ask(identity, directory)


async def test_an_erased_person_has_no_name_and_no_address(identity, directory):
    [known] = await identity.hear(wrote(WA1, "phone:+66811111111", display_name="Ana"))
    with identity.calls():
        request = contact_service_pb2.EraseContactRequest(contact_id=known.contact_id)
        await identity.api.EraseContact(request, None)
    found = await ask(identity, directory, known.contact_id)
    assert (found[known.contact_id].display_name, len(found[known.contact_id].identifiers)) == ("", 0)


async def test_agents_who_see_some_people_only_are_refused(identity, directory):
    with pytest.raises(Refused, match="NOT_FOR_AGENTS"):
        await ask(identity, directory, new_id(), role="agent")
