"""A person is forgotten: nothing personal is left, ids stay, and nobody brings him back."""

import pytest

from lobby.identity.v1 import events_pb2 as told_pb
from lobby_common.errors import NotFound
from tests.component.identity.conftest import LN1, TG1, WA1, Identity, erase, wrote


async def known_twice(identity: Identity):
    """One person with two channel users, who typed a phone; his suggestions and keys are there."""
    one, other = await identity.hear(
        wrote(WA1, "phone:+84901000001", display_name="Lan", country="VN", locale="vi", text="call 0901234567"),
        wrote(LN1, "line_user_id@p:U1", display_name="Lan Nguyen", minutes=1),
    )
    await identity.merge(one.contact_id, other.contact_id, note="she said so")
    return one, other


async def test_nothing_personal_is_left_of_somebody_who_is_forgotten(identity):
    one, other = await known_twice(identity)
    contact = await erase(identity, other.contact_id)
    assert contact.contact_id == one.contact_id
    assert (contact.display_name, contact.language, contact.country, list(contact.tags)) == ("", "", "", [])
    assert list(contact.identifiers) == []
    assert (await identity.search("Lan")).contacts == []
    for table in ("identifier", "mention", "likeness_key", "unweighed", "phone_claim"):
        assert await identity.pool.fetchval(f"SELECT count(*) FROM {table}") == 0, table
    assert await identity.pool.fetchval("SELECT note FROM link") == ""
    assert contact.HasField("first_entry_time")


async def test_neighbours_hear_once_whom_to_forget(identity):
    one, other = await known_twice(identity)
    await erase(identity, one.contact_id)
    await erase(identity, one.contact_id)
    [told] = await identity.told(told_pb.ContactErased)
    assert (told.contact_id, told.actor) == (one.contact_id, "key-1")
    assert sorted(told.contact_ids) == sorted([one.contact_id, other.contact_id])
    assert sorted(told.channel_user_ids) == sorted([one.channel_user_id, other.channel_user_id])


async def test_who_writes_again_is_somebody_else(identity):
    one, _ = await known_twice(identity)
    await erase(identity, one.contact_id)
    [again] = await identity.hear(wrote(WA1, "phone:+84901000001", display_name="Lan", minutes=9))
    assert again.first_message
    assert again.contact_id != one.contact_id


async def test_claims_of_somebody_forgotten_join_nobody(identity):
    [said] = await identity.hear(wrote(TG1, "telegram_id:777", own_phone="+84901000001"))
    await erase(identity, said.contact_id)
    await identity.hear(wrote(WA1, "phone:+84901000001", minutes=9))
    assert await identity.told(told_pb.ContactMerged) == []


async def test_a_contact_of_another_workspace_is_not_forgotten(identity, pool):
    [said] = await Identity(pool).hear(wrote(WA1, "phone:+84901000001"))
    with pytest.raises(NotFound, match="CONTACT_NOT_FOUND"):
        await erase(identity, said.contact_id)
