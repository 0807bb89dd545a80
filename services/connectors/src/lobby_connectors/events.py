"""What connectors tells the others: domain in, events of the contract out."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from lobby.connectors.v1 import events_pb2 as pb
from lobby.connectors.v1 import message_pb2
from lobby_common.events import Tx
from lobby_common.ids import derive_id
from lobby_common.times import to_proto
from lobby_connectors.domain.accounts import Account
from lobby_connectors.domain.items import (
    Arrival,
    Echo,
    Identifier,
    IdentifierChange,
    Message,
    Referral,
    Refusal,
)
from lobby_connectors.domain.kinds import Platform, State
from lobby_connectors.domain.webhooks import Webhook, cut, occurred
from lobby_connectors.platforms.registry import PLATFORMS
from lobby_connectors.store.messages import Target

NUMBERS = {name: Platform[name.upper()] for name in PLATFORMS}


def key_of(account_id: str, chat: str) -> str:
    """Returns what orders the events of a chat."""
    return f"{account_id}/{chat}"


def tell_received(
    tx: Tx, webhook: Webhook, account: Account, message_id: str, message: Message, *, greeting: bool
) -> None:
    """A customer wrote."""
    when, is_received = occurred(message.time, webhook.received_time)
    text, text_cut = cut(message.text)
    customer = message.customer
    payload = pb.MessageReceived(
        message_id=message_id,
        account_id=account.account_id,
        platform=_enum(NUMBERS[account.platform]),
        chat=customer.chat,
        identifiers=_identifiers(customer.identifiers),
        kind=_enum(message.kind),
        text=text,
        text_cut=text_cut,
        attachment_count=len(message.attachments),
        occurred_time=to_proto(when),
        time_is_received=is_received,
        received_time=to_proto(webhook.received_time),
        display_name=customer.display_name,
        locale=customer.locale,
        country=customer.country,
        window_close_time=_window(account, when),
        greeting=greeting,
        platform_message_id=message.platform_message_id,
    )
    if message.referral is not None:
        payload.referral.CopyFrom(_referral(message.referral))
    for card in message.cards:
        payload.cards.add(phone=card.phone, own=card.own, display_name=card.display_name)
    tx.tell(
        payload,
        workspace_id=account.workspace_id,
        key=key_of(account.account_id, customer.chat),
        event_id=derive_id(message.time, message_id, "received"),
        traceparent=webhook.traceparent,
        cause_id=webhook.webhook_id,
    )


def tell_echo(tx: Tx, webhook: Webhook, account: Account, message_id: str, echo: Echo) -> None:
    """Staff wrote in the platform's own app."""
    when, _ = occurred(echo.time, webhook.received_time)
    text, _ = cut(echo.text)
    tx.tell(
        pb.MessageSent(
            message_id=message_id,
            account_id=account.account_id,
            platform=_enum(NUMBERS[account.platform]),
            chat=echo.customer.chat,
            echo=True,
            kind=_enum(echo.kind),
            text=text,
            accept_time=to_proto(when),
        ),
        workspace_id=account.workspace_id,
        key=key_of(account.account_id, echo.customer.chat),
        event_id=derive_id(echo.time, message_id, "sent"),
        traceparent=webhook.traceparent,
        cause_id=webhook.webhook_id,
    )


def tell_sent(tx: Tx, platform: str, target: Target, accept_time: datetime, *, cause_id: str = "") -> None:
    """The platform accepted a message of ours."""
    text, _ = cut(target.text)
    tx.tell(
        pb.MessageSent(
            message_id=target.message_id,
            account_id=target.account_id,
            platform=_enum(NUMBERS[platform]),
            chat=target.chat,
            conversation_id=target.conversation_id,
            agent_id=target.author_id,
            bot=target.author_kind == "bot",
            kind=_enum(target.kind),
            text=text,
            accept_time=to_proto(accept_time),
            seen_seq=target.seen_seq,
        ),
        workspace_id=target.workspace_id,
        key=key_of(target.account_id, target.chat),
        event_id=derive_id(None, target.message_id, "sent"),
        traceparent=target.traceparent,
        cause_id=cause_id,
    )


def tell_delivery(tx: Tx, target: Target, at: datetime, *, cause_id: str = "") -> None:
    """A message of ours stands elsewhere than before."""
    assert target.standing is not None
    standing = target.standing
    payload = pb.DeliveryChanged(
        message_id=target.message_id,
        account_id=target.account_id,
        chat=target.chat,
        conversation_id=target.conversation_id,
        delivery=_enum(standing.delivery),
        change_time=to_proto(at),
    )
    if standing.error is not None:
        payload.error.CopyFrom(send_error(standing.error))
    tx.tell(
        payload,
        workspace_id=target.workspace_id,
        key=key_of(target.account_id, target.chat),
        event_id=derive_id(
            at,
            target.message_id,
            standing.delivery.name,
            f"{standing.generation}.{standing.attempts}.{standing.parts_done}",
        ),
        traceparent=target.traceparent,
        cause_id=cause_id,
    )


