"""What is answered 200 is there, once, and told once."""

import asyncio

import pytest

from lobby.connectors.v1 import account_service_pb2 as account_pb
from lobby.connectors.v1 import events_pb2 as pb
from lobby.connectors.v1 import message_service_pb2 as message_pb
from lobby_common import pages
from lobby_common.caller import Caller, use
from lobby_common.errors import Invalid, NotFound, Refused
from lobby_common.ids import new_id
from lobby_connectors import events
from tests.component.connectors.conftest import signed, status, text, until, whatsapp


async def test_a_message_is_stored_and_told(connectors):
    account = await connectors.connect("whatsapp")
    assert await connectors.post(signed("whatsapp", account, whatsapp(text()))) == ["accepted"]
    (event,) = await connectors.told(pb.MessageReceived)
    assert (event.chat, event.text, event.greeting, event.country) == ("66811111111", "hi", True, "TH")
    assert [(each.kind, each.value) for each in event.identifiers] == [("phone", "+66811111111")]
    assert event.window_close_time.seconds == 1_780_000_000 + 24 * 3600
    (row,) = await connectors.rows("SELECT message_id::text, text, direction FROM message")
    assert tuple(row) == (event.message_id, "hi", 1)
    (raw,) = await connectors.rows("SELECT state, n_new, n_duplicate FROM raw_webhook")
    assert tuple(raw) == ("parsed", 1, 0)


async def test_the_same_message_again_is_a_duplicate(connectors):
    account = await connectors.connect("whatsapp")
    body = whatsapp(text())
    await connectors.post(signed("whatsapp", account, body), signed("whatsapp", account, body))
    await connectors.post(signed("whatsapp", account, body))
    rows = await connectors.rows("SELECT n_new, n_duplicate FROM raw_webhook ORDER BY webhook_id")
    assert [tuple(row) for row in rows] == [(1, 0), (0, 1), (0, 1)]
    assert len(await connectors.told(pb.MessageReceived)) == 1


async def test_a_wrong_signature_leaves_nothing(connectors):
    account = await connectors.connect("whatsapp")
    webhook = signed("whatsapp", account, whatsapp(text()), signature="sha256=" + "0" * 64)
    assert await connectors.post(webhook, signed("whatsapp", account, whatsapp(text(2)))) == [
        "bad_signature",
        "accepted",
    ]
    assert len(await connectors.rows("SELECT FROM raw_webhook")) == 1


async def test_an_unknown_account_and_the_wrong_platform_are_told_apart_from_good_neighbours(connectors):
    account = await connectors.connect("whatsapp")
    verdicts = await connectors.post(
        signed("whatsapp", "0195f000-0000-7000-8000-000000000000", whatsapp(text())),
        signed("telegram", account, b"{}"),
        signed("zalo", account, b"{}"),
        signed("whatsapp", "../../etc", b"{}"),
        signed("whatsapp", account, whatsapp(text())),
    )
    assert verdicts == ["unknown_account"] * 4 + ["accepted"]


async def test_a_body_that_is_no_json_is_quarantined_and_its_neighbours_live(connectors):
    account = await connectors.connect("whatsapp")
    deep = b'{"object":"whatsapp_business_account","entry":' + b"[" * 100_000
    odd = [b"", b"\xff\xfe", b"null", b'{"object":"page","entry":[]}', deep, b'{"entry":1}']
    webhooks = [signed("whatsapp", account, body) for body in odd]
    assert await connectors.post(*webhooks, signed("whatsapp", account, whatsapp(text()))) == ["accepted"] * 7
    rows = await connectors.rows("SELECT reason FROM raw_webhook WHERE state = 'quarantined'")
    assert len(rows) == len(odd)
    assert all(row["reason"].startswith("$") for row in rows)
    assert len(await connectors.told(pb.MessageReceived)) == 1


async def test_broken_characters_are_replaced_and_the_raw_body_is_kept(connectors):
    account = await connectors.connect("whatsapp")
    body = (
        b'{"object":"whatsapp_business_account","entry":[{"changes":[{"field":"messages","value":{"messages":[%s]}}]}]}'
    )
    bodies = [
        body % b'{"from":"66811111111","id":"a","timestamp":"1780000000","type":"text","text":{"body":"x\\u0000y"}}',
        body % b'{"from":"66811111111","id":"b","timestamp":"1780000000","type":"text","text":{"body":"x\\ud800y"}}',
        body % b'{"from":"66811111111","id":"c","timestamp":"1780000000","type":"text","text":{"body":"x\xffy"}}',
    ]
    await connectors.post(*(signed("whatsapp", account, each) for each in bodies))
    rows = await connectors.rows("SELECT text FROM message")
    assert [row["text"] for row in rows] == ["x\ufffdy"] * 3
    stored = await connectors.rows("SELECT body FROM raw_webhook")
    assert {bytes(row["body"]) for row in stored} == set(bodies)


