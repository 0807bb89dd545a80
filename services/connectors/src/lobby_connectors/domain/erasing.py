"""What of a webhook is somebody's who was forgotten. Pure."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from lobby_connectors.domain.items import (
    Arrival,
    Customer,
    Deletion,
    Echo,
    Edit,
    IdentifierChange,
    Item,
    Message,
    Reaction,
    Receipt,
)
from lobby_connectors.domain.webhooks import Said, message_id

ERASED = "erased/"
"""How the address begins that stands for that of a customer who was forgotten; no platform has such ones."""


def erased_chat(conversation_id: str) -> str:
    """Returns the address under which the messages of a conversation are found whose customer was forgotten."""
    return f"{ERASED}{conversation_id}"


def id_of(said: Said) -> str:
    """Returns the id of the message that is said; "" where something else is."""
    return message_id(said.account.account_id, said.item) if isinstance(said.item, Message | Echo) else ""


@dataclass(frozen=True, slots=True)
class Forgotten:
    """The messages of somebody, and the chats in which they stood: others may have written there later."""

    chats: frozenset[str]
    platform_message_ids: frozenset[str]
    message_ids: frozenset[str]

    def owns_all(self, said: Iterable[Said], erased: Collection[str]) -> bool:
        """Returns whether nothing of it is somebody else's; what names nobody is nobody's.

        `erased` are messages that are known to be of somebody who was forgotten.
        """
        return all(id_of(each) in erased or self._owns(each.item) for each in said)

    def _owns(self, item: Item) -> bool:
        match item:
            case Message() | Echo():
                return self._is_his(item.customer) and item.platform_message_id in self.platform_message_ids
            case Edit() | Deletion() | Reaction():
                return item.platform_message_id in self.platform_message_ids and item.chat in {"", *self.chats}
            case Receipt():
                return item.platform_message_id in self.platform_message_ids or self._sent(item.opaque)
            case Arrival():
                return self._is_his(item.customer)
            case IdentifierChange():
                return item.chat in self.chats
            case _:
                return True

    def _is_his(self, customer: Customer) -> bool:
        return bool(self.chats & {customer.chat, *customer.addresses()})

    def _sent(self, opaque: str) -> bool:
        return any(opaque.startswith(each) for each in self.message_ids)
