"""Several transactions at once: two replicas meet the same person, unions and undos cross each other."""

import asyncio
import random

import pytest

from lobby.connectors.v1.events_pb2 import MessageReceived
from lobby.identity.v1 import events_pb2 as told_pb
from lobby_common.errors import Conflict
from lobby_identity.events import PeopleHandler
from tests.component.identity.conftest import LN1, TG1, WA1, WA2, Identity, addresses, changed, wrote
from tests.property.identity.test_resolution import components

PHONE, BSUID = "phone:+66811111111", "bsuid@p:TH.1"


async def race(identity: Identity, first: list, second: list) -> None:
    """The second batch begins while the first has written and not committed, and waits for it where it must."""
    written = asyncio.Event()
    release = asyncio.Event()

    async def leading() -> None:
        async with identity.log.transaction() as tx:
            await PeopleHandler(identity.log).apply(tx, [identity.incoming(each) for each in first])
            written.set()
            await release.wait()

    async def following() -> None:
        await written.wait()
        async with identity.log.transaction() as tx:
            waiting = asyncio.create_task(
                PeopleHandler(identity.log).apply(tx, [identity.incoming(each) for each in second])
            )
            await _waits_or_ends(identity, waiting)
            release.set()
            await waiting

    async with asyncio.TaskGroup() as group:
        group.create_task(leading())
        group.create_task(following())


async def _waits_or_ends(identity: Identity, task: "asyncio.Task[None]") -> None:
    query = "SELECT count(*) FROM pg_locks WHERE NOT granted"
    async with asyncio.timeout(10):
        while not task.done() and not await identity.pool.fetchval(query):
            await asyncio.sleep(0)


async def said(identity: Identity, *messages: MessageReceived) -> list:
    told = {each.message_id: each for each in await identity.told(told_pb.MessageIdentified)}
    return [told[each.message_id] for each in messages]


async def test_two_replicas_that_meet_a_number_at_once_meet_one_person(identity):
    one, other = wrote(WA1, PHONE), wrote(WA2, PHONE, minutes=1)
    await race(identity, [one], [other])
    first, second = await said(identity, one, other)
    assert (first.channel_user_id, first.contact_id) == (second.channel_user_id, second.contact_id)
    assert await identity.pool.fetchval("SELECT count(*) FROM channel_user") == 1
    assert await identity.pool.fetchval("SELECT count(*) FROM contact") == 1


async def test_an_alias_lost_in_a_race_takes_the_other_aliases_along(identity):
    hidden, both = wrote(WA1, BSUID), wrote(WA2, PHONE, BSUID, minutes=1)
    await race(identity, [hidden], [both])
    first, second = await said(identity, hidden, both)
    assert second.channel_user_id == first.channel_user_id
    assert addresses(await identity.contact(first.contact_id)) == {PHONE, BSUID}
    assert await identity.pool.fetchval("SELECT count(*) FROM channel_user") == 1


async def test_many_addresses_met_in_opposite_orders_do_not_block_each_other(identity):
    ones = [wrote(WA1, f"phone:+6681{number:07}", minutes=number) for number in range(50)]
    others = [wrote(WA2, f"phone:+6681{number:07}", minutes=number) for number in reversed(range(50))]
    for _ in range(3):
        await race(identity, ones, others)
    assert await identity.pool.fetchval("SELECT count(*) FROM channel_user") == 50


@pytest.mark.parametrize("card_first", [True, False])
async def test_a_card_and_the_first_message_of_its_phone_at_once_are_linked(identity, card_first):
    card, message = wrote(TG1, "telegram_id:7", own_phone=PHONE.split(":")[1]), wrote(WA1, PHONE, minutes=1)
    await race(identity, *([card], [message]) if card_first else ([message], [card]))
    first, second = await said(identity, card, message)
    contacts = [(await identity.contact(each.contact_id)).contact_id for each in (first, second)]
    assert contacts[0] == contacts[1]
    assert len(await identity.told(told_pb.ContactMerged)) == 1


async def test_two_cards_with_one_phone_at_once_are_linked(identity):
    phone = PHONE.split(":")[1]
    await race(
        identity,
        [wrote(TG1, "telegram_id:7", own_phone=phone)],
        [wrote(LN1, "line_user_id@p:U7", own_phone=phone, minutes=1)],
    )
    (merged,) = await identity.told(told_pb.ContactMerged)
    assert len(merged.group.channel_user_ids) == 2


async def test_a_number_change_told_twice_at_once_keeps_one_person(identity):
    (first,) = await identity.hear(wrote(WA1, PHONE, BSUID))
    notices = [
        changed(account, retired=[PHONE, BSUID], current=["phone:+66899999999", "bsuid@p:TH.2"], minutes=minutes)
        for account, minutes in ((WA1, 30), (WA2, 30.1))
    ]
    await race(identity, [notices[0]], [notices[1]])
    (after,) = await identity.hear(wrote(WA2, "bsuid@p:TH.2", minutes=40))
    assert after.channel_user_id == first.channel_user_id
    contact = await identity.contact(first.contact_id)
    assert addresses(contact, retired=True) == {PHONE, BSUID}
    assert len(contact.identifiers) == 4


