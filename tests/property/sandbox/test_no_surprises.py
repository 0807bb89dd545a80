"""Whatever a test posts, a platform builds it or refuses it; whatever a service posts, a platform answers it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from lobby_sandbox.contract import Account, Answer, Call, Event, Probe, RefusedError, Speech
from lobby_sandbox.line import Line, events
from lobby_sandbox.mint import Mint, utc_now
from lobby_sandbox.telegram import Telegram, updates
from lobby_sandbox.whatsapp import WhatsApp, messages

NAMES = (
    *("to", "chat_id", "text", "messages", "type", "body", "id", "entry", "events", "message", "from", "image"),
    *("contacts", "status", "message_id", "messaging_product", "replyToken", "url", "interactive", "template"),
    *("recipient", "recipient_type", "caption", "media", "latitude", "longitude", "system", "update_id", "data"),
    *("phone_number", "first_name", "wa_id", "user_id", "payload", "location", "reaction", "photo", "endpoint"),
)
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5)
    | st.sampled_from(["whatsapp", "text", "image", "contacts", "+66811111111", "US.1", f"U{'0' * 32}", "read"])
)
OBJECTS = st.recursive(
    st.dictionaries(st.sampled_from(NAMES), LEAVES, max_size=6),
    lambda inner: st.dictionaries(st.sampled_from(NAMES), inner | LEAVES | st.lists(inner | LEAVES, max_size=2)),
    max_leaves=15,
)
PLATFORMS = {"whatsapp": WhatsApp, "telegram": Telegram, "line": Line}
CREDENTIALS = {
    "whatsapp": {"app_secret": "s", "access_token": "t", "phone_number_id": "1"},
    "telegram": {"bot_token": "1:t"},
    "line": {"channel_secret": "s", "channel_access_token": "t"},
}
KINDS = sorted({*messages.KINDS, *updates.KINDS, *events.KINDS, "status", "raw", "wave"})
METHODS = ("sendMessage", "sendPhoto", "sendLocation", "sendMediaGroup", "setWebhook", "editMessageText", "getFile")
PATHS = {
    "whatsapp": ("v25.0/1/messages", "v25.0/1/media", "v25.0/1"),
    "telegram": tuple(f"bot1:t/{method}" for method in METHODS),
    "line": (
        *("v2/bot/message/push", "v2/bot/message/reply", "v2/bot/message/multicast"),
        *("v2/bot/channel/webhook/endpoint", "v2/bot/channel/webhook/test"),
    ),
}


def registered(name):
    platform = PLATFORMS[name](Mint())
    account = Account(name, "a1", "http://127.0.0.1:1/hook", CREDENTIALS[name])
    platform.register(account)
    return platform, account


def attempt(platform, account, speech):
    try:
        return platform.say(account, speech)
    except RefusedError as refusal:
        return str(refusal)


@pytest.mark.parametrize("name", PLATFORMS)
@given(kind=st.sampled_from(KINDS), text=st.none() | st.text(max_size=9), payload=OBJECTS, customer=st.text(max_size=9))
def test_what_a_customer_does_is_told_or_refused(name, kind, text, payload, customer):
    platform, account = registered(name)
    platform.say(account, Speech("before", "text", utc_now(), "hi"))
    outcome = attempt(platform, account, Speech(customer, kind, utc_now(), text, payload))
    assert isinstance(outcome, Event) or outcome
    if isinstance(outcome, Event):
        assert json.loads(platform.webhook(account, outcome.body).body) is not None


@pytest.mark.parametrize("name", PLATFORMS)
@given(data=st.data(), method=st.sampled_from(["POST", "PUT", "GET"]), body=OBJECTS | LEAVES)
def test_every_call_is_answered_in_json(name, data, method, body):
    platform, _ = registered(name)
    path = data.draw(st.sampled_from(PATHS[name]))
    headers = CIMultiDict({"Authorization": "Bearer t"})
    call = Call(method, path, {}, headers, body, broken=False, base_url="http://sandbox")
    assert platform.purpose(call) in {"send", "setup", "other"}
    answer = platform.answer(call)
    assert isinstance(answer, Answer | Probe)
    if isinstance(answer, Answer):
        assert answer.status < 500
        assert json.dumps(answer.body)
        assert not answer.message_ids or answer.status == 200
