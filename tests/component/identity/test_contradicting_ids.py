"""Two ids of the workspace's own system are two people: whatever else says otherwise is held for a person to decide."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from lobby.identity.v1 import events_pb2 as told_pb
from lobby.identity.v1 import suggestion_service_pb2 as pb
from lobby_identity.store.imports import lock_ids
from lobby_identity.store.links import read_crm_scopes
from tests.component.identity.conftest import LN1, TG1, WA1, Identity, addresses, changed, wrote
from tests.component.identity.test_imports import Office
from tests.component.identity.test_suggestions import Desk, crowd


@pytest.fixture
def desk(identity) -> Desk:
    return Desk(identity)


@pytest_asyncio.fixture
async def office(identity) -> AsyncIterator[Office]:
    office = Office(identity)
    yield office
    office.importer.close()


async def held(identity: Identity, desk: Desk, evidence: str) -> Any:
    """Nobody was merged, and one suggestion with this evidence is open, which says why."""
    assert await identity.told(told_pb.ContactMerged) == []
    [suggestion] = await desk.open()
    assert (suggestion.evidence, suggestion.probability) == (evidence, 1)
    assert [(each.field, each.level) for each in suggestion.reasons] == [("crm_id", "different")]
    return suggestion


async def is_confirmed(identity: Identity, desk: Desk, suggestion: Any) -> None:
    """A person may join them all the same, and then they stay one."""
    person = (await desk.confirm(suggestion)).contact
    assert {"crm_id:7", "crm_id:8"} <= addresses(person)
    assert len(await identity.told(told_pb.ContactMerged)) == 1


async def known_by_ids(identity: Identity) -> None:
    """Two people, each with an id of the workspace's own system."""
    await identity.hear(
        wrote(WA1, "phone:+84901000001", "crm_id:7", minutes=1),
        wrote(TG1, "telegram_id:5", "crm_id:8", minutes=2),
    )


async def test_aliases_of_a_platform(identity, desk):
    await known_by_ids(identity)
    [said] = await identity.hear(wrote(WA1, "phone:+84901000001", "telegram_id:5", minutes=3))
    assert addresses(await identity.contact(said.contact_id)) == {"phone:+84901000001", "crm_id:7"}
    suggestion = await held(identity, desk, "platform_alias")
    await identity.hear(wrote(WA1, "phone:+84901000001", "telegram_id:5", minutes=4))
    assert await held(identity, desk, "platform_alias") == suggestion
    await is_confirmed(identity, desk, suggestion)


async def test_a_contact_s_own_card(identity, desk):
    await known_by_ids(identity)
    await identity.hear(wrote(TG1, "telegram_id:5", minutes=3, own_phone="+84901000001"))
    await is_confirmed(identity, desk, await held(identity, desk, "verified_phone"))


async def test_a_claimed_phone_that_writes_later(identity, desk):
    await identity.hear(
        wrote(TG1, "telegram_id:5", "crm_id:8", minutes=1, own_phone="+84901000001"),
        wrote(WA1, "phone:+84901000001", "crm_id:7", minutes=2),
    )
    await is_confirmed(identity, desk, await held(identity, desk, "verified_phone"))


async def test_an_address_that_changed(identity, desk):
    await known_by_ids(identity)
    await identity.hear(
        changed(WA1, retired=["phone:+84901000001"], current=["telegram_id:5"], minutes=3),
    )
    await is_confirmed(identity, desk, await held(identity, desk, "platform_alias"))


async def test_an_id_that_comes_with_a_message_of_somebody_who_has_another(identity, desk):
    [first] = await identity.hear(wrote(WA1, "phone:+84901000001", "crm_id:7", minutes=1))
    [later] = await identity.hear(wrote(WA1, "phone:+84901000001", "crm_id:8", minutes=2))
    assert later.contact_id == first.contact_id
    assert addresses(await identity.contact(first.contact_id)) == {"phone:+84901000001", "crm_id:7"}
    suggestion = await held(identity, desk, "platform_alias")
    [again] = await identity.hear(wrote(WA1, "phone:+84901000001", "crm_id:8", minutes=3))
    assert again.contact_id == first.contact_id
    assert await held(identity, desk, "platform_alias") == suggestion
    await is_confirmed(identity, desk, suggestion)


async def test_two_ids_in_one_message(identity, desk):
    [said] = await identity.hear(wrote(WA1, "phone:+84901000001", "crm_id:7", "crm_id:8"))
    assert "phone:+84901000001" in addresses(await identity.contact(said.contact_id))
    await is_confirmed(identity, desk, await held(identity, desk, "platform_alias"))


async def test_two_ids_that_come_in_one_batch(identity, desk):
    await identity.hear(wrote(WA1, "phone:+84901000001", "crm_id:7"), wrote(WA1, "phone:+84901000001", "crm_id:8"))
    await is_confirmed(identity, desk, await held(identity, desk, "platform_alias"))


async def test_the_only_id_of_somebody_who_is_known_is_his(identity, desk):
    [first] = await identity.hear(wrote(WA1, "phone:+84901000001", minutes=1))
    said = await identity.hear(
        wrote(WA1, "phone:+84901000001", "crm_id:7", minutes=2), wrote(LN1, "line_user_id@p:U1", "crm_id:7", minutes=3)
    )
    assert {each.contact_id for each in said} == {first.contact_id}
    known = addresses(await identity.contact(first.contact_id))
    assert known == {"phone:+84901000001", "crm_id:7", "line_user_id@p:U1"}
    assert await desk.open() == []


