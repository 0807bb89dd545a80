"""The Graph API of WhatsApp: sends, marks, media, and the health of a number."""

import re

from lobby_sandbox.accounts import Accounts
from lobby_sandbox.contract import Account, Answer, Call, Probe, Purpose
from lobby_sandbox.media import SAMPLES, Media
from lobby_sandbox.merge import Json
from lobby_sandbox.mint import Mint
from lobby_sandbox.routes import Routes
from lobby_sandbox.whatsapp.customers import Customer
from lobby_sandbox.whatsapp.events import status_body
from lobby_sandbox.whatsapp.memory import Memory
from lobby_sandbox.whatsapp.requests import (
    BROKEN_JSON,
    NO_TOKEN,
    GraphError,
    no_object,
    refuse_message,
    required,
)
from lobby_sandbox.whatsapp.webhooks import Number, display_number, number_of, seconds, wamid

_VERSION = re.compile(r"^v\d+\.\d+/")
_DOWNLOAD = "whatsapp_business/attachments"
_PRICING = {
    "billable": False,
    "pricing_model": "PMP",
    "type": "free_customer_service",
    "category": "service",
}


def path_of(call: Call) -> list[str]:
    """The path without the version of the API."""
    return _VERSION.sub("", call.path, count=1).strip("/").split("/")