async def test_one_bad_message_does_not_spoil_the_others_of_its_body(connectors):
    account = await connectors.connect("whatsapp")
    bad = {"from": "66811111111", "id": "wamid.2", "timestamp": "1780000000", "type": "text", "text": {"body": 5}}
    await connectors.post(signed("whatsapp", account, whatsapp(text(1), bad, text(3))))
    (raw,) = await connectors.rows("SELECT state, reason, n_new, n_problems FROM raw_webhook")
    assert tuple(raw) == (
        "quarantined",
        "$.entry[0].changes[0].value.messages[1].text.body: Expected `str`, got `int`",
        2,
        1,
    )


async def test_a_body_for_another_number_of_the_workspace_goes_to_that_account(connectors):
    first = await connectors.connect("whatsapp")
    second = await connectors.connect("whatsapp", credentials={"phone_number_id": "777"})
    body = whatsapp(text(), metadata={"display_phone_number": "1", "phone_number_id": "777"})
    await connectors.post(signed("whatsapp", first, body))
    (event,) = await connectors.told(pb.MessageReceived)
    assert event.account_id == second


async def test_a_body_that_names_no_account_waits_in_quarantine_until_there_is_one(connectors):
    first = await connectors.connect("whatsapp")
    body = whatsapp(text(), metadata={"display_phone_number": "1", "phone_number_id": "777"})
    assert await connectors.post(signed("whatsapp", first, body)) == ["accepted"]
    (item,) = await connectors.list_quarantine()
    assert (item.state, item.reason) == ("quarantined", "names no account of this workspace: 777")
    second = await connectors.connect("whatsapp", credentials={"phone_number_id": "777"})
    assert (await connectors.retry_quarantine(item.quarantine_id)).state == "parsed"
    (event,) = await connectors.told(pb.MessageReceived)
    assert event.account_id == second
    assert await connectors.list_quarantine() == []
    (raw,) = await connectors.rows("SELECT state, n_new, n_duplicate, n_problems FROM raw_webhook")
    assert tuple(raw) == ("parsed", 1, 0, 0)


async def test_parsing_again_what_was_partly_stored_changes_no_figure(connectors):
    account = await connectors.connect("whatsapp")
    bad = {"from": "66811111111", "id": "wamid.2", "type": "text", "text": {"body": 5}}
    await connectors.post(signed("whatsapp", account, whatsapp(text(1), bad)))
    (item,) = await connectors.list_quarantine()
    assert (await connectors.retry_quarantine(item.quarantine_id)).state == "quarantined"
    (raw,) = await connectors.rows("SELECT n_new, n_duplicate, n_problems FROM raw_webhook")
    assert tuple(raw) == (1, 0, 1)
    assert len(await connectors.told(pb.MessageReceived)) == 1


async def test_quarantine_of_another_workspace_is_not_found(connectors, world):
    account = await connectors.connect("whatsapp")
    await connectors.post(signed("whatsapp", account, b"no json"))
    (item,) = await connectors.list_quarantine()
    connectors.caller = Caller(new_id(), "owner")
    assert await connectors.list_quarantine() == []
    for quarantine_id in (item.quarantine_id, "nothing"):
        with pytest.raises(NotFound, match="QUARANTINE_ITEM_NOT_FOUND"):
            await connectors.retry_quarantine(quarantine_id)


async def test_a_row_that_the_database_refuses_keeps_only_its_own_webhook_back(connectors):
    account = await connectors.connect("whatsapp")
    await connectors.rows("ALTER TABLE connectors.message ADD CONSTRAINT no_poison CHECK (text <> 'poison')")
    webhooks = [signed("whatsapp", account, whatsapp(text(n, body="poison" if n == 2 else "fine"))) for n in (1, 2, 3)]
    assert await connectors.post(*webhooks) == ["accepted"] * 3
    assert len(await connectors.told(pb.MessageReceived, 2)) == 2
    (waiting,) = await connectors.rows("SELECT state, n_said, n_problems FROM raw_webhook WHERE n_new = 0")
    assert tuple(waiting) == ("pending", 1, 1)  # accepted, and not in order: a proof is not to pass it over
    await connectors.rows("ALTER TABLE connectors.message DROP CONSTRAINT no_poison")
    assert len(await connectors.told(pb.MessageReceived, 3)) == 3
    rows = await connectors.rows("SELECT n_said, n_new, n_problems FROM raw_webhook")
    assert [tuple(row) for row in rows] == [(1, 1, 0)] * 3


