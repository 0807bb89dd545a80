"""Accounts: connected, told where to post, changed, disconnected; and what is done for them off the event path."""

import base64

import pytest
from aiohttp import web

from lobby.connectors.v1 import account_service_pb2 as account_pb
from lobby.connectors.v1 import events_pb2 as pb
from lobby_common.caller import Caller, use
from lobby_common.errors import Invalid, NotFound
from lobby_common.ids import new_id
from lobby_connectors.directory import Directory
from lobby_connectors.sealing import Sealer, read_keys
from tests.component.connectors.conftest import CREDENTIALS, PLATFORMS, signed, text, until, whatsapp

STARTING, CONNECTED, TRANSIENT, BAD, LOGGED_OUT = 1, 2, 3, 4, 5


async def create(connectors, platform="whatsapp", **more):
    fields = {"platform": PLATFORMS[platform], "credentials": CREDENTIALS.get(platform, {})} | more
    with use(connectors.caller):
        return (await connectors.accounts.CreateAccount(account_pb.CreateAccountRequest(**fields))).account


async def in_state(connectors, account_id: str, state: int):
    async def there():
        account = await connectors.account(account_id)
        return account if account.state == state else None

    return await until(there)


async def test_an_account_says_where_the_platform_posts_and_never_shows_its_credentials(connectors):
    account = await create(connectors, display_name="Shop")
    assert account.webhook_url == f"https://lobby.example/webhooks/whatsapp/{account.account_id}"
    assert (account.display_name, account.state) == ("Shop", STARTING)
    (row,) = await connectors.rows("SELECT credentials FROM account")
    assert b"app-secret" not in bytes(row["credentials"])


async def test_the_same_request_gives_the_same_account(connectors):
    one = await create(connectors, request_id="r")
    other = await create(connectors, request_id="r")
    assert one == other
    assert len(await connectors.rows("SELECT FROM account")) == 1


@pytest.mark.parametrize("platform", ["whatsapp", "telegram", "line"])
async def test_a_missing_credential_is_named(connectors, platform):
    for name in CREDENTIALS[platform]:
        if name in ("waba_id", "webhook_secret"):
            continue
        credentials = {key: value for key, value in CREDENTIALS[platform].items() if key != name}
        with pytest.raises(Invalid, match=f"MISSING_CREDENTIAL.*{name}"):
            await create(connectors, platform, credentials=credentials)


async def test_platforms_that_are_not_built_yet_are_refused(connectors):
    with pytest.raises(Invalid, match="PLATFORM_NOT_SUPPORTED"):
        await create(connectors, "zalo", credentials={"app_id": "1"})


async def test_private_api_addresses_need_the_operators_leave(world):
    async with world.connectors(allow_private_api_base=False) as connectors:
        with pytest.raises(Invalid, match="API_BASE_URL_REFUSED"):
            await create(connectors, api_base_url="http://127.0.0.1:8080")
        assert (await create(connectors, api_base_url="https://graph.example.com/")).api_base_url


async def test_accounts_are_listed_oldest_first_page_by_page_inside_their_workspace(connectors):
    made = [(await create(connectors, display_name=str(number))).account_id for number in range(3)]
    pages, token = [], ""
    for _ in range(2):
        with use(connectors.caller):
            page = await connectors.accounts.ListAccounts(account_pb.ListAccountsRequest(page_size=2, page_token=token))
        pages.append([account.account_id for account in page.accounts])
        token = page.next_page_token
    assert pages == [made[:2], made[2:]]
    assert token == ""
    with use(Caller(new_id(), "owner")):
        assert not (await connectors.accounts.ListAccounts(account_pb.ListAccountsRequest())).accounts


