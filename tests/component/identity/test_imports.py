"""A base of known customers: from the parts of a file to who is known, and back."""

import asyncio
import contextlib
import hashlib
import io
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import openpyxl
import pytest
import pytest_asyncio

from lobby.identity.v1 import contact_pb2
from lobby.identity.v1 import events_pb2 as told_pb
from lobby.identity.v1 import import_pb2 as pb
from lobby.identity.v1 import import_service_pb2 as service
from lobby_common.errors import Conflict, Invalid, NotFound
from lobby_common.events import EventLog
from lobby_identity.app.importing import Importer
from lobby_identity.import_api import ImportApi
from tests.component.identity.conftest import TG1, WA1, Identity, addresses, changed, wrote

State = pb.ImportState
Outcome = pb.ImportOutcome


class Office:
    """A supervisor who has a base of customers, and the importer that works for him."""

    def __init__(self, identity: Identity) -> None:
        self.identity = identity
        self.api = ImportApi(identity.log)
        self.importer = Importer(identity.log, rows=3)

    async def ask(self, method: Any, request: Any) -> Any:
        with self.identity.calls():
            return await method(request, None)

    async def create(self, **settings: Any) -> str:
        request = service.CreateImportRequest(display_name="base.csv", settings=pb.ImportSettings(**settings))
        return (await self.ask(self.api.CreateImport, request)).base_import.import_id

    async def feed(self, import_id: str, data: bytes, *, cut: int = 1 << 20) -> int:
        parts = [data[start : start + cut] for start in range(0, len(data), cut)]
        for number, part in enumerate(parts, 1):
            await self.add(import_id, number, part)
        return len(parts)

    async def add(self, import_id: str, number: int, data: bytes, sha256: str = "") -> Any:
        request = service.AddImportPartRequest(import_id=import_id, number=number, data=data, sha256=sha256)
        return await self.ask(self.api.AddImportPart, request)

    async def upload(self, text: str | bytes, *, cut: int = 1 << 20, **settings: Any) -> tuple[str, int]:
        import_id = await self.create(**settings)
        return import_id, await self.feed(import_id, text if isinstance(text, bytes) else text.encode(), cut=cut)

    async def start(self, import_id: str, parts: int, sha256: str = "") -> Any:
        request = service.StartImportRequest(import_id=import_id, part_count=parts, sha256=sha256)
        return (await self.ask(self.api.StartImport, request)).base_import

    async def check(self, import_id: str, parts: int) -> Any:
        await self.ask(self.api.CheckImport, service.CheckImportRequest(import_id=import_id, part_count=parts))
        return await self.work(import_id)

    async def work(self, import_id: str) -> Any:
        while await self.importer.take():
            pass
        return await self.get(import_id)

    async def die_and_go_on(self) -> bool:
        """A process dies at the end of a step, and another one makes it. Returns whether one died."""
        died = False
        for log in (DyingLog("identity", self.identity.pool), self.identity.log):
            importer = Importer(log, rows=3)
            try:
                await importer.take()
            except Killed:
                died = True
            finally:
                importer.close()
        return died

    async def get(self, import_id: str) -> Any:
        return (await self.ask(self.api.GetImport, service.GetImportRequest(import_id=import_id))).base_import

    async def take(self, text: str | bytes, **settings: Any) -> Any:
        """The whole file is imported."""
        import_id, parts = await self.upload(text, **settings)
        await self.start(import_id, parts)
        return await self.work(import_id)

    async def undo(self, import_id: str) -> Any:
        await self.ask(self.api.UndoImport, service.UndoImportRequest(import_id=import_id))
        return await self.work(import_id)

    async def rows(self, import_id: str, **more: Any) -> Any:
        return await self.ask(self.api.ListImportRows, service.ListImportRowsRequest(import_id=import_id, **more))

    async def outcomes(self, import_id: str) -> list[tuple[int, str, list[str]]]:
        return [
            (row.row_number, Outcome.Name(row.outcome).removeprefix("IMPORT_OUTCOME_").lower(), list(row.reasons))
            for row in (await self.rows(import_id)).rows
        ]

    async def in_base(self) -> dict[str, list[told_pb.BaseImported]]:
        """The rows told by channel user, but for those taken back."""
        rows: dict[str, Any] = {}
        for each in await self.identity.told(told_pb.BaseImported):
            rows |= {row.row_id: (row, each) for row in each.rows}
        for each in await self.identity.told(told_pb.BaseUndone):
            for row in each.rows:
                del rows[row.row_id]
        return {row.channel_user_id: each for row, each in rows.values()}


