"""Telegram Bot API as the sandbox plays it."""

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
from lobby_sandbox.media import SAMPLES
from lobby_sandbox.merge import Json, dig
from lobby_sandbox.mint import Mint
from lobby_sandbox.telegram import requests
from lobby_sandbox.telegram.api import BotApi
from lobby_sandbox.telegram.chats import bot_id_of, bot_user, user_id_of
from lobby_sandbox.telegram.memory import Memory
from lobby_sandbox.telegram.updates import ALIASES, HINTS, KINDS, Scene, update

_NEVER_TOLD = "Telegram tells bots nothing about deleted messages, delivery or reading, and has no ad referrals"


class Telegram:
    """Customers are named by their numeric id; any other name stands for one and the same invented id."""

    name = "telegram"

    def __init__(self, mint: Mint) -> None:
        self._mint = mint
        self._accounts = Accounts(("bot_token",), "bot_token")
        self._memory = Memory()
        self._api = BotApi(self._accounts, self._memory, mint)

    def register(self, account: Account) -> None:
        """The account is known from now on."""
        self._accounts.add(account)

    def account(self, account_id: str) -> Account | None:
        """The registered account with this id."""
        return self._accounts.get(account_id)

    def handshake(self, account: Account) -> Handshake | None:
        """Telegram has none."""
        return None

    def say(self, account: Account, speech: Speech) -> Event:
        """One Update."""
        token = account.credentials["bot_token"]
        user_id = user_id_of(speech.customer)
        kind = ALIASES.get(speech.kind, speech.kind)
        if kind == "raw":
            body = speech.payload
        elif kind in KINDS:
            body = update(kind, self._scene(token, user_id, speech, kind), speech.payload)
        else:
            raise RefusedError(f"kind {speech.kind!r} is none of {', '.join([*KINDS, 'raw'])}. {_NEVER_TOLD}.")
        self._remember(token, user_id, kind, body)
        message_id = dig(body, "message", "message_id") or dig(body, "edited_message", "message_id")
        return Event(
            body=body,
            customer_id=str(user_id),
            event_id=str(body.get("update_id", "")),
            message_id=None if message_id is None else str(message_id),
        )

    def webhook(self, account: Account, body: Json) -> Webhook:
        """With the secret that was registered, else the one that the bot set, if any."""
        settings = self._memory.settings(account.credentials["bot_token"])
        secret = account.credentials.get("webhook_secret") or settings.secret
        headers = {"Content-Type": "application/json", "Accept-Encoding": "gzip, deflate"}
        if secret:
            headers["X-Telegram-Bot-Api-Secret-Token"] = secret
        return Webhook(account.webhook_url, json.dumps(body, separators=(",", ":")).encode(), headers)

    def caller(self, call: Call) -> Account | None:
        """The bot whose token is in the path."""
        return self._api.caller(call)

    def purpose(self, call: Call) -> Purpose:
        """By the method."""
        return self._api.purpose(call)

    def answer(self, call: Call) -> Answer | Probe:
        """What the Bot API answers."""
        return self._api.answer(call)

    def failure(self, status: int, headers: Mapping[str, str]) -> Json:
        """A Bot API error; Retry-After shows in it."""
        return requests.failure(status, headers).body()

    def _scene(self, token: str, user_id: int, speech: Speech, kind: str) -> Scene:
        bot, thread = str(bot_id_of(token)), (token, user_id)
        hints = {key: speech.payload[key] for key in HINTS.get(kind, ()) if key in speech.payload}
        ours, theirs = self._memory.sent.get(thread), self._memory.said.get(thread)
        last = theirs if kind == "edit" else ours or theirs if kind == "reaction" else ours
        return Scene(
            update_id=self._mint.next(f"telegram update {bot}"),
            message_id=self._mint.next(f"telegram message {bot}"),
            user_id=user_id,
            person=self._memory.people.meet(str(user_id), speech.name, speech.language, speech.picture),
            bot=bot_user(token),
            date=int(speech.at.timestamp()),
            text=speech.text,
            hints=hints,
            target=_number(hints["message_id"]) if "message_id" in hints else last,
            file_id=f"AgACAgIAAxkBAAI{self._mint.hex(24)}",
            unique=self._mint.digits(17),
        )

    def _remember(self, token: str, user_id: int, kind: str, body: Json) -> None:
        message_id = dig(body, "message", "message_id")
        if isinstance(message_id, int) and kind != "raw":
            self._memory.said.put((token, user_id), message_id)
        if kind in SAMPLES:
            field = ("photo", -1) if kind == "image" else (kind,)
            self._memory.media.put(str(dig(body, "message", *field, "file_id")), SAMPLES[kind])
        if kind in {"follow", "unfollow"}:
            self._memory.blocked.put((token, user_id), kind == "unfollow")
        elif kind != "raw":
            self._memory.blocked.drop((token, user_id))


def _number(value: object) -> int:
    """A message id that a test gave, as text or number."""
    if isinstance(value, bool) or not str(value).isascii() or not str(value).isdigit():
        raise RefusedError("payload.message_id of Telegram is a number")
    return int(str(value))
