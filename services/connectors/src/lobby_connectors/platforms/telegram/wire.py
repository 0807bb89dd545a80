"""The updates of the Telegram Bot API, as far as we read them; unknown fields are passed over."""

from typing import Any

from msgspec import UNSET, Raw, Struct, UnsetType, field


class Update(Struct):
    """One POST: an id and exactly one of many kinds. Kinds that are left out by rule are only looked for."""

    update_id: int
    message: Raw | UnsetType = UNSET
    edited_message: Raw | UnsetType = UNSET
    callback_query: Raw | UnsetType = UNSET
    message_reaction: Raw | UnsetType = UNSET
    my_chat_member: Raw | UnsetType = UNSET
    channel_post: Raw | UnsetType = UNSET
    edited_channel_post: Raw | UnsetType = UNSET
    business_connection: Raw | UnsetType = UNSET
    business_message: Raw | UnsetType = UNSET
    edited_business_message: Raw | UnsetType = UNSET
    deleted_business_messages: Raw | UnsetType = UNSET
    message_reaction_count: Raw | UnsetType = UNSET
    inline_query: Raw | UnsetType = UNSET
    chosen_inline_result: Raw | UnsetType = UNSET
    shipping_query: Raw | UnsetType = UNSET
    pre_checkout_query: Raw | UnsetType = UNSET
    purchased_paid_media: Raw | UnsetType = UNSET
    poll: Raw | UnsetType = UNSET
    poll_answer: Raw | UnsetType = UNSET
    chat_member: Raw | UnsetType = UNSET
    chat_join_request: Raw | UnsetType = UNSET
    chat_boost: Raw | UnsetType = UNSET
    removed_chat_boost: Raw | UnsetType = UNSET
    guest_message: Raw | UnsetType = UNSET
    managed_bot: Raw | UnsetType = UNSET
    subscription: Raw | UnsetType = UNSET


class User(Struct):
    """A Telegram user or bot."""

    id: int
    is_bot: bool | int = False
    first_name: str | None = None
    last_name: str | None = None
    language_code: str | None = None


class Chat(Struct):
    """Where it was said."""

    id: int
    type: str = ""


class File(Struct):
    """A photo size, document, voice and the like."""

    file_id: str | None = None
    file_name: str | None = None
    mime_type: str | None = None
    file_size: int | None = None
    emoji: str | None = None


class Location(Struct):
    """A place."""

    latitude: float
    longitude: float


class Venue(Struct):
    """A place with a name."""

    title: str | None = None
    address: str | None = None


class Contact(Struct):
    """A contact card; with the sender's own id it is his own."""

    phone_number: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    user_id: int | None = None


class Poll(Struct):
    """A poll."""

    question: str | None = None


class Dice(Struct):
    """A thrown die."""

    emoji: str | None = None


class WebAppData(Struct):
    """What a web app gave back."""

    data: str | None = None


class Button(Struct):
    """A button under a message."""

    text: str | None = None
    callback_data: str | None = None


class Keyboard(Struct):
    """Buttons under a message."""

    inline_keyboard: list[list[Button]] | None = None


class Replied(Struct):
    """The message that is answered."""

    message_id: int | None = None


class Message(Struct):
    """One message."""

    message_id: int
    chat: Chat
    from_: User | None = field(name="from", default=None)
    date: Any = None
    edit_date: Any = None
    reply_to_message: Replied | None = None
    text: str | None = None
    caption: str | None = None
    photo: list[File] | None = None
    video: File | None = None
    animation: File | None = None
    document: File | None = None
    voice: File | None = None
    audio: File | None = None
    video_note: File | None = None
    sticker: File | None = None
    location: Location | None = None
    venue: Venue | None = None
    contact: Contact | None = None
    poll: Poll | None = None
    dice: Dice | None = None
    web_app_data: WebAppData | None = None
    story: Raw | UnsetType = UNSET


class CallbackMessage(Struct):
    """The message whose button was tapped; its date is the bot's, not the tap's."""

    chat: Chat
    message_id: int | None = None
    reply_markup: Keyboard | None = None


class CallbackQuery(Struct):
    """A tapped button."""

    id: str | int
    from_: User = field(name="from")
    message: CallbackMessage | None = None
    data: str | None = None


class ReactionType(Struct):
    """One reaction."""

    type: str = ""
    emoji: str | None = None
    custom_emoji_id: str | None = None


class MessageReaction(Struct):
    """The full set of reactions before and after."""

    chat: Chat
    message_id: int
    new_reaction: list[ReactionType]
    date: Any = None


class ChatMember(Struct):
    """The bot's standing in a chat."""

    status: str = ""


class ChatMemberUpdated(Struct):
    """The bot's standing in a chat changed."""

    chat: Chat
    new_chat_member: ChatMember
