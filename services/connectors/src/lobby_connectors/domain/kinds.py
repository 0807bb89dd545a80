"""The closed lists of the contract as plain numbers; a test compares them with the generated ones."""

from enum import IntEnum


class Platform(IntEnum):
    """A messaging platform."""

    WHATSAPP = 1
    TELEGRAM = 2
    LINE = 3
    ZALO = 4
    MESSENGER = 5
    INSTAGRAM = 6
    TIKTOK = 7
    WEBCHAT = 8


class Kind(IntEnum):
    """What kind of thing was said."""

    TEXT = 1
    IMAGE = 2
    VIDEO = 3
    AUDIO = 4
    DOCUMENT = 5
    STICKER = 6
    LOCATION = 7
    CONTACT = 8
    BUTTON = 9
    ORDER = 10
    POLL = 11
    STORY = 12
    TEMPLATE = 13
    UNSUPPORTED = 14


class Direction(IntEnum):
    """Which way a message went."""

    INBOUND = 1
    OUTBOUND = 2


class Delivery(IntEnum):
    """Where an outbound message stands."""

    QUEUED = 1
    SENDING = 2
    SENT = 3
    DELIVERED = 4
    READ = 5
    FAILED = 6
    UNKNOWN = 7


class State(IntEnum):
    """How an account is doing."""

    STARTING = 1
    CONNECTED = 2
    TRANSIENT_DISCONNECT = 3
    BAD_CREDENTIALS = 4
    LOGGED_OUT = 5
    SILENT = 6
    DISABLED = 7
    UNKNOWN_ERROR = 8