async def test_an_account_of_another_workspace_or_a_strange_id_is_not_found(connectors):
    account = await create(connectors)
    own = connectors.caller
    for caller, account_id in ((Caller(new_id(), "owner"), account.account_id), (own, "x"), (own, "a\x00b")):
        connectors.caller = caller
        for call, request in (
            (connectors.accounts.GetAccount, account_pb.GetAccountRequest(account_id=account_id)),
            (connectors.accounts.UpdateAccount, account_pb.UpdateAccountRequest(account_id=account_id, disabled=True)),
            (connectors.accounts.DeleteAccount, account_pb.DeleteAccountRequest(account_id=account_id)),
        ):
            with use(caller), pytest.raises(NotFound, match="ACCOUNT_NOT_FOUND"):
                await call(request)


async def test_changes_replace_what_they_name_and_leave_the_rest(connectors):
    account = await create(connectors, settings={"portfolio_id": "p", "other": "1"})
    changed = await connectors.update(
        account.account_id, display_name="New", settings={"other": "2"}, credentials={"app_secret": "second"}
    )
    assert (changed.display_name, dict(changed.settings)) == ("New", {"portfolio_id": "p", "other": "2"})


def under(secret: str, account_id: str, number: int):
    """A message of a WhatsApp customer, signed under an app secret."""
    return signed("whatsapp", account_id, whatsapp(text(number)), secret=secret)


async def test_a_secret_that_was_replaced_is_good_beside_the_new_one_for_a_while(connectors):
    account = await connectors.connect("whatsapp")
    await connectors.update(account, credentials={"app_secret": "second"})
    await connectors.update(account, credentials={"app_secret": "third"})
    posted = await connectors.post(
        *(under(secret, account, number) for number, secret in enumerate(("app-secret", "second", "third", "none")))
    )
    assert posted == ["accepted", "accepted", "accepted", "bad_signature"]
    (row,) = await connectors.rows("SELECT former_secrets FROM account")
    assert b"second" not in bytes(row["former_secrets"])


async def test_a_secret_that_leaked_is_dropped_at_once(connectors):
    account = await connectors.connect("whatsapp")
    await connectors.update(account, credentials={"app_secret": "second"})
    await connectors.update(account, credentials={"app_secret": "third"}, drop_former_secrets=True)
    posted = await connectors.post(
        *(under(secret, account, number) for number, secret in enumerate(("app-secret", "second", "third")))
    )
    assert posted == ["bad_signature", "bad_signature", "accepted"]


async def test_a_secret_that_another_replica_was_given_is_good_at_once(world):
    async with world.connectors() as one, world.connectors() as other:
        other.caller = one.caller
        account = await one.connect("whatsapp")
        assert await other.post(under("app-secret", account, 0)) == ["accepted"]
        await one.update(account, credentials={"app_secret": "second"})
        assert await other.post(under("second", account, 1), under("none", account, 2)) == ["accepted", "bad_signature"]


async def test_the_first_webhook_shows_that_the_account_is_connected(connectors):
    account = await connectors.connect("whatsapp")
    for number in (1, 2):
        await connectors.post(signed("whatsapp", account, whatsapp(text(number))))
    (change,) = await connectors.told(pb.AccountStateChanged)
    assert (change.account_id, change.state) == (account, CONNECTED)
    assert (await connectors.account(account)).state == CONNECTED


async def test_the_platforms_word_on_an_account_counts_in_its_own_order(connectors):
    account = await connectors.connect("whatsapp")

    def update(event: str, at: int) -> dict:
        entry = {"id": "102290129340398", "time": at, "changes": [{"field": "account_update"}]}
        entry["changes"][0]["value"] = {"event": event}
        return {"object": "whatsapp_business_account", "entry": [entry]}

    for event, at in (("ACCOUNT_DELETED", 100), ("ACCOUNT_RECONNECTED", 300), ("PARTNER_REMOVED", 200)):
        await connectors.post(signed("whatsapp", account, update(event, at)))
    changes = await connectors.told(pb.AccountStateChanged, 3)
    assert [(change.state, change.state_reason) for change in changes] == [
        (CONNECTED, ""),
        (LOGGED_OUT, "account_deleted"),
        (CONNECTED, ""),
    ]


