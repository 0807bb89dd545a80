"""The Messaging API: sends, profiles, files, quota and the webhook's settings."""

from collections.abc import Callable
from datetime import timedelta

from lobby_sandbox.accounts import Accounts
from lobby_sandbox.contract import Account, Answer, Call, Probe, Purpose, Reply, Webhook
from lobby_sandbox.line import requests
from lobby_sandbox.line.channels import bot_info, bot_user_id, profile
from lobby_sandbox.line.memory import Accepted, Memory
from lobby_sandbox.line.requests import LineError
from lobby_sandbox.merge import Json
from lobby_sandbox.mint import Mint
from lobby_sandbox.routes import Routes

REPLY_TOKEN_LIFE = timedelta(minutes=1)

_SENDS = {
    "v2/bot/message/push": requests.refuse_push,
    "v2/bot/message/multicast": requests.refuse_multicast,
    "v2/bot/message/reply": requests.refuse_reply,
}
_REPLY = "v2/bot/message/reply"
_ENDPOINT = "v2/bot/channel/webhook/endpoint"
_JPEG = {"Content-Type": "image/jpeg"}


class MessagingApi:
    """Answers calls; a channel that nobody registered is served as well."""

    def __init__(
        self, accounts: Accounts, memory: Memory, mint: Mint, webhook: Callable[[Account, Json], Webhook]
    ) -> None:
        self._accounts = accounts
        self._memory = memory
        self._mint = mint
        self._webhook = webhook
        paths = ("picture/{}", "picture/{}/large", "picture/{}/small")
        self._pictures = Routes({f"GET {path}": self._picture for path in paths})
        self._routes = Routes(
            {
                **{f"POST {path}": self._send for path in _SENDS},
                "GET v2/bot/profile/{}": self._profile,
                "GET v2/bot/info": lambda call: Answer(200, bot_info(call.bearer or "")),
                f"GET {_ENDPOINT}": self._endpoint,
                f"PUT {_ENDPOINT}": self._set_endpoint,
                "POST v2/bot/channel/webhook/test": self._test_endpoint,
                "GET v2/bot/message/quota": lambda _: Answer(200, {"type": "none"}),
                "GET v2/bot/message/quota/consumption": lambda _: Answer(200, {"totalUsage": 0}),
                "POST v2/bot/chat/markAsRead": lambda _: Answer(200, {}),
                "POST v2/bot/message/markAsRead": lambda _: Answer(200, {}),
                "POST v2/bot/chat/loading/start": lambda _: Answer(202, {}),
                "GET v2/bot/message/{}/content": self._content,
                "GET v2/bot/message/{}/content/preview": self._content,
                "GET v2/bot/message/{}/content/transcoding": self._transcoding,
            }
        )

    def caller(self, call: Call) -> Account | None:
        """The channel of the bearer token."""
        owned = self._accounts.with_token(call.bearer)
        return owned[0] if owned else None

    def purpose(self, call: Call) -> Purpose:
        """By the path."""
        if call.method == "POST" and call.path.strip("/") in _SENDS:
            return "send"
        return "setup" if call.method == "PUT" and call.path.strip("/") == _ENDPOINT else "other"

    def answer(self, call: Call) -> Answer | Probe:
        """What the Messaging API answers."""
        if call.method == "GET" and call.path.strip("/") == "oauth2/v2.1/verify":
            return Answer(200, {"client_id": "1", "expires_in": 2_592_000, "scope": "profile"})
        if (show := self._pictures.find(call, call.path)) is not None:
            return show()
        if call.bearer is None:
            return _refuse(requests.NO_TOKEN)
        if call.broken:
            return _refuse(requests.BROKEN_JSON)
        handle = self._routes.find(call, call.path)
        return _refuse(requests.NOT_FOUND) if handle is None else handle()

    def _send(self, call: Call) -> Answer:
        token, request_id = call.bearer or "", self._request_id()
        key = call.headers.get("X-Line-Retry-Key")
        accepted = None if key is None else self._memory.retry_keys.get((token, key.lower()))
        error = self._refuse_send(call, key)
        if accepted is not None and error is None:
            return _already(accepted, request_id)
        if error is None and call.path.strip("/") == _REPLY:
            error = self._use_reply_token(str(call.fields["replyToken"]))
        if error is not None:
            return _refuse(error, request_id)
        ids = tuple(self._mint.snowflake() for _ in call.fields["messages"])
        sent = tuple({"id": message_id, "quoteToken": self._mint.hex(40)} for message_id in ids)
        if key is not None:
            self._memory.retry_keys.put((token, key.lower()), Accepted(request_id, sent))
        body: Json = {} if call.path.strip("/").endswith("multicast") else {"sentMessages": list(sent)}
        return Answer(200, body, {"X-Line-Request-Id": request_id}, message_ids=ids)

    def _refuse_send(self, call: Call, key: str | None) -> LineError | None:
        """Why a send with this retry key is not accepted, or None."""
        path = call.path.strip("/")
        if key is not None and path == _REPLY:
            return requests.RETRY_KEY_NOT_SUPPORTED
        return requests.refuse_retry_key(key) or _SENDS[path](call.fields)

    def _use_reply_token(self, reply_token: str) -> LineError | None:
        """Why the token is no good, or None: then it is used up.

        A token that the sandbox never gave out is good once, for tests that post webhooks of their own.
        """
        given_out = self._memory.reply_tokens.drop(reply_token)
        late = given_out is not None and self._mint.now() - given_out > REPLY_TOKEN_LIFE
        if late or reply_token in self._memory.used_tokens:
            return requests.BAD_REPLY_TOKEN
        self._memory.used_tokens.put(reply_token, True)
        return None

    def _profile(self, call: Call, user_id: str) -> Answer:
        if not requests.USER_ID.fullmatch(user_id) or self._memory.blocked.get(user_id):
            return _refuse(requests.NOT_FOUND)
        return Answer(200, profile(user_id, self._memory.people.person(user_id), call.base_url))

    def _picture(self, _: Call, user_id: str) -> Answer:
        """The sizes are one and the same."""
        picture = self._memory.people.person(user_id).picture
        return Answer(200, picture, _JPEG) if picture else _refuse(requests.NOT_FOUND)

    def _endpoint(self, call: Call) -> Answer:
        account = self.caller(call)
        url = self._memory.endpoints.get(call.bearer or "") or (account.webhook_url if account else None)
        return Answer(200, {"endpoint": url, "active": True}) if url else _refuse(requests.NO_ENDPOINT)

    def _set_endpoint(self, call: Call) -> Answer:
        url = call.fields.get("endpoint")
        if not requests.good_endpoint(url):
            return _refuse(requests.BAD_ENDPOINT)
        self._memory.endpoints.put(call.bearer or "", str(url))
        return Answer(200, {})

    def _test_endpoint(self, call: Call) -> Answer | Probe:
        """The console's Verify button: a signed webhook without events."""
        account = self.caller(call)
        if account is None:
            return _refuse(requests.NO_ENDPOINT)
        url = call.fields.get("endpoint") or account.webhook_url
        if not requests.good_endpoint(url):
            return _refuse(requests.BAD_ENDPOINT)
        empty: Json = {"destination": bot_user_id(call.bearer or ""), "events": []}
        signed = self._webhook(account, empty)
        return Probe(Webhook(str(url), signed.body, signed.headers), self._tested)

    def _tested(self, reply: Reply) -> Answer:
        reason = "OK" if reply.accepted else "COULD_NOT_CONNECT" if reply.status is None else "ERROR_STATUS_CODE"
        result = {
            "success": reply.accepted,
            "timestamp": self._mint.now().isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "statusCode": reply.status or 0,
            "reason": reason,
            "detail": str(reply.status or reply.error),
        }
        return Answer(200, result)

    def _content(self, _: Call, message_id: str) -> Answer:
        media = self._memory.media.get(message_id)
        if media is None:
            return _refuse(requests.NOT_FOUND)
        return Answer(200, media.content, {"Content-Type": media.mime_type})

    def _transcoding(self, _: Call, message_id: str) -> Answer:
        known = self._memory.media.get(message_id) is not None
        return Answer(200, {"status": "succeeded"}) if known else _refuse(requests.NOT_FOUND)

    def _request_id(self) -> str:
        digits = self._mint.hex(32)
        return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def _refuse(error: LineError, request_id: str | None = None) -> Answer:
    return Answer(error.status, error.body(), {} if request_id is None else {"X-Line-Request-Id": request_id})


def _already(accepted: Accepted, request_id: str) -> Answer:
    """The same answer as the first time, under a status that says so."""
    body = requests.RETRY_KEY_ACCEPTED.body() | {"sentMessages": list(accepted.sent_messages)}
    headers = {"X-Line-Request-Id": request_id, "X-Line-Accepted-Request-Id": accepted.request_id}
    return Answer(409, body, headers)