@pytest_asyncio.fixture
async def office(identity) -> AsyncIterator[Office]:
    office = Office(identity)
    yield office
    office.importer.close()


def counts(base_import: Any) -> dict[str, int]:
    return {field.name: value for field, value in base_import.counts.ListFields()}


async def test_people_of_a_file_are_known_from_the_commit_on(identity, office):
    done = await office.take("phone,name\n090 123 4567,Lan\n+66811111111,Som\n", default_country="VN")
    assert (done.state, counts(done)) == (State.IMPORT_STATE_DONE, {"new": 2})
    [told] = await identity.told(told_pb.BaseImported)
    assert told.import_id == done.import_id
    assert [row.row_number for row in told.rows] == [2, 3]
    assert told.effective_from == done.effective_from == done.commit_time
    [lan] = (await identity.search("+84901234567")).contacts
    assert (lan.display_name, addresses(lan)) == ("Lan", {"phone:+84901234567"})


async def test_the_owner_of_an_imported_phone_is_known_by_his_first_message(identity, office):
    await office.take("phone,name\n+84901234567,Lan\n")
    [base] = (await identity.told(told_pb.BaseImported))[0].rows
    [said] = await identity.hear(wrote(WA1, "phone:+84901234567", "bsuid@p:VN.1", minutes=5))
    assert (said.channel_user_id, said.contact_id) == (base.channel_user_id, base.contact_id)
    assert not said.first_message
    assert addresses(await identity.contact(said.contact_id)) == {"phone:+84901234567", "bsuid@p:VN.1"}


async def test_a_retroactive_import_is_known_since_ever(identity, office):
    done = await office.take("phone\n+84901234567\n", retroactive=True)
    [told] = await identity.told(told_pb.BaseImported)
    assert not told.HasField("effective_from")
    assert not done.HasField("effective_from")
    assert done.HasField("commit_time")


async def test_rows_that_share_an_identifier_are_one_person(identity, office):
    done = await office.take(
        "phone,email,crm id,tags\n"
        "+84901000001,a@x.vn,,vip\n"
        "+84901000002,b@x.vn,7,\n"
        "+84901000003,,,\n"
        "+84901000004,a@x.vn,7,late\n"
    )
    assert await office.outcomes(done.import_id) == [
        (2, "new", []),
        (3, "repeated", []),
        (4, "new", []),
        (5, "repeated", []),
    ]
    [person] = (await identity.search("a@x.vn")).contacts
    assert addresses(person) == {
        "phone:+84901000001",
        "phone:+84901000002",
        "phone:+84901000004",
        "email:a@x.vn",
        "email:b@x.vn",
        "crm_id:7",
    }
    assert person.tags == ["late", "vip"]
    assert len(await office.in_base()) == 4
    said = await identity.hear(wrote(WA1, "phone:+84901000002"), wrote(WA1, "phone:+84901000004", minutes=1))
    assert {each.contact_id for each in said} == {person.contact_id}
    assert len({each.channel_user_id for each in said}) == 2


