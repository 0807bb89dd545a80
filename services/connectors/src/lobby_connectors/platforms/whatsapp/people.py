"""Who a WhatsApp webhook is about: phone, business-scoped user id (BSUID) and its parent, in any mixture."""

import re
from collections.abc import Sequence

from lobby_connectors.domain.items import Customer, Identifier, IdentifierChange
from lobby_connectors.platforms import phones
from lobby_connectors.platforms.reading import ParseError, ident, name, required, seconds
from lobby_connectors.platforms.whatsapp import wire

# The end of the platform's own sentence; a customer's name may stand before it.
_CHANGED = re.compile(r"changed from \+?(\S{1,200}) to \+?(\S{1,200})\s*\Z")
_BSUID = re.compile(r"[A-Z]{2}\.(?:ENT\.)?[A-Za-z0-9]{1,128}")


def is_user_id(chat: str) -> bool:
    """Returns whether a chat address is a BSUID: answers to it name a `recipient`, not a number."""
    return _BSUID.fullmatch(chat) is not None


class People:
    """Reads customers; contacts are those of the change, matched by id and never by their place."""

    def __init__(self, user_scope: str) -> None:
        self.scope = user_scope
        self._only: wire.Contact | None = None
        self._by_phone: dict[str, wire.Contact] = {}
        self._by_user: dict[str, wire.Contact] = {}

    def know(self, contacts: Sequence[wire.Contact]) -> None:
        """The contacts of the change are these; of two with the same id the first one counts."""
        self._only = contacts[0] if len(contacts) == 1 else None
        self._by_phone = {_key(each.wa_id): each for each in reversed(contacts)}
        self._by_user = {_key(each.user_id): each for each in reversed(contacts)}

    def sender(self, message: wire.Message, path: str) -> Customer:
        """Returns who wrote."""
        return self._customer(message.from_, message.from_user_id, message.from_parent_user_id, path)

    def receiver(self, message: wire.Message, path: str) -> Customer:
        """Returns to whom staff wrote."""
        return self._customer(message.to, message.to_user_id, None, path)

    def identifiers(self, phone: str, user_id: str, parent: str) -> tuple[Identifier, ...]:
        """Returns the addresses that are there."""
        found = []
        if number := phones.of_digits(phone):
            found.append(Identifier("phone", "", number))
        if user_id:
            found.append(Identifier("bsuid", self.scope, user_id))
        if parent and parent != user_id:
            found.append(Identifier("bsuid", self.scope, parent))
        return tuple(found)

    def find(self, phone: str, user_id: str) -> wire.Contact | None:
        """Returns the contact with one of the ids; where none is asked for, the only one."""
        if not phone and not user_id:
            return self._only
        found = self._by_phone.get(phone) if phone else None
        return found or (self._by_user.get(user_id) if user_id else None)

    def _customer(
        self, phone: wire.Ident | None, user_id: wire.Ident | None, parent: wire.Ident | None, path: str
    ) -> Customer:
        digits, user = ident(phone, f"{path}.from").removeprefix("+"), ident(user_id, f"{path}.from_user_id")
        above = ident(parent, f"{path}.from_parent_user_id")
        if is_user_id(digits):  # in a field for phones, where there is no phone to name
            digits, user = "", user or digits
        contact = self.find(digits, user)
        shown = ""
        if contact is not None:
            digits = digits or ident(contact.wa_id, f"{path}.contact.wa_id")
            user = user or ident(contact.user_id, f"{path}.contact.user_id")
            above = above or ident(contact.parent_user_id, f"{path}.contact.parent_user_id")
            shown = name(contact.profile.name) if contact.profile else ""
        identifiers = self.identifiers(digits, user, above)
        if not identifiers:
            raise ParseError(f"{path}.from", "neither a phone number nor a user id")
        number = phones.of_digits(digits)
        country = phones.country_of(number) if number else phones.country_of_bsuid(user or above)
        return Customer(number[1:] or user or above, identifiers, shown, country=country)


def _key(value: wire.Ident | None) -> str:
    """Returns an id to look up by; "" for one that no message can name."""
    try:
        return ident(value, "$")
    except ParseError:
        return ""


def number_change(people: People, message: wire.Message, system: wire.System, path: str) -> IdentifierChange:
    """Returns what a system message says: the new addresses from its fields, the old ones also from its sentence."""
    phone = ident(system.wa_id, f"{path}.system.wa_id") or ident(system.new_wa_id, f"{path}.system.new_wa_id")
    user = ident(system.user_id, f"{path}.system.user_id")
    parent = ident(system.parent_user_id, f"{path}.system.parent_user_id")
    said = _CHANGED.search(system.body or "")
    before, after = said.groups() if said else ("", "")
    if not (phone or user):
        phone, user = ("", after) if is_user_id(after) else (after, "")
    current = people.identifiers(phone, user, parent)
    old_user = ident(system.previous_user_id, f"{path}.system.previous_user_id")
    old_user = old_user or ident(message.from_user_id, f"{path}.from_user_id") or (before if is_user_id(before) else "")
    old_parent = ident(system.previous_parent_user_id, f"{path}.system.previous_parent_user_id")
    old_phone = ident(message.from_, f"{path}.from") or ("" if is_user_id(before) else before)
    old = people.identifiers(old_phone, old_user, old_parent)
    retired = tuple(each for each in old if each not in current)
    if not current or not (retired or old):
        raise ParseError(f"{path}.system", "does not say who changed to what")
    contact = people.find(phone, user)
    return IdentifierChange(
        key=required(message.id, f"{path}.id"),
        chat=_chat(retired or old),
        retired=retired,
        current=current,
        time=seconds(message.timestamp),
        display_name=name(contact.profile.name) if contact and contact.profile else "",
    )


def user_id_change(people: People, update: wire.UserIdUpdate, path: str) -> IdentifierChange:
    """Returns what a user_id_update says; the phone stays."""
    parents = update.parent_user_id or wire.IdChange()
    phone = ident(update.wa_id, f"{path}.wa_id")
    old = people.identifiers(
        "",
        required(update.user_id.previous, f"{path}.user_id.previous"),
        ident(parents.previous, f"{path}.parent_user_id.previous"),
    )
    current = people.identifiers(
        phone,
        required(update.user_id.current, f"{path}.user_id.current"),
        ident(parents.current, f"{path}.parent_user_id.current"),
    )
    time = update.timestamp
    return IdentifierChange(
        key=f"user_id_update/{old[0].value}/{update.user_id.current}/{time}",
        chat=phones.of_digits(phone)[1:] or old[0].value,
        retired=tuple(each for each in old if each not in current),
        current=current,
        time=seconds(time),
    )


def _chat(identifiers: tuple[Identifier, ...]) -> str:
    first = identifiers[0]
    return first.value[1:] if first.kind == "phone" else first.value
