"""A sheet is shared by link and password: the partner sees its figures, its rows masked, and nothing else."""

import csv
import io
import json

import aiohttp
import pytest

from lobby_cli.sheets import verify
from tests.lobby import Lobby, until

pytestmark = pytest.mark.asyncio(loop_scope="session")

PASSWORD = "correct horse battery"


async def opened(lobby: Lobby, token: str, password: str = PASSWORD):
    """Returns what the link answers to somebody without a key."""
    return await lobby.with_key("").ask("POST", f"/v1/links/{token}:open", {"password": password})


async def exported(lobby: Lobby, path: str) -> bytes:
    async with lobby._session.get(f"{lobby.url}/v1/exports/{path}", headers=lobby.headers) as answer:
        assert answer.status == 200, await answer.text()
        return await answer.read()


def rows_of(data: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline="")))


async def sheet_of(lobby: Lobby, customers: int = 2) -> str:
    """Returns the id of a sheet with so many new people."""
    account_id = await lobby.account("whatsapp")
    await lobby.agent()
    made = await lobby.post("/v1/sheets", {"display_name": "Vendor", "price": "1.50", "currency": "USD"})
    sheet_id = str(made["sheet"]["sheet_id"])
    for number in range(customers):
        await lobby.say("whatsapp", account_id, f"5511988880{number:03}", "hello", name=f"Ana Souza {number}")

    async def counted() -> bool:
        figures = await lobby.get(f"/v1/sheets/{sheet_id}/figures")
        return bool(figures["present"]["new"] == customers)

    await until(counted)
    return sheet_id


async def test_a_partner_sees_the_figures_and_masked_rows_of_his_sheet(lobby: Lobby):
    sheet_id = await sheet_of(lobby)
    other = (await lobby.post("/v1/sheets", {"display_name": "Other"}))["sheet"]["sheet_id"]
    made = await lobby.post(f"/v1/sheets/{sheet_id}/links", {"display_name": "Vendor", "password": PASSWORD})
    answer = await opened(lobby, made["token"])
    assert (answer.status, answer.body["sheet_id"]) == (200, sheet_id)
    partner = lobby.with_key(answer.body["secret"])

    listed = await partner.get("/v1/sheets")
    assert [each["sheet_id"] for each in listed["sheets"]] == [sheet_id]
    figures = await partner.get(f"/v1/sheets/{sheet_id}/figures")
    assert (figures["present"]["new"], figures["present"]["amount"]) == (2, "3.00")

    whole = (await lobby.get(f"/v1/sheets/{sheet_id}/rows"))["rows"]
    assert {row["display_name"] for row in whole} == {"Ana Souza 0", "Ana Souza 1"}
    assert {address["value"] for row in whole for address in row["addresses"]} >= {"+5511988880000", "+5511988880001"}
    page = await partner.get(f"/v1/sheets/{sheet_id}/rows")
    assert [row["entry_id"] for row in page["rows"]] == [row["entry_id"] for row in whole]
    assert {row["display_name"] for row in page["rows"]} == {"A. S."}
    assert {"••••0000", "••••0001"} <= {address["value"] for row in page["rows"] for address in row["addresses"]}
    assert "Souza" not in json.dumps(page)
    assert "1198888" not in json.dumps(page)

    for path in ("", "/figures", "/rows", "/days", "/export", "/disputes"):
        assert (await partner.ask("GET", f"/v1/sheets/{other}{path}")).status == 404
    for path in ("/v1/counts", "/v1/contacts", "/v1/conversations", "/v1/keys", f"/v1/sheets/{sheet_id}/links"):
        assert (await partner.ask("GET", path)).status == 403

    await lobby.ask("DELETE", f"/v1/sheets/{sheet_id}/links/{made['link']['link_id']}")
    assert (await partner.ask("GET", "/v1/sheets")).status == 401
    assert (await opened(lobby, made["token"])).status == 404


async def test_what_a_partner_objects_to_is_his_links(lobby: Lobby):
    sheet_id = await sheet_of(lobby, 1)
    made = await lobby.post(f"/v1/sheets/{sheet_id}/links", {"password": PASSWORD})
    partner = lobby.with_key((await opened(lobby, made["token"])).body["secret"])
    [row] = (await partner.get(f"/v1/sheets/{sheet_id}/rows"))["rows"]
    body = {"entry_id": row["entry_id"], "wanted_verdict": "excluded", "note": "ours already"}
    dispute = (await partner.post(f"/v1/sheets/{sheet_id}/disputes", body))["dispute"]
    assert dispute["creator"] == made["link"]["link_id"]
    path = f"/v1/sheets/{sheet_id}/disputes/{dispute['dispute_id']}"
    assert (await partner.ask("POST", f"{path}:resolve", {"accept": True})).status == 403
    again = lobby.with_key((await opened(lobby, made["token"])).body["secret"])
    withdrawn = await again.post(f"{path}:withdraw")
    assert withdrawn["dispute"]["state"] == "withdrawn"


async def test_exports_hold_what_the_lists_hold(lobby: Lobby):
    sheet_id = await sheet_of(lobby)
    made = await lobby.post(f"/v1/sheets/{sheet_id}/links", {"password": PASSWORD})
    partner = lobby.with_key((await opened(lobby, made["token"])).body["secret"])
    entries = (await lobby.get("/v1/entries"))["entries"]
    assert [row["entry_id"] for row in rows_of(await exported(lobby, "entries"))] == [
        each["entry_id"] for each in entries
    ]
    *items, end = map(json.loads, (await exported(lobby, "entries?format=jsonl")).splitlines())
    assert (items, end) == (entries, {"end": True, "rows": 2})
    [counts] = rows_of(await exported(lobby, "counts"))
    assert (counts["new"], counts["repeat"]) == ("2", "0")
    assert {row["display_name"] for row in rows_of(await exported(lobby, f"sheets/{sheet_id}/rows"))} == {
        "Ana Souza 0",
        "Ana Souza 1",
    }
    masked = await exported(partner, f"sheets/{sheet_id}/rows")
    assert {row["display_name"] for row in rows_of(masked)} == {"A. S."}
    assert b"1198888" not in masked
    assert (await exported(partner, f"sheets/{sheet_id}/rows?format=xlsx")).startswith(b"PK")
    lines = (await lobby.get(f"/v1/sheets/{sheet_id}/export"))["lines"]
    file = (await exported(partner, f"sheets/{sheet_id}")).decode()
    assert file == "".join(f"{line}\n" for line in lines)
    assert verify(io.StringIO(file)).sheet_id == sheet_id


async def test_a_partner_has_no_live_screen(lobby: Lobby):
    sheet_id = await sheet_of(lobby, 0)
    made = await lobby.post(f"/v1/sheets/{sheet_id}/links", {"password": PASSWORD})
    partner = lobby.with_key((await opened(lobby, made["token"])).body["secret"])
    assert (await partner.ask("GET", "/v1/events")).status == 403
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await lobby._session.ws_connect(f"{lobby.url}/v1/live", headers=partner.headers)
    assert refused.value.status == 403