async def test_a_row_of_somebody_known_teaches_what_was_not_known_of_him(identity, office):
    [said] = await identity.hear(wrote(WA1, "phone:+84901000001", display_name="Lan"))
    done = await office.take("phone,email,name,country,tags\n+84901000001,Lan@X.vn,Other,VN,vip\n")
    assert counts(done) == {"known": 1}
    contact = await identity.contact(said.contact_id)
    assert (contact.display_name, contact.country, contact.tags) == ("Lan", "VN", ["vip"])
    [tag] = contact.tag_origins
    assert (tag.origin, tag.source_id) == (contact_pb2.TAG_ORIGIN_IMPORT, done.import_id)
    assert "email:lan@x.vn" in addresses(contact)
    [change] = await identity.told(told_pb.ContactChanged)
    assert (change.contact_id, set(change.fields)) == (said.contact_id, {"country", "identifiers", "tags"})
    assert list(await office.in_base()) == [said.channel_user_id]


async def two_known(identity: Identity) -> list[str]:
    said = await identity.hear(wrote(WA1, "phone:+84901000001"), wrote(WA1, "phone:+84901000002", minutes=1))
    return sorted(each.contact_id for each in said)


async def test_a_row_that_leads_to_two_persons_is_reported_and_joins_nobody(identity, office):
    persons = await two_known(identity)
    done = await office.take("phone,email\n+84901000001;+84901000002;+84901000003,a@x.vn\n")
    assert counts(done) == {"conflict": 1}
    [row] = (await office.rows(done.import_id, outcome=Outcome.IMPORT_OUTCOME_CONFLICT)).rows
    assert (row.reasons, row.contact_ids) == (["SEVERAL_PERSONS"], persons)
    assert await identity.told(told_pb.ContactMerged) == []
    assert (await identity.search("a@x.vn")).contacts == []
    assert len(await office.in_base()) == 3


async def test_a_row_in_conflict_makes_one_person_where_the_importer_says_so(identity, office):
    persons = await two_known(identity)
    done = await office.take("phone,email\n+84901000001;+84901000002,a@x.vn\n", link_conflicts=True)
    assert counts(done) == {"conflict": 1}
    [merged] = await identity.told(told_pb.ContactMerged)
    assert (merged.evidence, len(merged.group.channel_user_ids)) == ("import", 2)
    one, other = [await identity.contact(each) for each in persons]
    assert one.contact_id == other.contact_id


async def test_two_ids_of_the_own_system_are_two_customers(identity, office):
    done = await office.take("phone,crm id\n+84901000001,1\n+84901000001,2\n")
    assert [each[1:] for each in await office.outcomes(done.import_id)] == [("conflict", ["SEVERAL_CRM_IDS"])] * 2
    [person] = (await identity.search("+84901000001")).contacts
    assert addresses(person) == {"phone:+84901000001", "crm_id:1"}


async def test_a_value_of_many_names_joins_nobody(identity, office):
    rows = "".join(f"+8490100000{n},office@x.vn,Name {n}\n" for n in range(7))
    done = await office.take("phone,email,name\n" + rows + "+84901000008,,Name 8\n,office@x.vn,Name 9\n")
    assert counts(done) == {"new": 8, "invalid": 1}
    assert {each.reason: each.count for each in done.reasons} == {"SHARED_VALUE": 8}
    assert (await identity.search("office@x.vn")).contacts == []


async def test_what_a_person_said_of_two_is_not_undone_by_a_file(identity, office):
    one, other = await two_known(identity)
    await identity.pool.execute(
        "INSERT INTO not_same VALUES ($1, $2, $3, 'a', '', now())", identity.workspace_id, one, other
    )
    await office.take("phone\n+84901000001;+84901000002\n", link_conflicts=True)
    assert await identity.told(told_pb.ContactMerged) == []
    assert await identity.pool.fetchval("SELECT evidence FROM suggestion") == "import"


async def test_a_phone_that_somebody_claimed_is_his(identity, office):
    [said] = await identity.hear(wrote(TG1, "telegram_id:777", own_phone="+84901000001"))
    await office.take("phone,name\n+84901000001,Lan\n")
    [merged] = await identity.told(told_pb.ContactMerged)
    assert merged.evidence == "verified_phone"
    assert said.channel_user_id in merged.group.channel_user_ids


