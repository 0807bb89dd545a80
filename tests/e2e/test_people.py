"""People are counted, not messages: over accounts, platforms, merges and undos."""

import base64

import pytest

from tests.lobby import Lobby, until
from tests.pictures import picture

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_one_person_at_two_accounts_is_new_once_and_repeat_once(lobby: Lobby):
    first, second = await lobby.account("whatsapp"), await lobby.account("whatsapp")
    for text in ("hi", "price?", "hello?"):
        await lobby.say("whatsapp", first, "66811111111", text)
    await lobby.until_counted(1, 0)  # platforms write whole seconds: in the same second the first to arrive is new
    await lobby.say("whatsapp", second, "66811111111", "hi again")
    await lobby.until_counted(1, 1)
    entries = (await lobby.get("/v1/entries"))["entries"]
    assert [(entry["verdict"], entry["reason"]) for entry in entries] == [
        ("new", "first"),
        ("repeat", "same_identity"),
    ]
    assert entries[1]["repeat_of"] == entries[0]["entry_id"]
    rows = (await lobby.get("/v1/counts", group_by="account"))["rows"]
    assert {row["account_id"]: (row["new"], row["repeat"]) for row in rows} == {first: (1, 0), second: (0, 1)}


async def test_a_shared_contact_card_joins_telegram_and_whatsapp(lobby: Lobby):
    whatsapp, telegram = await lobby.account("whatsapp"), await lobby.account("telegram")
    await lobby.say("whatsapp", whatsapp, "66811111111", "hi", time="2026-11-22T03:00:00Z")
    await lobby.say("telegram", telegram, "7771234567", "hello", time="2026-11-22T04:00:00Z")
    await lobby.until_counted(2, 0)
    await lobby.say(
        *("telegram", telegram, "7771234567"),
        kind="contact",
        payload={"phone_number": "+66811111111"},
        time="2026-11-22T04:05:00Z",
    )
    await lobby.until_counted(1, 1)
    corrected = (await lobby.get("/v1/entries", account_id=telegram))["entries"][0]
    assert (corrected["verdict"], corrected["reason"]) == ("repeat", "merged")
    assert [(c["from_verdict"], c["to_verdict"]) for c in corrected["corrections"]] == [("new", "repeat")]
    [contact] = (await lobby.get("/v1/contacts", query="66811111111"))["contacts"]
    assert {identifier["kind"] for identifier in contact["identifiers"]} >= {"phone", "telegram_id"}


@pytest.mark.parametrize("survivor", ["whatsapp", "line"])
async def test_a_merge_and_its_undo_correct_the_counts_whoever_survives(lobby: Lobby, survivor: str):
    accounts = {platform: await lobby.account(platform) for platform in ("whatsapp", "line")}
    await lobby.say("whatsapp", accounts["whatsapp"], "66822222222", "hi", time="2026-11-22T02:00:00Z")
    await lobby.say("line", accounts["line"], "nid", "hi", time="2026-11-22T03:00:00Z")
    await lobby.until_counted(2, 0)
    contacts = {
        platform: (await lobby.one_conversation(account_id))["contact_id"] for platform, account_id in accounts.items()
    }
    other = contacts["line" if survivor == "whatsapp" else "whatsapp"]
    body = {"other_contact_id": other, "note": "same person"}
    merged = await lobby.post(f"/v1/contacts/{contacts[survivor]}:merge", body)
    assert merged["contact"]["contact_id"] == contacts[survivor]
    await lobby.until_counted(1, 1)
    assert (await lobby.get(f"/v1/contacts/{other}"))["contact"]["contact_id"] == contacts[survivor]
    entries = {entry["account_id"]: entry for entry in (await lobby.get("/v1/entries"))["entries"]}
    assert entries[accounts["whatsapp"]]["verdict"] == "new"
    assert (entries[accounts["line"]]["verdict"], entries[accounts["line"]]["reason"]) == ("repeat", "merged")
    await lobby.post(f"/v1/merges/{merged['merge']['merge_id']}:undo")
    await lobby.until_counted(2, 0)
    restored = (await lobby.get(f"/v1/contacts/{other}"))["contact"]
    assert restored["contact_id"] == other
    corrections = (await lobby.get("/v1/entries", account_id=accounts["line"]))["entries"][0]["corrections"]
    assert [correction["caused_by"] for correction in corrections] == ["merge", "split"]


