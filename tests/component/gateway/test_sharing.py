"""Links to sheets: who makes them, who comes in by them, and how often one may guess."""

import asyncio
import json
from datetime import timedelta

import asyncpg
import pytest

from lobby.counter.v1.sheet_service_pb2 import ListSheetsResponse
from lobby_common.errors import NotFound
from lobby_common.ids import new_id
from lobby_common.service import start
from lobby_common.times import utc_now
from lobby_gateway.main import SERVICE
from tests.component.gateway.conftest import OTHERS, PASSWORD, Gateway, config, create_channel, listening
from tests.component.gateway.conftest import TOKEN as INTERNAL

SHEET = "sheet-1"
LISTED = "SheetService.ListSheets"


async def audit(gateway) -> list[tuple[str, str, dict]]:
    found = await gateway.rows(
        "SELECT action, actor, detail::text FROM audit_entry WHERE action LIKE 'link%' ORDER BY create_time, entry_id"
    )
    return [(row["action"], row["actor"], json.loads(row["detail"])) for row in found]


async def set_back(gateway, column: str, by: timedelta, table: str = "link") -> None:
    connection = await asyncpg.connect(gateway.database.url, server_settings={"search_path": "gateway"})
    await connection.execute(f"UPDATE {table} SET {column} = {column} - $1::interval", by)
    await connection.close()


async def test_a_partner_opens_his_link_and_sees_his_sheet_and_nothing_else(gateway):
    made = await gateway.link(SHEET)
    status, opened = await gateway.open(made["token"])
    assert (status, opened["sheet_id"]) == (200, SHEET)
    assert opened["expire_time"] > utc_now().isoformat()
    gateway.neighbours.answers[LISTED] = ListSheetsResponse()
    key = opened["secret"]
    assert (await gateway.ask("GET", "/v1/sheets", key=key))[0] == 200
    [call] = gateway.neighbours.calls[LISTED]
    assert (call.caller.role, call.caller.sheet_id, call.caller.workspace_id) == (
        "partner",
        SHEET,
        gateway.workspace_id,
    )
    assert call.caller.actor == made["link"]["link_id"]
    assert (await gateway.ask("GET", f"/v1/sheets/{SHEET}", key=key))[0] == 200
    status, problem = await gateway.ask("GET", "/v1/sheets/sheet-2", key=key)
    assert (status, problem["reason"]) == (404, "SHEET_NOT_FOUND")
    for path in ("/v1/counts", "/v1/workspace", f"/v1/sheets/{SHEET}/links", "/v1/live", "/v1/events"):
        assert (await gateway.ask("GET", path, key=key))[0] in (403, 426), path


async def test_live_screens_are_not_for_partners(gateway):
    key = await gateway.partner(SHEET)
    assert (await gateway.ask("GET", "/v1/events", key=key))[0] == 403
    assert (await gateway.ask("GET", f"/v1/events?access_token={key}", key=""))[0] == 403


async def test_a_token_is_shown_once_and_neither_it_nor_the_password_is_kept(gateway):
    made = await gateway.link(SHEET)
    _, listed = await gateway.ask("GET", f"/v1/sheets/{SHEET}/links")
    [link] = listed["links"]
    assert link == made["link"]
    _, opened = await gateway.open(made["token"])
    kept = str([await gateway.rows(f"SELECT * FROM {table}") for table in ("link", "link_key", "audit_entry")])
    for secret in (made["token"], PASSWORD, opened["secret"]):
        assert secret not in kept
        assert secret not in json.dumps(listed)


async def test_the_same_idempotency_key_gives_the_same_link(gateway):
    headers = {"Idempotency-Key": "once"}
    body = {"display_name": "P", "password": PASSWORD}
    first, again = [
        await gateway.ask("POST", f"/v1/sheets/{SHEET}/links", body=body, headers=headers) for _ in range(2)
    ]
    assert first == again
    _, other = await gateway.ask("POST", "/v1/sheets/sheet-2/links", body=body, headers=headers)
    assert other["token"] != first[1]["token"]
    assert (await gateway.open(first[1]["token"]))[0] == 200
    assert first[1]["token"] not in str(await gateway.rows("SELECT * FROM request_answer"))


