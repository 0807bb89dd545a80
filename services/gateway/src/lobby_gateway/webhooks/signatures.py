"""The header with which each platform signs its webhooks; connectors judges what it says."""

from collections.abc import Iterable, Mapping

HEADERS: Mapping[str, bytes] = {
    "whatsapp": b"x-hub-signature-256",
    "telegram": b"x-telegram-bot-api-secret-token",
    "line": b"x-line-signature",
    "zalo": b"x-zevent-signature",
    "messenger": b"x-hub-signature-256",
    "instagram": b"x-hub-signature-256",
    "tiktok": b"tiktok-signature",
    "webchat": b"x-lobby-signature",
}
"""Names of headers, lower case, by platform; the platforms that have webhooks."""


def signature(platform: str, headers: Iterable[tuple[bytes, bytes]]) -> str:
    """Returns the whole header, "" where it is absent."""
    wanted = HEADERS[platform]
    for name, value in headers:
        if name == wanted:
            return value.decode("latin-1")
    return ""
