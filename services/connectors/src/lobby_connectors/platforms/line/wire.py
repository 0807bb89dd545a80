"""The webhook bodies of the LINE Messaging API, as far as we read them; unknown fields are passed over."""

from typing import Any

from msgspec import Raw, Struct


class Body(Struct):
    """One POST: events of several users."""

    events: list[Raw]


class Source(Struct):
    """Where it happened."""

    type: str = ""
    userId: str | None = None  # noqa: N815  # LINE's name


class Provider(Struct):
    """Where a file can be fetched."""

    type: str = ""
    originalContentUrl: str | None = None  # noqa: N815  # LINE's name


class Content(Struct):
    """A message."""

    id: str | int
    type: str = ""
    text: str | None = None
    quotedMessageId: str | None = None  # noqa: N815  # LINE's name
    contentProvider: Provider | None = None  # noqa: N815  # LINE's name
    fileName: str | None = None  # noqa: N815  # LINE's name
    fileSize: int | None = None  # noqa: N815  # LINE's name
    title: str | None = None
    address: str | None = None
    latitude: float | None = None
    longitude: float | None = None
    keywords: list[str] | None = None


class Postback(Struct):
    """A tapped button."""

    data: str | None = None


class Unsend(Struct):
    """A message was taken back."""

    messageId: str | int  # noqa: N815  # LINE's name


class Event(Struct):
    """One event, of whatever type."""

    type: str
    mode: str = ""
    timestamp: Any = None
    source: Source | None = None
    webhookEventId: str | None = None  # noqa: N815  # LINE's name
    message: Content | None = None
    postback: Postback | None = None
    unsend: Unsend | None = None
