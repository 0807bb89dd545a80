"""Contacts as people ask for them: search, pages, roles, and what becomes of names."""

import pytest

from lobby.identity.v1 import contact_service_pb2 as pb
from lobby.identity.v1 import events_pb2 as told_pb
from lobby_common import ids
from lobby_common.errors import Invalid, NotFound
from tests.component.identity.conftest import LN1, TG1, WA1, Identity, addresses, at, changed, wrote

ANNA = "phone:+66811111111"


async def met(identity: Identity, name: str, address: str, minutes: float = 0) -> str:
    (said,) = await identity.hear(wrote(WA1, address, minutes=minutes, display_name=name))
    return said.contact_id


def found(answer: pb.ListContactsResponse) -> list[str]:
    return [each.contact_id for each in answer.contacts]


@pytest.mark.parametrize("query", ["+66811111111", "66811111111", " +66 81 111 1111 ", "+66-81-111-1111"])
async def test_a_phone_is_found_however_it_is_typed(identity, query):
    anna = await met(identity, "Anna", ANNA)
    await met(identity, "Bea", "phone:+66822222222")
    assert found(await identity.search(query)) == [anna]


async def test_an_old_notation_of_a_phone_finds_it_too(identity):
    maria = await met(identity, "María", "phone:+5215512345678")
    assert found(await identity.search("+525512345678")) == [maria]


async def test_a_retired_address_still_finds_its_person(identity):
    anna = await met(identity, "Anna", ANNA)
    await identity.hear(changed(WA1, retired=[ANNA], current=["phone:+66899999999"], minutes=10))
    assert found(await identity.search("+66811111111")) == [anna]
    assert found(await identity.search("+66899999999")) == [anna]


async def test_a_claimed_phone_finds_who_claims_it(identity):
    (said,) = await identity.hear(wrote(TG1, "telegram_id:777", own_phone="+66811111111"))
    assert found(await identity.search("+66811111111")) == [said.contact_id]


async def test_any_identifier_is_found_exactly_and_not_by_its_start(identity):
    (said,) = await identity.hear(wrote(LN1, "line_user_id@pr:U1234"))
    assert found(await identity.search("U1234")) == [said.contact_id]
    assert found(await identity.search("U123")) == []


async def test_names_are_found_by_their_start_in_any_case_and_width(identity):
    anna = await met(identity, "ANNA Schmidt", ANNA)
    ohno = await met(identity, "Ōno 太郎", "phone:+81901111111")
    assert found(await identity.search("anna s")) == [anna]
    assert found(await identity.search("schmidt")) == []
    assert found(await identity.search("ōno")) == [ohno]


async def test_what_is_found_by_address_comes_before_what_is_found_by_name_and_once(identity):
    named = await met(identity, "U77 fan", "phone:+66822222222")
    (exact,) = await identity.hear(wrote(LN1, "line_user_id@pr:U77", display_name="U77"))
    assert found(await identity.search("U77")) == [exact.contact_id, named]


async def test_pages_hold_every_contact_once_and_only_canonical_ones(identity):
    contacts = [
        await met(identity, f"Customer {number:02}", f"phone:+6681111{number:04}", number) for number in range(12)
    ]
    await identity.merge(contacts[3], contacts[7])
    expected = sorted(set(contacts) - {contacts[7]}, reverse=True)
    assert await _walk(identity, "", 5) == expected
    by_name = [each for each in contacts if each != contacts[7]]
    assert await _walk(identity, "customer", 5) == by_name
    assert await _walk(identity, "customer", 11) == by_name


async def _walk(identity: Identity, query: str, size: int) -> list[str]:
    seen: list[str] = []
    token = ""
    while True:
        answer = await identity.search(query, page_size=size, page_token=token)
        assert len(answer.contacts) <= size
        seen += found(answer)
        token = answer.next_page_token
        if not token:
            return seen


async def test_a_merged_person_is_found_by_the_name_of_each_record_and_shows_all_addresses(identity):
    anna = await met(identity, "Anna", ANNA)
    nan = await met(identity, "Nan", "phone:+66822222222", 1)
    await identity.merge(anna, nan)
    for query in ("anna", "nan", "+66822222222"):
        (contact,) = (await identity.search(query)).contacts
        assert contact.contact_id == anna
        assert addresses(contact) == {ANNA, "phone:+66822222222"}


@pytest.mark.parametrize("token", ["x", "WyJhIiwxXQ", "WzEsMl0", "WyJhIl0"])
async def test_a_page_token_that_no_list_gave_is_refused(identity, token):
    with pytest.raises(Invalid, match="BAD_PAGE_TOKEN"):
        await identity.search(page_token=token)


@pytest.mark.parametrize("query", ["%", "_", "\\", "a\x00b", "'; --", "\U0010ffff", "x" * 300, "٣", "+", "İ"])
async def test_strange_queries_find_nothing(identity, query):
    await met(identity, "Anna", ANNA)
    assert found(await identity.search(query)) == []


@pytest.mark.parametrize("contact_id", ["", "x", ids.derive_id(None, "nobody"), "0" * 36, "../etc"])
async def test_an_unknown_or_malformed_id_is_not_found(identity, contact_id):
    with pytest.raises(NotFound, match="CONTACT_NOT_FOUND"):
        await identity.contact(contact_id)


