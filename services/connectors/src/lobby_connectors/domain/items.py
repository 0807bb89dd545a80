"""What a webhook can say, in one shape for all platforms.

Structs of msgspec: they are made for every message, and cost a third of a frozen dataclass.
"""

from datetime import datetime

from msgspec import Struct

from lobby_connectors.domain.kinds import Delivery, Kind, State


class Identifier(Struct, frozen=True):
    """One address of a customer as a platform knows it."""

    kind: str
    scope: str
    value: str


class Customer(Struct, frozen=True):
    """Who wrote, with every address that the platform itself says is him."""

    chat: str
    identifiers: tuple[Identifier, ...]
    display_name: str = ""
    locale: str = ""
    country: str = ""

    def addresses(self) -> list[str]:
        """Returns the chats in which he can be known, one for each identifier."""
        return [each.value.removeprefix("+") for each in self.identifiers]


class Attachment(Struct, frozen=True, omit_defaults=True):
    """A file, place or card that belongs to a message; stored as JSON, so defaults are left out."""

    kind: str
    url: str = ""
    file_name: str = ""
    mime_type: str = ""
    size: int = 0
    platform_file_id: str = ""
    latitude: float = 0.0
    longitude: float = 0.0
    title: str = ""


class Referral(Struct, frozen=True, omit_defaults=True):
    """Where a customer came from."""

    source_type: str
    source_id: str = ""
    click_id: str = ""
    source_url: str = ""
    headline: str = ""


class ContactCard(Struct, frozen=True, omit_defaults=True):
    """A contact card; `own` only where the platform vouches that it is the sender's."""

    phone: str = ""
    own: bool = False
    display_name: str = ""


class Message(Struct, frozen=True):
    """A customer wrote. Account, `id_scope` and the platform's id make it this message, whatever its time."""

    platform_message_id: str
    customer: Customer
    time: datetime | None
    kind: Kind
    text: str = ""
    attachments: tuple[Attachment, ...] = ()
    reply_to: str = ""
    referral: Referral | None = None
    cards: tuple[ContactCard, ...] = ()
    id_scope: str = ""
    """The chat, where the platform's ids are good only inside one."""
    own_number: str = ""
    """Digits of the sender's number: a number of the workspace itself is no customer."""


class Echo(Struct, frozen=True):
    """Staff wrote to a customer in the platform's own app."""

    platform_message_id: str
    customer: Customer
    time: datetime | None
    kind: Kind
    text: str = ""
    attachments: tuple[Attachment, ...] = ()
    reply_to: str = ""
    id_scope: str = ""


class Edit(Struct, frozen=True, tag=True):
    """A message has another text now. `chat` is empty where the platform's message ids need no chat."""

    platform_message_id: str
    chat: str
    time: datetime | None
    text: str


class Deletion(Struct, frozen=True, tag=True):
    """A message was taken back."""

    platform_message_id: str
    chat: str
    time: datetime | None


class Reaction(Struct, frozen=True, tag=True):
    """The customer's emoji on a message are these now."""

    platform_message_id: str
    chat: str
    time: datetime | None
    emojis: tuple[str, ...]


class Refusal(Struct, frozen=True, omit_defaults=True):
    """Why a message did not arrive, in the contract's words."""

    reason: str
    detail: str = ""
    retry_after: int | None = None


class Receipt(Struct, frozen=True, tag=True):
    """The platform tells where a message of ours stands. `opaque` is what we had sent along with it."""

    platform_message_id: str
    opaque: str
    time: datetime | None
    delivery: Delivery
    refusal: Refusal | None = None


class Arrival(Struct, frozen=True):
    """A customer came by an ad or a link and wrote nothing."""

    key: str
    customer: Customer
    referral: Referral
    time: datetime | None


class IdentifierChange(Struct, frozen=True):
    """A customer's addresses changed, or more of them is known."""

    key: str
    chat: str
    retired: tuple[Identifier, ...]
    current: tuple[Identifier, ...]
    time: datetime | None
    display_name: str = ""
    locale: str = ""
    avatar_hash: str = ""


class AccountNotice(Struct, frozen=True):
    """The platform says how the account is doing."""

    state: State
    reason: str
    time: datetime | None


class Callback(Struct, frozen=True):
    """A tapped button waits for an answer, or the customer sees it spin."""

    callback_id: str


class Ignored(Struct, frozen=True):
    """Left out on purpose, by a rule with a name."""

    rule: str


Fact = Edit | Deletion | Reaction | Receipt
"""What is said of a message that was there before."""

Item = (
    Message
    | Echo
    | Edit
    | Deletion
    | Reaction
    | Receipt
    | Arrival
    | IdentifierChange
    | AccountNotice
    | Callback
    | Ignored
)


class Section(Struct):
    """Items of one account. Empty `address` and `owner` mean the account whose webhook it is."""

    items: list[Item]
    address: str = ""
    """The platform's id of the account (phone_number_id)."""
    owner: str = ""
    """The platform's id of what holds accounts (WABA)."""
    numbers: tuple[str, ...] = ()
    """Phone digits of the account itself, where the webhook tells them."""


class Parsed(Struct):
    """What a webhook says; what was not understood is named by its path."""

    sections: list[Section]
    problems: list[str]