async def test_a_number_change_of_somebody_unknown_told_twice_at_once_makes_one_person(identity):
    notices = [
        changed(account, retired=[PHONE], current=["phone:+66899999999"], minutes=minutes)
        for account, minutes in ((WA1, 30), (WA2, 30.1))
    ]
    await race(identity, [notices[0]], [notices[1]])
    assert await identity.pool.fetchval("SELECT count(*) FROM channel_user") == 1
    (contact,) = (await identity.search(PHONE.split(":")[1])).contacts
    assert len(contact.identifiers) == 2


async def test_unions_and_undos_of_two_replicas_leave_what_the_remaining_links_say(identity):
    """Random merges and undos cross on few people: no deadlock, nobody wrong, and the events tell the same story."""
    people = await identity.hear(*(wrote(WA1, f"phone:+6681{number:07}", minutes=number) for number in range(30)))
    contacts = [each.contact_id for each in people]
    links: list[str] = []
    dice = random.Random(7)

    async def work() -> None:
        for _ in range(150):
            if links and dice.random() < 0.45:
                await identity.undo(dice.choice(links))
                continue
            one, other = dice.sample(contacts, 2)
            links.append((await identity.merge(one, other)).merge.merge_id)

    async with asyncio.TaskGroup() as group:
        for _ in range(4):
            group.create_task(work())

    pointers = await _pointers(identity)
    held = await identity.pool.fetch("SELECT contact_id::text, other_contact_id::text FROM link WHERE end_time IS NULL")
    expected = components(contacts, [tuple(each) for each in held])
    for one in contacts:
        assert pointers[pointers[one]] == pointers[one]
        for other in contacts:
            assert (expected[one] == expected[other]) == (pointers[one] == pointers[other])
    users = {each.channel_user_id: each.contact_id for each in people}
    assert await _heard_of(identity, users) == {user: pointers[contact] for user, contact in users.items()}
    assert {each["deadlocks"] for each in await identity.pool.fetch("SELECT deadlocks FROM pg_stat_database")} == {0}


async def _pointers(identity: Identity) -> dict[str, str]:
    rows = await identity.pool.fetch("SELECT contact_id::text, root_id::text FROM channel_user")
    return {row["contact_id"]: row["root_id"] for row in rows}


async def _heard_of(identity: Identity, users: dict[str, str]) -> dict[str, str]:
    """What a consumer knows that keeps the highest version per channel user, whatever the order."""
    latest = {user: (0, contact) for user, contact in users.items()}
    for each in await identity.told():
        if isinstance(each, told_pb.MessageIdentified | told_pb.ContactChanged):
            continue
        groups = [each.group] if isinstance(each, told_pb.ContactMerged) else each.groups
        for group in groups:
            for user in group.channel_user_ids:
                latest[user] = max(latest[user], (each.version, group.contact_id))
    return {user: contact for user, (_, contact) in latest.items()}


async def test_merges_by_hand_and_by_the_rule_cross_without_harm(identity):
    phones = [f"+6681{number:07}" for number in range(20)]
    people = await identity.hear(*(wrote(WA1, f"phone:{each}", minutes=n) for n, each in enumerate(phones)))
    contacts = [each.contact_id for each in people]
    dice = random.Random(11)

    async def by_hand() -> None:
        for _ in range(60):
            merge_id = (await identity.merge(*dice.sample(contacts, 2))).merge.merge_id
            if dice.random() < 0.5:
                await identity.undo(merge_id)

    async def by_rule() -> None:
        for number in range(60):
            card = wrote(TG1, f"telegram_id:{number % 25}", own_phone=dice.choice(phones), minutes=100 + number)
            async with identity.log.transaction() as tx:
                await identity.handler.apply(tx, [identity.incoming(card)])

    async with asyncio.TaskGroup() as group:
        for work in (by_hand, by_rule, by_hand):
            group.create_task(work())

    pointers = await _pointers(identity)
    held = await identity.pool.fetch("SELECT contact_id::text, other_contact_id::text FROM link WHERE end_time IS NULL")
    expected = components(pointers, [tuple(each) for each in held])
    for one in pointers:
        for other in pointers:
            assert (expected[one] == expected[other]) == (pointers[one] == pointers[other])


async def test_the_same_request_at_once_makes_one_link(identity):
    people = await identity.hear(*(wrote(WA1, f"phone:+668{number}", minutes=number) for number in range(2)))
    contacts = [each.contact_id for each in people]
    answers = await asyncio.gather(*(identity.merge(*contacts, request_id="r") for _ in range(4)))
    assert len({each.merge.merge_id for each in answers}) == 1
    assert await identity.pool.fetchval("SELECT count(*) FROM link") == 1
    with pytest.raises(Conflict):
        await identity.merge(contacts[0], contacts[0], request_id="r2")