async def test_another_workspace_s_contact_and_merge_are_not_found(identity):
    other = Identity(identity.pool)
    mine, his = await met(identity, "Anna", ANNA), await met(other, "Anna", ANNA)
    third = await met(other, "Bea", "phone:+66822222222")
    merge_id = (await other.merge(his, third)).merge.merge_id
    for call in (identity.contact(his), identity.merge(mine, his), identity.merge(his, mine)):
        with pytest.raises(NotFound, match="CONTACT_NOT_FOUND"):
            await call
    with pytest.raises(NotFound, match="MERGE_NOT_FOUND"):
        await identity.undo(merge_id)


async def test_an_agent_sees_only_what_routing_lets_him_see(identity):
    contacts = [await met(identity, f"C{number}", f"phone:+6681111{number:04}", number) for number in range(5)]
    identity.visibility.seen = {contacts[1], contacts[3]}
    with identity.calls("agent", "agent-1"):
        answer = await identity.api.ListContacts(pb.ListContactsRequest(page_size=1), None)
        assert found(answer) == [contacts[3]]
        request = pb.ListContactsRequest(page_size=1, page_token=answer.next_page_token)
        assert found(await identity.api.ListContacts(request, None)) == [contacts[1]]
        await identity.api.GetContact(pb.GetContactRequest(contact_id=contacts[1]), None)
        for call in (
            identity.api.GetContact(pb.GetContactRequest(contact_id=contacts[0]), None),
            identity.api.MergeContacts(
                pb.MergeContactsRequest(contact_id=contacts[1], other_contact_id=contacts[0]), None
            ),
        ):
            with pytest.raises(NotFound, match="CONTACT_NOT_FOUND"):
                await call


async def test_an_agent_may_not_undo_a_merge_of_people_he_cannot_see(identity):
    contacts = [await met(identity, f"C{number}", f"phone:+6681111{number:04}", number) for number in range(2)]
    merge_id = (await identity.merge(*contacts)).merge.merge_id
    identity.visibility.seen = set()
    with identity.calls("agent", "agent-1"), pytest.raises(NotFound):
        await identity.api.UndoMerge(pb.UndoMergeRequest(merge_id=merge_id), None)


async def test_an_agent_still_sees_a_person_whom_routing_knows_by_the_id_merged_away(identity):
    one, other = await met(identity, "A", ANNA), await met(identity, "B", "phone:+66822222222", 1)
    await identity.merge(one, other)
    identity.visibility.seen = {other}
    with identity.calls("agent", "agent-1"):
        answer = await identity.api.GetContact(pb.GetContactRequest(contact_id=other), None)
    assert answer.contact.contact_id == one


async def test_the_newest_name_holds_and_a_late_older_one_does_not_replace_it(identity):
    anna = await met(identity, "Anna", ANNA)
    await identity.hear(wrote(WA1, ANNA, minutes=10, display_name="Anna B.", locale="th", country="TH"))
    await identity.hear(wrote(WA1, ANNA, minutes=5, display_name="Ann", locale="en"))
    contact = await identity.contact(anna)
    assert (contact.display_name, contact.language, contact.country) == ("Anna B.", "th", "TH")
    (change,) = await identity.told(told_pb.ContactChanged)
    assert list(change.fields) == ["display_name", "language", "country"]


async def test_a_name_fetched_afterwards_is_told_as_a_change_and_again_is_not(identity):
    (said,) = await identity.hear(wrote(LN1, "line_user_id@pr:U1"))
    for minutes in (1, 2):
        await identity.hear(changed(LN1, current=["line_user_id@pr:U1"], minutes=minutes, display_name="ユキ"))
    assert (await identity.contact(said.contact_id)).display_name == "ユキ"
    (change,) = await identity.told(told_pb.ContactChanged)
    assert (change.contact_id, list(change.fields)) == (said.contact_id, ["display_name"])


async def test_a_person_first_wrote_when_his_earliest_greeting_was_written(identity):
    (said,) = await identity.hear(wrote(WA1, ANNA, minutes=5, greeting=False))
    assert not (await identity.contact(said.contact_id)).HasField("first_entry_time")
    await identity.hear(wrote(WA1, ANNA, minutes=9), wrote(WA1, ANNA, minutes=7))
    contact = await identity.contact(said.contact_id)
    assert contact.first_entry_time.ToDatetime(at(0).tzinfo) == at(7)
    assert contact.identifiers[0].first_seen_time.ToDatetime(at(0).tzinfo) == at(5)


async def test_hostile_values_are_stored_or_bounded_and_never_an_error(identity):
    long = "x" * 100_000
    said = await identity.hear(
        wrote(TG1, f"telegram_id:{long}", display_name="A\x00B" + long),
        wrote(TG1, "telegram_id:7\x007", minutes=1, locale="e\x00n"),
        wrote(TG1, f"telegram_id:{long}", minutes=2),
    )
    assert said[0].channel_user_id == said[2].channel_user_id
    assert len((await identity.contact(said[0].contact_id)).display_name) <= 500
