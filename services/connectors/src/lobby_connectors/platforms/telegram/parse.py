"""Telegram Bot API updates: bytes in, typed items out. Nothing here waits, logs or knows the time."""

from msgspec import UNSET, Raw
from msgspec.json import Decoder

from lobby_connectors.domain.items import (
    Callback,
    Customer,
    Edit,
    Identifier,
    Ignored,
    Item,
    Message,
    Parsed,
    Reaction,
    Referral,
    Section,
)
from lobby_connectors.domain.kinds import Kind
from lobby_connectors.platforms.reading import LONGEST_NAME, ParseError, decode, ident, name, required, seconds
from lobby_connectors.platforms.telegram import wire
from lobby_connectors.platforms.telegram.content import content_of, is_service

_UPDATE = Decoder(wire.Update)
_MESSAGE = Decoder(wire.Message)
_FIELDS = Decoder(dict[str, Raw])
_CALLBACK = Decoder(wire.CallbackQuery)
_REACTION = Decoder(wire.MessageReaction)
_MEMBER = Decoder(wire.ChatMemberUpdated)

# Kinds of updates that are no message of a customer to this bot, with the rule by which they are left out.
_IGNORED = {
    "channel_post": "channel",
    "edited_channel_post": "channel",
    "business_connection": "business",
    "business_message": "business",
    "edited_business_message": "business",
    "deleted_business_messages": "business",
    "message_reaction_count": "group",
    "inline_query": "inline",
    "chosen_inline_result": "inline",
    "shipping_query": "payment",
    "pre_checkout_query": "payment",
    "purchased_paid_media": "payment",
    "poll": "poll_state",
    "poll_answer": "poll_state",
    "chat_member": "group",
    "chat_join_request": "group",
    "chat_boost": "channel",
    "removed_chat_boost": "channel",
    "guest_message": "guest",
    "managed_bot": "managed_bot",
    "subscription": "payment",
}
_MOST_REACTIONS = 100
"""Telegram takes a few of one person; all of them have to fit into one event."""


def parse(body: bytes, user_scope: str) -> Parsed:  # noqa: ARG001  # Telegram ids are unique everywhere
    """Returns what the update says. Raises ParseError where it is none."""
    return Parsed([Section(_read(decode(_UPDATE, body)))], [])


def _read(update: wire.Update) -> list[Item]:
    if isinstance(update.message, Raw):
        return _message(decode(_MESSAGE, update.message, "$.message"), update.message)
    if isinstance(update.edited_message, Raw):
        return [_edit(decode(_MESSAGE, update.edited_message, "$.edited_message"))]
    if isinstance(update.callback_query, Raw):
        return _callback(decode(_CALLBACK, update.callback_query, "$.callback_query"))
    if isinstance(update.message_reaction, Raw):
        return [_reaction(decode(_REACTION, update.message_reaction, "$.message_reaction"))]
    if isinstance(update.my_chat_member, Raw):
        return [_member(decode(_MEMBER, update.my_chat_member, "$.my_chat_member"))]
    return [
        Ignored(next((rule for kind, rule in _IGNORED.items() if getattr(update, kind) is not UNSET), "unknown_update"))
    ]


def _left_out(message: wire.Message) -> Ignored | None:
    """Returns the rule by which a message, whatever it says, is none of a customer to this bot."""
    if not _is_private(message.chat):
        return Ignored("channel" if message.chat.type == "channel" else "group")
    if message.from_ is not None and message.from_.is_bot:
        return Ignored("bot")
    return None


def _is_private(chat: wire.Chat) -> bool:
    """Returns whether only the customer and the bot are there: groups and channels have negative ids."""
    return chat.type == "private" or (not chat.type and chat.id > 0)