async def test_ids_of_two_systems_do_not_contradict_each_other(identity, desk):
    said = await identity.hear(
        wrote(WA1, "phone:+84901000001", "crm_id@shop:7"), wrote(WA1, "phone:+84901000001", "crm_id@bank:8", minutes=1)
    )
    assert {"crm_id@shop:7", "crm_id@bank:8"} <= addresses(await identity.contact(said[0].contact_id))
    assert await desk.open() == []


async def test_a_row_of_somebody_who_has_another_id(identity, office):
    await office.take("phone,crm id\n+84901000001,7\n")
    done = await office.take("phone,crm id\n+84901000001,8\n+84901000002,9\n")
    assert await office.outcomes(done.import_id) == [(2, "conflict", ["SEVERAL_CRM_IDS"]), (3, "new", [])]
    [person] = (await identity.search("+84901000001")).contacts
    assert addresses(person) == {"phone:+84901000001", "crm_id:7"}
    assert await identity.told(told_pb.ContactMerged) == []


async def test_two_rows_of_one_person_who_had_none(identity, office):
    one, other = await identity.hear(wrote(WA1, "phone:+84901000001"), wrote(WA1, "phone:+84901000002", minutes=1))
    await identity.merge(one.contact_id, other.contact_id)
    done = await office.take("phone,crm id\n+84901000001,7\n+84901000002,8\n")
    assert await office.outcomes(done.import_id) == [(2, "known", []), (3, "conflict", ["SEVERAL_CRM_IDS"])]
    assert "crm_id:8" not in addresses(await identity.contact(one.contact_id))


async def test_an_id_that_a_message_brings_between_thinking_and_writing(identity, office):
    [said] = await identity.hear(wrote(WA1, "phone:+84901000004"))
    rows = "".join(f"+8490100000{n},{n}\n" for n in range(1, 7))
    import_id, parts = await office.upload("phone,crm id\n" + rows)
    await office.start(import_id, parts)
    while await identity.pool.fetchval("SELECT phase FROM base_import") != "resolving":
        await office.importer.take()
    await office.importer.take()
    await office.importer._ahead[1]
    await identity.hear(wrote(WA1, "phone:+84901000004", "crm_id:77", minutes=1))
    done = await office.work(import_id)
    assert (5, "conflict", ["SEVERAL_CRM_IDS"]) in await office.outcomes(done.import_id)
    assert addresses(await identity.contact(said.contact_id)) == {"phone:+84901000004", "crm_id:77"}


async def test_a_rule_that_comes_while_an_import_gives_an_id_waits_and_sees_it(identity, desk):
    [one] = await identity.hear(wrote(WA1, "phone:+84901000001", "crm_id:7", minutes=1))
    await identity.hear(wrote(TG1, "telegram_id:5", minutes=2))
    async with identity.pool.acquire() as conn, conn.transaction():
        await lock_ids(conn, identity.workspace_id)
        hearing = asyncio.create_task(identity.hear(wrote(WA1, "phone:+84901000001", "telegram_id:5", minutes=3)))
        async with asyncio.timeout(10):
            while not await conn.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
                assert not hearing.done()
                await asyncio.sleep(0)
        await conn.execute(
            "INSERT INTO identifier"
            " (workspace_id, match_key, kind, scope, value, channel_user_id, platform, first_seen_time)"
            " SELECT workspace_id, '8', 'crm_id', '', '8', channel_user_id, 0, first_seen_time"
            " FROM identifier WHERE kind = 'telegram_id'"
        )
    [said] = await hearing
    assert said.contact_id == one.contact_id
    await is_confirmed(identity, desk, await held(identity, desk, "platform_alias"))


async def test_a_claim_that_an_import_fulfils(identity, office, desk):
    await identity.hear(wrote(TG1, "telegram_id:5", "crm_id:8", own_phone="+84901000001"))
    await office.take("phone,crm id\n+84901000001,7\n")
    await is_confirmed(identity, desk, await held(identity, desk, "verified_phone"))


async def test_who_imports_may_say_that_ids_are_no_reason(identity, office):
    await office.take("phone,crm id\n+84901000001,7\n+84901000002,8\n")
    await office.take("phone,email\n+84901000001,a@x.vn\n+84901000002,a@x.vn\n", link_conflicts=True)
    [person] = (await identity.search("+84901000001")).contacts
    assert {"crm_id:7", "crm_id:8"} <= addresses(person)


async def test_they_are_not_suggested_by_likeness(identity, desk):
    await crowd(identity)
    one, other = await identity.hear(
        wrote(WA1, "phone:+48601234567", "crm_id:7", minutes=200, display_name="Kowalczyk Brzezinska", country="PL"),
        wrote(LN1, "line_user_id@p:U1", "crm_id:8", minutes=260, display_name="Brzezinska Kowalczyk", country="PL"),
    )
    assert await desk.open() == []
    async with identity.pool.acquire() as conn:
        assert await read_crm_scopes(conn, [one.contact_id, other.contact_id]) == {
            one.contact_id: {""},
            other.contact_id: {""},
        }


async def test_what_is_held_is_not_confirmed_in_bulk(identity, desk):
    await known_by_ids(identity)
    await identity.hear(wrote(WA1, "phone:+84901000001", "telegram_id:5", minutes=3))
    done = await desk.ask(desk.api.ConfirmSuggestions, pb.ConfirmSuggestionsRequest())
    assert (done.confirmed, done.left_open) == (0, 0)
    await held(identity, desk, "platform_alias")
