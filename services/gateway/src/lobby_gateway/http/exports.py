"""/v1/exports: lists as files. What is refused is refused before the first byte; what breaks off is broken visibly."""

import asyncio
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import aclosing, contextmanager, suppress
from functools import partial
from typing import Any, Literal

import asyncpg
from google.protobuf.message import Message
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from lobby_common import caller
from lobby_common.errors import LobbyError, Unavailable
from lobby_common.ids import new_id
from lobby_common.log import get_logger
from lobby_common.postgres import AWAY
from lobby_common.times import utc_now
from lobby_gateway import metrics, problems, store
from lobby_gateway.clients import Rpcs
from lobby_gateway.descriptors import Route
from lobby_gateway.domain import Principal
from lobby_gateway.exports import catalogue
from lobby_gateway.exports.catalogue import Export
from lobby_gateway.exports.files import FORMATS
from lobby_gateway.exports.work import Wanted, Work
from lobby_gateway.http.access import Access, Denied, bearer, caller_of, check_sheet
from lobby_gateway.http.answering import UNROUTED, Asking, Found, answered, check_ids, choose
from lobby_gateway.http.responses import left
from lobby_gateway.problems import Problem

Outcome = Literal["whole", "left", "broken"]
_LOG = get_logger("exports")
_MOST_AT_ONCE = 4
_CLOSED_WITHIN = 3.0
_STUCK_SECONDS = 60.0
"""A client that reads nothing for so long is given up."""


class Exports:
    """Answers everything below /v1/exports."""

    def __init__(self, access: Access, rpcs: Rpcs, pool: asyncpg.Pool, *, trace_ratio: float) -> None:
        self._access = access
        self._rpcs = rpcs
        self._pool = pool
        self._trace_ratio = trace_ratio
        self._router = catalogue.router()
        self._places: Counter[str] = Counter()
        self._running: dict[asyncio.Future[None], asyncio.Task[Any] | None] = {}
        """What writes, and the request in which it does."""

    async def __call__(self, request: Request) -> Response:
        """Returns the file as it comes, a problem where there is none."""
        found = self._router.find(request.url.path)
        name = UNROUTED if found is None else f"{request.method} {found[0]['GET'].template.text}"
        return await answered(request, name, self._trace_ratio, partial(self._answer, found))

    async def close(self) -> None:
        """What is being written breaks off, and that is on record."""
        for writing in self._running:
            writing.cancel()
        requests = [each for each in self._running.values() if each is not None]
        if requests:
            await asyncio.wait(requests, timeout=_CLOSED_WITHIN)

    async def _answer(self, found: Found[Export] | None, asking: Asking) -> Response:
        export, ids = choose(asking.request.method, found)
        secret = bearer(asking.request)
        principal = await self._access.enter(secret, export.source.permission)
        asking.sight = principal.sight
        check_ids(export.source, ids)
        check_sheet(principal, ids, export.source.not_found_reason("sheet_id"))
        chosen, request = catalogue.asked(export, ids, asking.request.scope["query_string"])
        return await self._begin(Wanted(export, chosen, request, principal.sight), principal, secret)

    async def _begin(self, wanted: Wanted, principal: Principal, secret: str) -> Response:
        """Returns the file once its first page is there and it is on record. Raises Denied, LobbyError."""
        self._take_place(principal.workspace_id)
        try:
            work = await Work.begin(wanted, partial(self._ask, principal, secret))
            record = Record(self._pool, principal, wanted)
            await record.begun()
        except BaseException:
            self.leave_place(principal.workspace_id)
            raise
        return Stream(work, record, self)

    async def _ask(self, principal: Principal, secret: str, route: Route, request: Message) -> Message:
        """Returns a page, as long as the key holds. Raises LobbyError, Denied 401."""
        with suppress(LobbyError):  # while nobody can tell, it holds
            if not await self._access.still_holds(secret, principal):
                raise Denied(problems.bad_credential())
        with caller.use(caller_of(principal)):
            return await self._rpcs.call(route, request)

    def _take_place(self, workspace_id: str) -> None:
        if self._places[workspace_id] >= _MOST_AT_ONCE:
            detail = f"{_MOST_AT_ONCE} exports of this workspace run already"
            raise Denied(Problem(429, "TOO_MANY_EXPORTS", detail, problems.retry_after(10)))
        self._places[workspace_id] += 1

    def leave_place(self, workspace_id: str) -> None:
        """One more export of the workspace may begin."""
        self._places[workspace_id] -= 1
        if not self._places[workspace_id]:
            del self._places[workspace_id]

    @contextmanager
    def running(self, writing: asyncio.Future[None]) -> Iterator[None]:
        """Inside the block what writes breaks off where the gateway stops."""
        self._running[writing] = asyncio.current_task()
        try:
            yield
        finally:
            del self._running[writing]


