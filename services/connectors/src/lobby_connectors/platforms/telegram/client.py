"""Telegram Bot API: the platform's side of the interface."""

import hmac
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import msgspec
from aiohttp import ClientSession
from msgspec import Struct

from lobby_connectors.domain.items import Identifier, Parsed
from lobby_connectors.platforms import http
from lobby_connectors.platforms.failures import Blocked, UnknownOutcome
from lobby_connectors.platforms.interface import Accepted, Account, Outgoing, Profile, Request
from lobby_connectors.platforms.reading import ParseError, decode
from lobby_connectors.platforms.telegram import parse, render
from lobby_connectors.platforms.telegram.failures import failure_of_answer


class _Sent(Struct):
    message_id: int


class _Answer(Struct):
    result: _Sent


class _Photo(Struct):
    small_file_id: str


class _Chat(Struct):
    photo: _Photo | None = None


class _ChatAnswer(Struct):
    result: _Chat


class _File(Struct):
    file_path: str


class _FileAnswer(Struct):
    result: _File


_ANSWER = msgspec.json.Decoder(_Answer)
_CHAT = msgspec.json.Decoder(_ChatAnswer)
_FILE = msgspec.json.Decoder(_FileAnswer)


class Telegram:
    """A bot."""

    name = "telegram"
    limits = render.LIMITS
    required_credentials: tuple[str, ...] = ("bot_token",)
    signing_credentials: tuple[str, ...] = ("webhook_secret",)
    resends_safely = False

    def verify(self, credentials: Mapping[str, str], body: bytes, signature: str) -> bool:  # the body is not signed
        """Returns whether the header is the secret that we gave to setWebhook."""
        return hmac.compare_digest(credentials["webhook_secret"].encode(), signature.encode())

    def parse(self, body: bytes, user_scope: str) -> Parsed:
        """Returns what the update says. Raises ParseError."""
        return parse.parse(body, user_scope)

    def address(self, credentials: Mapping[str, str]) -> str:  # only the path tells the bot
        """Returns "": an update does not name its bot."""
        return ""

    def owner(self, credentials: Mapping[str, str]) -> str:  # bots stand alone
        """Returns ""."""
        return ""

    def user_scope(self, settings: Mapping[str, str], workspace_id: str) -> str:  # ids are global
        """Returns "": a user has the same id for every bot."""
        return ""

    def render(self, account: Account, message: Outgoing) -> list[Request]:
        """Returns the requests that send the message."""
        return render.render(account, message)

    async def send(self, session: ClientSession, account: Account, request: Request) -> Accepted:
        """The platform sent the message. Raises SendFailure."""
        answer = await self._call(session, account, request)
        try:
            return Accepted(str(decode(_ANSWER, answer.body).result.message_id))
        except ParseError:
            raise UnknownOutcome("accepted without an id") from None

    def complete(self, credentials: Mapping[str, str], chosen: str) -> dict[str, str]:
        """Returns the credentials with a webhook secret, `chosen` where the workspace gave none."""
        return {**credentials, "webhook_secret": credentials.get("webhook_secret") or chosen}

    async def set_webhook(self, session: ClientSession, account: Account, url: str) -> None:
        """Updates are posted to `url` with the secret from now on. Raises SendFailure."""
        payload: dict[str, Any] = {
            "url": url,
            "secret_token": account.credentials["webhook_secret"],
            "allowed_updates": render.ALLOWED_UPDATES,
        }
        await self._call(session, account, render.request(account, "setWebhook", payload))

    async def answer_callback(self, session: ClientSession, account: Account, callback_id: str) -> None:
        """The button stops spinning. Raises SendFailure."""
        await self._call(
            session, account, render.request(account, "answerCallbackQuery", {"callback_query_id": callback_id})
        )

    async def fetch_profile(self, session: ClientSession, account: Account, chat: str) -> Profile | None:
        """Returns the customer's picture (160 pixels); None where he blocked the bot or is gone. Raises SendFailure.

        Updates tell his name.
        """
        try:
            answer = await self._call(session, account, render.request(account, "getChat", {"chat_id": int(chat)}))
            photo = decode(_CHAT, answer.body).result.photo
            picture = await self._picture(session, account, photo.small_file_id) if photo else b""
        except Blocked:
            return None
        except ParseError:
            raise UnknownOutcome("not a chat") from None
        return Profile("", "", (Identifier("telegram_id", "", chat),), picture)

    async def _picture(self, session: ClientSession, account: Account, file_id: str) -> bytes:
        answer = await self._call(session, account, render.request(account, "getFile", {"file_id": file_id}))
        path = quote(decode(_FILE, answer.body).result.file_path)
        return await http.download(session, account.api_base_url or render.API_BASE, render.file(account, path))

    async def _call(self, session: ClientSession, account: Account, request: Request) -> http.Answer:
        answer = await http.call(session, account.api_base_url or render.API_BASE, request)
        if not answer.ok:
            raise failure_of_answer(answer)
        return answer
