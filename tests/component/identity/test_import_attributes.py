"""Columns of a file that hold the workspace's own attributes: found out, checked, filled in, and taken back."""

import itertools
from collections.abc import AsyncIterator
from random import Random
from typing import Any

import pytest

from lobby.identity.v1 import attribute_service_pb2 as attribute_pb
from lobby.identity.v1 import contact_pb2
from lobby.identity.v1 import events_pb2 as told_pb
from lobby.identity.v1 import import_pb2 as pb
from lobby.identity.v1 import import_service_pb2 as service
from lobby_common.errors import Invalid
from lobby_common.times import from_proto
from tests.component.identity.conftest import WA1, Identity, erase, wrote
from tests.component.identity.test_attributes import create, put, shown
from tests.component.identity.test_imports import Office, counts

LAN, SOM = "+84901234567", "+66811111111"
Meaning = pb.ColumnMeaning


@pytest.fixture
async def office(identity) -> AsyncIterator[Office]:
    office = Office(identity)
    await create(identity, "tier", "text", "Customer tier")
    await create(identity, "orders", "number")
    await create(identity, "member", "boolean")
    await create(identity, "birthday", "time")
    yield office
    office.importer.close()


async def person(identity: Identity, phone: str) -> contact_pb2.Contact:
    [found] = (await identity.search(phone)).contacts
    return found


async def preview(office: Office, import_id: str) -> service.GetImportPreviewResponse:
    return await office.ask(office.api.GetImportPreview, service.GetImportPreviewRequest(import_id=import_id))


async def test_columns_are_known_by_an_attribute_s_name_or_what_people_call_it(office):
    text = f"phone,name,Customer Tier,ORDERS,tier,note\n{LAN},Lan,gold,two,x,y\n"
    import_id, _ = await office.upload(text)
    seen = await preview(office, import_id)
    assert [(each.meaning, each.attribute_name) for each in seen.columns] == [
        (Meaning.COLUMN_MEANING_PHONE, ""),
        (Meaning.COLUMN_MEANING_NAME, ""),
        (Meaning.COLUMN_MEANING_ATTRIBUTE, "tier"),
        (Meaning.COLUMN_MEANING_ATTRIBUTE, "orders"),
        (Meaning.COLUMN_MEANING_IGNORED, ""),
        (Meaning.COLUMN_MEANING_IGNORED, ""),
    ]
    assert [(row.row_number, list(row.reasons)) for row in seen.rows] == [(2, ["INVALID_NUMBER"])]


async def test_values_of_each_kind_are_taken_with_the_import_as_who_set_them(identity, office):
    done = await office.take(f"phone,tier,orders,member,birthday\n{LAN},gold,2.5,yes,2001-02-03\n")
    found = {each.attribute_name: each for each in (await person(identity, LAN)).attributes}
    assert (found["tier"].value.text, found["orders"].value.number, found["member"].value.boolean) == (
        "gold",
        2.5,
        True,
    )
    assert from_proto(found["birthday"].value.time).isoformat() == "2001-02-03T00:00:00+00:00"
    assert {(each.origin, each.source_id) for each in found.values()} == {
        (contact_pb2.TAG_ORIGIN_IMPORT, done.import_id)
    }


async def test_a_dry_run_says_which_values_are_not_taken_and_why_and_the_rest_of_the_row_is(identity, office):
    text = f"phone,tier,orders,member,birthday\n{LAN},=A1,1e5,maybe,yesterday\n{SOM},{'x' * 2_001},1,,\n"
    import_id, parts = await office.upload(text)
    checked = await office.check(import_id, parts)
    wanted = {"FORMULA": 1, "INVALID_BOOLEAN": 1, "INVALID_TIME": 1, "SCIENTIFIC_NOTATION": 1, "VALUE_TOO_LONG": 1}
    assert {each.reason: each.count for each in checked.reasons} == wanted
    assert [(number, sorted(given)) for number, _, given in await office.outcomes(import_id)] == [
        (2, ["FORMULA", "INVALID_BOOLEAN", "INVALID_TIME", "SCIENTIFIC_NOTATION"]),
        (3, ["VALUE_TOO_LONG"]),
    ]
    assert await identity.pool.fetchval("SELECT count(*) FROM imported_attribute") == 0
    await office.start(import_id, parts)
    done = await office.work(import_id)
    assert counts(done) == {"new": 2}
    assert shown(await person(identity, SOM)) == {"orders": 1}


