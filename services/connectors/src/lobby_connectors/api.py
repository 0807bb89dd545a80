"""The contract's services: proto in, use-case, proto out."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from lobby.connectors.v1 import acceptance_service_pb2 as acceptance_pb
from lobby.connectors.v1 import account_pb2, message_pb2
from lobby.connectors.v1 import account_service_pb2 as account_pb
from lobby.connectors.v1 import ingest_service_pb2 as ingest_pb
from lobby.connectors.v1 import message_service_pb2 as message_pb
from lobby.connectors.v1 import quarantine_service_pb2 as quarantine_pb
from lobby.connectors.v1.acceptance_service_pb2_grpc import AcceptanceServiceServicer
from lobby.connectors.v1.account_service_pb2_grpc import AccountServiceServicer
from lobby.connectors.v1.ingest_service_pb2_grpc import IngestServiceServicer
from lobby.connectors.v1.message_service_pb2_grpc import MessageServiceServicer
from lobby.connectors.v1.quarantine_service_pb2_grpc import QuarantineServiceServicer
from lobby_common import caller, pages, tracing
from lobby_common.errors import Invalid, NotFound, Refused
from lobby_common.events import EventLog
from lobby_common.ids import derive_id, is_id
from lobby_common.requests import answer_once
from lobby_common.times import from_proto, to_proto, utc_now
from lobby_connectors.app.accounts import Accounts, Changes
from lobby_connectors.app.erasing import Erasure, erase_conversation
from lobby_connectors.app.ingest import Ingest, Outcome, Post
from lobby_connectors.app.normalise import Normaliser, Quarantined
from lobby_connectors.app.sends import Draft, Sends
from lobby_connectors.app.webhook_setup import WebhookSetup
from lobby_connectors.directory import Directory
from lobby_connectors.domain.accounts import Account
from lobby_connectors.domain.items import Attachment
from lobby_connectors.domain.kinds import Platform
from lobby_connectors.events import send_error
from lobby_connectors.platforms.interface import ShakesHands
from lobby_connectors.platforms.registry import PLATFORMS
from lobby_connectors.store import QUERIES
from lobby_connectors.store.messages import attachments_of, emojis_of, refusal_of

_VERDICTS = {
    Outcome.ACCEPTED: ingest_pb.IngestWebhooksResponse.VERDICT_ACCEPTED,
    Outcome.BAD_SIGNATURE: ingest_pb.IngestWebhooksResponse.VERDICT_BAD_SIGNATURE,
    Outcome.UNKNOWN_ACCOUNT: ingest_pb.IngestWebhooksResponse.VERDICT_UNKNOWN_ACCOUNT,
    Outcome.UNAVAILABLE: ingest_pb.IngestWebhooksResponse.VERDICT_UNAVAILABLE,
}
_BEGINNING = datetime(1, 1, 1, tzinfo=UTC)
_FIRST = "00000000-0000-0000-0000-000000000000"
_LARGEST_ANSWER = 6 * 1024 * 1024
"""Bytes of text in one answer; gRPC ends at 8 MiB."""
_BYTES_PER_CHARACTER = 4
_SHORTENED = 4096
"""Characters left of each text where 200 messages by id would not fit together."""
_FEW_FILES = 10
"""Attachments left of each message then."""


class IngestApi(IngestServiceServicer):
    """Takes in what platforms post to the gateway; the webhook's account decides the workspace."""

    def __init__(self, ingest: Ingest, directory: Directory) -> None:
        self._ingest = ingest
        self._directory = directory

    async def IngestWebhooks(
        self, request: ingest_pb.IngestWebhooksRequest, context: object
    ) -> ingest_pb.IngestWebhooksResponse:
        """Each webhook is durable, or has its verdict."""
        outcomes = await self._ingest.take([_post(webhook) for webhook in request.webhooks])
        return ingest_pb.IngestWebhooksResponse(verdicts=[_VERDICTS[outcome] for outcome in outcomes])

    async def AnswerHandshake(
        self, request: ingest_pb.AnswerHandshakeRequest, context: object
    ) -> ingest_pb.AnswerHandshakeResponse:
        """Returns the body that answers a handshake."""
        if is_id(request.account_id):
            await self._directory.ensure([request.account_id])
        account = self._directory.find(request.account_id)
        platform = PLATFORMS.get(request.platform)
        if account is None or platform is None or account.platform != request.platform:
            raise NotFound("ACCOUNT_NOT_FOUND", "there is no such account")
        if not isinstance(platform, ShakesHands):
            raise NotFound("NO_HANDSHAKE", f"{request.platform} has no handshake")
        body = platform.handshake(account.credentials, request.query)
        if body is None:
            raise Refused("WRONG_VERIFY_TOKEN", "the verify token is not the account's")
        return ingest_pb.AnswerHandshakeResponse(body=body)


