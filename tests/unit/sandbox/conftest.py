from datetime import UTC, datetime

import pytest
from multidict import CIMultiDict

from lobby_sandbox.contract import Account, Call, Speech
from lobby_sandbox.line import Line
from lobby_sandbox.mint import Mint
from lobby_sandbox.telegram import Telegram
from lobby_sandbox.whatsapp import WhatsApp

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)

CREDENTIALS = {
    "whatsapp": {"app_secret": "s", "access_token": "token", "phone_number_id": "1060", "waba_id": "1022"},
    "telegram": {"bot_token": "8765336106:token", "webhook_secret": "s"},
    "line": {"channel_secret": "s", "channel_access_token": "token"},
}


class Theatre:
    """One platform with one registered account."""

    def __init__(self, platform):
        self.platform = platform
        self.account = Account(platform.name, "a1", "http://127.0.0.1:1/hook", CREDENTIALS[platform.name])
        platform.register(self.account)

    def say(self, text=None, *, customer="66811111111", kind="text", at=NOON, **payload):
        shown = {field: payload.pop(field, None) for field in ("name", "language", "picture")}
        speech = Speech(customer, kind, at, text, payload, **shown)
        return self.platform.say(self.account, speech)

    def call(self, method, path, body=None, *, token="token", headers=None, broken=False, **query):
        bearer = {} if token is None else {"Authorization": f"Bearer {token}"}
        return Call(
            method=method,
            path=path,
            query=query,
            headers=CIMultiDict(bearer | (headers or {})),
            body=body,
            broken=broken,
            base_url=f"http://sandbox/{self.platform.name}",
        )

    def answer(self, *arguments, **keywords):
        return self.platform.answer(self.call(*arguments, **keywords))


@pytest.fixture
def theatre():
    """Makes a theatre for a platform that needs something special."""
    return Theatre


@pytest.fixture
def whatsapp():
    return Theatre(WhatsApp(Mint()))


@pytest.fixture
def telegram():
    return Theatre(Telegram(Mint()))


@pytest.fixture
def line():
    return Theatre(Line(Mint()))