async def test_a_retired_phone_belongs_to_somebody_else(identity, office):
    [said] = await identity.hear(wrote(WA1, "phone:+84901000001"))
    await identity.hear(changed(WA1, retired=["phone:+84901000001"], current=["phone:+84901000002"], minutes=9))
    done = await office.take("phone\n+84901000001\n")
    assert counts(done) == {"new": 1}
    assert said.channel_user_id not in await office.in_base()


# Reports


async def test_each_row_that_is_not_taken_says_why(office):
    done = await office.take(
        "name,phone,email\n"
        "no phone,,\n"
        "excel,8.49E+10,\n"
        "zero,901234567,\n"
        "formula,=1+1,\n"
        "text,call me,nobody\n"
        "many,+84901000001;+84901000002;+84901000003;+84901000004;+84901000005;+84901000006,\n"
        "half,090 123 4567,nobody\n"
        ",,\n",
        default_country="VN",
    )
    assert await office.outcomes(done.import_id) == [
        (2, "invalid", ["NO_IDENTIFIER"]),
        (3, "invalid", ["SCIENTIFIC_NOTATION"]),
        (4, "invalid", ["LOST_LEADING_ZERO"]),
        (5, "invalid", ["FORMULA"]),
        (6, "invalid", ["INVALID_PHONE", "INVALID_EMAIL"]),
        (7, "invalid", ["TOO_MANY_PHONES"]),
        (8, "new", ["INVALID_EMAIL"]),
    ]
    assert (done.rows_read, done.rows_done, counts(done)) == (7, 7, {"new": 1, "invalid": 6})
    assert {each.reason: each.count for each in done.reasons}["INVALID_EMAIL"] == 2


async def test_rows_come_in_pages(office):
    done = await office.take("phone\n" + "".join(f"+8490100000{n}\n" for n in range(7)))
    page = await office.rows(done.import_id, page_size=5)
    rest = await office.rows(done.import_id, page_size=5, page_token=page.next_page_token)
    assert [row.row_number for row in (*page.rows, *rest.rows)] == [2, 3, 4, 5, 6, 7, 8]
    assert (len(page.rows), rest.next_page_token) == (5, "")


async def test_a_dry_run_changes_nothing_and_says_what_a_start_comes_to(identity, office):
    persons = await two_known(identity)
    text = "phone\n+84901000001\n+84901000003\n+84901000003\n+84901000001;+84901000002\n+84901000004\nnone\n"
    import_id, parts = await office.upload(text)
    before = await people(identity)
    checked = await office.check(import_id, parts)
    assert checked.state == State.IMPORT_STATE_CHECKED
    assert counts(checked) == {"new": 2, "repeated": 1, "conflict": 2, "invalid": 1}
    assert await people(identity) == before
    assert await identity.told(told_pb.BaseImported) == []
    await office.start(import_id, parts)
    done = await office.work(import_id)
    assert counts(done) == counts(checked)
    assert done.reasons == checked.reasons
    assert len(persons) == 2


async def test_a_file_is_read_anew_in_another_way(office):
    import_id, parts = await office.upload("a,b\n0901234567,x\n")
    assert (await office.check(import_id, parts)).failure == "NO_IDENTIFIER_COLUMN"
    settings = pb.ImportSettings(default_country="VN", columns=[pb.ColumnMeaning.COLUMN_MEANING_PHONE])
    for has_header, expected in ((None, {"new": 1}), (False, {"new": 1, "invalid": 1}), (True, {"new": 1})):
        settings.has_header = bool(has_header)
        if has_header is None:
            settings.ClearField("has_header")
        await office.ask(office.api.UpdateImport, service.UpdateImportRequest(import_id=import_id, settings=settings))
        assert counts(await office.check(import_id, parts)) == expected


