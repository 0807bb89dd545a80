"""The scenarios of the counting rule, as far as they are identity's: who is who."""

from lobby.identity.v1 import events_pb2 as told_pb
from tests.component.identity.conftest import LN1, TG1, WA1, WA2, Identity, addresses, at, changed, wrote

ANNA = "phone:+66811111111"
PAULO, PAULO_ID = "phone:+5511999990000", "bsuid@p1:BR.1001"
PAULO_NEW, PAULO_NEW_ID = "phone:+5511888880000", "bsuid@p1:BR.2002"


async def test_s01_all_messages_of_one_number_are_one_person(identity):
    said = await identity.hear(*(wrote(WA1, ANNA, minutes=each) for each in (0, 10, 20, 40)))
    assert len({(each.channel_user_id, each.contact_id) for each in said}) == 1
    assert [each.first_message for each in said] == [True, False, False, False]


async def test_s02_the_same_number_at_another_account_is_the_same_channel_user(identity):
    (first,) = await identity.hear(wrote(WA1, ANNA))
    (second,) = await identity.hear(wrote(WA2, ANNA, minutes=60))
    assert (second.channel_user_id, second.contact_id) == (first.channel_user_id, first.contact_id)
    assert not second.first_message
    assert (await identity.contact(first.contact_id)).first_entry_time.ToDatetime(at(0).tzinfo) == at(0)


async def test_s03_sharing_his_own_card_links_him_with_the_contact_of_that_phone(identity):
    (on_whatsapp,) = await identity.hear(wrote(WA1, ANNA))
    (on_telegram,) = await identity.hear(wrote(TG1, "telegram_id:777", minutes=60))
    assert on_telegram.contact_id != on_whatsapp.contact_id
    (card,) = await identity.hear(wrote(TG1, "telegram_id:777", minutes=65, own_phone="+66811111111"))
    (merged,) = await identity.told(told_pb.ContactMerged)
    assert card.contact_id == merged.group.contact_id == on_whatsapp.contact_id
    assert merged.merged_contact_id == on_telegram.contact_id
    assert set(merged.group.channel_user_ids) == {on_whatsapp.channel_user_id, on_telegram.channel_user_id}
    assert (merged.evidence, merged.actor) == ("verified_phone", "")
    assert addresses(await identity.contact(on_telegram.contact_id)) == {ANNA, "telegram_id:777"}


async def test_s03_the_other_way_round_the_phone_waits_for_its_whatsapp_user(identity):
    (on_telegram,) = await identity.hear(wrote(TG1, "telegram_id:777", own_phone="+66811111111"))
    assert addresses(await identity.contact(on_telegram.contact_id)) == {ANNA, "telegram_id:777"}
    (on_whatsapp,) = await identity.hear(wrote(WA1, ANNA, minutes=60))
    assert on_whatsapp.channel_user_id != on_telegram.channel_user_id
    assert on_whatsapp.contact_id == on_telegram.contact_id
    assert len(await identity.told(told_pb.ContactMerged)) == 1


async def test_the_card_of_another_person_is_no_evidence(identity):
    await identity.hear(wrote(WA1, ANNA))
    (card,) = await identity.hear(wrote(TG1, "telegram_id:777", other_phone="+66811111111"))
    assert await identity.told(told_pb.ContactMerged) == []
    assert addresses(await identity.contact(card.contact_id)) == {"telegram_id:777"}


async def test_the_same_card_again_changes_nothing(identity):
    await identity.hear(wrote(WA1, ANNA))
    for minutes in (1, 2, 3):
        await identity.hear(wrote(TG1, "telegram_id:777", minutes=minutes, own_phone="+66811111111"))
    assert len(await identity.told(told_pb.ContactMerged)) == 1


async def test_a_card_does_not_link_again_what_a_person_has_undone(identity):
    await identity.hear(wrote(WA1, ANNA))
    await identity.hear(wrote(TG1, "telegram_id:777", minutes=1, own_phone="+66811111111"))
    (merged,) = await identity.told(told_pb.ContactMerged)
    await identity.undo(merged.merge_id)
    (again,) = await identity.hear(wrote(TG1, "telegram_id:777", minutes=2, own_phone="+66811111111"))
    assert again.contact_id == merged.merged_contact_id
    assert len(await identity.told(told_pb.ContactMerged)) == 1


async def test_two_who_share_the_same_own_phone_are_one_before_its_whatsapp_user_is_met(identity):
    await identity.hear(wrote(TG1, "telegram_id:777", own_phone="+66811111111"))
    (other,) = await identity.hear(wrote(LN1, "line_user_id@pr:U1", minutes=1, own_phone="+66811111111"))
    (owner,) = await identity.hear(wrote(WA1, ANNA, minutes=2))
    assert owner.contact_id == other.contact_id
    assert addresses(await identity.contact(owner.contact_id)) == {ANNA, "telegram_id:777", "line_user_id@pr:U1"}