async def test_an_edit_that_comes_before_its_message_waits_for_it(connectors):
    account = await connectors.connect("whatsapp")
    edited = {"type": "text", "text": {"body": "later"}}
    edit = {"from": "66811111111", "id": "wamid.9", "timestamp": "1780000050", "type": "edit"}
    edit["edit"] = {"original_message_id": "wamid.1", "message": edited}
    await connectors.post(signed("whatsapp", account, whatsapp(edit)))
    await connectors.post(signed("whatsapp", account, whatsapp(text(1, body="first"))))
    (event,) = await connectors.told(pb.MessageEdited)
    (row,) = await connectors.rows("SELECT message_id::text, text, edit_time IS NOT NULL AS edited FROM message")
    assert tuple(row) == (event.message_id, "later", True)
    assert await connectors.rows("SELECT FROM waiting_fact") == []


async def test_an_edit_and_its_message_that_did_not_see_each_other_meet_later(connectors):
    account = await connectors.connect("whatsapp")
    await connectors.post(signed("whatsapp", account, whatsapp(text(1, body="first"))))
    edit = {"from": "66811111111", "id": "wamid.9", "timestamp": "1780000050", "type": "edit"}
    edit["edit"] = {"original_message_id": "wamid.2", "message": {"type": "text", "text": {"body": "later"}}}
    await connectors.post(signed("whatsapp", account, whatsapp(edit)))
    await connectors.rows("UPDATE connectors.waiting_fact SET platform_message_id = 'wamid.1'")
    connection_fact = "convert_to(replace(convert_from(fact, 'UTF8'), 'wamid.2', 'wamid.1'), 'UTF8')"
    await connectors.rows(f"UPDATE connectors.waiting_fact SET fact = {connection_fact}")
    (event,) = await connectors.told(pb.MessageEdited)
    assert event.text == "later"


async def test_older_edits_and_repeated_deletions_change_nothing(connectors):
    account = await connectors.connect("telegram")
    message = {"message_id": 5, "chat": {"id": 7, "type": "private"}, "from": {"id": 7, "first_name": "A"}}
    edit = message | {"date": 1_780_000_000}
    updates = [
        {"update_id": 1, "message": message | {"date": 1_780_000_000, "text": "one"}},
        {"update_id": 3, "edited_message": edit | {"edit_date": 1_780_000_020, "text": "three"}},
        {"update_id": 2, "edited_message": edit | {"edit_date": 1_780_000_010, "text": "two"}},
        {"update_id": 3, "edited_message": edit | {"edit_date": 1_780_000_020, "text": "three"}},
    ]
    for update in updates:
        await connectors.post(signed("telegram", account, update))
    (row,) = await connectors.rows("SELECT text FROM message")
    assert row["text"] == "three"
    assert len(await connectors.told(pb.MessageEdited)) == 1


async def test_an_edit_that_changes_no_word_is_told_to_nobody_and_still_outdates_older_ones(connectors):
    account = await connectors.connect("telegram")
    message = {"message_id": 5, "chat": {"id": 7, "type": "private"}, "from": {"id": 7}, "date": 1_780_000_000}
    updates = [
        {"update_id": 1, "message": message | {"text": "one"}},
        {"update_id": 2, "edited_message": message | {"edit_date": 1_780_000_020, "text": "two"}},
        {"update_id": 3, "edited_message": message | {"edit_date": 1_780_000_040, "text": "two"}},
        {"update_id": 4, "edited_message": message | {"edit_date": 1_780_000_030, "text": "three"}},
    ]
    for update in updates:
        await connectors.post(signed("telegram", account, update))
    assert [event.text for event in await connectors.told(pb.MessageEdited)] == ["two"]
    (row,) = await connectors.rows("SELECT text FROM message")
    assert row["text"] == "two"


