"""An agent's answer: checked and leased in one transaction, translated, handed to connectors, remembered in another.

No neighbour is called inside a transaction. A message that comes between the check and the send is not lost: the send
says what its writer had seen, and what is newer stays owed.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import asyncpg

from lobby.connectors.v1.message_pb2 import Message
from lobby.connectors.v1.message_service_pb2 import SendAttachment
from lobby.connectors.v1.message_service_pb2 import SendMessageRequest as ConnectorsSend
from lobby.routing.v1.conversation_service_pb2 import NewerMessages, SendMessageRequest, SendMessageResponse
from lobby.translate.v1.translate_service_pb2 import TranslateReplyRequest
from lobby.translate.v1.translation_pb2 import Translation, TranslationStatus
from lobby_common import ids, tracing
from lobby_common.caller import Caller
from lobby_common.errors import Conflict, Exhausted, Invalid, LobbyError, Unavailable
from lobby_common.events import EventLog, Tx
from lobby_common.requests import answer_once
from lobby_common.times import utc_now
from lobby_routing.app import access, conversations
from lobby_routing.clients import Connectors, Translator
from lobby_routing.domain import deciding
from lobby_routing.domain.conversation import Conversation
from lobby_routing.domain.floor import Cause, Floor, Reason
from lobby_routing.domain.languages import canonical
from lobby_routing.store import views
from lobby_routing.store.statements import QUERIES

_METHOD = "SendMessage"
_UNDETERMINED = "und"
_MOST_NEWER = 20
_NEWER_BYTES = 24 * 1024
"""A refusal travels in the trailers of a call, which hold 64 KiB (rpc/server.py) with all that is around it."""
_NEWER_TEXT = 1_000
"""Characters of each text in a refusal."""


@dataclass(frozen=True, slots=True)
class Admitted:
    """The agent may answer: he has the lease and has seen up to `seen_seq`."""

    conversation: Conversation
    seen_seq: int
    languages: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Wording:
    """What the customer reads, and what the agent wrote where that differs."""

    text: str
    source_text: str = ""
    language: str = ""


class _Unseen(Exception):
    """The customer wrote what the agent has not seen."""

    def __init__(self, message_ids: list[str]) -> None:
        super().__init__(len(message_ids))
        self.message_ids = message_ids


class Sender:
    """Sends answers of agents."""

    def __init__(self, log: EventLog, pool: asyncpg.Pool, connectors: Connectors, translator: Translator) -> None:
        self._log = log
        self._pool = pool
        self._connectors = connectors
        self._translator = translator

    async def send(self, caller: Caller, agent_id: str, request: SendMessageRequest) -> Message:
        """The answer is committed; the platform is called afterwards. The same request id gives the same message."""
        if not request.text.strip() and not request.attachments:
            raise Invalid("EMPTY_MESSAGE", "an answer has a text or an attachment")
        if (answer := await self._find_answer(caller, request)) is not None:
            return answer.message
        admitted = await self._admit(caller, agent_id, request)
        try:
            wording = await self._word(admitted, request)
            message = await self._hand_over(caller, agent_id, admitted, wording, request)
        except Unavailable:
            # It may have been committed all the same: a repetition must not be refused by the checks.
            raise
        except LobbyError:
            await self._revoke(caller, request.request_id)
            raise
        return await self._remember(admitted, message, request.request_id)

    async def _find_answer(self, caller: Caller, request: SendMessageRequest) -> SendMessageResponse | None:
        if not request.request_id:
            return None
        key = (caller.workspace_id, _METHOD, request.request_id)
        stored = await self._pool.fetchval(QUERIES["find_sent_answer"], *key)
        return None if stored is None else SendMessageResponse.FromString(stored)

    async def _admit(self, caller: Caller, agent_id: str, request: SendMessageRequest) -> Admitted:
        """The agent has the lease, and the conversation if nobody had it. Raises what forbids the answer."""
        given = None
        if request.HasField("last_seen_message_id"):
            async with self._pool.acquire() as conn:
                await conversations.must_be_answerable(conn, caller, request.conversation_id, agent_id)
            given = await conversations.await_seq(self._pool, request.conversation_id, request.last_seen_message_id)
        try:
            async with self._log.transaction() as tx:
                return await self._check(tx, caller, agent_id, given, request)
        except _Unseen as unseen:
            raise await self._newer(unseen.message_ids) from None

    async def _check(
        self, tx: Tx, caller: Caller, agent_id: str, given: int | None, request: SendMessageRequest
    ) -> Admitted:
        floor = await access.enter(tx, caller, request.conversation_id)
        conversation = floor.conversations[request.conversation_id]
        agent = access.must_exist(floor, caller, agent_id)
        admitted_seq = await self._find_admitted(tx, caller, request)
        if admitted_seq is not None:
            return Admitted(conversation, admitted_seq, agent.languages)
        # Before visibility: who loses a race for one of the pool must learn that a colleague was faster.
        access.must_not_be_leased(conversation, agent_id, floor.now)
        access.must_see(caller, conversation)
        access.must_be_open(conversation)
        seen_seq = given
        if seen_seq is None:
            seen_seq = await views.find_seen(tx.conn, conversation.conversation_id, agent_id)
        if conversation.inbound_seq > seen_seq:
            raise _Unseen(await self._list_newer(tx, conversation, seen_seq))
        cause = conversations.command(caller, _METHOD, request.request_id)
        await self._take(tx, floor, conversation, agent_id, cause)
        await views.save_seen(tx.conn, conversation.conversation_id, agent_id, seen_seq)
        if request.request_id:
            key = (caller.workspace_id, request.request_id, conversation.conversation_id, seen_seq)
            await tx.conn.execute(QUERIES["admit_send"], *key)
        return Admitted(conversation, seen_seq, agent.languages)

    async def _find_admitted(self, tx: Tx, caller: Caller, request: SendMessageRequest) -> int | None:
        if not request.request_id:
            return None
        key = (caller.workspace_id, request.request_id, request.conversation_id)
        seq: int | None = await tx.conn.fetchval(QUERIES["find_admitted"], *key)
        return seq

    async def _list_newer(self, tx: Tx, conversation: Conversation, seen_seq: int) -> list[str]:
        rows = await tx.conn.fetch(QUERIES["list_newer"], conversation.conversation_id, seen_seq)
        return [row["message_id"] for row in rows]

    async def _take(self, tx: Tx, floor: Floor, conversation: Conversation, agent_id: str, cause: Cause) -> None:
        if not conversation.agent_id:
            why = Reason(deciding.CLAIM, "answered from the pool")
            floor.give(conversation.conversation_id, agent_id, why, cause)
        floor.lease(conversation.conversation_id, agent_id)
        await access.leave(tx, floor)

    async def _newer(self, message_ids: list[str]) -> Conflict:
        try:
            newer = await self._connectors.get_messages(message_ids[-_MOST_NEWER:])
        except LobbyError:  # away, or too much even for an answer: the refusal itself is what matters
            newer = ()
        return Conflict(
            "NEWER_MESSAGE",
            "the customer wrote something that the agent has not seen",
            detail=NewerMessages(newer=_fitting(newer)),
        )

    async def _word(self, admitted: Admitted, request: SendMessageRequest) -> Wording:
        """Returns the text in the customer's language. Raises TRANSLATION_UNAVAILABLE."""
        if not request.text.strip():
            return Wording(request.text)
        language = canonical(request.language)
        try:
            translation = await self._translator.translate_reply(
                TranslateReplyRequest(
                    text=request.text,
                    language=language,
                    account_id=admitted.conversation.account_id,
                    chat=admitted.conversation.chat,
                    agent_languages=admitted.languages,
                )
            )
        except (Unavailable, Exhausted):
            translation = Translation(status=TranslationStatus.TRANSLATION_STATUS_UNTRANSLATED, reason="translate_away")
        return _worded(translation, request.text, send_original=request.send_original)

    async def _hand_over(
        self,
        caller: Caller,
        agent_id: str,
        admitted: Admitted,
        wording: Wording,
        request: SendMessageRequest,
    ) -> Message:
        conversation = admitted.conversation
        return await self._connectors.send(
            ConnectorsSend(
                account_id=conversation.account_id,
                chat=conversation.chat,
                conversation_id=conversation.conversation_id,
                agent_id=agent_id,
                text=wording.text,
                source_text=wording.source_text,
                language=wording.language,
                attachments=[
                    SendAttachment(kind=each.kind, url=each.url, file_name=each.file_name)
                    for each in request.attachments
                ],
                seen_seq=admitted.seen_seq,
                request_id=f"{caller.workspace_id}/{request.request_id}" if request.request_id else ids.new_id(),
                traceparent=tracing.current(),
            )
        )

    async def _revoke(self, caller: Caller, request_id: str) -> None:
        if request_id:
            await self._pool.execute(QUERIES["revoke_send"], caller.workspace_id, request_id)

    async def _remember(self, admitted: Admitted, message: Message, request_id: str) -> Message:
        """The message stands in its conversation, and the answer to this request is known."""
        async with self._log.transaction() as tx:

            async def make() -> SendMessageResponse:
                await tx.conn.execute(
                    QUERIES["save_own_message"],
                    message.message_id,
                    admitted.conversation.conversation_id,
                    admitted.seen_seq,
                    utc_now(),
                )
                return SendMessageResponse(message=message)

            answer = await answer_once(tx, _METHOD, request_id, SendMessageResponse, make)
        return answer.message


def _fitting(newer: Sequence[Message]) -> list[Message]:
    """Returns the newest of the messages that fit into a refusal, oldest first, with long texts cut."""
    fitting: list[Message] = []
    size = 0
    for message in reversed(newer):
        shown = Message()
        shown.CopyFrom(message)
        shown.text = message.text[:_NEWER_TEXT]
        size += shown.ByteSize()
        if size > _NEWER_BYTES:
            break
        fitting.append(shown)
    return fitting[::-1]


def _worded(translation: Translation, text: str, *, send_original: bool) -> Wording:
    written_in = "" if translation.source_language == _UNDETERMINED else translation.source_language
    if translation.status == TranslationStatus.TRANSLATION_STATUS_TRANSLATED:
        return Wording(translation.text, text, translation.language)
    if translation.status == TranslationStatus.TRANSLATION_STATUS_SAME_LANGUAGE:
        return Wording(text, language=translation.language or written_in)
    if translation.status == TranslationStatus.TRANSLATION_STATUS_NOTHING_TO_TRANSLATE or send_original:
        return Wording(text, language=written_in)
    raise Conflict(
        "TRANSLATION_UNAVAILABLE",
        f"the answer could not be translated ({translation.reason or 'unknown'}); send_original sends it as written",
    )
