"""An agent's answer in his customer's language."""

from dataclasses import dataclass, replace
from typing import Final

import asyncpg

from lobby_common import ids
from lobby_translate import store
from lobby_translate.detect import UNDETERMINED, Detection, Hints, detect
from lobby_translate.languages import canonical
from lobby_translate.rendering import Rendering, Status, Wish, render
from lobby_translate.translator import Translator

SECONDS: Final = 5.0

SURE_LETTERS: Final = 12
"""Letters from which a vote is believed against what the agent is known to write, as where a chat changes language."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What an agent wants to say."""

    workspace_id: str
    text: str
    language: str
    """Wished; empty means the customer's."""
    account_id: str
    chat: str
    agent_languages: tuple[str, ...]


async def translate(pool: asyncpg.Pool, translator: Translator, reply: Reply, seconds: float) -> Rendering:
    """The reply in the language wished; same_language where it can be sent as it was written."""
    target = reply.language or await _customer_language(pool, reply)
    found = language_of(reply, target)
    if not target:
        # Nobody knows what the customer speaks: the answer goes out as it was written.
        return Rendering(Status.SAME_LANGUAGE, "", found.language, reason="undetermined")
    rendering = render(reply.text.replace("\x00", ""), found, (target,), reply.workspace_id)
    if isinstance(rendering, Wish):
        maker = store.mark_of((reply.account_id, reply.chat))
        (rendering,) = await translator.grant([rendering], reply.workspace_id, seconds, maker=maker)
    return rendering


def language_of(reply: Reply, target: str) -> Detection:
    """A text of a word or two is in the agent's first language, unless it is in another of his or in the target."""
    own = tuple(tag for each in reply.agent_languages if (tag := canonical(each)))
    found = detect(reply.text, Hints(known=own))
    guessed = found.basis == "vote" and found.letters < SURE_LETTERS
    if own and found.language not in (*own, target) and (guessed or found.language == UNDETERMINED):
        return replace(found, language=own[0])
    return found


async def _customer_language(pool: asyncpg.Pool, reply: Reply) -> str:
    if not ids.is_id(reply.account_id) or not ids.is_id(reply.workspace_id):
        return ""
    async with pool.acquire() as conn:
        chat = await store.find_chat(conn, reply.workspace_id, (reply.account_id, reply.chat))
    # Who writes Arabic or Hindi in Latin letters reads it in its own; engines write only that.
    return chat.language.language.removesuffix("-Latn") if chat else ""