async def test_one_picture_on_telegram_and_line_is_suggested_and_confirmed(lobby: Lobby):
    for platform, customer, form in (("telegram", "7771234567", "JPEG"), ("line", "nid", "PNG")):
        shown = base64.b64encode(picture(7, 200, form)).decode()
        await lobby.say(
            platform, await lobby.account(platform), customer, "hi", name="Ana Souza", language="pt", picture=shown
        )
    await lobby.until_counted(2, 0)

    async def suggested() -> dict:
        found = (await lobby.get("/v1/suggestions"))["suggestions"]
        return next((one for one in found if "avatar" in {reason["field"] for reason in one["reasons"]}), {})

    suggestion = await until(suggested)
    await lobby.post(f"/v1/suggestions/{suggestion['suggestion_id']}:confirm")
    await lobby.until_counted(1, 1)


async def test_a_person_without_a_phone_is_known_again_by_his_other_id(lobby: Lobby):
    """S13: the phone goes, the BSUID stays."""
    first, second = await lobby.account("whatsapp"), await lobby.account("whatsapp")
    said = await lobby.say("whatsapp", first, "5511999990000", "oi")
    bsuid = said["webhook"]["entry"][0]["changes"][0]["value"]["contacts"][0]["user_id"]
    await lobby.until_counted(1, 0)
    await lobby.say("whatsapp", first, bsuid, "ainda eu")
    await lobby.say("whatsapp", second, bsuid, "oi")
    await lobby.until_counted(1, 1)
    assert len(await lobby.conversations(first, state="all")) == 1
    [contact] = (await lobby.get("/v1/contacts", query="+5511999990000"))["contacts"]
    assert {identifier["kind"] for identifier in contact["identifiers"]} == {"phone", "bsuid"}


async def test_a_late_earlier_message_corrects_who_was_new(lobby: Lobby):
    """S05: the event of the second account is processed first."""
    first, second = await lobby.account("whatsapp"), await lobby.account("whatsapp")
    await lobby.say("whatsapp", second, "66833333333", "hi", time="2026-11-22T02:05:00Z")
    await lobby.until_counted(1, 0)
    await lobby.say("whatsapp", first, "66833333333", "hi", time="2026-11-22T02:00:00Z")
    await lobby.until_counted(1, 1)
    entries = {entry["account_id"]: entry for entry in (await lobby.get("/v1/entries"))["entries"]}
    assert entries[first]["verdict"] == "new"
    assert (entries[second]["verdict"], entries[second]["reason"]) == ("repeat", "late")


async def test_what_is_no_greeting_is_no_entry(lobby: Lobby):
    """S12, S04: reactions, edits and duplicates make no entry."""
    account_id = await lobby.account("whatsapp")
    said = await lobby.say("whatsapp", account_id, "66844444444", "price?")
    await lobby.until_counted(1, 0)
    for kind in ("reaction", "edit"):
        await lobby.say("whatsapp", account_id, "66844444444", "x", kind=kind)
    await lobby.say("whatsapp", account_id, "66844444444", kind="raw", payload=said["webhook"])
    await lobby.say("whatsapp", account_id, "66855555555", "another person")
    totals = await lobby.until_counted(2, 0)
    assert totals["messages_in"] == 2


async def test_counts_are_split_by_platform_agent_and_day(lobby: Lobby):
    whatsapp, line = await lobby.account("whatsapp"), await lobby.account("line")
    agent_id = await lobby.agent()
    await lobby.say("whatsapp", whatsapp, "66866666666", "hi", time="2026-11-20T23:30:00Z")
    await lobby.say("line", line, "ploy", "hi", time="2026-11-21T00:30:00Z")
    await lobby.until_counted(2, 0)

    async def assigned():
        rows = (await lobby.get("/v1/counts", group_by="agent"))["rows"]
        return [row["new"] for row in rows if row["agent_id"] == agent_id] == [2]

    await until(assigned)
    by_platform = (await lobby.get("/v1/counts", group_by="platform"))["rows"]
    assert {row["platform"]: row["new"] for row in by_platform} == {"whatsapp": 1, "line": 1}
    by_day = (await lobby.get("/v1/counts", bucket="day", time_zone="Asia/Shanghai"))["rows"]
    assert {row["bucket_start"]: row["new"] for row in by_day if row["new"]} == {"2026-11-20T16:00:00Z": 2}
