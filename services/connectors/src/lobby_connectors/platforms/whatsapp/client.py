"""WhatsApp Cloud API: the platform's side of the interface."""

import hmac
from collections.abc import Mapping

import msgspec
from aiohttp import ClientSession
from msgspec import Struct

from lobby_connectors.domain.items import Parsed
from lobby_connectors.platforms import http
from lobby_connectors.platforms.failures import UnknownOutcome
from lobby_connectors.platforms.interface import Accepted, Account, Outgoing, Request
from lobby_connectors.platforms.reading import ParseError, decode
from lobby_connectors.platforms.whatsapp import parse, render
from lobby_connectors.platforms.whatsapp.failures import failure_of_answer


class _Sent(Struct):
    id: str


class _Answer(Struct):
    messages: list[_Sent]


_ANSWER = msgspec.json.Decoder(_Answer)


class WhatsApp:
    """A number of the WhatsApp Cloud API."""

    name = "whatsapp"
    limits = render.LIMITS
    required_credentials: tuple[str, ...] = ("app_secret", "access_token", "verify_token", "phone_number_id")
    signing_credentials: tuple[str, ...] = ("app_secret",)
    resends_safely = False

    def verify(self, credentials: Mapping[str, str], body: bytes, signature: str) -> bool:
        """Returns whether the header is the HMAC-SHA256 of the raw body under the app secret."""
        digest = hmac.digest(credentials["app_secret"].encode(), body, "sha256").hex()
        return hmac.compare_digest(f"sha256={digest}".encode(), signature.strip().encode())

    def parse(self, body: bytes, user_scope: str) -> Parsed:
        """Returns what the body says. Raises ParseError."""
        return parse.parse(body, user_scope)

    def address(self, credentials: Mapping[str, str]) -> str:
        """Returns the phone_number_id."""
        return credentials["phone_number_id"]

    def owner(self, credentials: Mapping[str, str]) -> str:
        """Returns the WABA's id, "" where it was not given."""
        return credentials.get("waba_id", "")

    def user_scope(self, settings: Mapping[str, str], workspace_id: str) -> str:
        """Returns the business portfolio, by default one per workspace."""
        return settings.get("portfolio_id") or workspace_id

    def render(self, account: Account, message: Outgoing) -> list[Request]:
        """Returns the requests that send the message."""
        return render.render(account, message)

    async def send(self, session: ClientSession, account: Account, request: Request) -> Accepted:
        """The platform took the request; whether it arrives is told later by a status. Raises SendFailure."""
        answer = await http.call(session, account.api_base_url or render.API_BASE, request)
        if not answer.ok:
            raise failure_of_answer(answer)
        try:
            return Accepted(decode(_ANSWER, answer.body).messages[0].id)
        except (ParseError, IndexError):
            raise UnknownOutcome("accepted without an id") from None

    def handshake(self, credentials: Mapping[str, str], query: Mapping[str, str]) -> str | None:
        """Returns the challenge where the verify token is ours."""
        token = query.get("hub.verify_token", "").encode("utf-8", "replace")
        known = credentials["verify_token"].encode()
        if query.get("hub.mode") != "subscribe" or not hmac.compare_digest(known, token):
            return None
        return query.get("hub.challenge", "")