async def test_a_deleted_message_keeps_neither_text_nor_attachments(connectors):
    account = await connectors.connect("line")
    source = {"type": "user", "userId": "U1"}
    say = {"type": "message", "timestamp": 1_780_000_000_000, "source": source, "message": {"id": "1", "type": "image"}}
    unsend = {"type": "unsend", "timestamp": 1_780_000_001_000, "source": source, "unsend": {"messageId": "1"}}
    for event in (unsend, say, unsend):
        await connectors.post(signed("line", account, {"events": [event]}))
    (row,) = await connectors.rows("SELECT text, attachments, delete_time IS NOT NULL AS deleted FROM message")
    assert tuple(row) == ("", None, True)
    assert len(await connectors.told(pb.MessageDeleted)) == 1


async def test_reactions_are_a_set_and_older_ones_lose(connectors):
    account = await connectors.connect("whatsapp")
    await connectors.post(signed("whatsapp", account, whatsapp(text(1))))

    def reaction(emoji: str, at: int) -> dict:
        return {
            "from": "66811111111",
            "id": f"wamid.r{at}",
            "timestamp": str(at),
            "type": "reaction",
            "reaction": {"message_id": "wamid.1", "emoji": emoji},
        }

    for emoji, at in (("👍", 1_780_000_010), ("", 1_780_000_030), ("😮", 1_780_000_020), ("", 1_780_000_030)):
        await connectors.post(signed("whatsapp", account, whatsapp(reaction(emoji, at))))
    events = await connectors.told(pb.ReactionChanged, 2)
    assert [list(event.reactions) for event in events] == [["👍"], []]


async def test_an_echo_is_an_answer_written_elsewhere_and_takes_receipts(connectors):
    account = await connectors.connect("whatsapp")
    echo = {"from": "15550783881", "to": "66811111111", "id": "wamid.e", "timestamp": "1780000010", "type": "text"}
    body = whatsapp(echo | {"text": {"body": "hello"}}, field="smb_message_echoes", key="message_echoes")
    await connectors.post(signed("whatsapp", account, body))
    (event,) = await connectors.told(pb.MessageSent)
    assert (event.echo, event.chat, event.text, event.agent_id) == (True, "66811111111", "hello", "")
    await connectors.post(signed("whatsapp", account, whatsapp(status("read", "wamid.e"), key="statuses")))
    (change,) = await connectors.told(pb.DeliveryChanged)
    assert change.message_id == event.message_id


@pytest.mark.parametrize("known", [{"from": "66811111111"}, {"from": None, "from_user_id": "TH.1001"}])
async def test_an_echo_stands_in_the_chat_in_which_the_customer_writes(connectors, known):
    """Staff's app knows the number of a customer who hides it from us."""
    account = await connectors.connect("whatsapp")
    await connectors.post(signed("whatsapp", account, whatsapp(text(1) | known)))
    echo = {"to": "66811111111", "to_user_id": "TH.1001", "id": "wamid.e", "timestamp": "1780000010", "type": "text"}
    body = whatsapp(echo | {"text": {"body": "hello"}}, field="smb_message_echoes", key="message_echoes")
    await connectors.post(signed("whatsapp", account, body))
    (said,), (answer,) = await connectors.told(pb.MessageReceived), await connectors.told(pb.MessageSent)
    assert answer.chat == said.chat == (known["from"] or "TH.1001")
    assert {row["chat"] for row in await connectors.rows("SELECT chat FROM message")} == {said.chat}


async def test_a_changed_number_is_told_once(connectors):
    account = await connectors.connect("whatsapp")
    system = {
        "type": "user_changed_number",
        "wa_id": "5511888880000",
        "user_id": "BR.2002",
        "previous_user_id": "BR.1001",
    }
    notice = {"id": "wamid.s", "from": "5511999990000", "timestamp": "1780000000", "type": "system", "system": system}
    for _ in range(2):
        await connectors.post(signed("whatsapp", account, whatsapp(notice)))
    (event,) = await connectors.told(pb.IdentifierChanged)
    assert event.chat == "5511999990000"
    assert [each.value for each in event.retired] == ["+5511999990000", "BR.1001"]
    assert [each.value for each in event.current] == ["+5511888880000", "BR.2002"]
    rows = await connectors.rows("SELECT n_new, n_duplicate FROM raw_webhook ORDER BY webhook_id")
    assert [tuple(row) for row in rows] == [(1, 0), (0, 1)]


async def test_what_is_ignored_is_counted_with_its_rule(connectors):
    account = await connectors.connect("telegram")
    group = {"message_id": 1, "date": 1_780_000_000, "chat": {"id": -100, "type": "supergroup"}, "text": "hi"}
    await connectors.post(signed("telegram", account, {"update_id": 1, "message": group}))
    (raw,) = await connectors.rows("SELECT n_ignored, rules FROM raw_webhook")
    assert tuple(raw) == (1, ["group"])
    assert await connectors.rows("SELECT FROM message") == []


