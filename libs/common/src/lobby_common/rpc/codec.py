"""Errors over gRPC: a LobbyError becomes a google.rpc.Status with ErrorInfo and the same error again (AIP-193)."""

import grpc
from google.protobuf import any_pb2
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

from lobby_common.errors import (
    Conflict,
    Exhausted,
    Invalid,
    LobbyError,
    NotFound,
    Refused,
    Unauthenticated,
    Unavailable,
)

DOMAIN = "lobby"

_DETAILS_KEY = "grpc-status-details-bin"

_CODES: dict[type[LobbyError], grpc.StatusCode] = {
    Invalid: grpc.StatusCode.INVALID_ARGUMENT,
    Unauthenticated: grpc.StatusCode.UNAUTHENTICATED,
    Refused: grpc.StatusCode.PERMISSION_DENIED,
    NotFound: grpc.StatusCode.NOT_FOUND,
    Conflict: grpc.StatusCode.FAILED_PRECONDITION,
    Exhausted: grpc.StatusCode.RESOURCE_EXHAUSTED,
    Unavailable: grpc.StatusCode.UNAVAILABLE,
}
_CLASSES = {code: cls for cls, code in _CODES.items()} | {
    grpc.StatusCode.DEADLINE_EXCEEDED: Unavailable,
    grpc.StatusCode.CANCELLED: Unavailable,
}
_NUMBERS = {code: code.value[0] for code in grpc.StatusCode}


def to_status(error: LobbyError) -> status_pb2.Status:
    """Returns the status that says the error, with its reason and detail."""
    info = error_details_pb2.ErrorInfo(reason=error.reason, domain=DOMAIN)
    if isinstance(error, Exhausted):
        info.metadata["retry_after"] = str(error.retry_after)
    status = status_pb2.Status(code=_NUMBERS[_code_of(error)], message=error.message)
    status.details.append(_packed(info))
    if error.detail is not None:
        status.details.append(_packed(error.detail))
    return status


def _code_of(error: LobbyError) -> grpc.StatusCode:
    return next((code for cls, code in _CODES.items() if isinstance(error, cls)), grpc.StatusCode.INTERNAL)


def _packed(message: Message) -> any_pb2.Any:
    if isinstance(message, any_pb2.Any):
        return message
    packed = any_pb2.Any()
    packed.Pack(message)
    return packed


def from_rpc_error(error: grpc.aio.AioRpcError) -> LobbyError:
    """Returns the error that the other side raised; what is none of ours keeps its code as reason."""
    cls = _CLASSES.get(error.code(), LobbyError)
    reason, detail, retry_after = error.code().name, None, 1.0
    status = _status_of(error)
    for packed in status.details if status is not None else ():
        if packed.TypeName() == "google.rpc.ErrorInfo":
            info = error_details_pb2.ErrorInfo()
            packed.Unpack(info)
            reason = info.reason
            retry_after = float(info.metadata.get("retry_after", "1"))
        else:
            detail = packed
    message = error.details() or reason
    if cls is Exhausted:
        return Exhausted(reason, message, detail=detail, retry_after=retry_after)
    return cls(reason, message, detail=detail)


def _status_of(error: grpc.aio.AioRpcError) -> status_pb2.Status | None:
    for key, value in error.trailing_metadata() or ():
        if key == _DETAILS_KEY:
            return status_pb2.Status.FromString(value if isinstance(value, bytes) else value.encode())
    return None


def unpacked(detail: Message | None, kind: type[Message]) -> Message | None:
    """Returns the detail of an error as a message of `kind`, None where it is none."""
    if isinstance(detail, kind):
        return detail
    if isinstance(detail, any_pb2.Any) and detail.TypeName() == kind.DESCRIPTOR.full_name:
        message = kind()
        detail.Unpack(message)
        return message
    return None
