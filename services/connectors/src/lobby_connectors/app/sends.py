"""Messages out, the commands: committed here, called by the sender afterwards."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct

from lobby_common import caller
from lobby_common.errors import Conflict, Invalid, NotFound
from lobby_common.events import EventLog, Tx
from lobby_common.ids import derive_id, is_id
from lobby_common.times import utc_now
from lobby_connectors import events
from lobby_connectors.addresses import AddressRules
from lobby_connectors.app.calls import account_of
from lobby_connectors.directory import Directory
from lobby_connectors.domain import sending
from lobby_connectors.domain.accounts import Account
from lobby_connectors.domain.erasing import ERASED
from lobby_connectors.domain.items import Attachment
from lobby_connectors.domain.kinds import Delivery, Kind, State
from lobby_connectors.platforms.interface import Limits, Outgoing
from lobby_connectors.platforms.registry import PLATFORMS
from lobby_connectors.store import QUERIES, messages, queue
from lobby_connectors.store.messages import Target

Visible = Callable[[str], Awaitable[bool]]
"""Whether the calling agent may see a message."""


class Draft(Struct, frozen=True, kw_only=True):
    """What an agent wants to send."""

    account_id: str
    chat: str
    conversation_id: str
    agent_id: str
    text: str
    source_text: str
    language: str
    attachments: tuple[Attachment, ...]
    seen_seq: int
    request_id: str
    traceparent: str


class Sends:
    """The outbound messages of the caller's workspace."""

    def __init__(
        self, log: EventLog, directory: Directory, addresses: AddressRules, visible: Visible, wake: Callable[[], None]
    ) -> None:
        self._log = log
        self._directory = directory
        self._addresses = addresses
        self._visible = visible
        self._wake = wake

    async def send(self, draft: Draft) -> Any:
        """The message is committed and will be sent. Returns its row, that of the same message for the same request_id.

        Raises NotFound ACCOUNT_NOT_FOUND, CHAT_NOT_FOUND; Conflict ACCOUNT_DISABLED; Invalid EMPTY_MESSAGE,
        TEXT_TOO_LONG, ATTACHMENT_UNSUPPORTED, ATTACHMENT_URL_REFUSED.
        """
        workspace_id = caller.current().workspace_id
        message_id = derive_id(None, workspace_id, "send", draft.request_id)
        known = await self._log.pool.fetchrow(QUERIES["find_messages"], workspace_id, [message_id])
        if known is not None:
            return known
        account = await self._account(draft.account_id, workspace_id)
        self._check(draft, account)
        outgoing = Outgoing(message_id, draft.chat, draft.text, draft.attachments, message_id)
        parts = len(PLATFORMS[account.platform].render(account_of(account), outgoing))
        async with self._log.transaction() as tx:
            if not await tx.conn.fetchval(QUERIES["has_chat"], account.account_id, draft.chat):
                raise NotFound("CHAT_NOT_FOUND", "nobody ever wrote from this chat to this account")
            columns = _columns(draft, account, message_id, parts)
            await tx.conn.fetchval(QUERIES["insert_send"], *columns, PLATFORMS[account.platform].limits.window_hours)
            row = await tx.conn.fetchrow(QUERIES["find_messages"], workspace_id, [message_id])
        self._wake()
        return row

    async def retry(self, tx: Tx, message_id: str) -> None:
        """A failed message is queued again. Raises NotFound MESSAGE_NOT_FOUND, Conflict NOT_FAILED, CONTACT_ERASED."""
        target = await self._lock(tx, message_id)
        if target.standing is None or target.standing.delivery is not Delivery.FAILED:
            raise Conflict("NOT_FAILED", "only a failed message can be tried again")
        if target.chat.startswith(ERASED):
            raise Conflict("CONTACT_ERASED", "this customer was forgotten")
        await self._move(tx, target, sending.retried(target.standing, _at(target)))
        account = self._directory.find(target.account_id)
        await queue.extend(tx.conn, message_id, PLATFORMS[account.platform].limits.window_hours if account else None)

    async def resolve(self, tx: Tx, message_id: str, *, sent: bool) -> None:
        """An unknown outcome is what a person found. Raises NotFound MESSAGE_NOT_FOUND, Conflict NOT_UNKNOWN."""
        target = await self._lock(tx, message_id)
        if target.standing is None or target.standing.delivery is not Delivery.UNKNOWN:
            raise Conflict("NOT_UNKNOWN", "what became of this message is known")
        await self._move(tx, target, sending.resolved(target.standing, sent=sent, at=_at(target)))

    async def check_visible(self, message_id: str) -> None:
        """The caller may act on the message. Raises NotFound: an agent does not learn of others' messages."""
        allowed = is_id(message_id) and (caller.current().role != "agent" or await self._visible(message_id))
        if not allowed:
            raise NotFound("MESSAGE_NOT_FOUND", "there is no such message")

    def wake(self) -> None:
        """Something may be sent now."""
        self._wake()

    async def _move(self, tx: Tx, target: Target, standing: sending.Standing) -> None:
        before, target.standing = target.standing, standing
        at = utc_now()
        target.delivery_time = at
        await messages.update(tx.conn, [target])
        account = self._directory.find(target.account_id)
        newly = before is not None and before.accept_time is None and standing.accept_time is not None
        if newly and account is not None and standing.accept_time is not None:
            events.tell_sent(tx, account.platform, target, standing.accept_time)
        events.tell_delivery(tx, target, at)

    async def _lock(self, tx: Tx, message_id: str) -> Target:
        target = await messages.lock(tx.conn, message_id, caller.current().workspace_id)
        if target is None:
            raise NotFound("MESSAGE_NOT_FOUND", "there is no such message")
        return target

    async def _account(self, account_id: str, workspace_id: str) -> Account:
        account = None
        if is_id(account_id):
            await self._directory.ensure([account_id])
            account = self._directory.find(account_id)
        if account is None or account.workspace_id != workspace_id:
            raise NotFound("ACCOUNT_NOT_FOUND", "there is no such account in this workspace")
        if account.state is State.DISABLED:
            raise Conflict("ACCOUNT_DISABLED", "the account is switched off")
        return account

    def _check(self, draft: Draft, account: Account) -> None:
        limits = PLATFORMS[account.platform].limits
        if not draft.text.strip() and not draft.attachments:
            raise Invalid("EMPTY_MESSAGE", "a message needs a text or an attachment")
        if limits.too_long(draft.text):
            raise Invalid("TEXT_TOO_LONG", f"{account.platform} takes {limits.text_units} characters")
        self._check_attachments(draft.attachments, account.platform, limits)

    def _check_attachments(self, attachments: Sequence[Attachment], platform: str, limits: Limits) -> None:
        if len(attachments) > limits.attachments:
            raise Invalid("ATTACHMENT_UNSUPPORTED", f"{platform} takes {limits.attachments} attachments at most")
        for each in attachments:
            if each.kind not in limits.media:
                raise Invalid("ATTACHMENT_UNSUPPORTED", f"{platform} takes no {each.kind}")
            self._addresses.attachment(each.url, https_only=limits.https_only)


def _at(target: Target) -> datetime:
    """Returns the database's time: what is due is due by its clock."""
    assert target.lock_time is not None
    return target.lock_time


def _columns(draft: Draft, account: Account, message_id: str, parts: int) -> Sequence[Any]:
    now = utc_now()
    kind = Kind[draft.attachments[0].kind.upper()] if draft.attachments else Kind.TEXT
    return (
        message_id,
        account.workspace_id,
        account.account_id,
        draft.chat,
        kind,
        draft.text,
        messages.attachments_json(draft.attachments),
        draft.agent_id,
        now,
        draft.traceparent,
        draft.conversation_id,
        draft.seen_seq,
        draft.source_text,
        draft.language,
        parts,
    )