async def test_a_time_far_ahead_is_replaced_by_the_time_received(connectors):
    account = await connectors.connect("whatsapp")
    await connectors.post(signed("whatsapp", account, whatsapp(text(1, at=4_000_000_000))))
    (event,) = await connectors.told(pb.MessageReceived)
    assert event.time_is_received
    assert event.occurred_time == event.received_time


async def test_a_long_text_is_whole_here_and_cut_in_the_event(connectors):
    account = await connectors.connect("whatsapp")
    long = "ก" * 50_000
    await connectors.post(signed("whatsapp", account, whatsapp(text(1, body=long))))
    (event,) = await connectors.told(pb.MessageReceived)
    assert event.text_cut
    assert len(event.text.encode()) <= 64 * 1024
    assert long.startswith(event.text)
    (row,) = await connectors.rows("SELECT text FROM message")
    assert row["text"] == long


async def test_two_bodies_of_three_megabytes_at_once_are_taken(connectors):
    account = await connectors.connect("whatsapp")
    pads = [whatsapp(text(n), pad="x" * 3_000_000) for n in (1, 2)]
    verdicts = await asyncio.gather(*(connectors.post(signed("whatsapp", account, pad)) for pad in pads))
    assert verdicts == [["accepted"], ["accepted"]]


async def test_hundreds_of_long_messages_in_one_body_are_told_in_several_batches(connectors):
    account = await connectors.connect("whatsapp")
    messages = [text(n, body="y" * 60_000) for n in range(40)]
    await connectors.post(signed("whatsapp", account, whatsapp(*messages)))
    assert len(await connectors.told(pb.MessageReceived, 40)) == 40


async def test_the_number_of_the_workspace_itself_is_no_customer(connectors):
    account = await connectors.connect("whatsapp")
    await connectors.post(signed("whatsapp", account, whatsapp(text(1))))
    await connectors.post(signed("whatsapp", account, whatsapp(text(2, sender="15550783881"))))
    events = await connectors.told(pb.MessageReceived, 2)
    assert {event.chat: event.greeting for event in events} == {"66811111111": True, "15550783881": False}


async def test_the_event_goes_on_with_the_webhooks_trace_and_names_it_as_its_cause(connectors):
    account = await connectors.connect("whatsapp")
    trace = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"
    webhook = signed("whatsapp", account, whatsapp(text(1)), traceparent=trace)
    await connectors.post(webhook)
    await connectors.told(pb.MessageReceived)
    envelopes = [each for each in await connectors.envelopes() if each.type.endswith("MessageReceived")]
    assert [(each.traceparent, each.cause_id) for each in envelopes] == [(trace, webhook.webhook_id)]


async def test_an_account_made_by_another_replica_is_known_at_once_and_its_end_within_seconds(world):
    async with world.connectors() as one, world.connectors() as other:
        account = await one.connect("whatsapp")
        assert await other.post(signed("whatsapp", account, whatsapp(text(1)))) == ["accepted"]
        with use(one.caller):
            await one.accounts.DeleteAccount(account_pb.DeleteAccountRequest(account_id=account))
        assert await one.post(signed("whatsapp", account, whatsapp(text(2)))) == ["unknown_account"]

        async def forgotten() -> bool:
            return await other.post(signed("whatsapp", account, whatsapp(text(3)))) == ["unknown_account"]

        await until(forgotten, seconds=5)


async def test_no_answer_of_acceptance_without_a_database(connectors):
    account = await connectors.connect("whatsapp")
    await connectors.rows("ALTER TABLE connectors.raw_webhook RENAME TO gone")
    assert await connectors.post(signed("whatsapp", account, whatsapp(text(1)))) == ["unavailable"]
    await connectors.rows("ALTER TABLE connectors.gone RENAME TO raw_webhook")
    assert await connectors.post(signed("whatsapp", account, whatsapp(text(1)))) == ["accepted"]


