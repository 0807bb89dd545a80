"""People who are taken away by hand come back as whom they were; where that is not certain nobody is made up."""

import dataclasses
from itertools import count

import pytest

from lobby.identity.v1 import contact_service_pb2 as pb
from lobby_common.events import Incoming
from tests.component.identity.conftest import TG1, WA1, WA2, Identity, at, wrote

_TABLES = {
    "channel_user": "SELECT channel_user_id, contact_id, root_id, platform, first_seen_time FROM channel_user",
    "contact": "SELECT contact_id, display_name, name_key, language, country, first_entry_time FROM contact",
    "identifier": "SELECT match_key, kind, scope, value, channel_user_id, platform, first_seen_time FROM identifier",
}
_positions = count(1)


async def hear(identity: Identity, payload) -> Incoming:
    """Applies an event as the consumer does, with the range row."""
    incoming = dataclasses.replace(identity.incoming(payload), position=next(_positions))
    async with identity.log.transaction() as tx:
        await identity.handler.apply(tx, [incoming])
        await tx.conn.execute(
            "INSERT INTO applied_range (producer, lane, first, count) VALUES ('connectors', 0, $1, 1)",
            incoming.position,
        )
    return incoming


async def people(identity: Identity):
    return {table: set(await identity.pool.fetch(query)) for table, query in _TABLES.items()}


async def prove(identity: Identity, *events: Incoming) -> set[str]:
    """Whose events lack something; what can be mended is mended."""
    async with identity.pool.acquire() as conn:
        lost = set(await identity.handler.find_effectless(conn, events))
    async with identity.log.transaction() as tx:
        await identity.handler.mend(tx, [each for each in events if each.event.id in lost])
        assert not tx.events
    return lost


async def story(identity: Identity) -> list[Incoming]:
    """Ann on two platforms, merged by hand; Bob alone."""
    heard = [
        await hear(identity, wrote(WA1, "phone:+66811", "bsuid@p:1", minutes=1, display_name="Ann", locale="th")),
        await hear(identity, wrote(TG1, "telegram_id:7", minutes=2, display_name="Ann T")),
        await hear(identity, wrote(WA1, "phone:+66822", minutes=3, display_name="Bob", country="TH")),
    ]
    ann, other, _ = await identity.told()
    await identity.merge(ann.contact_id, other.contact_id)
    heard.append(await hear(identity, wrote(WA2, "phone:+66811", minutes=4, display_name="Anna")))
    return heard


@pytest.mark.parametrize(
    "loss", [("channel_user",), ("contact",), ("identifier",), ("channel_user", "contact"), tuple(_TABLES)]
)
async def test_everybody_comes_back_as_he_was_from_all_that_he_wrote(identity, loss):
    heard = await story(identity)
    assert await prove(identity, *heard) == set()
    before = await people(identity)
    for table in loss:
        await identity.pool.execute(f"DELETE FROM {table}")
    assert await prove(identity, *heard) == {each.event.id for each in heard}
    assert await people(identity) == before
    assert await prove(identity, *heard) == set()


async def test_ids_of_the_own_system_come_back_to_whom_they_led(identity):
    heard = [
        await hear(identity, wrote(WA1, "phone:+66811", "crm_id:7", minutes=1)),
        await hear(identity, wrote(WA1, "phone:+66811", "crm_id:8", minutes=2)),
        await hear(identity, wrote(WA1, "phone:+66822", minutes=3)),
        await hear(identity, wrote(WA1, "phone:+66822", "crm_id:9", minutes=4)),
        await hear(identity, wrote(WA1, "phone:+66822", "crm_id:9", minutes=5)),
    ]
    before = await people(identity)
    await identity.pool.execute("DELETE FROM identifier")
    assert len(await prove(identity, *heard)) == len(heard)
    assert await people(identity) == before


async def test_from_a_later_message_only_who_was_never_merged_comes_back(identity):
    heard = await story(identity)
    heard.append(await hear(identity, wrote(WA1, "phone:+66822", minutes=9, display_name="Bob")))
    later = heard[3:]
    users = await identity.pool.fetch("SELECT channel_user_id, contact_id FROM channel_user")
    await identity.pool.execute("DELETE FROM channel_user")
    assert await prove(identity, *later) == {each.event.id for each in later}
    (bob,) = await identity.pool.fetch("SELECT channel_user_id, contact_id FROM channel_user")
    assert bob in users
    assert await prove(identity, *later) == {later[0].event.id}, "which contact Ann began as nobody can say from this"
    assert await prove(identity, *heard) == {each.event.id for each in (heard[0], heard[1], heard[3])}
    assert set(await identity.pool.fetch("SELECT channel_user_id, contact_id FROM channel_user")) == set(users)


async def test_what_follows_a_loss_knows_them_again(identity):
    heard = await story(identity)
    for table in ("channel_user", "contact"):
        await identity.pool.execute(f"DELETE FROM {table}")
    await prove(identity, *heard)
    await hear(identity, wrote(TG1, "telegram_id:7", minutes=20))
    ann, *_, again = [each for each in await identity.told() if hasattr(each, "channel_user_id")]
    assert again.contact_id == ann.contact_id
    assert not again.first_message
    assert again.occurred_time.ToDatetime() == at(20).replace(tzinfo=None)


async def test_somebody_forgotten_lacks_nothing_and_does_not_come_back(identity):
    heard = await hear(identity, wrote(WA1, "phone:+66811", display_name="Ann"))
    [said] = await identity.told()
    with identity.calls():
        await identity.api.EraseContact(pb.EraseContactRequest(contact_id=said.contact_id), None)
    before = await people(identity)
    assert await prove(identity, heard) == set()
    async with identity.log.transaction() as tx:
        await identity.handler.mend(tx, [heard])
    assert await people(identity) == before
