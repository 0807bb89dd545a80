"""LINE Messaging API as the sandbox plays it."""

import json
from collections.abc import Mapping

from lobby_sandbox.accounts import Accounts
from lobby_sandbox.contract import (
    Account,
    Answer,
    Call,
    Event,
    Handshake,
    Probe,
    Purpose,
    RefusedError,
    Speech,
    Webhook,
)
from lobby_sandbox.line import requests
from lobby_sandbox.line.api import MessagingApi
from lobby_sandbox.line.channels import bot_user_id, sign, user_id_of
from lobby_sandbox.line.events import ALIASES, HINTS, KINDS, Scene, webhook_body
from lobby_sandbox.line.memory import Memory
from lobby_sandbox.media import SAMPLES
from lobby_sandbox.merge import Json, dig
from lobby_sandbox.mint import Mint
from lobby_sandbox.people import digest


class Line:
    """Customers are named by their user id; any other name stands for one and the same invented id."""

    name = "line"

    def __init__(self, mint: Mint) -> None:
        self._mint = mint
        self._accounts = Accounts(("channel_secret", "channel_access_token"), "channel_access_token")
        self._memory = Memory()
        self._api = MessagingApi(self._accounts, self._memory, mint, self.webhook)

    def register(self, account: Account) -> None:
        """The account is known from now on."""
        self._accounts.add(account)

    def account(self, account_id: str) -> Account | None:
        """The registered account with this id."""
        return self._accounts.get(account_id)

    def handshake(self, account: Account) -> Handshake | None:
        """LINE has none; its console's Verify button is a call of its API."""
        return None

    def say(self, account: Account, speech: Speech) -> Event:
        """A webhook with one event."""
        user_id = user_id_of(speech.customer)
        kind = ALIASES.get(speech.kind, speech.kind)
        if kind == "raw":
            body = speech.payload
        elif kind in KINDS:
            body = webhook_body(kind, self._scene(account, user_id, speech, kind), speech.payload)
        else:
            raise RefusedError(
                f"kind {speech.kind!r} is none of {', '.join([*KINDS, 'raw'])}. LINE tells channels nothing "
                "about reactions, delivery or reading, and has no contact cards or ad referrals."
            )
        self._remember(account, user_id, speech.kind, kind, body)
        event = dig(body, "events", 0)
        message_id = dig(event, "message", "id")
        return Event(
            body=body,
            customer_id=user_id,
            event_id=str(dig(event, "webhookEventId") or ""),
            message_id=None if message_id is None else str(message_id),
        )

    def webhook(self, account: Account, body: Json) -> Webhook:
        """Signed with the channel secret."""
        raw = json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode(errors="replace")
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": "LineBotWebhook/2.0",
            "x-line-signature": sign(raw, account.credentials["channel_secret"]),
        }
        return Webhook(account.webhook_url, raw, headers)

    def caller(self, call: Call) -> Account | None:
        """The channel of the bearer token."""
        return self._api.caller(call)

    def purpose(self, call: Call) -> Purpose:
        """By the path."""
        return self._api.purpose(call)

    def answer(self, call: Call) -> Answer | Probe:
        """What the Messaging API answers."""
        return self._api.answer(call)

    def failure(self, status: int, headers: Mapping[str, str]) -> Json:
        """A Messaging API error."""
        return requests.failure(status).body()

    def _scene(self, account: Account, user_id: str, speech: Speech, kind: str) -> Scene:
        self._memory.people.meet(user_id, speech.name, speech.language, speech.picture)
        reply_token = self._mint.hex(32)
        self._memory.reply_tokens.put(reply_token, self._mint.now())
        named = speech.payload.get("message_id") if "message_id" in HINTS.get(kind, ()) else None
        last = self._memory.said.get((account.account_id, user_id))
        return Scene(
            destination=account.credentials.get("bot_user_id")
            or bot_user_id(account.credentials["channel_access_token"]),
            user_id=user_id,
            event_id=self._mint.ulid(),
            message_id=self._mint.snowflake(),
            reply_token=reply_token,
            quote_token=self._mint.hex(40),
            timestamp=int(speech.at.timestamp() * 1_000),
            text=speech.text,
            target=last if named is None else str(named),
            group_id=f"C{digest('line group', account.account_id) % 16**32:032x}",
        )

    def _remember(self, account: Account, user_id: str, said_kind: str, kind: str, body: Json) -> None:
        message_id = dig(body, "events", 0, "message", "id")
        if message_id is not None and kind not in {"edit", "raw"}:
            self._memory.said.put((account.account_id, user_id), str(message_id))
            sample = SAMPLES.get("voice" if said_kind == "voice" else kind)
            if sample is not None and kind != "sticker":  # stickers cannot be downloaded
                self._memory.media.put(str(message_id), sample)
        if kind == "unfollow":
            self._memory.blocked.put(user_id, True)
        elif kind != "raw":
            self._memory.blocked.drop(user_id)
