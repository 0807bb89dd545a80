"""Texts in a reader's language, as they are shown."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import asyncpg

from lobby_common import ids
from lobby_translate import store
from lobby_translate.detect import detect, known
from lobby_translate.languages import canonical
from lobby_translate.rendering import Rendering, Status, Wish, render
from lobby_translate.store import Stored
from lobby_translate.translator import Translator

SECONDS: Final = 2.0


@dataclass(frozen=True, slots=True)
class Page:
    """Texts that somebody reads."""

    workspace_id: str
    language: str
    """The reader's."""
    texts: Sequence[tuple[str, str]]
    """Message ids and texts."""


async def translate(pool: asyncpg.Pool, translator: Translator, page: Page, seconds: float) -> list[Rendering]:
    """A rendering for each text: the one kept with its message, from the memory, or made now."""
    workspace_id, language, texts = page.workspace_id, page.language, page.texts
    asked = {message_id for message_id, _ in texts if ids.is_id(message_id)}
    stored: dict[str, Stored] = {}
    if asked and ids.is_id(workspace_id):
        async with pool.acquire() as conn:
            stored = await store.find_stored(conn, workspace_id, asked, canonical(language))
    rendered = [_render(text, stored.get(message_id), language, workspace_id) for message_id, text in texts]
    at = [number for number, one in enumerate(rendered) if isinstance(one, Wish)]
    wishes = [one for one in rendered if isinstance(one, Wish)]
    belongs = [texts[number][0] if texts[number][0] in stored else "" for number in at]
    granted = dict(zip(at, await translator.grant(wishes, workspace_id, seconds, belongs), strict=True))
    return [granted[number] if isinstance(one, Wish) else one for number, one in enumerate(rendered)]


def _render(text: str, stored: Stored | None, language: str, workspace_id: str) -> Rendering | Wish:
    if stored is None:
        return render(text, detect(text), (language,), workspace_id)
    if stored.text is not None and stored.provider is not None:
        return Rendering(Status.TRANSLATED, canonical(language), stored.language, stored.text, stored.provider)
    found = known(text, stored.language, stored.confidence, stored.basis)
    return render(text, found, (language,), workspace_id)
