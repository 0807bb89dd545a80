"""The envelope around WhatsApp messages and statuses, its bytes and its signature."""

import base64
import hashlib
import hmac
import json
from dataclasses import dataclass
from datetime import datetime

from lobby_sandbox.contract import Account
from lobby_sandbox.merge import Json
from lobby_sandbox.people import digest


@dataclass(frozen=True, slots=True)
class Number:
    """A business phone number."""

    phone_number_id: str
    display: str
    waba_id: str
    portfolio: str


def number_of(account: Account) -> Number:
    """The account's business phone number; what the credentials do not tell is invented."""
    own = account.credentials
    phone_number_id = own["phone_number_id"]
    return Number(
        phone_number_id=phone_number_id,
        display=own.get("display_phone_number") or display_number(phone_number_id),
        waba_id=own.get("waba_id") or str(digest("waba", phone_number_id))[:15],
        portfolio=own.get("portfolio_id") or "",
    )


def display_number(phone_number_id: str) -> str:
    """The phone number behind an id that nobody registered."""
    return f"1555{digest('display', phone_number_id) % 10**7:07d}"


def wamid(phone: str, unique: str, *, inbound: bool) -> str:
    """A message id as WhatsApp makes them: base64 over the phone number and something unique."""
    key, direction = phone.encode(), b"\x12" if inbound else b"\x11"
    parts = (b"\x1c\x18", bytes([len(key)]), key, b"\x15\x02\x00", direction, b"\x18")
    raw = b"".join((*parts, bytes([len(unique)]), unique.upper().encode(), b"\0"))
    return f"wamid.{base64.b64encode(raw).decode()}"


def seconds(at: datetime) -> str:
    """The time as WhatsApp writes it."""
    return str(int(at.timestamp()))


def envelope(number: Number, field: str, content: Json) -> Json:
    """A webhook body with one change."""
    metadata = {"display_phone_number": number.display, "phone_number_id": number.phone_number_id}
    value = {"messaging_product": "whatsapp", "metadata": metadata, **content}
    entry = {"id": number.waba_id, "changes": [{"value": value, "field": field}]}
    return {"object": "whatsapp_business_account", "entry": [entry]}


def encode(body: Json) -> bytes:
    """The bytes as Meta writes them: ASCII with escapes, slashes escaped too."""
    return json.dumps(body, separators=(",", ":")).replace("/", "\\/").encode()


def sign(body: bytes, app_secret: str) -> str:
    """The value of X-Hub-Signature-256."""
    return f"sha256={hmac.new(app_secret.encode(), body, hashlib.sha256).hexdigest()}"