async def test_the_importer_says_which_columns_hold_attributes(identity, office):
    columns = [Meaning.COLUMN_MEANING_PHONE, Meaning.COLUMN_MEANING_IGNORED, Meaning.COLUMN_MEANING_ATTRIBUTE]
    text = f"{LAN},silver,gold\n"
    done = await office.take(text, columns=columns, attribute_names=["tier"], has_header=False)
    assert shown(await person(identity, LAN)) == {"tier": "gold"}
    assert (list(done.settings.columns), list(done.settings.attribute_names)) == (columns, ["tier"])


@pytest.mark.parametrize(
    ("names", "reason"),
    [([], "BAD_COLUMNS"), (["tier", "orders"], "BAD_COLUMNS"), (["unknown"], "UNKNOWN_ATTRIBUTE")],
)
async def test_columns_without_an_attribute_are_refused(office, names, reason):
    columns = [Meaning.COLUMN_MEANING_PHONE, Meaning.COLUMN_MEANING_ATTRIBUTE]
    with pytest.raises(Invalid, match=reason):
        await office.create(columns=columns, attribute_names=names)


async def test_a_file_fills_what_is_empty_and_tells_it(identity, office):
    [said] = await identity.hear(wrote(WA1, f"phone:{LAN}"))
    await put(identity, said.contact_id, tier={"text": "iron"})
    await put(identity, said.contact_id, member={"boolean": True})
    await put(identity, said.contact_id, member=None)
    before = len(await identity.told(told_pb.ContactChanged))
    await office.take(f"phone,tier,orders,member\n{LAN},gold,2,no\n")
    assert shown(await identity.contact(said.contact_id)) == {"tier": "iron", "orders": 2}
    [told] = (await identity.told(told_pb.ContactChanged))[before:]
    assert (told.contact_id, list(told.fields)) == (said.contact_id, ["attributes"])
    await put(identity, said.contact_id, orders={"number": 3})
    assert shown(await identity.contact(said.contact_id)) == {"tier": "iron", "orders": 3}


async def test_rows_of_one_person_say_a_value_once_the_first_that_does(identity, office):
    await office.take(f"phone,email,tier,orders\n{LAN},lan@x.vn,,1\n{SOM},lan@x.vn,gold,2\n")
    contact = await person(identity, LAN)
    assert shown(contact) == {"tier": "gold", "orders": 1}
    assert await identity.pool.fetchval("SELECT count(*) FROM imported_attribute") == 2


async def test_the_same_file_again_changes_nothing_unless_another_attribute_is_known(identity, office):
    text = f"phone,tier,size\n{LAN},gold,XL\n"
    first = await office.take(text)
    again = await office.take(text)
    assert again.same_as_import_id == first.import_id
    await create(identity, "size", "text")
    third = await office.take(text)
    assert third.same_as_import_id == ""
    assert shown(await person(identity, LAN)) == {"tier": "gold", "size": "XL"}


async def test_an_undo_takes_values_away_and_shows_what_was_there_before(identity, office):
    [said] = await identity.hear(wrote(WA1, f"phone:{LAN}"))
    first = await office.take(f"phone,tier\n{LAN},gold\n")
    second = await office.take(f"phone,tier,orders\n{LAN},silver,2\n")
    assert shown(await identity.contact(said.contact_id)) == {"tier": "gold", "orders": 2}
    await office.undo(first.import_id)
    assert shown(await identity.contact(said.contact_id)) == {"tier": "silver", "orders": 2}
    await office.undo(second.import_id)
    assert shown(await identity.contact(said.contact_id)) == {}


async def test_whom_the_import_made_is_gone_with_his_values_unless_somebody_said_one(identity, office):
    done = await office.take(f"phone,tier\n{LAN},gold\n{SOM},gold\n")
    som = (await person(identity, SOM)).contact_id
    await put(identity, som, tier={"text": "gold"})
    await office.undo(done.import_id)
    assert list((await identity.search(LAN)).contacts) == []
    assert shown(await identity.contact(som)) == {"tier": "gold"}
    assert await identity.pool.fetchval("SELECT count(*) FROM imported_attribute") == 0