async def test_a_handshake_gives_the_challenge_back_only_to_who_knows_the_token(connectors):
    account = await connectors.connect("whatsapp")
    query = {"hub.mode": "subscribe", "hub.challenge": "1158201444", "hub.verify_token": "verify-me"}
    assert await connectors.shake("whatsapp", account, query) == "1158201444"
    with pytest.raises(Refused, match="WRONG_VERIFY_TOKEN"):
        await connectors.shake("whatsapp", account, query | {"hub.verify_token": "ü"})
    with pytest.raises(NotFound, match="ACCOUNT_NOT_FOUND"):
        await connectors.shake("whatsapp", new_id(), query)
    bot = await connectors.connect("telegram")
    with pytest.raises(NotFound, match="NO_HANDSHAKE"):
        await connectors.shake("telegram", bot, query)


async def test_long_texts_and_bodies_are_listed_in_pages_that_fit(connectors):
    account = await connectors.connect("whatsapp")
    for number in range(6):
        await connectors.post(signed("whatsapp", account, whatsapp(text(number, body="ก" * 1_000_000))))
        await connectors.post(signed("whatsapp", account, b"\xff" * 3_000_000))
    request = message_pb.ListMessagesRequest(account_id=account, chats=["66811111111"])
    found = []
    with use(connectors.caller):
        while True:
            page = await connectors.messages.ListMessages(request)
            found.extend(page.messages)
            if not page.next_page_token:
                break
            request.page_token = page.next_page_token
        again = await connectors.messages.BatchGetMessages(
            message_pb.BatchGetMessagesRequest(message_ids=[each.message_id for each in found])
        )
    assert [len(each.text) for each in found] == [1_000_000] * 6
    assert len(again.messages) == 6
    assert len(await connectors.list_quarantine()) == 6


async def test_messages_are_listed_oldest_first_page_by_page(connectors):
    account = await connectors.connect("whatsapp")
    for number in (3, 1, 2):
        await connectors.post(
            signed("whatsapp", account, whatsapp(text(number, body=str(number), at=1_780_000_000 + number)))
        )
    request = message_pb.ListMessagesRequest(account_id=account, chats=["66811111111", "other"], page_size=2)
    with use(connectors.caller):
        first = await connectors.messages.ListMessages(request)
        request.page_token = first.next_page_token
        second = await connectors.messages.ListMessages(request)
    assert [[each.text for each in page.messages] for page in (first, second)] == [["1", "2"], ["3"]]
    assert second.next_page_token == ""
    with use(Caller(new_id(), "owner")):
        assert not (await connectors.messages.ListMessages(request)).messages
    no_time = pages.encode("0001-01-01T00:00:00+23:00", "2026-01-01T00:00:00Z", account)
    for bad in ("x", "W10", "WzEsMiwzXQ", "WyIyMDI2LTAxLTAxIiwiMjAyNi0wMS0wMSIsIngiXQ", no_time):
        request.page_token = bad
        with use(connectors.caller), pytest.raises(Invalid, match="BAD_PAGE_TOKEN"):
            await connectors.messages.ListMessages(request)


async def test_messages_of_one_second_are_listed_as_they_came_in_page_by_page(connectors):
    """Platforms tell whole seconds; people write faster."""
    account = await connectors.connect("whatsapp")
    first, *rest = [text(number, body=str(number)) for number in range(12)]
    await connectors.post(signed("whatsapp", account, whatsapp(first)))
    await connectors.post(signed("whatsapp", account, whatsapp(*rest[:6])))
    for message in rest[6:]:
        await connectors.post(signed("whatsapp", account, whatsapp(message)))
    request = message_pb.ListMessagesRequest(account_id=account, chats=["66811111111"], page_size=5)
    found = []
    with use(connectors.caller):
        while not found or request.page_token:
            page = await connectors.messages.ListMessages(request)
            found += [each.text for each in page.messages]
            request.page_token = page.next_page_token
    assert found == [str(number) for number in range(12)]


async def test_our_own_fault_keeps_one_webhook_back_and_not_its_neighbours(connectors, monkeypatch):
    account = await connectors.connect("whatsapp")
    real = events.tell_received

    def broken(tx, webhook, owner, message_id, message, **more):
        if message.text == "odd":
            raise ZeroDivisionError
        real(tx, webhook, owner, message_id, message, **more)

    monkeypatch.setattr(events, "tell_received", broken)
    webhooks = [signed("whatsapp", account, whatsapp(text(n, body="odd" if n == 2 else "fine"))) for n in (1, 2, 3)]
    assert await connectors.post(*webhooks) == ["accepted"] * 3
    assert len(await connectors.told(pb.MessageReceived, 2)) == 2
    monkeypatch.undo()
    assert len(await connectors.told(pb.MessageReceived, 3)) == 3
