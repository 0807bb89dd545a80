"""Where a person came from first: the earliest that is known of all his contacts, whatever comes later."""

from lobby.connectors.v1 import account_pb2, events_pb2
from lobby_common.times import from_proto, to_proto
from tests.component.identity.conftest import LN1, TG1, WA1, Identity, at, erase, identifier, wrote

AD = events_pb2.Referral(
    source_type="ad", source_id="ad-1", click_id="click-1", source_url="https://ads.example/1", headline="Sale"
)
LINK = events_pb2.Referral(source_type="link", source_id="from-lan")


def clicked(account: str, platform: int, *identifiers: str, minutes: float, referral=AD) -> events_pb2.ReferralSeen:
    return events_pb2.ReferralSeen(
        account_id=account,
        platform=platform,
        chat=identifiers[0],
        identifiers=[identifier(each) for each in identifiers],
        referral=referral,
        occurred_time=to_proto(at(minutes)),
    )


async def touch(identity: Identity, contact_id: str):
    return (await identity.contact(contact_id)).first_touch


async def test_the_first_message_says_when_where_and_by_which_campaign_somebody_came(identity):
    [said] = await identity.hear(wrote(WA1, "phone:+66811110000", referral=AD))
    first = await touch(identity, said.contact_id)
    assert from_proto(first.time) == at(0)
    assert (first.account_id, first.platform) == (WA1, account_pb2.PLATFORM_WHATSAPP)
    assert (first.campaign_id, first.referral) == ("ad-1", AD)


async def test_who_came_by_himself_stays_so_when_he_comes_by_an_ad_later(identity):
    [said] = await identity.hear(wrote(WA1, "phone:+66811110000"))
    await identity.hear(wrote(WA1, "phone:+66811110000", minutes=5, referral=AD))
    await identity.hear(clicked(WA1, account_pb2.PLATFORM_WHATSAPP, "phone:+66811110000", minutes=6))
    first = await touch(identity, said.contact_id)
    assert (from_proto(first.time), first.campaign_id, first.HasField("referral")) == (at(0), "", False)


async def test_an_ad_that_was_followed_in_the_second_of_the_first_message_or_before_is_the_first_touch(identity):
    for number, minutes in enumerate((0, -3)):
        [said] = await identity.hear(wrote(TG1, f"telegram_id:{number}"))
        await identity.hear(clicked(TG1, account_pb2.PLATFORM_TELEGRAM, f"telegram_id:{number}", minutes=minutes))
        first = await touch(identity, said.contact_id)
        assert (from_proto(first.time), first.campaign_id) == (at(minutes), "ad-1")


async def test_an_earlier_message_that_comes_late_is_the_first_touch(identity):
    [said] = await identity.hear(wrote(WA1, "phone:+66811110000", minutes=5, referral=AD))
    await identity.hear(wrote(WA1, "phone:+66811110000", minutes=1, referral=LINK))
    first = await touch(identity, said.contact_id)
    assert (from_proto(first.time), first.referral) == (at(1), LINK)


async def test_of_a_merged_person_the_earliest_counts_and_an_undo_gives_each_his_own_back(identity):
    one, other = await identity.hear(
        wrote(WA1, "phone:+66811110000", minutes=5, referral=AD),
        wrote(LN1, "line_user_id@p:U1", minutes=1, referral=LINK),
    )
    merge_id = (await identity.merge(one.contact_id, other.contact_id)).merge.merge_id
    assert (await touch(identity, one.contact_id)).account_id == LN1
    await identity.hear(wrote(WA1, "phone:+66811110000", minutes=9, referral=LINK))
    await identity.undo(merge_id)
    assert (await touch(identity, one.contact_id)).referral == AD
    assert (await touch(identity, other.contact_id)).referral == LINK


async def test_of_who_is_forgotten_the_campaign_stays_and_what_is_his_own_goes(identity):
    one, other = await identity.hear(
        wrote(WA1, "phone:+66811110000", referral=AD), wrote(TG1, "telegram_id:7", referral=LINK)
    )
    for each in (one, other):
        await erase(identity, each.contact_id)
    by_ad = await touch(identity, one.contact_id)
    assert by_ad.referral == events_pb2.Referral(source_type="ad", source_id="ad-1")
    by_link = await touch(identity, other.contact_id)
    assert by_link.referral == events_pb2.Referral(source_type="link")


async def test_a_touch_of_before_is_of_the_platform_of_who_came(identity):
    [said] = await identity.hear(wrote(WA1, "phone:+66811110000", referral=AD))
    await identity.pool.execute("UPDATE first_touch SET platform = 0")
    assert (await touch(identity, said.contact_id)).platform == account_pb2.PLATFORM_WHATSAPP