@pytest.mark.parametrize("seed", range(6))
async def test_after_undos_everybody_has_what_he_would_have_without_those_imports(identity, office, seed):
    random = Random(seed)
    phones = [f"+668111100{number:02}" for number in range(3)]
    said = await identity.hear(*(wrote(WA1, f"phone:{phone}", minutes=n) for n, phone in enumerate(phones)))
    people = [each.contact_id for each in said]
    by_hand: dict[str, Any] = {}
    held: list[tuple[str, dict[str, str]]] = []
    names = itertools.count()
    for _ in range(14):
        match random.choice(["import", "import", "set", "clear", "undo"]):
            case "import":
                rows = {each: f"v{next(names)}" for each in random.sample(phones, 2)}
                text = "phone,tier\n" + "".join(f"{phone},{value}\n" for phone, value in rows.items())
                held.append(((await office.take(text)).import_id, rows))
            case "set":
                by_hand[one := random.choice(people)] = f"v{next(names)}"
                await put(identity, one, tier={"text": by_hand[one]})
            case "clear" if by_hand:
                by_hand[one := random.choice(sorted(by_hand))] = None
                await put(identity, one, tier=None)
            case "undo" if held:
                await office.undo(held.pop(random.randrange(len(held)))[0])
    for phone, contact_id in zip(phones, people, strict=True):
        imported = next((rows[phone] for _, rows in held if phone in rows), None)
        wanted = by_hand.get(contact_id, imported)
        assert shown(await identity.contact(contact_id)) == ({"tier": wanted} if wanted else {})


async def test_importers_that_die_anywhere_leave_each_value_once(identity, office):
    await identity.hear(wrote(WA1, f"phone:{LAN}"))
    rows = "".join(f"+8490123{number:04},gold,{number}\n" for number in range(8))
    import_id, parts = await office.upload(f"phone,tier,orders\n{LAN},gold,99\n{rows}")
    await office.start(import_id, parts)
    while (await office.get(import_id)).state != pb.IMPORT_STATE_DONE:
        await office.die_and_go_on()
    assert await identity.pool.fetchval("SELECT count(*) FROM imported_attribute") == 18
    assert shown(await person(identity, LAN)) == {"tier": "gold", "orders": 99}


async def test_imported_values_are_in_lists_and_gone_with_who_is_forgotten(identity, office):
    await office.take(f"phone,tier,orders\n{LAN},gold,2\n{SOM},silver,2\n")
    lan = await person(identity, LAN)
    assert list((await identity.search(attributes=["tier=gold", "orders=2"])).contacts) == [lan]
    await erase(identity, lan.contact_id)
    assert list((await identity.search(attributes=["tier=gold"])).contacts) == []
    assert await identity.pool.fetchval("SELECT count(*) FROM imported_attribute") == 2


async def test_who_is_forgotten_gets_no_value_by_a_file_that_knows_him(identity, office):
    [said] = await identity.hear(wrote(WA1, f"phone:{LAN}"))
    import_id, parts = await office.upload(f"phone,tier\n{LAN},gold\n")
    await office.start(import_id, parts)
    while (await office.get(import_id)).rows_read == 0:
        await office.importer.take()
    await erase(identity, said.contact_id)
    await office.work(import_id)
    assert shown(await identity.contact(said.contact_id)) == {}


async def test_values_of_a_merged_person_stay_with_their_records(identity, office):
    lan, som = (await identity.hear(wrote(WA1, f"phone:{LAN}"), wrote(WA1, f"phone:{SOM}", minutes=1)))[:2]
    done = await office.take(f"phone,tier\n{LAN},gold\n")
    merge_id = (await identity.merge(som.contact_id, lan.contact_id)).merge.merge_id
    assert shown(await identity.contact(som.contact_id)) == {"tier": "gold"}
    await office.undo(done.import_id)
    assert shown(await identity.contact(som.contact_id)) == {}
    await identity.undo(merge_id)


async def test_a_setting_by_hand_of_the_imported_value_outlives_the_import(identity, office):
    [said] = await identity.hear(wrote(WA1, f"phone:{LAN}"))
    done = await office.take(f"phone,tier\n{LAN},gold\n")
    with identity.calls():
        request = attribute_pb.SetAttributesRequest(contact_id=said.contact_id)
        request.attributes.add(attribute_name="tier").value.text = "gold"
        await identity.attributes.SetAttributes(request, None)
    await office.undo(done.import_id)
    assert shown(await identity.contact(said.contact_id)) == {"tier": "gold"}
