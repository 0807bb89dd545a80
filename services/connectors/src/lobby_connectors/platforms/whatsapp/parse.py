"""WhatsApp Cloud API webhooks: bytes in, typed items out. Nothing here waits, logs or knows the time."""

from collections.abc import Callable
from typing import TypeVar

from msgspec import Raw
from msgspec.json import Decoder

from lobby_connectors.domain.items import (
    AccountNotice,
    Arrival,
    Deletion,
    Echo,
    Edit,
    Ignored,
    Item,
    Message,
    Parsed,
    Reaction,
    Receipt,
    Referral,
    Section,
)
from lobby_connectors.domain.kinds import Delivery, State
from lobby_connectors.platforms.reading import LONGEST_NAME, ParseError, decode, ident, limited, name, required, seconds
from lobby_connectors.platforms.whatsapp import wire
from lobby_connectors.platforms.whatsapp.content import content_of, edited_text
from lobby_connectors.platforms.whatsapp.failures import refusal_of
from lobby_connectors.platforms.whatsapp.people import People, number_change, user_id_change

T = TypeVar("T")
Read = TypeVar("Read")

_ENVELOPE = Decoder(wire.Envelope)
_VALUE = Decoder(wire.Value)
_CONTACT = Decoder(wire.Contact)
_MESSAGE = Decoder(wire.Message)
_STATUS = Decoder(wire.Status)
_USER_ID_UPDATE = Decoder(wire.UserIdUpdate)
_ACCOUNT_UPDATE = Decoder(wire.AccountUpdate)

_DELIVERIES = {
    "sent": Delivery.SENT,
    "delivered": Delivery.DELIVERED,
    "read": Delivery.READ,
    "played": Delivery.READ,
    "failed": Delivery.FAILED,
}
_NUMBER_CHANGES = frozenset(("user_changed_number", "customer_changed_number", "user_changed_user_id"))
# Fields that say nothing about a customer's message, with the rule by which they are left out.
_IGNORED_FIELDS = {
    "history": "history",
    "smb_app_state_sync": "app_state_sync",
    "standby": "standby",
    "messaging_handovers": "standby",
    "calls": "call",
    "flows": "flow_notice",
    "user_preferences": "marketing_preference",
    "security": "account_notice",
}
# By how the names of families of fields begin.
_IGNORED_FAMILIES = {
    "group_": "group",
    "message_template_": "template_notice",
    "template_": "template_notice",
    "account_": "account_notice",
    "phone_number_": "account_notice",
    "business_": "account_notice",
}
_LOGGED_OUT = frozenset(("ACCOUNT_DELETED", "ACCOUNT_OFFBOARDED", "PARTNER_REMOVED", "PARTNER_APP_UNINSTALLED"))
_DEGRADED = frozenset(("ACCOUNT_RESTRICTION", "ACCOUNT_VIOLATION"))


def parse(body: bytes, user_scope: str) -> Parsed:
    """Returns what the body says. Raises ParseError where it is no WhatsApp webhook at all."""
    envelope = decode(_ENVELOPE, body)
    if envelope.object != "whatsapp_business_account":
        raise ParseError("$.object", "not whatsapp_business_account")
    limited(sum(len(entry.changes) for entry in envelope.entry), "$.entry")
    parsed = Parsed([], [])
    for i, entry in enumerate(envelope.entry):
        for j, change in enumerate(entry.changes):
            reader = _Change(user_scope, f"$.entry[{i}].changes[{j}].value", parsed.problems)
            try:
                parsed.sections.append(reader.read(entry, change))
            except ParseError as error:
                parsed.problems.append(str(error))
    return parsed


