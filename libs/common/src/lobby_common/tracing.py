"""Traces: the context is a field of every webhook and event (W3C traceparent), spans only for what is sampled.

An unsampled message costs a string; a sampled one gets a child span at each stage, so that one trace joins them all.
"""

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol

from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, TraceFlags

from lobby.events.v1.batch_pb2 import Event

_CURRENT: ContextVar[str] = ContextVar("traceparent", default="")
_provider: TracerProvider | None = None
_PARTS = 4
_LENGTH = 55


class Traced(Protocol):
    """Something with an event and the trace context that its effects carry on."""

    event: Event
    traceparent: str


def set_up(service: str, endpoint: str) -> None:
    """Spans are exported by OTLP to `endpoint`; without one none are made."""
    global _provider  # noqa: PLW0603  # one exporter per process, set once at start
    if endpoint:
        # Only here: it takes 14 MB and a quarter of a second, and most processes export nothing.
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import (  # noqa: PLC0415  # as said
            OTLPSpanExporter,
        )

        _provider = TracerProvider(resource=Resource.create({"service.name": f"lobby-{service}"}), sampler=ALWAYS_ON)
        _provider.add_span_processor(
            BatchSpanProcessor(
                OTLPSpanExporter(endpoint=endpoint, insecure=endpoint.startswith("http://")),
                schedule_delay_millis=500,
            )
        )


def shut_down() -> None:
    """Spans made so far are exported."""
    global _provider  # noqa: PLW0603  # as above
    if _provider is not None:
        _provider.shutdown()
        _provider = None


def new_traceparent(ratio: float) -> str:
    """Returns the context of a new trace, sampled with probability `ratio`."""
    flag = "01" if random.random() < ratio else "00"  # noqa: S311  # a trace id is no secret
    return f"00-{random.getrandbits(128):032x}-{random.getrandbits(64):016x}-{flag}"


def is_sampled(traceparent: str) -> bool:
    """Returns whether spans are made for the context."""
    return len(traceparent) == _LENGTH and traceparent.endswith("01")


def trace_id(traceparent: str) -> str:
    """Returns the trace id of a context, "" where there is none."""
    parts = traceparent.split("-")
    return parts[1] if len(parts) == _PARTS else ""


def current() -> str:
    """Returns the context of the work in hand, "" where there is none."""
    return _CURRENT.get()


@contextmanager
def use(traceparent: str) -> Iterator[None]:
    """Inside the block, calls and events carry the context."""
    token = _CURRENT.set(traceparent)
    try:
        yield
    finally:
        _CURRENT.reset(token)


@contextmanager
def span(name: str, traceparent: str, kind: SpanKind = SpanKind.INTERNAL) -> Iterator[str]:
    """Inside the block a child span runs; yields the context that the block's effects carry on."""
    started = _start(name, traceparent, kind)
    if started is None:
        with use(traceparent):
            yield traceparent
        return
    with use(_format(started)):
        try:
            yield _format(started)
        except BaseException as error:
            started.set_attribute("error.type", type(error).__name__)
            raise
        finally:
            started.end()


@contextmanager
def spans_of(events: Sequence[Traced], service: str) -> Iterator[None]:
    """Each sampled event has a child span of its own around the block; its `traceparent` is that span's."""
    running = []
    if _provider is not None:
        for each in events:
            if is_sampled(each.event.traceparent):
                name = f"{service} {each.event.type.rpartition('.')[2]}"
                started = _start(name, each.event.traceparent, SpanKind.CONSUMER)
                if started is not None:
                    each.traceparent = _format(started)
                    running.append(started)
    try:
        yield
    finally:
        for started in running:
            started.end()


def _start(name: str, traceparent: str, kind: SpanKind) -> trace.Span | None:
    if _provider is None or not is_sampled(traceparent):
        return None
    _, trace_hex, span_hex, _ = traceparent.split("-")
    parent = SpanContext(int(trace_hex, 16), int(span_hex, 16), is_remote=True, trace_flags=TraceFlags(1))
    context = trace.set_span_in_context(NonRecordingSpan(parent))
    return _provider.get_tracer("lobby").start_span(name, context, kind)


def _format(started: trace.Span) -> str:
    context = started.get_span_context()
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-01"
