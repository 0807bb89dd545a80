"""Signed WhatsApp webhooks of 4,000 customers, prepared before the clock runs."""

import hashlib
import hmac
import json
import time
from itertools import count

CUSTOMERS = 4_000
TEXTS = (
    "Olá, quanto custa o plano anual?",
    "Bom dia! Vocês entregam em São Paulo?",
    "你好，请问这个多少钱？",
    "我想了解一下你们的服务",
    "Hi, is this still available?",
    "Hello, what is the price of the blue one?",
    "Buenos días, ¿cuánto cuesta el envío?",
    "สวัสดีครับ ราคาเท่าไหร่",
    "Xin chào, giá bao nhiêu vậy?",
    "Здравствуйте, сколько это стоит?",
)
_NUMBERS = count(1)


def webhook(phone_number_id: str, run: str, number: int) -> bytes:
    """The body of one text message."""
    customer = number % CUSTOMERS
    phone = f"5511{customer:09d}"
    return json.dumps(
        {
            "object": "whatsapp_business_account",
            "entry": [
                {
                    "id": "102290129340398",
                    "changes": [
                        {
                            "field": "messages",
                            "value": {
                                "messaging_product": "whatsapp",
                                "metadata": {
                                    "display_phone_number": "15550783881",
                                    "phone_number_id": phone_number_id,
                                },
                                "contacts": [
                                    {
                                        "profile": {"name": f"Customer {customer}"},
                                        "wa_id": phone,
                                        "user_id": f"BR.{10_000_000 + customer}",
                                    }
                                ],
                                "messages": [
                                    {
                                        "from": phone,
                                        "from_user_id": f"BR.{10_000_000 + customer}",
                                        "id": message_id(run, number),
                                        "timestamp": str(int(time.time())),
                                        "type": "text",
                                        "text": {"body": TEXTS[number % len(TEXTS)]},
                                    }
                                ],
                            },
                        }
                    ],
                }
            ],
        },
        ensure_ascii=False,
    ).encode()


def message_id(run: str, number: int) -> str:
    """The platform's id of a message."""
    return f"wamid.{run}{number:08d}"


def requests(path: str, secret: str, phone_number_id: str, how_many: int) -> tuple[str, list[bytes]]:
    """Returns the name of this run of numbers, and prepared HTTP requests."""
    run = f"B{next(_NUMBERS)}R{int(time.time())}X"
    prepared = []
    for number in range(how_many):
        body = webhook(phone_number_id, run, number)
        signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        head = (
            f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            f"X-Hub-Signature-256: sha256={signature}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        prepared.append(head.encode() + body)
    return run, prepared