class Record:
    """What the audit log says of one export: that it began, and how it ended."""

    def __init__(self, pool: asyncpg.Pool, principal: Principal, wanted: Wanted) -> None:
        self.principal = principal
        self._pool = pool
        self._wanted = wanted
        self._export_id = new_id()
        self._started = time.monotonic()

    async def begun(self) -> None:
        """Nothing leaves before it is on record. Raises Unavailable."""
        try:
            await self._write("export_started")
        except (asyncpg.PostgresError, *AWAY) as error:
            raise Unavailable("DATABASE_AWAY", "the export cannot be put on record now; try again") from error

    async def ended(self, outcome: Outcome, rows: int) -> None:
        """How many rows went out is on record; where the database is away, in the log alone."""
        metrics.EXPORTS.labels(outcome).inc()
        ms = round((time.monotonic() - self._started) * 1e3)
        _LOG.info("export_ended", export=self._wanted.export.name, outcome=outcome, rows=rows, ms=ms)
        with suppress(asyncpg.PostgresError, *AWAY):
            await self._write("export_ended", outcome=outcome, rows=rows)

    async def _write(self, action: str, **more: str | int) -> None:
        said = {
            "export": self._wanted.export.template.text,
            "format": self._wanted.format,
            "filters": self._wanted.filters,
        }
        async with self._pool.acquire() as conn:
            await store.audit(
                conn,
                workspace_id=self.principal.workspace_id,
                actor=caller_of(self.principal).actor,
                action=action,
                subject_id=self._export_id,
                detail=said | more,
            )


class Stream(Response):
    """The file, page after page."""

    def __init__(self, work: Work, record: Record, exports: Exports) -> None:
        super().__init__()
        self._work = work
        self._record = record
        self._exports = exports
        self._has_place = True
        self._is_ended = False
        wanted = work.wanted
        self.headers["content-type"] = FORMATS[wanted.format].content_type
        self.headers["content-disposition"] = f'attachment; filename="{_file_name(wanted)}"'
        self.headers["cache-control"] = "no-store"
        self.headers["x-accel-buffering"] = "no"
        del self.headers["content-length"]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Writes until all is written or the client has left.

        An answer that the application does not end, the server ends without its last chunk, and its connection with it:
        that is how one tells a file that is not whole.
        """
        writing = asyncio.ensure_future(self._write(send))
        leaving = asyncio.ensure_future(left(receive))
        with self._exports.running(writing):
            try:
                await asyncio.wait({writing, leaving}, return_when=asyncio.FIRST_COMPLETED)
                has_left = not writing.done()
            finally:
                writing.cancel()
                leaving.cancel()
                ended, _ = await asyncio.gather(writing, leaving, return_exceptions=True)
            if not self._is_ended:
                await self._end("left" if has_left else "broken")
            if not has_left and ended is not None:
                _log_break(ended)

    async def _write(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        async with aclosing(self._work.chunks()) as chunks:
            async for chunk in chunks:
                if chunk:
                    async with asyncio.timeout(_STUCK_SECONDS):
                        await send({"type": "http.response.body", "body": chunk, "more_body": True})
        # Before the last chunk: whoever has the whole file finds it on record, and may ask for the next one.
        await self._end("whole")
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _end(self, outcome: Outcome) -> None:
        if self._has_place:
            self._has_place = False
            self._exports.leave_place(self._record.principal.workspace_id)
        await self._record.ended(outcome, self._work.rows)
        self._is_ended = True


def _log_break(error: BaseException | None) -> None:
    """What was foreseen is told by its reason, what was not by all that is known."""
    match error:
        case LobbyError():
            _LOG.warning("export_broke", reason=error.reason)
        case Denied():
            _LOG.info("export_broke", reason=error.problem.reason)
        case TimeoutError():
            _LOG.info("export_broke", reason="stuck")
        case asyncio.CancelledError():
            _LOG.info("export_broke", reason="stopping")
        case _:
            _LOG.error("export_broke", exc_info=error)


def _file_name(wanted: Wanted) -> str:
    ids: Mapping[str, str] = {name: getattr(wanted.request, name) for name in wanted.export.template.variables}
    parts = [wanted.export.name, *ids.values(), utc_now().date().isoformat()]
    return f"{'-'.join(parts)}.{wanted.format}"