def tell_edited(tx: Tx, target: Target, at: datetime, *, cause_id: str, traceparent: str) -> None:
    """A customer changed a message."""
    text, _ = cut(target.text)
    tx.tell(
        pb.MessageEdited(
            message_id=target.message_id,
            account_id=target.account_id,
            chat=target.chat,
            text=text,
            edit_time=to_proto(at),
        ),
        workspace_id=target.workspace_id,
        key=key_of(target.account_id, target.chat),
        event_id=derive_id(at, target.message_id, "edited", target.text),
        traceparent=traceparent,
        cause_id=cause_id,
    )


def tell_deleted(tx: Tx, target: Target, at: datetime, *, cause_id: str, traceparent: str) -> None:
    """A customer took a message back."""
    tx.tell(
        pb.MessageDeleted(
            message_id=target.message_id, account_id=target.account_id, chat=target.chat, delete_time=to_proto(at)
        ),
        workspace_id=target.workspace_id,
        key=key_of(target.account_id, target.chat),
        event_id=derive_id(at, target.message_id, "deleted"),
        traceparent=traceparent,
        cause_id=cause_id,
    )


def tell_reaction(tx: Tx, target: Target, at: datetime, *, cause_id: str, traceparent: str) -> None:
    """A customer's emoji on a message are others now."""
    tx.tell(
        pb.ReactionChanged(
            message_id=target.message_id,
            account_id=target.account_id,
            chat=target.chat,
            reactions=target.reactions,
        ),
        workspace_id=target.workspace_id,
        key=key_of(target.account_id, target.chat),
        event_id=derive_id(at, target.message_id, "reactions", *target.reactions),
        traceparent=traceparent,
        cause_id=cause_id,
    )


def tell_arrival(tx: Tx, webhook: Webhook, account: Account, fact_id: str, arrival: Arrival) -> None:
    """A customer came by an ad or link and wrote nothing."""
    when, _ = occurred(arrival.time, webhook.received_time)
    tx.tell(
        pb.ReferralSeen(
            account_id=account.account_id,
            platform=_enum(NUMBERS[account.platform]),
            chat=arrival.customer.chat,
            identifiers=_identifiers(arrival.customer.identifiers),
            referral=_referral(arrival.referral),
            occurred_time=to_proto(when),
        ),
        workspace_id=account.workspace_id,
        key=key_of(account.account_id, arrival.customer.chat),
        event_id=fact_id,
        traceparent=webhook.traceparent,
        cause_id=webhook.webhook_id,
    )


def tell_identifiers(
    tx: Tx,
    account: Account,
    event_id: str,
    change: IdentifierChange,
    at: datetime,
    *,
    traceparent: str = "",
    cause_id: str = "",
) -> None:
    """A customer's addresses changed, or more of him is known."""
    tx.tell(
        pb.IdentifierChanged(
            account_id=account.account_id,
            platform=_enum(NUMBERS[account.platform]),
            chat=change.chat,
            retired=_identifiers(change.retired),
            current=_identifiers(change.current),
            display_name=change.display_name,
            locale=change.locale,
            change_time=to_proto(at),
            avatar_hash=change.avatar_hash,
        ),
        workspace_id=account.workspace_id,
        key=key_of(account.account_id, change.chat),
        event_id=event_id,
        traceparent=traceparent,
        cause_id=cause_id,
    )


def tell_state(
    tx: Tx, *, account_id: str, workspace_id: str, platform: str, state: State, reason: str, at: datetime
) -> None:
    """An account's state changed."""
    tx.tell(
        pb.AccountStateChanged(
            account_id=account_id,
            platform=_enum(NUMBERS[platform]),
            state=_enum(state),
            state_reason=reason,
            state_time=to_proto(at),
        ),
        workspace_id=workspace_id,
        key=account_id,
        event_id=derive_id(at, account_id, "state", state.name, reason),
    )


def send_error(refusal: Refusal) -> message_pb2.SendError:
    """Returns a refusal in the contract's shape."""
    return message_pb2.SendError(reason=refusal.reason, detail=refusal.detail, retry_after=refusal.retry_after)


def _enum(number: int) -> Any:
    """The generated stubs want their own types for enums; at run time they are plain numbers."""
    return number


def _window(account: Account, when: datetime) -> Timestamp | None:
    hours = PLATFORMS[account.platform].limits.window_hours
    return None if hours is None else to_proto(when + timedelta(hours=hours))


def _identifiers(identifiers: Iterable[Identifier]) -> list[pb.Identifier]:
    return [pb.Identifier(kind=each.kind, scope=each.scope, value=each.value) for each in identifiers]


def _referral(referral: Referral) -> pb.Referral:
    return pb.Referral(
        source_type=referral.source_type,
        source_id=referral.source_id,
        click_id=referral.click_id,
        source_url=referral.source_url,
        headline=referral.headline,
    )
