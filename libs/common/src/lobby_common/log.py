"""Logs: one JSON object a line on standard error. Never text, phones, names or tokens; ids, outcomes and durations."""

import logging
import sys
import traceback
from typing import Any

import structlog

from lobby_common.errors import LobbyError

_TOLD = ("sqlstate", "schema_name", "table_name", "constraint_name", "errno")
"""What an exception tells beside its type; its words are not told, for they quote what customers wrote."""


def set_up(service: str, level: str) -> None:
    """Everything logged from now on is JSON with the service's name; other libraries' warnings too."""
    number = logging.getLevelNamesMapping().get(level.upper(), logging.INFO)

    def name_service(_: Any, __: str, event: structlog.types.EventDict) -> structlog.types.EventDict:
        event["service"] = service
        return event

    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        name_service,
        _name_exception,
    ]
    structlog.configure(
        processors=[*shared, structlog.processors.JSONRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, _cut_asyncio, *shared],
            processor=structlog.processors.JSONRenderer(),
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(number, logging.WARNING))


def describe(error: BaseException) -> str:
    """Returns types and places of an exception and of what caused it, the cause first."""
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    told = {name: getattr(error, name, None) for name in _TOLD}
    if isinstance(error, LobbyError):
        told["reason"] = error.reason
    name = f"{type(error).__module__}.{type(error).__qualname__}"
    words = [name, *(f"{key}={value}" for key, value in told.items() if value is not None)]
    parts = [describe(cause)] if cause is not None and cause is not error else []
    if isinstance(error, BaseExceptionGroup):
        parts += [describe(each) for each in error.exceptions]
    return "\n".join([*parts, "".join(traceback.format_tb(error.__traceback__)) + " ".join(words)])


def _name_exception(_: Any, __: str, event: structlog.types.EventDict) -> structlog.types.EventDict:
    given = event.pop("exc_info", None)
    error = given if isinstance(given, BaseException) else (given if isinstance(given, tuple) else sys.exc_info())[1]
    if given and error is not None:
        event["exception"] = describe(error)
    return event


def _cut_asyncio(_: Any, __: str, event: structlog.types.EventDict) -> structlog.types.EventDict:
    """The event loop writes an exception's words below its own; the exception is told beside them anyway."""
    if event.get("logger") == "asyncio":
        event["event"] = str(event["event"]).partition("\n")[0]
    return event


def get_logger(name: str) -> Any:
    """Returns a logger; ids bound at the edge of a call appear on its lines."""
    return structlog.get_logger(name)