async def test_a_link_is_made_only_to_a_sheet_that_there_is(gateway):
    gateway.neighbours.answers["SheetService.GetSheet"] = NotFound("SHEET_NOT_FOUND", "no")
    for method in ("GET", "POST"):
        body = {"password": PASSWORD} if method == "POST" else None
        status, problem = await gateway.ask(method, f"/v1/sheets/{SHEET}/links", body=body)
        assert (status, problem["reason"]) == (404, "SHEET_NOT_FOUND")
    [first, _] = gateway.neighbours.calls["SheetService.GetSheet"]
    assert (first.caller.role, first.caller.workspace_id) == ("owner", gateway.workspace_id)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({}, "INVALID_FIELD"),
        ({"password": "short"}, "INVALID_FIELD"),
        ({"password": "x" * 201}, "INVALID_FIELD"),
        ({"password": PASSWORD, "expire_time": "2020-01-01T00:00:00Z"}, "INVALID_EXPIRE_TIME"),
        ({"password": PASSWORD, "display_name": "x" * 201}, "INVALID_FIELD"),
    ],
)
async def test_a_link_that_makes_no_sense_is_refused(gateway, body, reason):
    status, problem = await gateway.ask("POST", f"/v1/sheets/{SHEET}/links", body=body)
    assert (status, problem["reason"]) == (400, reason)


async def test_links_are_listed_page_by_page_oldest_first(gateway):
    for number in range(3):
        await gateway.link(SHEET, display_name=str(number))
    await gateway.link("sheet-2")
    names, token = [], ""
    while True:
        _, page = await gateway.ask("GET", f"/v1/sheets/{SHEET}/links", params={"page_size": "2", "page_token": token})
        names += [link["display_name"] for link in page["links"]]
        token = page["next_page_token"]
        if not token:
            break
    assert names == ["0", "1", "2"]
    status, problem = await gateway.ask("GET", f"/v1/sheets/{SHEET}/links", params={"page_token": "WyIyMDI2IiwieCJd"})
    assert (status, problem["reason"]) == (400, "BAD_PAGE_TOKEN")


async def test_a_wrong_password_and_a_token_of_nobody_get_the_same_answer(gateway):
    made = await gateway.link(SHEET)
    answers = [await gateway.open(made["token"], "wrong password"), await gateway.open("x" * 43, PASSWORD)]
    assert [(status, answer["reason"], answer["detail"]) for status, answer in answers] == [
        (404, "LINK_NOT_FOUND", "there is no such link, or the password is another")
    ] * 2
    times = []
    for token in (made["token"], "y" * 43):
        started = asyncio.get_running_loop().time()
        await gateway.open(token, "wrong password")
        times.append(asyncio.get_running_loop().time() - started)
    assert min(times) > 0.49


async def test_after_five_wrong_passwords_the_right_one_waits_too(gateway):
    made = await gateway.link(SHEET)
    for _ in range(5):
        assert (await gateway.open(made["token"], "wrong password"))[0] == 404
    async with gateway.session.post(
        f"{gateway.url}/v1/links/{made['token']}:open", json={"password": PASSWORD}
    ) as answer:
        assert answer.status == 429
        assert (await answer.json(content_type=None))["reason"] == "TOO_MANY_GUESSES"
        assert 20 < int(answer.headers["retry-after"]) <= 30
    assert (await gateway.open((await gateway.link(SHEET))["token"]))[0] == 200  # others go on
    await set_back(gateway, "retry_time", timedelta(seconds=31))
    assert (await gateway.open(made["token"], "wrong password"))[0] == 404
    assert (await gateway.open(made["token"]))[0] == 429
    await set_back(gateway, "retry_time", timedelta(seconds=61))
    assert (await gateway.open(made["token"]))[0] == 200
    _, listed = await gateway.ask("GET", f"/v1/sheets/{SHEET}/links")
    assert listed["links"][0]["wrong_passwords"] == 0
    assert listed["links"][0]["last_open_time"]


