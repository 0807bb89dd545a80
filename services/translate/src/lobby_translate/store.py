"""Rows of chats, messages, jobs and the memory. Each function is one statement, whatever the number of rows."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Final

from lobby_common import sql
from lobby_common.events.log import Connection
from lobby_translate.detect import Detection
from lobby_translate.rendering import Rendering, Status
from lobby_translate.sticky import NO_LANGUAGE, ChatLanguage

QUERIES: Final = sql.load("lobby_translate")
RETRIED_FOR: Final = timedelta(minutes=10)
WORKED_AT_MOST: Final = timedelta(seconds=15)

ChatKey = tuple[str, str]
"""Account and chat."""


@dataclass(frozen=True, slots=True)
class Chat:
    """A chat as far as languages go."""

    language: ChatLanguage = NO_LANGUAGE
    reader: tuple[str, ...] = ()
    """Languages of the agent; empty while there is none."""


@dataclass(frozen=True, slots=True)
class Cause:
    """The event because of which something is told."""

    event_id: str
    traceparent: str


@dataclass(frozen=True, slots=True)
class NewMessage:
    """A text of a customer with what is known about it at once."""

    message_id: str
    workspace_id: str
    chat: ChatKey
    found: Detection
    occurred_time: datetime
    text: str
    cause: Cause
    rendering: Rendering | None = None
    waits_for: str = ""
    """The language for which it waits in the queue."""


@dataclass(frozen=True, slots=True)
class KnownMessage:
    """A text that was told before."""

    message_id: str
    workspace_id: str
    chat: ChatKey
    found: Detection
    deleted: bool


@dataclass(frozen=True, slots=True)
class RecentText:
    """A text of a chat, and the last thing that was told about it."""

    message_id: str
    workspace_id: str
    chat: ChatKey
    text: str
    language: str
    confidence: float
    basis: str
    target: str
    status: str


@dataclass(frozen=True, slots=True)
class Told:
    """A message whose new version must be told."""

    message_id: str
    workspace_id: str
    chat: ChatKey
    language: str
    confidence: float
    basis: str
    version: int
    customer_language: str


@dataclass(frozen=True, slots=True)
class Job:
    """A text that waits for an engine."""

    message_id: str
    target: str
    revision: int
    attempts: int
    cause: Cause
    expired: bool
    workspace_id: str
    language: str
    confidence: float
    basis: str
    text: str | None


@dataclass(frozen=True, slots=True)
class Memory:
    """A translation to remember."""

    key: bytes
    workspace_id: str
    core: str
    provider: str
    message_id: str | None
    keep: timedelta
    maker: str = ""
    """The message, or the mark of the chat of an answer, for which it was made."""


@dataclass(frozen=True, slots=True)
class Stored:
    """What is known of a message, with its translation into one language."""

    language: str
    confidence: float
    basis: str
    deleted: bool
    text: str | None
    provider: str | None


@dataclass(frozen=True, slots=True)
class ToldTranslation:
    """A translation as it was told with a version of its message."""

    event_id: str
    message_id: str
    version: int
    target: str
    text: str
    provider: str


async def lock_chats(conn: Connection, keys: Collection[ChatKey]) -> None:
    """Until the end of the transaction nobody else applies what is told of the chats."""
    await conn.execute(QUERIES["lock_chats"], list(map(_lock_of, keys)))


def _lock_of(key: ChatKey) -> int:
    digest = blake2b("/".join(key).encode("utf-8", "surrogatepass"), digest_size=8, person=b"chat").digest()
    return int.from_bytes(digest, "big", signed=True)


def mark_of(key: ChatKey) -> str:
    """Returns what a chat is known by where its address may not be."""
    return blake2b("/".join(key).encode("utf-8", "surrogatepass"), digest_size=16, person=b"mark").hexdigest()


async def load_chats(conn: Connection, keys: Collection[ChatKey]) -> dict[ChatKey, Chat]:
    """The chats that are known, locked as by `lock_chats`."""
    rows = await conn.fetch(
        QUERIES["load_chats"], list(map(_lock_of, keys)), [key[0] for key in keys], [key[1] for key in keys]
    )
    return {
        (row["account_id"], row["chat"]): Chat(
            ChatLanguage(row["language"], row["candidate"]), tuple(row["agent_languages"])
        )
        for row in rows
    }


async def find_unknown(conn: Connection, message_ids: Collection[str]) -> set[str]:
    """Which of the messages are not known."""
    return {row["message_id"] for row in await conn.fetch(QUERIES["find_unknown"], list(message_ids))}


async def find_untranslated(conn: Connection, told: Sequence[ToldTranslation]) -> set[str]:
    """Events that told the last version of their message with a translation that is not kept."""
    rows = await conn.fetch(
        QUERIES["find_untranslated"],
        [one.event_id for one in told],
        [one.message_id for one in told],
        [one.version for one in told],
        [one.target for one in told],
    )
    return {row["event_id"] for row in rows}


async def restore_translations(conn: Connection, told: Sequence[ToldTranslation]) -> None:
    """The translations are kept, each where its message still has this version of it."""
    await conn.execute(
        QUERIES["restore_translations"],
        [one.message_id for one in told],
        [one.version for one in told],
        [one.target for one in told],
        [one.text for one in told],
        [one.provider for one in told],
    )


async def find_remembered(conn: Connection, keys: Collection[bytes]) -> dict[bytes, tuple[str, str]]:
    """Core and provider of what is remembered."""
    if not keys:
        return {}
    rows = await conn.fetch(QUERIES["find_remembered"], list(keys))
    return {row["key"]: (row["core"], row["provider"]) for row in rows}


async def add_messages(
    conn: Connection, messages: Sequence[NewMessage], turned: Mapping[ChatKey, tuple[str, ChatLanguage]]
) -> set[str]:
    """The messages that were not known are kept with all that belongs to them; returns their ids."""
    translated = [one for one in messages if one.rendering is not None and one.rendering.status is Status.TRANSLATED]
    waiting = [one for one in messages if one.waits_for]
    rows = await conn.fetch(
        QUERIES["add_messages"],
        *_chat_columns(turned),
        [one.message_id for one in messages],
        [one.workspace_id for one in messages],
        [one.chat[0] for one in messages],
        [one.chat[1] for one in messages],
        [one.found.language for one in messages],
        [one.found.confidence for one in messages],
        [one.found.basis for one in messages],
        *_outcome_columns([one.rendering for one in messages]),
        [one.occurred_time for one in messages],
        [one.text for one in messages],
        [one.message_id for one in translated],
        [one.rendering.language for one in translated if one.rendering],
        [one.rendering.text for one in translated if one.rendering],
        [one.rendering.provider for one in translated if one.rendering],
        [one.message_id for one in waiting],
        [one.waits_for for one in waiting],
        [one.cause.event_id for one in waiting],
        [one.cause.traceparent for one in waiting],
        RETRIED_FOR,
    )
    return {row["message_id"] for row in rows}


def _chat_columns(turned: Mapping[ChatKey, tuple[str, ChatLanguage]]) -> tuple[list[str], ...]:
    ordered = sorted(turned.items())
    return (
        [key[0] for key, _ in ordered],
        [key[1] for key, _ in ordered],
        [workspace_id for _, (workspace_id, _) in ordered],
        [state.language for _, (_, state) in ordered],
        [state.candidate for _, (_, state) in ordered],
    )


def _outcome_columns(renderings: Iterable[Rendering | None]) -> tuple[list[str], ...]:
    """Target, status, reason and provider; empty where nothing is known yet."""
    columns: tuple[list[str], ...] = ([], [], [], [])
    for one in renderings:
        values = (one.language, one.status.value, one.reason, one.provider) if one else ("", "", "", "")
        for column, value in zip(columns, values, strict=True):
            column.append(value)
    return columns


async def turn_chats(conn: Connection, turned: Mapping[ChatKey, tuple[str, ChatLanguage]]) -> None:
    """The chats have these languages."""
    if turned:
        await conn.execute(QUERIES["turn_chats"], *_chat_columns(turned))


async def lock_messages(conn: Connection, message_ids: Collection[str]) -> dict[str, KnownMessage]:
    """Those of the messages that are known; nobody else changes them in this transaction."""
    rows = await conn.fetch(QUERIES["lock_messages"], list(message_ids))
    return {
        row["message_id"]: KnownMessage(
            row["message_id"],
            row["workspace_id"],
            (row["account_id"], row["chat"]),
            Detection(row["language"], row["confidence"], row["basis"], 0, 0.0),
            row["deleted"],
        )
        for row in rows
    }


async def reword_messages(conn: Connection, texts: Mapping[str, tuple[Detection, str]]) -> None:
    """The messages have other texts; what was made of the old ones is gone."""
    await conn.execute(
        QUERIES["reword_messages"],
        list(texts),
        [found.language for found, _ in texts.values()],
        [found.confidence for found, _ in texts.values()],
        [found.basis for found, _ in texts.values()],
        [text for _, text in texts.values()],
    )


async def tell_outcomes(conn: Connection, outcomes: Mapping[str, Rendering | None], *, only_news: bool) -> list[Told]:
    """The messages have new versions, returned for telling; deleted ones have none.

    With `only_news` those have none of which the same was told last.
    """
    if not outcomes:
        return []
    renderings = list(outcomes.values())
    rows = await conn.fetch(
        QUERIES["tell_outcomes"],
        list(outcomes),
        *_outcome_columns(renderings),
        [one.text if one else "" for one in renderings],
        only_news,
    )
    return [
        Told(
            row["message_id"],
            row["workspace_id"],
            (row["account_id"], row["chat"]),
            row["language"],
            row["confidence"],
            row["basis"],
            row["version"],
            row["customer_language"],
        )
        for row in rows
    ]


async def add_jobs(conn: Connection, waiting: Mapping[str, tuple[str, Cause]]) -> None:
    """The messages wait for an engine to translate them into these languages."""
    if not waiting:
        return
    await conn.execute(
        QUERIES["add_jobs"],
        list(waiting),
        [target for target, _ in waiting.values()],
        [cause.event_id for _, cause in waiting.values()],
        [cause.traceparent for _, cause in waiting.values()],
        RETRIED_FOR,
    )


async def forget_messages(conn: Connection, messages: Mapping[str, tuple[str, ChatKey]]) -> None:
    """Texts and translations of the messages (id to workspace and chat) are gone, and stay away if they come later."""
    await conn.execute(
        QUERIES["forget_messages"],
        list(messages),
        [workspace_id for workspace_id, _ in messages.values()],
        [chat[0] for _, chat in messages.values()],
        [chat[1] for _, chat in messages.values()],
    )


@dataclass(frozen=True, slots=True)
class Assignment:
    """Who reads a chat from a time on; nobody where the languages are empty."""

    workspace_id: str
    agent_id: str
    languages: tuple[str, ...]
    assign_time: datetime


async def assign_chats(conn: Connection, assignments: Mapping[ChatKey, Assignment]) -> dict[ChatKey, tuple[str, ...]]:
    """The chats have these readers. Returns the readers' languages of those chats where they changed to some."""
    ordered = sorted(assignments.items())
    rows = await conn.fetch(
        QUERIES["assign_chats"],
        [key[0] for key, _ in ordered],
        [key[1] for key, _ in ordered],
        [one.workspace_id for _, one in ordered],
        [one.agent_id for _, one in ordered],
        [",".join(one.languages) for _, one in ordered],
        [one.assign_time for _, one in ordered],
    )
    return {
        (row["account_id"], row["chat"]): tuple(row["agent_languages"])
        for row in rows
        if row["agent_languages"] and row["agent_languages"] != row["old_languages"]
    }