async def test_an_old_notation_of_a_phone_is_the_same_phone(identity):
    (on_whatsapp,) = await identity.hear(wrote(WA1, "phone:+5215512345678"))
    (card,) = await identity.hear(wrote(TG1, "telegram_id:777", minutes=1, own_phone="+525512345678"))
    assert card.contact_id == on_whatsapp.contact_id


async def test_s04_a_message_heard_again_is_said_again_with_the_same_id(identity):
    message = wrote(WA1, ANNA)
    await identity.hear(message)
    await identity.hear(message)
    events = [each for each in await identity.events() if each.type.endswith("MessageIdentified")]
    assert len({each.id for each in events}) == 1
    assert await identity.pool.fetchval("SELECT count(*) FROM channel_user") == 1


async def test_s05_the_order_of_delivery_does_not_decide_who_is_who(identity):
    (late,) = await identity.hear(wrote(WA2, ANNA, minutes=5))
    (early,) = await identity.hear(wrote(WA1, ANNA))
    assert early.channel_user_id == late.channel_user_id
    assert (await identity.contact(early.contact_id)).first_entry_time.ToDatetime(at(0).tzinfo) == at(0)


async def test_s06_a_merge_by_hand_keeps_the_id_of_the_url_and_both_ids_answer(identity):
    (a,) = await identity.hear(wrote(WA1, ANNA, minutes=-60))
    (b,) = await identity.hear(wrote(LN1, "line_user_id@pr:U1"))
    answer = await identity.merge(b.contact_id, a.contact_id, note="same voice")
    assert answer.contact.contact_id == b.contact_id
    assert (answer.merge.contact_id, answer.merge.other_contact_id) == (b.contact_id, a.contact_id)
    for each in (a, b):
        contact = await identity.contact(each.contact_id)
        assert contact.contact_id == b.contact_id
        assert addresses(contact) == {ANNA, "line_user_id@pr:U1"}
    (merged,) = await identity.told(told_pb.ContactMerged)
    assert (merged.evidence, merged.actor, merged.merge_id) == ("manual", "key-1", answer.merge.merge_id)
    (again,) = await identity.hear(wrote(WA1, ANNA, minutes=30))
    assert (again.contact_id, again.channel_user_id) == (b.contact_id, a.channel_user_id)


async def test_s07_an_undo_gives_both_their_ids_and_identifiers_back(identity):
    (a,) = await identity.hear(wrote(WA1, ANNA, display_name="Anna"))
    (b,) = await identity.hear(wrote(LN1, "line_user_id@pr:U1", display_name="A."))
    before = [await identity.contact(each.contact_id) for each in (a, b)]
    merge = (await identity.merge(b.contact_id, a.contact_id)).merge
    undone = await identity.undo(merge.merge_id)
    assert undone.merge.HasField("undo_time")
    assert {each.contact_id for each in undone.contacts} == {a.contact_id, b.contact_id}
    assert [await identity.contact(each.contact_id) for each in (a, b)] == before
    (merged,) = await identity.told(told_pb.ContactMerged)
    (split,) = await identity.told(told_pb.ContactSplit)
    assert split.version > merged.version
    assert {group.contact_id: list(group.channel_user_ids) for group in split.groups} == {
        a.contact_id: [a.channel_user_id],
        b.contact_id: [b.channel_user_id],
    }


async def test_s13_who_hides_his_phone_goes_on_as_the_same_person(identity):
    (first,) = await identity.hear(wrote(WA1, PAULO, PAULO_ID))
    (hidden,) = await identity.hear(wrote(WA1, PAULO_ID, minutes=10))
    (elsewhere,) = await identity.hear(wrote(WA2, PAULO_ID, minutes=20))
    assert {hidden.channel_user_id, elsewhere.channel_user_id} == {first.channel_user_id}
    assert addresses(await identity.contact(first.contact_id)) == {PAULO, PAULO_ID}


async def test_s13_a_phone_that_comes_later_joins_the_same_channel_user(identity):
    (first,) = await identity.hear(wrote(WA1, PAULO_ID))
    (known,) = await identity.hear(wrote(WA1, PAULO, PAULO_ID, minutes=1))
    assert known.channel_user_id == first.channel_user_id
    (change,) = await identity.told(told_pb.ContactChanged)
    assert (change.contact_id, list(change.fields)) == (first.contact_id, ["identifiers"])


