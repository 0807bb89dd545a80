"""Bots, customers and chats as Telegram shows them."""

from lobby_sandbox.contract import RefusedError
from lobby_sandbox.merge import Json
from lobby_sandbox.people import Person, digest

# Ids have at most 52 significant bits.
_LARGEST_ID = 2**52 - 1
_INVENTED_IDS = 9 * 10**9


def user_id_of(customer: str) -> int:
    """The id of a customer: his name when it is digits, else a number that his name alone decides."""
    digits = customer.removeprefix("+")
    if not (digits.isascii() and digits.isdigit()):
        return 10**9 + digest("telegram", customer) % _INVENTED_IDS
    if not 0 < int(digits) <= _LARGEST_ID:
        raise RefusedError(f"a Telegram user id lies between 1 and {_LARGEST_ID}")
    return int(digits)


def bot_id_of(token: str) -> int:
    """The id of a bot, which its token begins with."""
    head = token.partition(":")[0]
    if head.isascii() and head.isdigit():
        return int(head)
    return 10**9 + digest("bot", token) % _INVENTED_IDS


def bot_user(token: str) -> Json:
    """The bot as the author of messages."""
    bot_id = bot_id_of(token)
    return {"id": bot_id, "is_bot": True, "first_name": "Sandbox", "username": f"sandbox_{bot_id}_bot"}


def user(user_id: int, person: Person) -> Json:
    """A customer as the author of messages."""
    shown: Json = {"id": user_id, "is_bot": False, **_name(person)}
    return shown | ({"language_code": person.language} if person.language else {})


def private_chat(user_id: int, person: Person) -> Json:
    """The chat with one customer, whose id is the customer's."""
    return {"id": user_id, **_name(person), "type": "private"}


def group_chat(chat_id: int) -> Json:
    """A group; its id is negative."""
    return {"id": chat_id, "title": "Sandbox group", "type": "supergroup"}


def entities(text: str) -> Json:
    """The command that a text begins with, marked as Telegram marks it."""
    command = text.split(maxsplit=1)[0] if text[:1] == "/" else ""
    return {"entities": [{"offset": 0, "length": len(command), "type": "bot_command"}]} if command else {}


def _name(person: Person) -> Json:
    family = {"last_name": person.family} if person.family else {}
    return {"first_name": person.given, **family, "username": person.handle}