async def list_recent(conn: Connection, chats: Collection[ChatKey], most: int) -> list[RecentText]:
    """The last texts of each chat."""
    rows = await conn.fetch(QUERIES["list_recent"], [chat[0] for chat in chats], [chat[1] for chat in chats], most)
    return [
        RecentText(
            row["message_id"],
            row["workspace_id"],
            (row["account_id"], row["chat"]),
            row["text"],
            row["language"],
            row["confidence"],
            row["basis"],
            row["target"],
            row["status"],
        )
        for row in rows
    ]


async def drop_jobs(conn: Connection, wanted: Mapping[ChatKey, str]) -> None:
    """Nothing of the chats waits for another language than this."""
    await conn.execute(
        QUERIES["drop_jobs_of_chats"],
        [chat[0] for chat in wanted],
        [chat[1] for chat in wanted],
        list(wanted.values()),
    )


async def claim_jobs(conn: Connection, most: int) -> list[Job]:
    """Jobs whose turn it is; nobody else gets them for a while."""
    rows = await conn.fetch(QUERIES["claim_jobs"], most, WORKED_AT_MOST)
    return [
        Job(
            row["message_id"],
            row["target"],
            row["revision"],
            row["attempts"],
            Cause(row["cause_id"], row["traceparent"]),
            row["expired"],
            row["workspace_id"],
            row["language"],
            row["confidence"],
            row["basis"],
            row["text"],
        )
        for row in rows
    ]


