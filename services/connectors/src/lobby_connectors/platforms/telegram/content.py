"""What a Telegram message holds: kind, text, attachments, cards."""

from collections.abc import Iterable

from msgspec import UNSET, Struct

from lobby_connectors.domain.items import Attachment, ContactCard
from lobby_connectors.domain.kinds import Kind
from lobby_connectors.platforms import phones
from lobby_connectors.platforms.reading import name, size
from lobby_connectors.platforms.telegram import wire

# Something happened in the chat, and nobody said anything.
_SERVICE = frozenset(
    (
        *("pinned_message", "message_auto_delete_timer_changed", "write_access_allowed", "connected_website"),
        *("chat_background_set", "proximity_alert_triggered", "boost_added", "successful_payment", "refunded_payment"),
        *("users_shared", "user_shared", "chat_shared", "gift", "unique_gift", "gift_upgrade_sent"),
        *("forum_topic_created", "forum_topic_edited", "forum_topic_closed", "forum_topic_reopened"),
        *("general_forum_topic_hidden", "general_forum_topic_unhidden", "migrate_to_chat_id", "migrate_from_chat_id"),
        *("new_chat_members", "new_chat_member", "new_chat_participant", "left_chat_member", "left_chat_participant"),
        *("new_chat_title", "new_chat_photo", "delete_chat_photo", "chat_owner_left", "chat_owner_changed"),
        *("group_chat_created", "supergroup_chat_created", "channel_chat_created", "managed_bot_created"),
        *("video_chat_scheduled", "video_chat_started", "video_chat_ended", "video_chat_participants_invited"),
        *("giveaway_created", "giveaway_completed", "checklist_tasks_done", "checklist_tasks_added"),
        *("direct_message_price_changed", "paid_message_price_changed", "poll_option_added", "poll_option_deleted"),
        *("suggested_post_approved", "suggested_post_approval_failed", "suggested_post_declined"),
        *("suggested_post_paid", "suggested_post_refunded"),
    )
)

# In order: an animation comes with a document too, which is the same file.
_FILES = (
    ("video", Kind.VIDEO),
    ("animation", Kind.VIDEO),
    ("document", Kind.DOCUMENT),
    ("voice", Kind.AUDIO),
    ("audio", Kind.AUDIO),
    ("video_note", Kind.VIDEO),
    ("sticker", Kind.STICKER),
)


class Content(Struct, frozen=True):
    """What was said."""

    kind: Kind
    text: str = ""
    attachments: tuple[Attachment, ...] = ()
    cards: tuple[ContactCard, ...] = ()


def content_of(message: wire.Message, sender: int) -> Content:
    """Returns the content; of a kind that we do not know, that it is unsupported."""
    if message.text is not None:
        return Content(Kind.TEXT, message.text)
    if message.photo:
        return Content(Kind.IMAGE, message.caption or "", (_file(Kind.IMAGE, message.photo[-1]),))
    for field, kind in _FILES:
        file: wire.File | None = getattr(message, field)
        if file is not None:
            return Content(kind, message.caption or "", (_file(kind, file),))
    return _other(message, sender)


def _other(message: wire.Message, sender: int) -> Content:  # noqa: PLR0911  # a table, one line per kind
    if message.location is not None:
        return Content(Kind.LOCATION, "", (_place(message.location, message.venue),))
    if message.contact is not None:
        return _card(message.contact, sender)
    if message.web_app_data is not None:
        return Content(Kind.BUTTON, message.web_app_data.data or "")
    if message.poll is not None:
        return Content(Kind.POLL, message.poll.question or "")
    if message.dice is not None:
        return Content(Kind.STICKER, "", (Attachment("sticker", title=name(message.dice.emoji)),))
    if message.story is not UNSET:
        return Content(Kind.STORY)
    return Content(Kind.UNSUPPORTED, message.caption or "")


def is_service(fields: Iterable[str]) -> bool:
    """Returns whether a message with these fields, and with no content that we know, is a notice of the platform."""
    return not _SERVICE.isdisjoint(fields)


def _file(kind: Kind, file: wire.File) -> Attachment:
    return Attachment(
        kind=kind.name.lower(),
        file_name=name(file.file_name),
        mime_type=name(file.mime_type),
        size=size(file.file_size),
        platform_file_id=name(file.file_id),
        title=name(file.emoji),
    )


def _place(place: wire.Location, venue: wire.Venue | None) -> Attachment:
    title = ", ".join(part for part in (venue.title, venue.address) if part) if venue else ""
    return Attachment("location", latitude=place.latitude, longitude=place.longitude, title=name(title))


def _card(contact: wire.Contact, sender: int) -> Content:
    """Telegram fills in user_id itself: equal to the sender's it vouches that the phone is his own."""
    phone = phones.of_digits((contact.phone_number or "").replace(" ", ""))
    shown = name(" ".join(part for part in (contact.first_name, contact.last_name) if part))
    card = ContactCard(phone, contact.user_id == sender and bool(phone), shown)
    return Content(Kind.CONTACT, "", (Attachment("contact", title=shown or phone),), (card,))
