"""Who plays in the demo: invented accounts, agents and customers. Nobody here exists."""

import secrets
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that one customer says at one account."""

    customer: str
    platform: str
    text: str
    name: str = ""
    language: str = ""


AGENTS: tuple[dict[str, Any], ...] = (
    {"display_name": "Lin", "languages": ["zh-Hans"], "countries": [], "capacity": 20, "teams": ["sales"]},
    {"display_name": "Grace", "languages": ["en"], "countries": [], "capacity": 20, "teams": ["sales"]},
    {"display_name": "Bruno", "languages": ["pt"], "countries": [], "capacity": 20, "teams": ["sales"]},
)

DISPLAY_NAMES = {
    "whatsapp": "Demo WhatsApp number",
    "telegram": "Demo Telegram bot",
    "line": "Demo LINE channel",
}

# Phone numbers of the range that is kept for fiction (+1 xxx 555 01xx).
SCRIPT = (
    Line("12025550101", "whatsapp", "你好，请问这款还有货吗？可以发到深圳吗？", "Mei Chen", "zh-Hans"),
    Line("12025550102", "whatsapp", "Hi! How much is shipping to Canada?", "Grace Okafor", "en"),
    Line("12025550103", "whatsapp", "Oi, tudo bem? Vocês entregam em São Paulo?", "João Lima", "pt-BR"),
    Line("12025550104", "whatsapp", "Hola, quiero saber el precio, por favor.", "Lucía Castro", "es"),
    Line("12025550105", "whatsapp", "مرحبا، هل هذا المنتج متوفر؟", "Leila Hassan", "ar"),
    Line("7000000101", "telegram", "Здравствуйте! Сколько стоит доставка?", "Elena Kowalski", "ru"),
    Line("7000000102", "telegram", "Chào shop, sản phẩm này còn hàng không?", "Lan Nguyen", "vi"),
    Line("7000000103", "telegram", "Halo, apakah barang ini masih ada?", "Farid Khan", "id"),
    Line("7000000104", "telegram", "Hello, I wrote on WhatsApp yesterday. Any news?", "Grace Okafor", "en"),
    Line("demo-anong", "line", "สวัสดีค่ะ สินค้านี้ราคาเท่าไหร่คะ", "Anong Boonmee", "th"),
    Line("demo-haruka", "line", "こんにちは。在庫はありますか？", "Haruka Ito", "ja"),
    Line("demo-mei", "line", "我昨天在WhatsApp上问过，今天能发货吗？", "Mei Chen", "zh-Hans"),
    Line("12025550102", "whatsapp", "And do you take card payments?", "Grace Okafor", "en"),
)

SAME_PERSON = (("Grace Okafor", "whatsapp", "telegram"), ("Mei Chen", "whatsapp", "line"))
"""Customers who wrote at two accounts. Names prove nothing, so a person says it: a repeat."""


def credentials() -> dict[str, dict[str, str]]:
    """Invented credentials for one account of each platform, different each time."""
    return {
        "whatsapp": {
            "app_secret": secrets.token_hex(16),
            "access_token": secrets.token_urlsafe(40),
            "verify_token": secrets.token_urlsafe(16),
            "phone_number_id": digits(15),
            "waba_id": digits(15),
        },
        "telegram": {
            "bot_token": f"{digits(10)}:{secrets.token_urlsafe(26)}",
            "webhook_secret": secrets.token_urlsafe(24),
        },
        "line": {
            "channel_secret": secrets.token_hex(16),
            "channel_access_token": secrets.token_urlsafe(64),
        },
    }


def digits(length: int) -> str:
    """A number of that many digits, without a leading zero."""
    return str(secrets.randbelow(9 * 10 ** (length - 1)) + 10 ** (length - 1))
