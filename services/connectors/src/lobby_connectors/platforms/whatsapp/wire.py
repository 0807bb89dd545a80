"""The webhook bodies of the WhatsApp Cloud API, as far as we read them; unknown fields are passed over."""

from typing import Any

from msgspec import Raw, Struct, field

Ident = str | int
"""Ids are strings; old and third-party senders give numbers."""


class Metadata(Struct):
    """Which number a change is about."""

    display_phone_number: Ident | None = None
    phone_number_id: Ident | None = None


class Value(Struct):
    """The value of a change; messages stay raw so that a bad one does not spoil its neighbours."""

    metadata: Metadata | None = None
    contacts: list[Raw] | None = None
    messages: list[Raw] | None = None
    statuses: list[Raw] | None = None
    message_echoes: list[Raw] | None = None
    user_id_update: list[Raw] | None = None
    errors: list[Raw] | None = None


class Change(Struct):
    """One change of an entry."""

    field: str = ""
    value: Raw = Raw(b"{}")


class Entry(Struct):
    """One WABA's changes."""

    id: Ident = ""
    time: Any = None
    changes: list[Change] = []


class Envelope(Struct):
    """A whole POST."""

    object: str
    entry: list[Entry]


class Profile(Struct):
    """What the customer shows of himself."""

    name: str | None = None


class Contact(Struct):
    """Who a message is from; found by id, never by its place in the list."""

    wa_id: Ident | None = None
    user_id: Ident | None = None
    parent_user_id: Ident | None = None
    profile: Profile | None = None


class Context(Struct):
    """What a message answers."""

    id: Ident | None = None


class AdReferral(Struct):
    """The ad or post from which the customer came."""

    source_type: str | None = None
    source_id: Ident | None = None
    source_url: str | None = None
    headline: str | None = None
    ctwa_clid: str | None = None


class Text(Struct):
    """A text."""

    body: str


class Media(Struct):
    """A file."""

    id: Ident | None = None
    url: str | None = None
    mime_type: str | None = None
    caption: str | None = None
    filename: str | None = None


class Location(Struct):
    """A place."""

    latitude: float
    longitude: float
    name: str | None = None
    address: str | None = None


class CardName(Struct):
    """The name on a card."""

    formatted_name: str | None = None
    first_name: str | None = None


class CardPhone(Struct):
    """A number on a card."""

    phone: str | None = None
    wa_id: Ident | None = None


class Card(Struct):
    """A contact card."""

    name: CardName | None = None
    phones: list[CardPhone] | None = None
    origin: str | None = None


class Reply(Struct):
    """A tapped button or list row."""

    title: str | None = None


class FlowReply(Struct):
    """A filled-in form: its answers are JSON inside a string."""

    body: str | None = None
    response_json: str | None = None


class Interactive(Struct):
    """An answer to something interactive."""

    type: str = ""
    button_reply: Reply | None = None
    list_reply: Reply | None = None
    nfm_reply: FlowReply | None = None


class Button(Struct):
    """A template's quick reply."""

    text: str | None = None
    payload: str | None = None


class Product(Struct):
    """A line of an order."""

    product_retailer_id: Ident | None = None
    quantity: float | str | None = None


class Order(Struct):
    """An order from a catalogue."""

    text: str | None = None
    product_items: list[Product] | None = None


class System(Struct):
    """A notice of the platform about the customer."""

    type: str = ""
    body: str | None = None
    wa_id: Ident | None = None
    new_wa_id: Ident | None = None
    user_id: Ident | None = None
    parent_user_id: Ident | None = None
    previous_user_id: Ident | None = None
    previous_parent_user_id: Ident | None = None


class Emoji(Struct):
    """A reaction; without an emoji it is taken off."""

    message_id: Ident
    emoji: str | None = None


class Edited(Struct):
    """The new content of a message."""

    type: str = ""
    text: Text | None = None
    image: Media | None = None
    video: Media | None = None
    document: Media | None = None


class EditNotice(Struct):
    """Another message has a new content."""

    original_message_id: Ident
    message: Edited | None = None


class RevokeNotice(Struct):
    """Another message was taken back."""

    original_message_id: Ident


class Message(Struct):
    """One message, of whatever type."""

    id: Ident | None = None
    type: str | None = None
    timestamp: Any = None
    from_: Ident | None = field(name="from", default=None)
    from_user_id: Ident | None = None
    from_parent_user_id: Ident | None = None
    to: Ident | None = None
    to_user_id: Ident | None = None
    group_id: Ident | None = None
    context: Context | None = None
    referral: AdReferral | None = None
    origin: str | None = None
    text: Text | None = None
    image: Media | None = None
    video: Media | None = None
    audio: Media | None = None
    document: Media | None = None
    sticker: Media | None = None
    location: Location | None = None
    contacts: list[Card] | None = None
    interactive: Interactive | None = None
    button: Button | None = None
    order: Order | None = None
    system: System | None = None
    reaction: Emoji | None = None
    edit: EditNotice | None = None
    revoke: RevokeNotice | None = None


class ErrorData(Struct):
    """More about an error."""

    details: str | None = None


class Error(Struct):
    """An error of the Graph API."""

    code: Ident = 0
    message: str | None = None
    error_data: ErrorData | None = None


class Status(Struct):
    """Where a message of ours stands."""

    id: Ident
    status: str
    timestamp: Any = None
    recipient_type: str | None = None
    biz_opaque_callback_data: str | None = None
    errors: list[Error] | None = None


class IdChange(Struct):
    """An old and a new id."""

    previous: Ident | None = None
    current: Ident | None = None


class UserIdUpdate(Struct):
    """A customer's user id changed (a field that some apps get beside the system message)."""

    user_id: IdChange
    wa_id: Ident | None = None
    parent_user_id: IdChange | None = None
    timestamp: Any = None


class WabaInfo(Struct):
    """The WABA that an account update is about, where the entry names a partner instead."""

    waba_id: Ident | None = None


class BanInfo(Struct):
    """How far a ban has come."""

    waba_ban_state: str | None = None


class AccountUpdate(Struct):
    """How the WABA is doing."""

    event: str = ""
    waba_info: WabaInfo | None = None
    ban_info: BanInfo | None = None