def number_change(account: str = WA1, minutes: float = 30):
    return changed(account, retired=[PAULO, PAULO_ID], current=[PAULO_NEW, PAULO_NEW_ID], minutes=minutes)


async def test_s14_a_changed_number_stays_the_same_person_everywhere(identity):
    (first,) = await identity.hear(wrote(WA1, PAULO, PAULO_ID))
    await identity.hear(number_change(), number_change(WA2, 30.1))
    said = await identity.hear(wrote(WA1, PAULO_NEW_ID, minutes=40), wrote(WA2, PAULO_NEW_ID, minutes=41))
    assert {each.channel_user_id for each in said} == {first.channel_user_id}
    contact = await identity.contact(first.contact_id)
    assert addresses(contact, retired=False) == {PAULO_NEW, PAULO_NEW_ID}
    assert addresses(contact, retired=True) == {PAULO, PAULO_ID}


async def test_s14_in_one_batch_comes_to_the_same(identity):
    said = await identity.hear(wrote(WA1, PAULO, PAULO_ID), number_change(), wrote(WA2, PAULO_NEW_ID, minutes=41))
    assert len({each.channel_user_id for each in said}) == 1


async def test_s14_a_change_told_before_the_first_message_is_remembered(identity):
    await identity.hear(number_change())
    (old,) = await identity.hear(wrote(WA1, PAULO, PAULO_ID, minutes=10))
    (new,) = await identity.hear(wrote(WA1, PAULO_NEW, PAULO_NEW_ID, minutes=40))
    assert old.channel_user_id == new.channel_user_id


async def test_the_next_owner_of_a_number_is_another_person(identity):
    (first,) = await identity.hear(wrote(WA1, PAULO, PAULO_ID))
    await identity.hear(number_change())
    (late,) = await identity.hear(wrote(WA1, PAULO, PAULO_ID, minutes=20))
    (next_owner,) = await identity.hear(wrote(WA1, PAULO, "bsuid@p1:BR.3003", minutes=5000))
    (late_again,) = await identity.hear(wrote(WA1, PAULO, PAULO_ID, minutes=21))
    assert late.channel_user_id == late_again.channel_user_id == first.channel_user_id
    assert next_owner.contact_id != first.contact_id


async def test_a_late_notice_does_not_take_the_number_from_its_next_owner(identity):
    await identity.hear(number_change())
    (next_owner,) = await identity.hear(wrote(WA1, PAULO, minutes=5000))
    await identity.hear(number_change(WA2, 30.1))
    (again,) = await identity.hear(wrote(WA1, PAULO, minutes=5001))
    assert again.channel_user_id == next_owner.channel_user_id


async def test_a_new_id_that_wrote_before_the_notice_is_linked_by_it(identity):
    (first,) = await identity.hear(wrote(WA1, PAULO, PAULO_ID))
    (early,) = await identity.hear(wrote(WA1, PAULO_NEW_ID, minutes=31))
    assert early.contact_id != first.contact_id
    await identity.hear(number_change(minutes=32))
    (merged,) = await identity.told(told_pb.ContactMerged)
    assert (merged.evidence, merged.group.contact_id) == ("platform_alias", first.contact_id)
    (after,) = await identity.hear(wrote(WA1, PAULO_NEW_ID, minutes=40))
    assert after.contact_id == first.contact_id


async def test_aliases_of_two_channel_users_in_one_webhook_link_them(identity):
    (by_phone,) = await identity.hear(wrote(WA1, PAULO))
    (by_id,) = await identity.hear(wrote(WA1, PAULO_ID, minutes=1))
    (both,) = await identity.hear(wrote(WA1, PAULO, PAULO_ID, minutes=2))
    assert (both.channel_user_id, both.contact_id) == (by_phone.channel_user_id, by_phone.contact_id)
    (merged,) = await identity.told(told_pb.ContactMerged)
    assert set(merged.group.channel_user_ids) == {by_phone.channel_user_id, by_id.channel_user_id}


async def test_s15_workspaces_know_nothing_of_each_other(identity):
    other = Identity(identity.pool)
    (here,) = await identity.hear(wrote(WA1, ANNA))
    (there,) = await other.hear(wrote(WA1, ANNA))
    assert here.contact_id != there.contact_id
    assert [each.contact_id for each in (await other.search("66811111111")).contacts] == [there.contact_id]


async def test_line_users_of_two_providers_are_two_people(identity):
    said = await identity.hear(wrote(LN1, "line_user_id@p1:U1"), wrote(LN1, "line_user_id@p2:U1", minutes=1))
    assert len({each.contact_id for each in said}) == 2