class _Change:
    """Reads one change of one entry; what is wrong with a part of it goes to `problems`."""

    def __init__(self, user_scope: str, path: str, problems: list[str]) -> None:
        self._path = path
        self._problems = problems
        self._people = People(user_scope)
        self._own_number = ""

    def read(self, entry: wire.Entry, change: wire.Change) -> Section:
        """Returns the change's section. Raises ParseError where the value as a whole is wrong."""
        if change.field in ("messages", "smb_message_echoes", "user_id_update"):
            return self._messages(decode(_VALUE, change.value, self._path))
        if change.field == "account_update":
            return self._account(entry, decode(_ACCOUNT_UPDATE, change.value, self._path))
        return Section([Ignored(_rule(change.field))])

    def _messages(self, value: wire.Value) -> Section:
        metadata = value.metadata or wire.Metadata()
        address = ident(metadata.phone_number_id, f"{self._path}.metadata.phone_number_id")
        shown = ident(metadata.display_phone_number, f"{self._path}.metadata.display_phone_number")
        self._own_number = "".join(filter(str.isdigit, shown))
        self._people.know(self._each(value.contacts, "contacts", _CONTACT, _itself))
        items: list[Item] = self._each(value.messages, "messages", _MESSAGE, self._message)
        items += self._each(value.message_echoes, "message_echoes", _MESSAGE, self._echo)
        items += self._each(value.statuses, "statuses", _STATUS, _receipt)
        items += self._each(value.user_id_update, "user_id_update", _USER_ID_UPDATE, self._user_id_update)
        items += [Ignored("platform_error")] * len(value.errors or ())
        return Section(items, address=address, numbers=(self._own_number,) if self._own_number else ())

    def _each(
        self, raws: list[Raw] | None, field: str, decoder: Decoder[T], read: Callable[[T, str], list[Read]]
    ) -> list[Read]:
        limited(len(raws or ()) + len(self._problems), f"{self._path}.{field}")
        items: list[Read] = []
        for i, raw in enumerate(raws or ()):
            path = f"{self._path}.{field}[{i}]"
            try:
                items += read(decode(decoder, raw, path), path)
            except ParseError as error:
                self._problems.append(str(error))
        return items

    def _message(self, message: wire.Message, path: str) -> list[Item]:
        if message.group_id:
            return [Ignored("group")]
        special = self._special(message, path)
        return self._said(message, path) if special is None else special

    def _special(self, message: wire.Message, path: str) -> list[Item] | None:
        """Returns what a message that says nothing new by itself is; None for one that a customer wrote."""
        match message.type:
            case "reaction":
                return _reaction(message, path)
            case "edit":
                return _edit(message, path)
            case "revoke":
                return _revoke(message, path)
            case "system":
                return self._system(message, path)
            case "request_welcome":
                return self._welcome(message, path)
        return None

    def _said(self, message: wire.Message, path: str) -> list[Item]:
        platform_id = required(message.id, f"{path}.id")
        customer = self._people.sender(message, path)
        content = content_of(message)
        return [
            Message(
                platform_message_id=platform_id,
                customer=customer,
                time=seconds(message.timestamp),
                kind=content.kind,
                text=content.text,
                attachments=content.attachments,
                reply_to=ident(message.context.id, f"{path}.context.id") if message.context else "",
                referral=_referral(message.referral, path),
                cards=content.cards,
                own_number=ident(message.from_, path).removeprefix("+"),
            )
        ]

    def _system(self, message: wire.Message, path: str) -> list[Item]:
        system = message.system or wire.System()
        if system.type not in _NUMBER_CHANGES:
            return [Ignored("system_notice")]
        return [number_change(self._people, message, system, path)]

    def _welcome(self, message: wire.Message, path: str) -> list[Item]:
        referral = _referral(message.referral, path)
        if referral is None:
            return [Ignored("chat_opened")]
        key = required(message.id, f"{path}.id")
        return [Arrival(key, self._people.sender(message, path), referral, seconds(message.timestamp))]

    def _echo(self, message: wire.Message, path: str) -> list[Item]:
        if message.group_id:
            return [Ignored("group")]
        if message.type in ("reaction", "system"):
            return [Ignored(f"echo_{message.type}")]
        if message.type == "edit":
            return _edit(message, path)
        if message.type == "revoke":
            return _revoke(message, path)
        platform_id = required(message.id, f"{path}.id")
        content = content_of(message)
        return [
            Echo(
                platform_message_id=platform_id,
                customer=self._people.receiver(message, path),
                time=seconds(message.timestamp),
                kind=content.kind,
                text=content.text,
                attachments=content.attachments,
                reply_to=ident(message.context.id, f"{path}.context.id") if message.context else "",
            )
        ]

    def _user_id_update(self, update: wire.UserIdUpdate, path: str) -> list[Item]:
        return [user_id_change(self._people, update, path)]

    def _account(self, entry: wire.Entry, update: wire.AccountUpdate) -> Section:
        info = update.waba_info or wire.WabaInfo()
        owner = ident(info.waba_id, f"{self._path}.waba_info.waba_id") or ident(entry.id, "$.entry.id")
        return Section([_notice(update, entry)], owner=owner)


