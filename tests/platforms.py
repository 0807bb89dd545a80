"""Webhooks as the platforms write and sign them, made by hand: bodies that no sandbox would send can be posted too."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any

_NUMBERS = count(int(time.time()) % 10_000_000 * 1000)


def number() -> int:
    """Returns a number that no other body of this run has."""
    return next(_NUMBERS)


def signature(platform: str, credentials: Mapping[str, str], body: bytes) -> dict[str, str]:
    """Returns the header with which the platform signs these bytes."""
    if platform == "telegram":
        return {"X-Telegram-Bot-Api-Secret-Token": credentials["webhook_secret"]}
    if platform == "line":
        digest = hmac.new(credentials["channel_secret"].encode(), body, hashlib.sha256).digest()
        return {"X-Line-Signature": base64.b64encode(digest).decode()}
    digest = hmac.new(credentials["app_secret"].encode(), body, hashlib.sha256).digest()
    return {"X-Hub-Signature-256": f"sha256={digest.hex()}"}


@dataclass(frozen=True)
class Channel:
    """A connected account with what its platform knows of it."""

    platform: str
    account_id: str
    credentials: Mapping[str, str]

    @property
    def phone_number_id(self) -> str:
        """WhatsApp's id of the account."""
        return self.credentials["phone_number_id"]

    def text(self, customer: str, said: Any, **more: Any) -> Any:
        """Returns the body in which a customer says something."""
        match self.platform:
            case "whatsapp":
                return whatsapp(self.phone_number_id, [whatsapp_text(customer, said, **more)], customer)
            case "telegram":
                return telegram(customer, text=said, **more)
            case _:
                return line(line_text(customer, said, **more))


def dump(body: Any) -> bytes:
    """Returns bytes as they are, anything else as JSON."""
    return body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode("utf-8", "surrogatepass")


def whatsapp(phone_number_id: str, messages: list[Any], *customers: str, **value: Any) -> Any:
    """Returns the body with these messages."""
    return whatsapp_entries(whatsapp_value(phone_number_id, messages, *customers, **value))


def whatsapp_entries(*values: Any) -> Any:
    """Returns the body with a change of an entry of its own for each value."""
    entries = [{"id": "102290129340398", "changes": [{"field": "messages", "value": each}]} for each in values]
    return {"object": "whatsapp_business_account", "entry": entries}


def whatsapp_value(phone_number_id: str, messages: list[Any], *customers: str, **value: Any) -> Any:
    """Returns the value of a change."""
    return {
        "messaging_product": "whatsapp",
        "metadata": {"display_phone_number": "15550783881", "phone_number_id": phone_number_id},
        "contacts": [{"profile": {"name": f"Customer {each}"}, "wa_id": each} for each in customers],
        "messages": messages,
    } | value


def whatsapp_text(customer: str, said: Any, **more: Any) -> Any:
    """Returns one text."""
    return {
        "from": customer,
        "id": f"wamid.{number()}",
        "timestamp": str(int(time.time())),
        "type": "text",
        "text": {"body": said},
    } | more


def whatsapp_status(message_id: str, status: str, customer: str, **more: Any) -> Any:
    """Returns one receipt."""
    told = {"id": message_id, "status": status, "timestamp": str(int(time.time())), "recipient_id": customer}
    return told | more


def telegram(customer: str, *, update: str = "message", **message: Any) -> Any:
    """Returns an update with one message."""
    person = {"id": int(customer), "first_name": f"Customer {customer}"}
    told = {
        "message_id": number(),
        "date": int(time.time()),
        "from": person | {"is_bot": False},
        "chat": person | {"type": "private"},
    }
    return {"update_id": number(), update: told | message}


def line(*events: Any) -> Any:
    """Returns the body with these events."""
    return {"destination": "U" + "0" * 32, "events": list(events)}


def line_text(customer: str, said: Any, **more: Any) -> Any:
    """Returns one text."""
    return line_event(customer, type="message", message={"id": str(number()), "type": "text", "text": said}) | more


def line_event(customer: str, **event: Any) -> Any:
    """Returns one event of a user."""
    return {
        "webhookEventId": f"01HZ{number():022d}",
        "mode": "active",
        "timestamp": int(time.time() * 1000),
        "source": {"type": "user", "userId": customer},
        "deliveryContext": {"isRedelivery": False},
    } | event
