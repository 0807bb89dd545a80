"""WhatsApp Cloud API as the sandbox plays it."""

from collections.abc import Mapping
from dataclasses import replace

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
from lobby_sandbox.whatsapp import events, requests
from lobby_sandbox.whatsapp.api import GraphApi
from lobby_sandbox.whatsapp.customers import Customer
from lobby_sandbox.whatsapp.memory import Memory
from lobby_sandbox.whatsapp.messages import ALIASES, HINTS, KINDS, Scene
from lobby_sandbox.whatsapp.webhooks import Number, encode, number_of, seconds, sign, wamid

# What a kind is about when the test does not say: our last message, the customer's, or whichever there is.
_ABOUT_OURS = frozenset({"button", "list", "quick_reply", "reaction"})
_ABOUT_THEIRS = frozenset({"edit", "delete", "reaction"})
_NO_NEW_MESSAGE = frozenset({"edit", "delete", "reaction", "echo", "user_changed_user_id", "user_changed_number"})


class WhatsApp:
    """Customers are named by phone digits, or by a BSUID such as `US.123` when they hide their number."""

    name = "whatsapp"

    def __init__(self, mint: Mint) -> None:
        self._mint = mint
        self._accounts = Accounts(("app_secret", "access_token", "phone_number_id"), "access_token")
        self._memory = Memory()
        self._api = GraphApi(self._accounts, self._memory, mint)

    def register(self, account: Account) -> None:
        """The account is known from now on."""
        self._accounts.add(account)

    def account(self, account_id: str) -> Account | None:
        """The registered account with this id."""
        return self._accounts.get(account_id)

    def handshake(self, account: Account) -> Handshake | None:
        """Meta's challenge, when the account has a verify_token."""
        token = account.credentials.get("verify_token")
        if not token:
            return None
        challenge = self._mint.digits(10)
        query = {"hub.mode": "subscribe", "hub.challenge": challenge, "hub.verify_token": token}
        return Handshake(query, challenge)

    def say(self, account: Account, speech: Speech) -> Event:
        """A webhook of the field `messages`, or `smb_message_echoes` for an echo."""
        number = number_of(account)
        customer = self._meet(speech, number)
        message_id = wamid(customer.phone or customer.user_id, self._mint.hex(20), inbound=True)
        kind = ALIASES.get(speech.kind, speech.kind)
        if kind == "raw":
            body = speech.payload
        elif kind == "status":
            body = self._status_body(number, customer, speech)
        elif kind in KINDS:
            body = events.message_body(number, self._scene(number, customer, speech, kind), speech, kind, message_id)
        else:
            raise RefusedError(f"kind {speech.kind!r} is none of {', '.join([*KINDS, 'status', 'raw'])}")
        message = events.message_of(body)
        self._remember(number, customer, kind, message)
        message_id = str(message.get("id") or message_id)
        return Event(body, customer.user_id, message_id, message_id)

    def webhook(self, account: Account, body: Json) -> Webhook:
        """Signed with the app secret."""
        raw = encode(body)
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "facebookexternalua",
            "X-Hub-Signature-256": sign(raw, account.credentials["app_secret"]),
        }
        return Webhook(account.webhook_url, raw, headers)

    def caller(self, call: Call) -> Account | None:
        """One token may serve many numbers: the path tells which."""
        return self._api.caller(call)

    def purpose(self, call: Call) -> Purpose:
        """Marking as read is no send."""
        return self._api.purpose(call)

    def answer(self, call: Call) -> Answer | Probe:
        """What the Graph API answers."""
        return self._api.answer(call)

    def failure(self, status: int, headers: Mapping[str, str]) -> Json:
        """A Graph API error."""
        return requests.failure(status).body(self._api.trace_id())

    def _meet(self, speech: Speech, number: Number) -> Customer:
        customer = self._memory.customer(speech.customer, number.portfolio)
        if customer.phone is not None:
            self._memory.phones.put(customer.user_id, customer.phone)
        return replace(customer, person=self._memory.people.meet(customer.user_id, speech.name, speech.language))

    def _scene(self, number: Number, customer: Customer, speech: Speech, kind: str) -> Scene:
        thread = (number.phone_number_id, customer.user_id)
        ours = self._memory.sent.get(thread) if kind in _ABOUT_OURS else None
        theirs = self._memory.said.get(thread) if kind in _ABOUT_THEIRS else None
        hints = {key: speech.payload[key] for key in HINTS.get(kind, ()) if key in speech.payload}
        return Scene(
            customer=customer,
            business_phone=number.display,
            text=speech.text,
            hints=hints,
            target=hints.get("message_id") or ours or theirs,
            media_id=self._mint.digits(16),
            new_user_id=f"{customer.user_id[:2]}.{self._mint.digits(20)}",
        )

    def _status_body(self, number: Number, customer: Customer, speech: Speech) -> Json:
        last = self._memory.sent.get((number.phone_number_id, customer.user_id))
        status: Json = {
            "id": last or wamid(customer.phone or customer.user_id, self._mint.hex(18), inbound=False),
            "status": "read",
            "timestamp": seconds(speech.at),
        }
        return events.custom_status_body(number, customer, status, speech.payload)

    def _remember(self, number: Number, customer: Customer, kind: str, message: Json) -> None:
        if kind in KINDS and kind not in _NO_NEW_MESSAGE and message.get("id"):
            self._memory.said.put((number.phone_number_id, customer.user_id), str(message["id"]))
        if kind in SAMPLES:
            self._memory.media.put(str(dig(message, str(message.get("type")), "id")), SAMPLES[kind])
        if kind == "user_changed_user_id":
            self._memory.change_user_id(customer.user_id, str(dig(message, "system", "user_id")))
