"""LINE Messaging API: the platform's side of the interface."""

import base64
import hmac
from collections.abc import Mapping
from urllib.parse import quote, urlsplit

import msgspec
from aiohttp import ClientSession
from msgspec import Struct

from lobby_connectors.domain.items import Identifier, Parsed
from lobby_connectors.platforms import http
from lobby_connectors.platforms.failures import UnknownOutcome
from lobby_connectors.platforms.interface import Accepted, Account, Outgoing, Profile, Request
from lobby_connectors.platforms.line import parse, render
from lobby_connectors.platforms.line.failures import failure_of_answer
from lobby_connectors.platforms.reading import ParseError, decode, name

_ALREADY_ACCEPTED = 409
_NOT_SHOWN = 404
_PICTURES = ".line-scdn.net"
"""Where LINE keeps pictures, by the end of the host's name: nothing is read from elsewhere, whatever an answer says."""
_THUMBNAIL = "/large"
"""After a picture's address: 200 pixels wide and high."""


class _Sent(Struct):
    id: str | int


class _Answer(Struct):
    sentMessages: list[_Sent] = []  # noqa: N815  # LINE's name


class _Profile(Struct):
    displayName: str  # noqa: N815  # LINE's name
    language: str | None = None
    pictureUrl: str | None = None  # noqa: N815  # LINE's name


_ANSWER = msgspec.json.Decoder(_Answer)
_PROFILE = msgspec.json.Decoder(_Profile)


class Line:
    """An official account."""

    name = "line"
    limits = render.LIMITS
    required_credentials: tuple[str, ...] = ("channel_secret", "channel_access_token")
    signing_credentials: tuple[str, ...] = ("channel_secret",)
    resends_safely = True

    def verify(self, credentials: Mapping[str, str], body: bytes, signature: str) -> bool:
        """Returns whether the header is the HMAC-SHA256 of the raw body under the channel secret."""
        digest = hmac.digest(credentials["channel_secret"].encode(), body, "sha256")
        return hmac.compare_digest(base64.b64encode(digest), signature.strip().encode())

    def parse(self, body: bytes, user_scope: str) -> Parsed:
        """Returns what the body says. Raises ParseError."""
        return parse.parse(body, user_scope)

    def address(self, credentials: Mapping[str, str]) -> str:  # no credential tells the bot's user id
        """Returns "": the destination cannot be known beforehand, the path tells the account."""
        return ""

    def owner(self, credentials: Mapping[str, str]) -> str:  # providers are not named in webhooks
        """Returns ""."""
        return ""

    def user_scope(self, settings: Mapping[str, str], workspace_id: str) -> str:
        """Returns the provider, by default one per workspace."""
        return settings.get("provider_id") or workspace_id

    def render(self, account: Account, message: Outgoing) -> list[Request]:
        """Returns the request that sends the message."""
        return render.render(account, message)

    async def send(self, session: ClientSession, account: Account, request: Request) -> Accepted:
        """The platform has the message; 409 says that it had it already under this retry key. Raises SendFailure."""
        answer = await http.call(session, account.api_base_url or render.API_BASE, request)
        if not answer.ok and answer.status != _ALREADY_ACCEPTED:
            raise failure_of_answer(answer)
        try:
            sent = decode(_ANSWER, answer.body).sentMessages
        except ParseError:
            sent = []
        return Accepted(str(sent[0].id) if sent else "")

    async def fetch_profile(self, session: ClientSession, account: Account, chat: str) -> Profile | None:
        """Returns the customer's profile; None where he blocked us or does not show it. Raises SendFailure."""
        headers = {"Authorization": f"Bearer {account.credentials['channel_access_token']}"}
        request = Request("GET", f"/v2/bot/profile/{quote(chat, safe='')}", headers)
        answer = await http.call(session, account.api_base_url or render.API_BASE, request)
        if answer.status == _NOT_SHOWN:
            return None
        if not answer.ok:
            raise failure_of_answer(answer)
        try:
            profile = decode(_PROFILE, answer.body)
        except ParseError:
            raise UnknownOutcome("not a profile") from None
        itself = (Identifier("line_user_id", account.user_scope, chat),)
        picture = await _picture(session, account, profile.pictureUrl or "")
        return Profile(name(profile.displayName), name(profile.language)[:35], itself, picture)


async def _picture(session: ClientSession, account: Account, url: str) -> bytes:
    """Returns a small copy of the picture, the whole one where there is none; nothing where it is not LINE's."""
    try:
        parts = urlsplit(url)
        base, host = f"{parts.scheme}://{parts.netloc}", parts.hostname or ""
    except ValueError:
        return b""
    played = account.api_base_url and url.startswith(f"{account.api_base_url.rstrip('/')}/")
    if not played and (parts.scheme != "https" or not host.endswith(_PICTURES)):
        return b""
    small, whole = (Request("GET", path, {}) for path in (f"{parts.path}{_THUMBNAIL}", parts.path))
    return await http.download(session, base, small) or await http.download(session, base, whole)
