"""Translate on a real database, told events directly; how events get to it is common's business, but for one test."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import asyncpg
import pytest
import pytest_asyncio
from google.protobuf.message import Message

from lobby.connectors.v1.account_pb2 import PLATFORM_WHATSAPP
from lobby.connectors.v1.events_pb2 import MessageDeleted, MessageEdited, MessageReceived
from lobby.connectors.v1.message_pb2 import MESSAGE_KIND_TEXT
from lobby.events.v1.batch_pb2 import Batch, Event
from lobby.routing.v1.events_pb2 import ConversationAssigned, ConversationRef
from lobby.translate.v1 import translate_service_pb2 as pb
from lobby.translate.v1.events_pb2 import MessageTranslated
from lobby.translate.v1.translation_pb2 import TranslationStatus
from lobby_common import caller, ids
from lobby_common.caller import Caller
from lobby_common.events import EventLog, Incoming
from lobby_common.postgres import create_pool
from lobby_common.times import to_proto
from lobby_translate import store
from lobby_translate.api import TranslateApi
from lobby_translate.chain import Chain
from lobby_translate.events import TranslateEvents
from lobby_translate.evidence import OwnTranslations
from lobby_translate.journey import Journey
from lobby_translate.translator import Translator
from lobby_translate.worker import Worker
from tests.unit.translate.engines import Engine, dictionary

BEGIN = datetime(2026, 11, 20, 12, tzinfo=UTC)
WORDS = dictionary(
    where="onde", other="outro", shoe="sapato", onde="where", outro="other", sapato="shoe", meu="my", my="meu",
    chegou="arrived", ontem="yesterday", o="the",
)  # fmt: skip


@dataclass
class Story:
    """Makes events of one chat in one workspace."""

    workspace_id: str = field(default_factory=ids.new_id)
    account_id: str = field(default_factory=ids.new_id)
    chat: str = "5511999990000"
    conversation_id: str = field(default_factory=ids.new_id)
    _numbers: Any = field(default_factory=lambda: count(1))

    def says(self, text: str, message_id: str = "", **more: Any) -> Incoming:
        number = next(self._numbers)
        return self.event(
            MessageReceived(
                message_id=message_id or ids.new_id(),
                account_id=self.account_id,
                chat=self.chat,
                platform=PLATFORM_WHATSAPP,
                kind=MESSAGE_KIND_TEXT,
                text=text,
                occurred_time=to_proto(BEGIN + timedelta(minutes=number)),
                **more,
            )
        )

    def edits(self, message_id: str, text: str) -> Incoming:
        return self.event(
            MessageEdited(
                message_id=message_id,
                account_id=self.account_id,
                chat=self.chat,
                text=text,
                edit_time=to_proto(BEGIN + timedelta(hours=1)),
            )
        )

    def deletes(self, message_id: str) -> Incoming:
        return self.event(MessageDeleted(message_id=message_id, account_id=self.account_id, chat=self.chat))

    def assigned(self, *languages: str, minute: int = 0, agent_id: str = "agent") -> Incoming:
        return self.event(
            ConversationAssigned(
                conversation=ConversationRef(
                    conversation_id=self.conversation_id, account_id=self.account_id, chat=self.chat
                ),
                agent_id=agent_id if languages else "",
                agent_languages=languages,
                assign_time=to_proto(BEGIN + timedelta(days=1, minutes=minute)),
            ),
            producer="routing",
        )

    def event(self, payload: Message, producer: str = "connectors") -> Incoming:
        event = Event(
            id=ids.new_id(),
            type=payload.DESCRIPTOR.full_name,
            workspace_id=self.workspace_id,
            key=f"{self.account_id}/{self.chat}",
            traceparent="00-" + "1" * 32 + "-" + "2" * 16 + "-01",
        )
        return Incoming(producer, 0, 1, event, payload, event.traceparent)


class Hall:
    """Translate's sides: events in, events out, the queue, and answers."""

    def __init__(self, pool: asyncpg.Pool, chain: Chain) -> None:
        self.pool = pool
        self.chain = chain
        self.story = Story()
        self.told: list[MessageTranslated] = []
        """All that was told, in order."""
        self.envelopes: list[Event] = []
        self.log = EventLog("translate", pool)
        self.log.publish_to(self)
        self.translator = Translator(chain, pool)
        self.worker = Worker(self.log, self.translator)
        self.api = TranslateApi(pool, self.translator)
        self.journey = Journey(self.log)
        self._events = TranslateEvents(chain, self.worker.ring)
        self.statements = 0

    def offer(self, batches: Sequence[Any]) -> None:
        """Stands for the publisher."""
        for batch in batches:
            for segment in Batch.FromString(batch.data).segments:
                self.envelopes.extend(segment.events)
                self.told.extend(MessageTranslated.FromString(event.payload) for event in segment.events)

    async def hear(self, *events: Incoming) -> list[MessageTranslated]:
        """The events are applied as one batch; returns what was told because of it."""
        before = len(self.told)
        async with self.log.transaction() as tx:
            with tx.conn.query_logger(self._count):
                await self._events.apply(tx, events)
        return self.told[before:]

    async def untranslated(self) -> list[str]:
        """Texts told whose translations are not kept; they are kept afterwards."""
        told = [
            Incoming("translate", 0, 1, event, MessageTranslated.FromString(event.payload)) for event in self.envelopes
        ]
        witness = OwnTranslations()
        async with self.pool.acquire() as conn:
            lost = await witness.find_effectless(conn, told)
        missing = [one for one in told if one.event.id in lost]
        async with self.log.transaction() as tx:
            await witness.mend(tx, missing)
        return [one.payload.translation.text for one in missing]

    def _count(self, _: Any) -> None:
        self.statements += 1

    async def work(self) -> list[MessageTranslated]:
        """All that is due in the queue is worked at once; returns what was told because of it."""
        before = len(self.told)
        async with self.pool.acquire() as conn:
            jobs = await store.claim_jobs(conn, 100)
        await self.worker._work(jobs)
        return self.told[before:]

    async def make_due(self) -> None:
        """The queue's pauses are over."""
        await self.pool.execute("UPDATE translation_job SET due_time = now()")

    async def waiting(self) -> int:
        """How many texts are in the queue."""
        return await self.pool.fetchval("SELECT count(*) FROM translation_job")

    async def reply(self, text: str, language: str = "", story: Story | None = None, **more: Any):
        """TranslateReply for the story's chat."""
        story = story or self.story
        request = pb.TranslateReplyRequest(
            text=text, language=language, account_id=story.account_id, chat=story.chat, **more
        )
        with caller.use(Caller(story.workspace_id, "service")):
            return (await self.api.TranslateReply(request, None)).translation

    async def read(self, language: str, *messages: tuple[str, str], workspace_id: str = ""):
        """TranslateMessages."""
        request = pb.TranslateMessagesRequest(
            language=language, messages=[pb.SourceText(message_id=each[0], text=each[1]) for each in messages]
        )
        with caller.use(Caller(workspace_id or self.story.workspace_id, "service")):
            return list((await self.api.TranslateMessages(request, None)).translations)


def status_of(translation) -> str:
    """The status by the name that people see."""
    return TranslationStatus.Name(translation.status).removeprefix("TRANSLATION_STATUS_").lower()


@pytest.fixture
def engine() -> Engine:
    """The only engine: English and Portuguese, word by word."""
    return Engine(WORDS, pairs=[("en", "pt"), ("pt", "en"), ("en", "es"), ("pt", "es")])


@pytest_asyncio.fixture
async def make_hall(database) -> AsyncIterator[Callable[..., Hall]]:
    pool = await create_pool(database.url, schema="translate", size=4)
    yield lambda *engines: Hall(pool, Chain(engines))
    await pool.close()


@pytest.fixture
def hall(make_hall, engine) -> Hall:
    return make_hall(engine)


@pytest.fixture
def story(hall) -> Story:
    return hall.story


async def until(condition, seconds: float = 20.0):
    """Waits for the condition with a deadline, as often as the loop allows."""
    async with asyncio.timeout(seconds):
        while not (result := await condition()):
            await asyncio.sleep(0.02)
    return result