async def test_columns_are_understood_before_anything_is_done(office):
    text = "姓名;手机;备注\n王伟;138 0013 8000;x\n李;1.38E+10;y\n"
    import_id, _ = await office.upload(text.encode("gb18030"), default_country="CN")
    preview = await office.ask(office.api.GetImportPreview, service.GetImportPreviewRequest(import_id=import_id))
    assert (preview.format, preview.encoding, preview.delimiter, preview.has_header) == ("csv", "gb18030", ";", True)
    assert [(each.header, pb.ColumnMeaning.Name(each.meaning)) for each in preview.columns] == [
        ("姓名", "COLUMN_MEANING_NAME"),
        ("手机", "COLUMN_MEANING_PHONE"),
        ("备注", "COLUMN_MEANING_IGNORED"),
    ]
    assert list(preview.columns[1].samples) == ["138 0013 8000", "1.38E+10"]
    assert [(row.row_number, list(row.reasons)) for row in preview.rows] == [(3, ["SCIENTIFIC_NOTATION"])]


async def test_a_workbook_is_read_from_all_its_parts(identity, office):
    book = openpyxl.Workbook()
    for row in (("Phone", "Name"), (84901000001, "=cmd|x"), ("+84901000002", "Lan"), ("=1+84901000003", "f")):
        book.active.append(row)
    file = io.BytesIO()
    book.save(file)
    import_id, parts = await office.upload(file.getvalue(), cut=1000)
    preview = await office.ask(office.api.GetImportPreview, service.GetImportPreviewRequest(import_id=import_id))
    assert (preview.format, preview.has_header) == ("xlsx", True)
    await office.start(import_id, parts)
    done = await office.work(import_id)
    assert await office.outcomes(done.import_id) == [(2, "new", []), (3, "new", []), (4, "invalid", ["FORMULA"])]
    [person] = (await identity.search("+84901000001")).contacts
    assert person.display_name == "=cmd|x"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"PK\x03\x04 is no workbook", "UNREADABLE_FILE"),
        (b"name,city\nLan,Hue\n", "NO_IDENTIFIER_COLUMN"),
        (b"\n\n", "EMPTY_FILE"),
        (b"phone,name\n", "EMPTY_FILE"),
    ],
)
async def test_a_file_that_cannot_be_read_fails_with_its_reason(office, data, reason):
    failed = await office.take(data)
    assert (failed.state, failed.failure) == (State.IMPORT_STATE_FAILED, reason)
    assert await office.in_base() == {}


# Parts


async def test_a_part_that_comes_twice_changes_nothing(office):
    import_id = await office.create()
    first = await office.add(import_id, 1, b"phone\n")
    assert await office.add(import_id, 1, b"phone\n") == first
    with pytest.raises(Conflict, match="PART_DIFFERS"):
        await office.add(import_id, 1, b"email\n")
    with pytest.raises(Invalid, match="WRONG_HASH"):
        await office.add(import_id, 2, b"+84901000001\n", sha256="0" * 64)


async def test_an_import_does_not_start_before_its_file_is_complete(office):
    import_id = await office.create()
    await office.add(import_id, 2, b"+84901000001\n")
    for parts in (1, 2, 3):
        with pytest.raises(Conflict, match="PARTS_MISSING"):
            await office.start(import_id, parts)
    await office.add(import_id, 1, b"phone\n")
    await office.start(import_id, 2)
    with pytest.raises(Conflict, match="IMPORT_NOT_UPLOADING"):
        await office.add(import_id, 3, b"+84901000002\n")
    assert counts(await office.work(import_id)) == {"new": 1}
    assert (await office.start(import_id, 2)).state == State.IMPORT_STATE_DONE


async def test_a_file_that_is_not_what_its_hash_says_fails(office):
    import_id, parts = await office.upload("phone\n+84901000001\n")
    await office.start(import_id, parts, sha256="0" * 64)
    assert (await office.work(import_id)).failure == "WRONG_HASH"
    await office.start(import_id, parts, sha256=hashlib.sha256(b"phone\n+84901000001\n").hexdigest())
    assert counts(await office.work(import_id)) == {"new": 1}


async def test_the_same_file_twice_changes_nothing(identity, office):
    text = "phone\n+84901000001\n+84901000002\nnone\n"
    first = await office.take(text)
    before, told = await people(identity), await identity.told()
    again = await office.take(text)
    assert (again.same_as_import_id, counts(again)) == (first.import_id, {"known": 2, "invalid": 1})
    assert (await people(identity), await identity.told()) == (before, told)