def _rule(field: str) -> str:
    """Returns the rule by which a field that says nothing of a customer's message is left out."""
    if field in _IGNORED_FIELDS:
        return _IGNORED_FIELDS[field]
    return next((rule for start, rule in _IGNORED_FAMILIES.items() if field.startswith(start)), "unknown_field")


def _reaction(message: wire.Message, path: str) -> list[Item]:
    if message.reaction is None:
        raise ParseError(f"{path}.reaction", "missing")
    target = required(message.reaction.message_id, f"{path}.reaction.message_id")
    emojis = (message.reaction.emoji[:LONGEST_NAME],) if message.reaction.emoji else ()
    return [Reaction(target, "", seconds(message.timestamp), emojis)]


def _edit(message: wire.Message, path: str) -> list[Item]:
    if message.edit is None:
        raise ParseError(f"{path}.edit", "missing")
    target = required(message.edit.original_message_id, f"{path}.edit.original_message_id")
    return [Edit(target, "", seconds(message.timestamp), edited_text(message.edit.message))]


def _revoke(message: wire.Message, path: str) -> list[Item]:
    if message.revoke is None:
        raise ParseError(f"{path}.revoke", "missing")
    target = required(message.revoke.original_message_id, f"{path}.revoke.original_message_id")
    return [Deletion(target, "", seconds(message.timestamp))]


def _itself(contact: wire.Contact, path: str) -> list[wire.Contact]:  # noqa: ARG001  # one reader among others
    return [contact]


def _receipt(status: wire.Status, path: str) -> list[Item]:
    if status.recipient_type == "group":
        return [Ignored("group")]
    delivery = _DELIVERIES.get(status.status)
    if delivery is None:
        return [Ignored("unknown_status")]
    refusal = refusal_of(status.errors or []) if delivery is Delivery.FAILED else None
    return [
        Receipt(
            platform_message_id=required(status.id, f"{path}.id"),
            opaque=ident(status.biz_opaque_callback_data, f"{path}.biz_opaque_callback_data"),
            time=seconds(status.timestamp),
            delivery=delivery,
            refusal=refusal,
        )
    ]


def _referral(referral: wire.AdReferral | None, path: str) -> Referral | None:
    if referral is None:
        return None
    return Referral(
        source_type=name(referral.source_type) or "ad",
        source_id=ident(referral.source_id, f"{path}.referral.source_id"),
        click_id=name(referral.ctwa_clid),
        source_url=name(referral.source_url),
        headline=name(referral.headline),
    )


def _notice(update: wire.AccountUpdate, entry: wire.Entry) -> Item:
    """Returns how the account is doing; a ban that is only announced counts as one, so that somebody looks."""
    time = seconds(entry.time)
    if update.event in _LOGGED_OUT:
        return AccountNotice(State.LOGGED_OUT, update.event.lower(), time)
    if update.event in _DEGRADED:
        return AccountNotice(State.TRANSIENT_DISCONNECT, update.event.lower(), time)
    if update.event == "ACCOUNT_RECONNECTED":
        return AccountNotice(State.CONNECTED, "", time)
    if update.event == "DISABLED_UPDATE":
        ban = (update.ban_info.waba_ban_state if update.ban_info else None) or "DISABLE"
        if ban == "REINSTATE":
            return AccountNotice(State.CONNECTED, "", time)
        return AccountNotice(State.LOGGED_OUT, name(ban.lower()), time)
    return Ignored("account_notice")