async def test_guesses_at_once_are_no_more_than_guesses_one_by_one(gateway):
    made = await gateway.link(SHEET)
    answers = await asyncio.gather(*(gateway.open(made["token"], f"wrong password {n}") for n in range(12)))
    assert sorted(status for status, _ in answers) == [404] * 5 + [429] * 7


async def test_a_deleted_link_opens_nothing_and_whoever_came_in_by_it_is_out(gateway):
    made = await gateway.link(SHEET)
    keys = [(await gateway.open(made["token"]))[1]["secret"] for _ in range(2)]
    other = await gateway.partner(SHEET)
    for key in (*keys, other):
        assert (await gateway.ask("GET", f"/v1/sheets/{SHEET}", key=key))[0] == 200
    path = f"/v1/sheets/{SHEET}/links/{made['link']['link_id']}"
    deleted = [await gateway.ask("DELETE", path) for _ in range(2)]
    assert deleted[0] == deleted[1]
    assert deleted[0][1]["link"]["delete_time"]
    for key in keys:
        status, problem = await gateway.ask("GET", f"/v1/sheets/{SHEET}", key=key)
        assert (status, problem["reason"]) == (401, "INVALID_KEY")
    assert (await gateway.ask("GET", f"/v1/sheets/{SHEET}", key=other))[0] == 200
    status, problem = await gateway.open(made["token"])
    assert (status, problem["reason"]) == (404, "LINK_NOT_FOUND")


async def test_a_link_is_found_only_where_it_is(gateway):
    link_id = (await gateway.link(SHEET))["link"]["link_id"]
    other = await gateway.other_workspace()
    for path, key in (
        (f"/v1/sheets/sheet-2/links/{link_id}", gateway.owner),
        (f"/v1/sheets/{SHEET}/links/{new_id()}", gateway.owner),
        (f"/v1/sheets/{SHEET}/links/nothing", gateway.owner),
        (f"/v1/sheets/{SHEET}/links/{link_id}", other),
    ):
        status, problem = await gateway.ask("DELETE", path, key=key)
        assert (status, problem["reason"]) == (404, "LINK_NOT_FOUND")
    _, listed = await gateway.ask("GET", f"/v1/sheets/{SHEET}/links", key=other)
    assert listed["links"] == []


async def test_a_key_ends_with_its_time_and_with_its_links(gateway):
    end = (utc_now() + timedelta(minutes=1)).isoformat()
    made = await gateway.link(SHEET, expire_time=end)
    _, opened = await gateway.open(made["token"])
    assert opened["expire_time"] == made["link"]["expire_time"]
    later = await gateway.partner(SHEET)
    await set_back(gateway, "expire_time", timedelta(hours=9), "link_key")
    await set_back(gateway, "expire_time", timedelta(hours=9))
    for key in (opened["secret"], later):
        assert (await gateway.ask("GET", f"/v1/sheets/{SHEET}", key=key))[0] == 401
    assert (await gateway.open(made["token"]))[0] == 404


async def test_keys_that_have_ended_are_not_kept(gateway):
    made = await gateway.link(SHEET)
    await gateway.open(made["token"])
    await set_back(gateway, "expire_time", timedelta(hours=9), "link_key")
    await gateway.open(made["token"])
    assert len(await gateway.rows("SELECT 1 FROM link_key")) == 1


async def test_of_a_links_keys_the_newest_hold(gateway, monkeypatch):
    monkeypatch.setattr("lobby_gateway.link_store.MOST_KEYS", 2)
    made = await gateway.link(SHEET)
    keys = [(await gateway.open(made["token"]))[1]["secret"] for _ in range(3)]
    statuses = [(await gateway.ask("GET", f"/v1/sheets/{SHEET}", key=key))[0] for key in keys]
    assert statuses == [401, 200, 200]