async def test_nothing_of_a_file_is_left_when_it_is_done(identity, office):
    await office.take("phone\n+84901000001\n+84901000001\n")
    for table in ("import_part", "import_staged", "import_shared"):
        assert await identity.pool.fetchval(f"SELECT count(*) FROM {table}") == 0


@pytest.mark.parametrize("wrong", ["nonsense", "0190a000-0000-7000-8000-000000000000"])
async def test_an_import_of_nobody_is_not_found(office, wrong):
    with pytest.raises(NotFound, match="IMPORT_NOT_FOUND"):
        await office.get(wrong)


async def test_imports_of_another_workspace_are_not_found(office, pool):
    done = await office.take("phone\n+84901000001\n")
    with pytest.raises(NotFound, match="IMPORT_NOT_FOUND"):
        await Office(Identity(pool)).get(done.import_id)


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"default_country": "ZZ"}, "UNKNOWN_COUNTRY"),
        ({"encoding": "rot13"}, "UNKNOWN_ENCODING"),
        ({"columns": [pb.ColumnMeaning.COLUMN_MEANING_NAME]}, "NO_IDENTIFIER_COLUMN"),
    ],
)
async def test_settings_that_cannot_work_are_refused(office, settings, reason):
    with pytest.raises(Invalid, match=reason):
        await office.create(**settings)


# Undo


async def test_an_undone_import_leaves_nothing_of_who_never_wrote(identity, office):
    before = await people(identity)
    done = await office.take("phone,email\n+84901000001,a@x.vn\n+84901000002,a@x.vn\n+84901000003,\n")
    undone = await office.undo(done.import_id)
    assert undone.state == State.IMPORT_STATE_UNDONE
    assert await office.in_base() == {}
    assert await people(identity) == before
    assert (await identity.search("")).contacts == []
    again = await office.take("phone,email\n+84901000001,a@x.vn\n+84901000002,a@x.vn\n+84901000003,\n")
    assert counts(again) == {"new": 2, "repeated": 1}


async def test_an_undone_import_keeps_who_wrote_meanwhile(identity, office):
    done = await office.take("phone,email\n+84901000001,a@x.vn\n")
    [said] = await identity.hear(wrote(WA1, "phone:+84901000001", "bsuid@p:VN.1"))
    await office.undo(done.import_id)
    assert await office.in_base() == {}
    assert addresses(await identity.contact(said.contact_id)) == {"phone:+84901000001", "bsuid@p:VN.1"}
    [again] = await identity.hear(wrote(WA1, "phone:+84901000001", minutes=1))
    assert again.channel_user_id == said.channel_user_id


async def test_an_undone_import_takes_its_tags_away_and_no_others(identity, office):
    [said] = await identity.hear(wrote(WA1, "phone:+84901000001"))
    await identity.tag(said.contact_id, "vip")
    done = await office.take("phone,tags\n+84901000001,vip;late\n")
    assert (await identity.contact(said.contact_id)).tags == ["late", "vip"]
    await office.undo(done.import_id)
    contact = await identity.contact(said.contact_id)
    assert [(each.tag, each.source_id) for each in contact.tag_origins] == [("vip", "key-1")]


async def test_an_undone_import_parts_whom_it_joined(identity, office):
    persons = await two_known(identity)
    done = await office.take("phone\n+84901000001;+84901000002\n", link_conflicts=True)
    await office.undo(done.import_id)
    assert sorted([(await identity.contact(each)).contact_id for each in persons]) == persons
    [split] = await identity.told(told_pb.ContactSplit)
    assert len(split.groups) == 2


async def test_who_is_in_another_import_stays_known(identity, office):
    first = await office.take("phone\n+84901000001\n")
    await office.take("phone,name\n+84901000001,Lan\n")
    await office.undo(first.import_id)
    [(_, told)] = (await office.in_base()).items()
    assert told.import_id != first.import_id
    assert len((await identity.search("+84901000001")).contacts) == 1