async def finish_jobs(conn: Connection, jobs: Mapping[Job, float | None]) -> set[tuple[str, str]]:
    """The jobs ended (None) or wait again for so many seconds; returns message and target of those still wished."""
    rows = await conn.fetch(
        QUERIES["finish_jobs"],
        [job.message_id for job in jobs],
        [job.target for job in jobs],
        [job.revision for job in jobs],
        [pause is None for pause in jobs.values()],
        [pause or 0.0 for pause in jobs.values()],
    )
    return {(row["message_id"], row["target"]) for row in rows}


async def remember(conn: Connection, memories: Collection[Memory]) -> None:
    """The translations are remembered."""
    if not memories:
        return
    ordered = sorted({one.key: one for one in memories}.values(), key=lambda one: one.key)
    await conn.execute(
        QUERIES["remember"],
        [one.key for one in ordered],
        [one.workspace_id for one in ordered],
        [one.core for one in ordered],
        [one.provider for one in ordered],
        [one.message_id for one in ordered],
        [one.keep.total_seconds() for one in ordered],
        [one.maker for one in ordered],
    )


async def find_chat(conn: Connection, workspace_id: str, key: ChatKey) -> Chat | None:
    """The chat of the workspace, if it is known."""
    row = await conn.fetchrow(QUERIES["find_chat"], *key, workspace_id)
    return Chat(ChatLanguage(row["language"]), tuple(row["agent_languages"])) if row else None


async def find_stored(
    conn: Connection, workspace_id: str, message_ids: Collection[str], target: str
) -> dict[str, Stored]:
    """What is known of the messages of the workspace."""
    rows = await conn.fetch(QUERIES["find_stored"], list(message_ids), workspace_id, target)
    return {
        row["message_id"]: Stored(
            row["language"], row["confidence"], row["basis"], row["deleted"], row["text"], row["provider"]
        )
        for row in rows
    }


async def drop_expired(conn: Connection, text_days: int) -> None:
    """Memories past their time and texts of older days are gone."""
    await conn.execute(QUERIES["drop_expired"], timedelta(days=text_days))
