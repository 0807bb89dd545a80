"""A load generator that costs little: prepared requests over raw connections, answers read by their first line."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

_HEAD_END = b"\r\n\r\n"


@dataclass
class Tally:
    """What was sent and answered."""

    accepted: int = 0
    refused: dict[int, int] = field(default_factory=dict)
    seconds: list[float] = field(default_factory=list)
    sent: dict[int, float] = field(default_factory=dict)
    """When request number n left, by the clock of time.time()."""

    def percentile_ms(self, share: float) -> float:
        """Returns the latency below which `share` of the answers lie, in milliseconds."""
        ordered = sorted(self.seconds)
        return ordered[min(int(len(ordered) * share), len(ordered) - 1)] * 1000 if ordered else 0.0


class _Connection(asyncio.Protocol):
    """One connection: one request at a time."""

    def __init__(self, tally: Tally, free: Callable[["_Connection"], None]) -> None:
        self._tally = tally
        self._free = free
        self._started = 0.0
        self._buffer = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]  # TCP gives a Transport
        self._free(self)

    def send(self, request: bytes) -> None:
        self._started = time.perf_counter()
        self._transport.write(request)  # type: ignore[union-attr]  # only after connection_made

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head_end = self._buffer.find(_HEAD_END)
        if head_end < 0:
            return
        head = self._buffer[:head_end].lower()
        length = 0
        if (at := head.find(b"content-length:")) >= 0:
            length = int(head[at + 15 :].split(b"\r\n", 1)[0])
        if len(self._buffer) < head_end + 4 + length:
            return
        status = int(self._buffer[9:12])
        self._buffer = b""
        self._tally.seconds.append(time.perf_counter() - self._started)
        if status == 200:
            self._tally.accepted += 1
        else:
            self._tally.refused[status] = self._tally.refused.get(status, 0) + 1
        self._free(self)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


class Load:
    """Connections to one address over which prepared requests go."""

    def __init__(self, port: int, requests: Sequence[bytes]) -> None:
        self._port = port
        self._numbered: Iterator[tuple[int, bytes]] = iter(enumerate(requests))
        self.tally = Tally()
        self._idle: deque[_Connection] = deque()
        self._all: list[_Connection] = []
        self._wake = asyncio.Event()

    async def open(self, connections: int) -> None:
        """There are this many connections."""
        loop = asyncio.get_running_loop()
        for _ in range(connections):
            _, connection = await loop.create_connection(
                lambda: _Connection(self.tally, self._freed), "127.0.0.1", self._port
            )
            self._all.append(connection)

    def _freed(self, connection: _Connection) -> None:
        self._idle.append(connection)
        self._wake.set()

    async def run(self, seconds: float, *, may_send: Callable[[], int], rate: float | None = None) -> float:
        """Sends for so long, as `may_send` (how many more are admitted) allows; returns the seconds it took.

        With a `rate` requests leave on schedule, whether or not earlier ones were answered (open loop).
        """
        started = time.perf_counter()
        end = started + seconds
        sent = 0
        while (now := time.perf_counter()) < end:
            allowed = may_send()
            if rate is not None:
                allowed = min(allowed, int((now - started) * rate) - sent)
            while allowed > 0 and self._idle:
                try:
                    number, request = next(self._numbered)
                except StopIteration:
                    raise RuntimeError("the bench prepared too few requests") from None
                self.tally.sent[number] = time.time()
                self._idle.popleft().send(request)
                sent += 1
                allowed -= 1
            self._wake.clear()
            pause = 0.002 if rate is not None or allowed <= 0 else 0.05
            try:
                await asyncio.wait_for(self._wake.wait(), pause)
            except TimeoutError:
                continue
            if rate is not None or allowed <= 0:
                await asyncio.sleep(0.001)
        while len(self._idle) < len(self._all):
            await asyncio.sleep(0.01)
        return time.perf_counter() - started

    def close(self) -> None:
        """The connections are closed."""
        for connection in self._all:
            connection.close()