async def test_an_import_is_taken_back_while_it_runs(identity, office):
    before = await people(identity)
    import_id, parts = await office.upload("phone\n" + "".join(f"+8490100000{n}\n" for n in range(9)))
    await office.start(import_id, parts)
    while (await office.get(import_id)).counts.new == 0:
        await office.importer.take()
    await office.undo(import_id)
    assert await people(identity) == before
    assert await identity.told(told_pb.BaseUndone) == []


async def test_only_what_was_started_can_be_taken_back(office):
    import_id, _ = await office.upload("phone\n+84901000001\n")
    with pytest.raises(Conflict, match="IMPORT_NOT_DONE"):
        await office.undo(import_id)


async def people(identity: Identity) -> list[Any]:
    """Everything that says who is who, but for the ids that were given."""
    found = await identity.pool.fetch(
        """
        SELECT
            i.kind, i.match_key, i.value, c.display_name, c.country,
            ARRAY(SELECT t.tag FROM contact_tag AS t WHERE t.contact_id = c.contact_id ORDER BY t.tag) AS tags,
            dense_rank() OVER (ORDER BY first) AS person
        FROM identifier AS i
        JOIN channel_user AS u USING (channel_user_id)
        JOIN contact AS c ON c.contact_id = u.contact_id
        JOIN (
            SELECT u.root_id, min(i.match_key) AS first
            FROM identifier AS i JOIN channel_user AS u USING (channel_user_id)
            WHERE i.workspace_id = $1
            GROUP BY u.root_id
        ) AS p USING (root_id)
        WHERE i.workspace_id = $1
        ORDER BY i.match_key, i.kind
        """,
        identity.workspace_id,
    )
    return [tuple(row) for row in found]


# Dying, and messages at the same time

BASE = (
    "phone,email,crm id,name,tags\n"
    "+84901000001,a@x.vn,,Lan,vip\n"
    "none,,,,\n"
    '"+84901000002\n+84901000003",b@x.vn,7,"Som, K.",\n'
    "+84901000004,a@x.vn,,,late\n"
    '"+84901000005,,,,\n'
    "+84900000001;+84900000002,,,,\n"
    "+84900000001,,,Known,\n"
    ",,8,Only id,\n"
    "+84901000006,,8,,\n"
    "+84901000007,,9,,\n"
    "+84901000007,,10,,\n"
)


class Killed(Exception):
    """The process died."""


class DyingLog(EventLog):
    """A process that dies at the end of every transaction, before it is committed."""

    @contextlib.asynccontextmanager
    async def transaction(self):
        async with super().transaction() as tx:
            yield tx
            raise Killed


@pytest.fixture
def office_of(pool) -> Callable[[], Awaitable[Office]]:
    """Offices of workspaces of their own, each with two customers."""

    async def make() -> Office:
        identity = Identity(pool)
        await identity.hear(wrote(WA1, "phone:+84900000001"), wrote(WA1, "phone:+84900000002", minutes=1))
        return Office(identity)

    return make


async def result(office: Office, import_id: str) -> Any:
    done = await office.get(import_id)
    base = sorted(row.row_number for each in await office.identity.told(told_pb.BaseImported) for row in each.rows)
    reasons = sorted((each.reason, each.count) for each in done.reasons)
    return (
        (done.state, done.rows_read, counts(done), reasons),
        [each[:3] for each in await office.outcomes(import_id)],
        await people(office.identity),
        base,
    )


@pytest.mark.parametrize("cut", [1 << 20, 7])
@pytest.mark.parametrize("link_conflicts", [False, True])
async def test_a_process_that_dies_at_every_step_comes_to_the_same(office_of, cut, link_conflicts):
    whole = await office_of()
    expected = await result(whole, (await whole.take(BASE, link_conflicts=link_conflicts)).import_id)
    dying = await office_of()
    import_id, parts = await dying.upload(BASE, cut=cut, link_conflicts=link_conflicts)
    await dying.start(import_id, parts)
    deaths = 0
    while (await dying.get(import_id)).state == State.IMPORT_STATE_RUNNING:
        deaths += await dying.die_and_go_on()
    await dying.work(import_id)
    assert deaths > 10
    assert await result(dying, import_id) == expected
    await whole.undo((await whole.ask(whole.api.ListImports, service.ListImportsRequest())).base_imports[0].import_id)
    await dying.ask(dying.api.UndoImport, service.UndoImportRequest(import_id=import_id))
    while (await dying.get(import_id)).state == State.IMPORT_STATE_UNDOING:
        await dying.die_and_go_on()
    assert await dying.in_base() == await whole.in_base() == {}
    assert await people(dying.identity) == await people(whole.identity)