class AccountApi(AccountServiceServicer):
    """The accounts of the caller's workspace."""

    def __init__(self, log: EventLog, accounts: Accounts, directory: Directory, setup: WebhookSetup) -> None:
        self._log = log
        self._accounts = accounts
        self._directory = directory
        self._setup = setup

    async def CreateAccount(
        self, request: account_pb.CreateAccountRequest, context: object
    ) -> account_pb.CreateAccountResponse:
        """Connects an account."""

        async def make() -> account_pb.CreateAccountResponse:
            account = await self._accounts.create(
                tx,
                platform=Platform(request.platform).name.lower(),
                display_name=request.display_name,
                credentials=request.credentials,
                api_base_url=request.api_base_url,
                settings=request.settings,
            )
            return account_pb.CreateAccountResponse(account=self._proto(account))

        async with self._log.transaction() as tx:
            answer = await answer_once(tx, "CreateAccount", request.request_id, account_pb.CreateAccountResponse, make)
        await self._directory.refresh()
        self._setup.wake()
        return answer

    async def ListAccounts(
        self, request: account_pb.ListAccountsRequest, context: object
    ) -> account_pb.ListAccountsResponse:
        """Lists the accounts, oldest first."""
        found, token = await self._accounts.list(request.page_size, request.page_token)
        return account_pb.ListAccountsResponse(accounts=map(self._proto, found), next_page_token=token)

    async def GetAccount(self, request: account_pb.GetAccountRequest, context: object) -> account_pb.GetAccountResponse:
        """Returns one account."""
        return account_pb.GetAccountResponse(account=self._proto(await self._accounts.get(request.account_id)))

    async def UpdateAccount(
        self, request: account_pb.UpdateAccountRequest, context: object
    ) -> account_pb.UpdateAccountResponse:
        """Changes the fields that are present."""
        changes = Changes(
            display_name=request.display_name if request.HasField("display_name") else None,
            credentials=request.credentials,
            api_base_url=request.api_base_url if request.HasField("api_base_url") else None,
            settings=request.settings,
            disabled=request.disabled if request.HasField("disabled") else None,
            drop_former_secrets=request.drop_former_secrets,
        )
        account = await self._accounts.update(request.account_id, changes)
        self._setup.wake()
        return account_pb.UpdateAccountResponse(account=self._proto(account))

    async def DeleteAccount(
        self, request: account_pb.DeleteAccountRequest, context: object
    ) -> account_pb.DeleteAccountResponse:
        """Disconnects an account."""
        await self._accounts.delete(request.account_id)
        return account_pb.DeleteAccountResponse()

    def _proto(self, account: Account) -> account_pb2.Account:
        return account_pb2.Account(
            account_id=account.account_id,
            platform=_number(Platform[account.platform.upper()]),
            display_name=account.display_name,
            state=_number(account.state),
            state_reason=account.state_reason,
            state_time=to_proto(account.state_time),
            webhook_url=self._setup.url(account),
            api_base_url=account.api_base_url,
            settings=dict(account.settings),
            create_time=to_proto(account.create_time),
        )


class AcceptanceApi(AcceptanceServiceServicer):
    """What became of what the platforms said."""

    def __init__(self, log: EventLog) -> None:
        self._log = log

    async def ListAcceptances(
        self, request: acceptance_pb.ListAcceptancesRequest, context: object
    ) -> acceptance_pb.ListAcceptancesResponse:
        """Lists it for a period, per account."""
        start, end = from_proto(getattr(request, "from")), from_proto(request.to)
        rows = await self._log.pool.fetch(QUERIES["list_acceptances"], caller.current().workspace_id, start, end)
        return acceptance_pb.ListAcceptancesResponse(
            acceptances=[acceptance_pb.Acceptance(**dict(row)) for row in rows]
        )