async def test_a_word_on_another_waba_is_quarantined(connectors):
    account = await connectors.connect("whatsapp")
    body = {"object": "whatsapp_business_account", "entry": [{"id": "999", "changes": [{"field": "account_update"}]}]}
    body["entry"][0]["changes"][0]["value"] = {"event": "ACCOUNT_DELETED"}
    assert await connectors.post(signed("whatsapp", account, body)) == ["accepted"]
    (item,) = await connectors.list_quarantine()
    assert item.reason == "names no account of this workspace: 999"


async def test_a_bot_is_told_where_to_post_with_a_secret_of_our_own(connectors, platform):
    platform.answers.clear()
    account = await create(
        connectors, "telegram", credentials={"bot_token": "1:secret"}, api_base_url=platform.url, request_id="x"
    )
    await in_state(connectors, account.account_id, CONNECTED)
    (call,) = platform.calls
    assert call.path == "/bot1:secret/setWebhook"
    assert call.body["url"] == account.webhook_url
    assert "message_reaction" in call.body["allowed_updates"]
    update = {"update_id": 1, "message": {"message_id": 1, "date": 1_780_000_000, "chat": {"id": 7, "type": "private"}}}
    webhook = signed("telegram", account.account_id, update, signature=call.body["secret_token"])
    assert await connectors.post(webhook) == ["accepted"]


async def test_a_dead_token_shows_and_a_new_one_is_tried(connectors, platform):
    refusing = True

    original = platform.accept
    platform.accept = lambda call: (
        web.json_response({"ok": False, "error_code": 401, "description": "Unauthorized"}, status=401)
        if refusing
        else original(call)
    )
    account = await create(connectors, "telegram", api_base_url=platform.url)
    await in_state(connectors, account.account_id, BAD)
    refusing = False
    await connectors.update(account.account_id, credentials={"bot_token": "2:new"})
    await in_state(connectors, account.account_id, CONNECTED)
    assert platform.calls[-1].path == "/bot2:new/setWebhook"


async def test_a_tapped_button_is_answered_and_is_a_message(connectors, platform):
    account = await connectors.connect("telegram")
    query = {"id": "q1", "from": {"id": 7, "first_name": "A"}, "data": "yes"}
    query["message"] = {"message_id": 3, "date": 1, "chat": {"id": 7, "type": "private"}}
    await connectors.post(signed("telegram", account, {"update_id": 1, "callback_query": query}))
    (event,) = await connectors.told(pb.MessageReceived)
    assert (event.text, event.kind, event.time_is_received) == ("yes", 9, True)

    async def answered():
        return [call for call in platform.calls if call.path.endswith("answerCallbackQuery")]

    (call,) = await until(answered)
    assert call.body == {"callback_query_id": "q1"}


async def test_the_scope_of_user_ids_can_be_set(connectors):
    account = await connectors.connect("whatsapp", settings={"portfolio_id": "P9"})
    message = {
        "from_user_id": "US.1",
        "id": "wamid.1",
        "timestamp": "1780000000",
        "type": "text",
        "text": {"body": "x"},
    }
    await connectors.post(signed("whatsapp", account, whatsapp(message)))
    (event,) = await connectors.told(pb.MessageReceived)
    assert [(each.kind, each.scope, each.value) for each in event.identifiers] == [("bsuid", "P9", "US.1")]


async def test_a_change_that_is_committed_after_a_later_one_was_seen_is_seen(connectors):
    """It was stamped before: another replica's transaction took longer than the next one."""
    early, late = await connectors.connect("whatsapp"), await connectors.connect("telegram")
    directory = Directory(connectors.runtime.pool, Sealer(read_keys(base64.b64encode(b"k" * 32).decode(), "")))
    await directory.refresh()
    rename = "UPDATE account SET display_name = 'changed', update_time = clock_timestamp() WHERE account_id = $1"
    async with connectors.runtime.pool.acquire() as slow, slow.transaction():
        await slow.execute(rename, early)
        await connectors.runtime.pool.execute(rename, late)
        await directory.refresh()
        assert directory.find(late).display_name == "changed"
        assert directory.find(early).display_name == "whatsapp"
    await directory.refresh()
    assert directory.find(early).display_name == "changed"
