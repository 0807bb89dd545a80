"""Renderings as the contract says them, and the event that tells them."""

from collections.abc import Mapping
from typing import Final

from lobby.translate.v1 import translation_pb2 as pb
from lobby.translate.v1.events_pb2 import MessageTranslated
from lobby_common import ids
from lobby_common.events import Tx
from lobby_translate import metrics
from lobby_translate.rendering import Rendering, Status
from lobby_translate.store import Cause, Told

_STATUS: Final[Mapping[Status, pb.TranslationStatus.ValueType]] = {
    Status.TRANSLATED: pb.TRANSLATION_STATUS_TRANSLATED,
    Status.SAME_LANGUAGE: pb.TRANSLATION_STATUS_SAME_LANGUAGE,
    Status.NOTHING_TO_TRANSLATE: pb.TRANSLATION_STATUS_NOTHING_TO_TRANSLATE,
    Status.UNTRANSLATED: pb.TRANSLATION_STATUS_UNTRANSLATED,
}


def to_proto(rendering: Rendering) -> pb.Translation:
    """The rendering as the contract says it."""
    metrics.RENDERED.labels(rendering.outcome).inc()
    return pb.Translation(
        text=rendering.text,
        language=rendering.language,
        provider=rendering.provider,
        status=_STATUS[rendering.status],
        reason=rendering.reason,
        source_language=rendering.source,
    )


def tell(tx: Tx, told: Told, rendering: Rendering | None, cause: Cause) -> None:
    """The message's version is told with this transaction; the same version always under the same id."""
    account_id, chat = told.chat
    payload = MessageTranslated(
        message_id=told.message_id,
        account_id=account_id,
        chat=chat,
        language=told.language,
        confidence=told.confidence,
        basis=told.basis,
        translation=to_proto(rendering) if rendering is not None else None,
        version=told.version,
        customer_language=told.customer_language,
    )
    tx.tell(
        payload,
        workspace_id=told.workspace_id,
        key=f"{account_id}/{chat}",
        event_id=ids.derive_id(None, "message_translated", told.message_id, str(told.version)),
        cause_id=cause.event_id,
        traceparent=cause.traceparent,
    )
