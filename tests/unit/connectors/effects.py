"""What an item of a webhook causes, in one line."""

from collections.abc import Iterable

from lobby_connectors.domain import items
from lobby_connectors.domain.items import Customer, Identifier, Item


def effect(item: Item) -> str:  # noqa: C901, PLR0911  # a table, one line per kind
    """Returns: the event, what else follows, and whom it is about.

    `entry, owed` stand only where a customer wrote: the message may be the first greeting of its channel user at
    the account, and it awaits an answer. Only such messages make contacts and conversations.
    """
    match item:
        case items.Message():
            return f"MessageReceived {item.kind.name.lower()}: entry, owed, contact {who(item.customer)}"
        case items.Echo():
            return f"MessageSent {item.kind.name.lower()}: answered, to {who(item.customer)}"
        case items.Edit():
            return f"MessageEdited {item.platform_message_id[-8:]}: {item.text}"
        case items.Deletion():
            return f"MessageDeleted {item.platform_message_id[-8:]}"
        case items.Reaction():
            return f"ReactionChanged {item.platform_message_id[-8:]}: {' '.join(item.emojis) or 'none'}"
        case items.Receipt():
            why = f": {item.refusal.reason}" if item.refusal else ""
            return f"DeliveryChanged {item.platform_message_id[-8:]} {item.delivery.name.lower()}{why}"
        case items.IdentifierChange():
            return f"IdentifierChanged {names(item.retired)} → {names(item.current)}"
        case items.Arrival():
            return f"ReferralSeen {who(item.customer)}"
        case items.AccountNotice():
            return f"AccountStateChanged {item.state.name.lower()} {item.reason}"
        case items.Callback():
            return f"answer the button {item.callback_id[:6]}"
        case items.Ignored():
            return f"ignored: {item.rule}"


def who(customer: Customer) -> str:
    return f"{names(customer.identifiers)} in {customer.chat}"


def names(identifiers: Iterable[Identifier]) -> str:
    return " ".join(f"{each.kind}={each.value}" for each in identifiers)