class MessageApi(MessageServiceServicer):
    """Messages in and out of the caller's workspace."""

    def __init__(self, log: EventLog, sends: Sends) -> None:
        self._log = log
        self._sends = sends

    async def SendMessage(
        self, request: message_pb.SendMessageRequest, context: object
    ) -> message_pb.SendMessageResponse:
        """Commits a send; the platform is called afterwards."""
        return message_pb.SendMessageResponse(message=_message(await self._sends.send(_draft(request))))

    async def ListMessages(
        self, request: message_pb.ListMessagesRequest, context: object
    ) -> message_pb.ListMessagesResponse:
        """Lists the messages of given chats, oldest first."""
        size = pages.size(request.page_size)
        after = _point(request.page_token)
        if not is_id(request.account_id):
            return message_pb.ListMessagesResponse()
        rows = await self._log.pool.fetch(
            QUERIES["list_messages"],
            caller.current().workspace_id,
            request.account_id,
            [chat.replace("\x00", "\ufffd") for chat in request.chats],
            *after,
            size + 1,
        )
        size = min(size, _fitting([_length(row) for row in rows]))
        answer = message_pb.ListMessagesResponse(messages=map(_message, rows[:size]))
        if len(rows) > size:
            last = rows[size - 1]
            times = (last["occurred_time"].isoformat(), last["received_time"].isoformat())
            answer.next_page_token = pages.encode(*times, last["message_id"])
        return answer

    async def BatchGetMessages(
        self, request: message_pb.BatchGetMessagesRequest, context: object
    ) -> message_pb.BatchGetMessagesResponse:
        """Returns messages by id, in the order asked."""
        found = await self._find(list(filter(is_id, request.message_ids)))
        messages = [found[each] for each in request.message_ids if each in found]
        if _fitting([each.ByteSize() // _BYTES_PER_CHARACTER for each in messages]) < len(messages):
            for each in messages:
                each.text = each.text[:_SHORTENED]
                del each.attachments[_FEW_FILES:]
        return message_pb.BatchGetMessagesResponse(messages=messages)

    async def EraseConversation(
        self, request: message_pb.EraseConversationRequest, context: object
    ) -> message_pb.EraseConversationResponse:
        """Nothing personal is left of the messages of somebody who was forgotten."""
        who = caller.current()
        if who.role != "service":
            raise Refused("SERVICES_ONLY", "identity says who is forgotten, and routing what he wrote")
        if is_id(request.account_id):
            erasure = Erasure(
                who.workspace_id,
                request.account_id,
                request.conversation_id,
                list(filter(is_id, request.message_ids)),
                from_proto(request.erase_time),
            )
            await erase_conversation(self._log, erasure)
        return message_pb.EraseConversationResponse()

    async def RetryMessage(
        self, request: message_pb.RetryMessageRequest, context: object
    ) -> message_pb.RetryMessageResponse:
        """Tries a failed send again."""
        await self._sends.check_visible(request.message_id)

        async def make() -> message_pb.RetryMessageResponse:
            await self._sends.retry(tx, request.message_id)
            return message_pb.RetryMessageResponse(message=await self._get(request.message_id, tx.conn))

        async with self._log.transaction() as tx:
            answer = await answer_once(tx, "RetryMessage", request.request_id, message_pb.RetryMessageResponse, make)
        self._sends.wake()
        return answer

    async def ResolveMessage(
        self, request: message_pb.ResolveMessageRequest, context: object
    ) -> message_pb.ResolveMessageResponse:
        """Says what became of a send whose outcome is unknown."""
        await self._sends.check_visible(request.message_id)
        sent = request.outcome == message_pb.ResolveMessageRequest.OUTCOME_SENT

        async def make() -> message_pb.ResolveMessageResponse:
            await self._sends.resolve(tx, request.message_id, sent=sent)
            return message_pb.ResolveMessageResponse(message=await self._get(request.message_id, tx.conn))

        async with self._log.transaction() as tx:
            answer = await answer_once(
                tx, "ResolveMessage", request.request_id, message_pb.ResolveMessageResponse, make
            )
        self._sends.wake()
        return answer

    async def _get(self, message_id: str, conn: Any) -> message_pb2.Message:
        found = await self._find([message_id], conn)
        if message_id not in found:
            raise NotFound("MESSAGE_NOT_FOUND", "there is no such message")
        return found[message_id]

    async def _find(self, message_ids: Sequence[str], conn: Any = None) -> dict[str, message_pb2.Message]:
        source = self._log.pool if conn is None else conn
        rows = await source.fetch(QUERIES["find_messages"], caller.current().workspace_id, message_ids)
        return {row["message_id"]: _message(row) for row in rows}


class QuarantineApi(QuarantineServiceServicer):
    """Webhooks of the caller's workspace that could not be understood."""

    def __init__(self, normaliser: Normaliser) -> None:
        self._normaliser = normaliser

    async def ListQuarantine(
        self, request: quarantine_pb.ListQuarantineRequest, context: object
    ) -> quarantine_pb.ListQuarantineResponse:
        """Lists what is in quarantine, newest first."""
        size = pages.size(request.page_size)
        token = pages.decode(request.page_token, 1)
        after = str(token[0]) if token else None
        if after is not None and not is_id(after):
            raise Invalid("BAD_PAGE_TOKEN", "page_token is not one that this list gave")
        if request.account_id and not is_id(request.account_id):
            return quarantine_pb.ListQuarantineResponse()
        found = await self._normaliser.list(request.account_id or None, after, size + 1)
        size = min(size, _fitting([len(each.body) for each in found]))
        more = pages.encode(found[size - 1].webhook_id) if len(found) > size else ""
        return quarantine_pb.ListQuarantineResponse(items=map(_item, found[:size]), next_page_token=more)

    async def RetryQuarantineItem(
        self, request: quarantine_pb.RetryQuarantineItemRequest, context: object
    ) -> quarantine_pb.RetryQuarantineItemResponse:
        """Parses one again."""
        return quarantine_pb.RetryQuarantineItemResponse(
            item=_item(await self._normaliser.retry(request.quarantine_id))
        )


def _length(row: Any) -> int:
    """Returns how many characters of a message are of any length."""
    return len(row["text"]) + len(row["source_text"] or "") + len(row["attachments"] or "")


def _fitting(lengths: Sequence[int]) -> int:
    """Returns how many of these texts one answer can hold, at least one: a page may end before it is full."""
    total = 0
    for count, length in enumerate(lengths):
        total += length * _BYTES_PER_CHARACTER
        if total > _LARGEST_ANSWER and count:
            return count
    return len(lengths)


def _post(webhook: ingest_pb.Webhook) -> Post:
    return Post(
        # An id of another form is made into one of ours: the same one each time, so that repeating stays harmless.
        webhook_id=webhook.webhook_id if is_id(webhook.webhook_id) else derive_id(None, "webhook", webhook.webhook_id),
        platform=webhook.platform,
        account_id=webhook.account_id if is_id(webhook.account_id) else "",
        body=webhook.body,
        signature=webhook.signature,
        received_time=from_proto(webhook.received_time) if webhook.HasField("received_time") else utc_now(),
        traceparent=webhook.traceparent or tracing.current(),
    )


def _draft(request: message_pb.SendMessageRequest) -> Draft:
    return Draft(
        account_id=request.account_id,
        chat=_clean(request.chat),
        conversation_id=_clean(request.conversation_id),
        agent_id=_clean(request.agent_id),
        text=_clean(request.text),
        source_text=_clean(request.source_text),
        language=_clean(request.language),
        attachments=tuple(
            Attachment(each.kind, url=_clean(each.url), file_name=_clean(each.file_name))
            for each in request.attachments
        ),
        seen_seq=request.seen_seq,
        request_id=request.request_id,
        traceparent=_clean(request.traceparent) or tracing.current(),
    )


def _clean(text: str) -> str:
    """PostgreSQL cannot hold NUL."""
    return text.replace("\x00", "\ufffd")


def _point(token: str) -> tuple[datetime, datetime, str]:
    values = pages.decode(token, 3)
    if values is None:
        return _BEGINNING, _BEGINNING, _FIRST
    occurred, received, last = pages.read_time(values[0]), pages.read_time(values[1]), str(values[2])
    if occurred is None or received is None or not is_id(last):
        raise Invalid("BAD_PAGE_TOKEN", "page_token is not one that this list gave")
    return occurred, received, last


def _message(row: Any) -> message_pb2.Message:
    refusal = refusal_of(row["error"])
    message = message_pb2.Message(
        message_id=row["message_id"],
        platform_message_id=row["platform_message_id"],
        account_id=row["account_id"],
        direction=row["direction"],
        kind=row["kind"],
        text=row["text"],
        attachments=[_attachment(each) for each in attachments_of(row["attachments"])],
        author=message_pb2.Author(kind=row["author_kind"], id=row["author_id"]),
        provider_time=to_proto(row["provider_time"]) if row["provider_time"] else None,
        received_time=to_proto(row["received_time"]),
        delivery=_number(row["delivery"] or 0),
        error=send_error(refusal) if refusal else None,
        edit_time=to_proto(row["edit_time"]) if row["edit_time"] else None,
        delete_time=to_proto(row["delete_time"]) if row["delete_time"] else None,
        reply_to_platform_message_id=row["reply_to"],
        reactions=emojis_of(row["reactions"]),
        language=row["language"] or "",
    )
    if row["source_text"] and row["source_text"] != row["text"]:
        message.source_text = row["source_text"]
    return message


def _attachment(attachment: Attachment) -> message_pb2.Attachment:
    return message_pb2.Attachment(
        kind=attachment.kind,
        url=attachment.url,
        file_name=attachment.file_name,
        mime_type=attachment.mime_type,
        size=attachment.size,
        platform_file_id=attachment.platform_file_id,
        latitude=attachment.latitude,
        longitude=attachment.longitude,
        title=attachment.title,
    )


def _item(item: Quarantined) -> quarantine_pb.QuarantineItem:
    return quarantine_pb.QuarantineItem(
        quarantine_id=item.webhook_id,
        account_id=item.account_id,
        reason=item.reason,
        body=item.body.decode("utf-8", "replace"),
        received_time=to_proto(item.received_time),
        state=item.state,
    )


def _number(value: int) -> Any:
    """The generated stubs want their own types for enums; at run time they are plain numbers."""
    return value