async def test_a_credential_makes_no_difference_to_what_is_public(gateway):
    made = await gateway.link(SHEET)
    for key in ("nonsense", gateway.owner, await gateway.key("viewer")):
        status, opened = await gateway.ask(
            "POST", f"/v1/links/{made['token']}:open", key=key, body={"password": PASSWORD}
        )
        assert status == 200
        assert (await gateway.ask("GET", "/v1/keys", key=opened["secret"]))[0] == 403


async def test_making_opening_and_deleting_are_on_record(gateway):
    made = await gateway.link(SHEET, display_name="Shop & Co")
    link_id = made["link"]["link_id"]
    await gateway.open(made["token"], "wrong password")
    await gateway.open(made["token"])
    for _ in range(2):
        await gateway.ask("DELETE", f"/v1/sheets/{SHEET}/links/{link_id}")
    [created, refused, opened, deleted] = await audit(gateway)
    assert created[0] == "link_created"
    assert (created[2]["sheet_id"], created[2]["display_name"]) == (SHEET, "Shop & Co")
    assert refused == ("link_refused", link_id, {"sheet_id": SHEET, "wrong_passwords": 1})
    assert (opened[0], opened[1]) == ("link_opened", link_id)
    assert deleted[0] == "link_deleted"
    assert created[1] == deleted[1] != link_id
    assert "password" not in json.dumps([created[2], opened[2], deleted[2]])


async def test_another_replica_lets_go_of_a_deleted_link_within_seconds(gateway, database, broker, neighbours):
    _, target = neighbours
    channel = create_channel(target, INTERNAL)
    settings = config(database, broker, replica="second")
    async with start(SERVICE, settings, channels=dict.fromkeys(OTHERS, channel)) as runtime:
        await listening(runtime.http_address)
        second = Gateway(runtime, gateway.session, gateway.neighbours, database, gateway.workspace_id, gateway.owner)
        made = await gateway.link(SHEET)
        key = (await second.open(made["token"]))[1]["secret"]
        assert (await second.ask("GET", f"/v1/sheets/{SHEET}", key=key))[0] == 200
        await gateway.ask("DELETE", f"/v1/sheets/{SHEET}/links/{made['link']['link_id']}")
        async with asyncio.timeout(5):
            while (await second.ask("GET", f"/v1/sheets/{SHEET}", key=key))[0] != 401:
                await asyncio.sleep(0.05)
        for _ in range(3):
            await gateway.open(made["token"], "wrong password")
        assert (await second.open(made["token"]))[0] == 404
    await channel.close()


async def test_replicas_count_guesses_together(gateway, database, broker, neighbours):
    _, target = neighbours
    channel = create_channel(target, INTERNAL)
    settings = config(database, broker, replica="second")
    async with start(SERVICE, settings, channels=dict.fromkeys(OTHERS, channel)) as runtime:
        await listening(runtime.http_address)
        second = Gateway(runtime, gateway.session, gateway.neighbours, database, gateway.workspace_id, gateway.owner)
        made = await gateway.link(SHEET)
        answers = await asyncio.gather(
            *(each.open(made["token"], f"wrong {n} password") for n in range(5) for each in (gateway, second))
        )
        assert sorted(status for status, _ in answers) == [404] * 5 + [429] * 5
    await channel.close()


async def test_the_gateway_says_how_openings_end(gateway):
    made = await gateway.link(SHEET)
    await gateway.open(made["token"])
    await gateway.open("z" * 43)
    async with gateway.session.get(f"{gateway.url}/metrics") as answer:
        text = await answer.text()
    for outcome in ("opened", "unknown"):
        assert f'lobby_link_openings_total{{outcome="{outcome}"}}' in text