class GraphApi:
    """Answers calls; whoever asks with a token nobody registered is served as well."""

    def __init__(self, accounts: Accounts, memory: Memory, mint: Mint) -> None:
        self._accounts = accounts
        self._memory = memory
        self._mint = mint
        self._routes = Routes(
            {
                "POST {}/messages": self._message,
                "POST {}/media": self._upload,
                "GET whatsapp_business/attachments": self._download,
                "GET debug_token": lambda _: Answer(200, {"data": {"is_valid": True, "expires_at": 0}}),
                "GET {}/subscribed_apps": lambda *_: Answer(200, {"data": []}),
                "POST {}/subscribed_apps": lambda *_: Answer(200, {"success": True}),
                "DELETE {}/subscribed_apps": lambda *_: Answer(200, {"success": True}),
                "POST {}/register": lambda *_: Answer(200, {"success": True}),
                "GET {}": self._object,
            }
        )

    def trace_id(self) -> str:
        """The `fbtrace_id` of one error."""
        return "A" + self._mint.hex(22)

    def caller(self, call: Call) -> Account | None:
        """The account of the token and of the number in the path; of the token alone for other objects."""
        owned = self._accounts.with_token(_token(call))
        named = path_of(call)[0]
        exact = (account for account in owned if account.credentials["phone_number_id"] == named)
        if (account := next(exact, None)) is not None or _is_send(call):
            return account
        return owned[0] if owned else None

    def purpose(self, call: Call) -> Purpose:
        """Marking as read and uploads are no sends."""
        if _is_send(call):
            return "other" if call.fields.get("status") == "read" else "send"
        return "setup" if call.method != "GET" and path_of(call)[-1] == "subscribed_apps" else "other"

    def answer(self, call: Call) -> Answer | Probe:
        """What the Graph API answers."""
        if _token(call) is None:
            return self._refuse(NO_TOKEN)
        if call.broken:
            return self._refuse(BROKEN_JSON)
        path = path_of(call)
        if (handle := self._routes.find(call, "/".join(path))) is not None:
            return handle()
        return self._refuse(no_object(path[0], call.method.lower()))

    def _refuse(self, error: GraphError) -> Answer:
        return Answer(error.status, error.body(self.trace_id()))

    def _message(self, call: Call, phone_number_id: str) -> Answer:
        account = self.caller(call)
        if account is None and self._accounts.with_token(_token(call)):
            return self._refuse(no_object(phone_number_id, "post"))
        if (error := refuse_message(call.fields)) is not None:
            return self._refuse(error)
        if call.fields.get("status") == "read":
            return Answer(200, {"success": True})
        portfolio = "" if account is None else number_of(account).portfolio
        return self._accept(call.fields, account, phone_number_id, portfolio)

    def _accept(self, body: Json, account: Account | None, phone_number_id: str, portfolio: str) -> Answer:
        if body.get("recipient_type") == "group":
            message_id = wamid(body["to"], self._mint.hex(18), inbound=False)
            contact = {"input": body["to"], "wa_id": body["to"]}
            return Answer(200, _accepted(body, contact, message_id), message_ids=(message_id,))
        if "to" in body:
            digits = "".join(character for character in body["to"] if character.isdigit())
            customer = self._memory.customer(digits, portfolio)
            contact = {"input": body["to"], "wa_id": digits}
        else:
            customer = self._memory.user(body["recipient"])
            contact = {"input": body["recipient"], "user_id": body["recipient"]}
        message_id = wamid(customer.phone or customer.user_id, self._mint.hex(18), inbound=False)
        self._memory.sent.put((phone_number_id, customer.user_id), message_id)
        receipts = () if account is None else self._receipts(number_of(account), customer, body, message_id)
        return Answer(200, _accepted(body, contact, message_id), {}, (message_id,), receipts)

    def _receipts(self, number: Number, customer: Customer, body: Json, message_id: str) -> tuple[Json, ...]:
        """Sent, delivered and read, as if the customer had the chat open."""
        data = body.get("biz_opaque_callback_data")
        echo = {} if data is None else {"biz_opaque_callback_data": data}
        at = seconds(self._mint.now())
        statuses: list[Json] = [
            {"id": message_id, "status": status, "timestamp": at, **echo, "pricing": _PRICING}
            for status in ("sent", "delivered", "read")
        ]
        return tuple(status_body(number, customer, status) for status in statuses)

    def _upload(self, call: Call, _: str) -> Answer:
        for parameter in ("messaging_product", "file"):
            if not call.fields.get(parameter):
                return self._refuse(required(parameter))
        media_id = self._mint.digits(16)
        self._memory.media.put(media_id, SAMPLES["document"])
        return Answer(200, {"id": media_id})

    def _object(self, call: Call, object_id: str) -> Answer:
        """Where to fetch a file, or how a number is."""
        media = self._memory.media.get(object_id)
        return self._number(call, object_id) if media is None else _file(call, object_id, media)

    def _download(self, call: Call) -> Answer:
        media = self._memory.media.get(call.query.get("mid", ""))
        if media is None:
            return self._refuse(no_object(call.query.get("mid", ""), "get"))
        return Answer(200, media.content, {"Content-Type": media.mime_type})

    def _number(self, call: Call, phone_number_id: str) -> Answer:
        """The health of a number; every number is well."""
        account = self.caller(call)
        own = account is not None and account.credentials["phone_number_id"] == phone_number_id
        if not phone_number_id.isdigit() and not own:
            return self._refuse(no_object(phone_number_id, "get"))
        display = number_of(account).display if account is not None and own else display_number(phone_number_id)
        facts = {
            "verified_name": "Sandbox",
            "code_verification_status": "VERIFIED",
            "display_phone_number": display,
            "quality_rating": "GREEN",
            "platform_type": "CLOUD_API",
            "throughput": {"level": "STANDARD"},
            "status": "CONNECTED",
            "name_status": "APPROVED",
            "account_mode": "LIVE",
            "whatsapp_business_manager_messaging_limit": "TIER_2K",
            "health_status": _health(phone_number_id),
        }
        asked = [field.partition("{")[0].strip() for field in call.query.get("fields", "").split(",")]
        shown = {name: facts[name] for name in asked if name in facts} if any(asked) else facts
        return Answer(200, {**shown, "id": phone_number_id})


def _token(call: Call) -> str | None:
    return call.bearer or call.query.get("access_token") or None


def _is_send(call: Call) -> bool:
    return call.method == "POST" and path_of(call)[-1] == "messages"


def _accepted(body: Json, contact: Json, message_id: str) -> Json:
    """The answer to an accepted send: accepted only, failures would come as statuses."""
    message = {"id": message_id}
    if body.get("type") == "template":
        message["message_status"] = "accepted"
    return {"messaging_product": "whatsapp", "contacts": [contact], "messages": [message]}


def _health(phone_number_id: str) -> Json:
    entity = {"entity_type": "PHONE_NUMBER", "id": phone_number_id, "can_send_message": "AVAILABLE"}
    return {"can_send_message": "AVAILABLE", "entities": [entity]}


def _file(call: Call, media_id: str, media: Media) -> Answer:
    """Where the file can be fetched, with the same token."""
    facts = {
        "messaging_product": "whatsapp",
        "url": f"{call.base_url}/{_DOWNLOAD}/?mid={media_id}",
        "mime_type": media.mime_type,
        "sha256": media.sha256,
        "file_size": len(media.content),
        "id": media_id,
    }
    return Answer(200, facts)
