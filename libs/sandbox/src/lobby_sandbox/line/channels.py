"""Channels and their users as LINE shows them."""

import base64
import hashlib
import hmac

from lobby_sandbox.line.requests import USER_ID
from lobby_sandbox.merge import Json
from lobby_sandbox.people import Person, digest


def user_id_of(customer: str) -> str:
    """The id of a customer: his name when it is one, else what his name alone decides."""
    return customer if USER_ID.fullmatch(customer) else f"U{digest('line', customer) % 16**32:032x}"


def bot_user_id(token: str) -> str:
    """The id of the channel's bot, which webhooks are destined for."""
    return f"U{digest('line bot', token) % 16**32:032x}"


def bot_info(token: str) -> Json:
    """What a channel is told about itself."""
    return {
        "userId": bot_user_id(token),
        "basicId": f"@{digest('basic', token) % 10**8:08d}",
        "displayName": "Sandbox",
        "chatMode": "bot",
        "markAsReadMode": "manual",
    }


def profile(user_id: str, person: Person, base_url: str) -> Json:
    """What a channel is told about a friend; his picture is kept here, not at LINE's."""
    language = {"language": person.language} if person.language else {}
    picture = {"pictureUrl": f"{base_url}/picture/{user_id}"} if person.picture else {}
    return {"displayName": person.name, "userId": user_id, **picture, **language}


def sign(body: bytes, channel_secret: str) -> str:
    """The value of x-line-signature."""
    return base64.b64encode(hmac.new(channel_secret.encode(), body, hashlib.sha256).digest()).decode()