async def test_a_message_that_comes_first_is_whom_the_import_finds(identity, office):
    import_id, parts = await office.upload("phone,name\n+84901000001,Lan\n+84901000002,Som\n")
    await office.start(import_id, parts)
    while (await phase(identity)) != "resolving":
        await office.importer.take()
    message = wrote(WA1, "phone:+84901000001")
    async with identity.log.transaction() as tx:
        await identity.handler.apply(tx, [identity.incoming(message)])
        step = asyncio.create_task(office.importer.take())
        async with asyncio.timeout(10):
            while not await identity.pool.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
                assert not step.done()
                await asyncio.sleep(0)
    await step
    done = await office.work(import_id)
    assert counts(done) == {"new": 1, "known": 1}
    [said] = await identity.told(told_pb.MessageIdentified)
    assert said.channel_user_id in await office.in_base()


async def phase(identity: Identity) -> str:
    return await identity.pool.fetchval("SELECT phase FROM base_import")


async def test_what_was_thought_out_ahead_is_thought_out_anew_where_something_else_is_known(identity, office):
    [known] = await identity.hear(wrote(WA1, "phone:+84901000004"))
    [other] = await identity.hear(wrote(WA1, "phone:+84901000009"))
    rows = "".join(f"+8490100000{n}\n" for n in range(1, 7))
    import_id, parts = await office.upload("phone\n" + rows)
    await office.start(import_id, parts)
    while (await phase(identity)) != "resolving":
        await office.importer.take()
    await office.importer.take()
    assert office.importer._ahead is not None
    await office.importer._ahead[1]
    # The holder of the fourth has become somebody else's, and the fifth has written.
    await identity.merge(other.contact_id, known.contact_id)
    [meanwhile] = await identity.hear(wrote(WA1, "phone:+84901000005", minutes=3))
    done = await office.work(import_id)
    assert [outcome for _, outcome, _ in await office.outcomes(import_id)] == ["new"] * 3 + ["known"] * 2 + ["new"]
    assert counts(done) == {"new": 4, "known": 2}
    events = await identity.told(told_pb.BaseImported)
    told = {row.channel_user_id: row.contact_id for each in events for row in each.rows}
    assert told[known.channel_user_id] == other.contact_id
    assert told[meanwhile.channel_user_id] == meanwhile.contact_id


async def test_the_planner_hears_of_people_where_an_import_made_many_more(identity, office):
    await identity.hear(wrote(WA1, "phone:+84901000001"))
    await office.take("phone\n+84901000002\n")
    assert await known_to_the_planner(identity) == {"identifier": 1, "channel_user": 1, "contact": 1}
    await office.take("phone\n+84901000003\n")
    # One page as before.
    assert await known_to_the_planner(identity) == {"identifier": 1, "channel_user": 1, "contact": 1}
    rows = "".join(f"+849020{n:05}\n" for n in range(2_000))
    office.importer = Importer(identity.log, rows=500)
    await office.take("phone\n" + rows)
    assert min((await known_to_the_planner(identity)).values()) > 500


async def known_to_the_planner(identity: Identity) -> dict[str, int]:
    """How many rows it thinks that there are."""
    rows = await identity.pool.fetch(
        "SELECT relname, reltuples::int AS rows FROM pg_class WHERE oid = ANY ($1::regclass[])",
        ["identifier", "channel_user", "contact"],
    )
    return {row["relname"]: row["rows"] for row in rows}