def _message(message: wire.Message, raw: Raw) -> list[Item]:
    left_out = _left_out(message)
    if left_out is not None:
        return [left_out]
    content = content_of(message, message.from_.id if message.from_ else message.chat.id)
    if content.kind is Kind.UNSUPPORTED and is_service(decode(_FIELDS, raw, "$.message").keys()):
        return [Ignored("service_notice")]
    customer = _customer(message.from_, message.chat)
    platform_id = ident(message.message_id, "$.message.message_id")
    replied = message.reply_to_message
    return [
        Message(
            platform_message_id=platform_id,
            id_scope=customer.chat,
            customer=customer,
            time=seconds(message.date),
            kind=content.kind,
            text=content.text,
            attachments=content.attachments,
            reply_to=ident(replied.message_id, "$.message.reply_to_message.message_id") if replied else "",
            referral=_deep_link(content.text) if content.kind is Kind.TEXT else None,
            cards=content.cards,
        )
    ]


def _edit(message: wire.Message) -> Item:
    left_out = _left_out(message)
    if left_out is not None:
        return left_out
    if message.location is not None:
        return Ignored("live_location")  # a live location moves by edits: it says nothing new in words
    return Edit(
        platform_message_id=ident(message.message_id, "$.edited_message.message_id"),
        chat=ident(message.chat.id, "$.edited_message.chat.id"),
        time=seconds(message.edit_date) or seconds(message.date),
        text=message.text if message.text is not None else message.caption or "",
    )


def _callback(query: wire.CallbackQuery) -> list[Item]:
    """A tap is an answer by button. Its time is not told: the date in it is that of the bot's message."""
    query_id = required(query.id, "$.callback_query.id")
    answer = Callback(query_id)
    if query.message is None:
        return [answer, Ignored("inline")]
    if not _is_private(query.message.chat):
        return [answer, Ignored("group")]
    customer = _customer(query.from_, query.message.chat)
    return [
        answer,
        Message(
            platform_message_id=f"callback:{query_id}",
            id_scope=customer.chat,
            customer=customer,
            time=None,
            kind=Kind.BUTTON,
            text=_label(query),
            reply_to=ident(query.message.message_id, "$.callback_query.message.message_id"),
        ),
    ]


def _label(query: wire.CallbackQuery) -> str:
    """Returns what the customer read on the button; its data where the message does not show it any more."""
    markup = query.message.reply_markup if query.message else None
    for row in markup.inline_keyboard or () if markup else ():
        for button in row:
            if button.callback_data == query.data and button.text:
                return button.text
    return query.data or ""


def _reaction(reaction: wire.MessageReaction) -> Item:
    if not _is_private(reaction.chat):
        return Ignored("group")
    if len(reaction.new_reaction) > _MOST_REACTIONS:
        raise ParseError("$.message_reaction.new_reaction", f"{len(reaction.new_reaction)} reactions of one person")
    emojis = (each.emoji or each.custom_emoji_id or each.type for each in reaction.new_reaction)
    return Reaction(
        platform_message_id=ident(reaction.message_id, "$.message_reaction.message_id"),
        chat=ident(reaction.chat.id, "$.message_reaction.chat.id"),
        time=seconds(reaction.date),
        emojis=tuple(emoji[:LONGEST_NAME] for emoji in emojis),
    )


def _member(update: wire.ChatMemberUpdated) -> Item:
    if not _is_private(update.chat):
        return Ignored("group")
    return Ignored("blocked" if update.new_chat_member.status == "kicked" else "unblocked")


def _customer(user: wire.User | None, chat: wire.Chat) -> Customer:
    address = ident(chat.id, "$.chat.id")
    if user is None:
        return Customer(address, (Identifier("telegram_id", "", address),))
    return Customer(
        chat=address,
        identifiers=(Identifier("telegram_id", "", ident(user.id, "$.from.id")),),
        display_name=name(" ".join(part for part in (user.first_name, user.last_name) if part)),
        locale=name(user.language_code)[:35],
    )


def _deep_link(text: str) -> Referral | None:
    """Returns the payload of t.me/<bot>?start=<payload>, the only sign of where a customer came from."""
    command, _, payload = text.partition(" ")
    payload = payload.strip()
    # Some clients name the bot: /start@shop_bot.
    started = command.partition("@")[0] == "/start"
    return Referral("link", source_id=payload[:64]) if started and payload else None
