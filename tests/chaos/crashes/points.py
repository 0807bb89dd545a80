"""The crash points: where a process dies once, each on an arrow of a message's way, at the worst instant (row 19).

Production code knows nothing of them. The packages are copied, a line is put in at each point, and the copies come
before the real ones. A point is armed by a file; who passes it removes the file and is killed on the spot.
"""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.chaos import edits
from tests.chaos.edits import Edit

COMMITTING = ("connectors", "identity", "routing", "counter", "translate")
"""Who tells events."""
HEARING = ("identity", "routing", "counter", "translate")
EVERYONE = (*COMMITTING, "gateway")


@dataclass(frozen=True, kw_only=True)
class Point:
    """One place in the code, and the services in which somebody dies there."""

    name: str
    services: tuple[str, ...]
    file: str
    line: str
    """The text beside which it is: whole lines, in the file exactly once."""
    after: bool = False
    """Behind that text, not before it."""
    indent: int
    short: bool = False
    """Part of the short set, in one of its services."""
    when: str = ""
    """A condition, where the place is also passed when there is nothing to lose."""

    def edit(self) -> Edit:
        """The crash is in the code."""
        pad = " " * self.indent
        crash = f'__import__("crash_here").at("{self.name}")\n'
        put_in = pad + crash if not self.when else f"{pad}if {self.when}:\n{pad}    {crash}"
        return Edit(self.file, self.line, self.line + put_in if self.after else put_in + self.line)


_EVENTS = "libs/common/src/lobby_common/events"
_LEASES = "libs/common/src/lobby_common/leases.py"
_CONNECTORS = "services/connectors/src/lobby_connectors"
_GATEWAY = "services/gateway/src/lobby_gateway"
_ROUTING = "services/routing/src/lobby_routing"
_TRANSLATE = "services/translate/src/lobby_translate"

POINTS = (
    # Of two points beside one text, the deeper one comes first.
    # Webhooks in.
    Point(
        name="webhooks-queued-not-handed-on",
        services=("gateway",),
        file=f"{_GATEWAY}/webhooks/batcher.py",
        line="            verdicts = await self._ingest([each.webhook for each in batch])\n",
        indent=12,
    ),
    Point(
        name="webhooks-kept-not-answered-by-gateway",
        services=("gateway",),
        file=f"{_GATEWAY}/webhooks/batcher.py",
        line="        except LobbyError:\n            pass\n        finally:\n            for index,",
        indent=12,
        short=True,
    ),
    Point(
        name="webhooks-written-not-committed",
        services=("connectors",),
        file=f"{_CONNECTORS}/app/ingest.py",
        line="        metrics.count_items(zip((reading.webhook.account.platform",
        indent=12,
    ),
    Point(
        name="webhooks-committed-not-answered",
        services=("connectors",),
        file=f"{_CONNECTORS}/app/ingest.py",
        line="        metrics.count_items(zip((reading.webhook.account.platform",
        indent=8,
        short=True,
    ),
    # The event log, from the transaction to the mark.
    Point(
        name="batch-written-not-committed",
        services=COMMITTING,
        file=f"{_EVENTS}/log.py",
        line="                stored = await self._store(tx)\n",
        after=True,
        indent=16,
        when="stored",
    ),
    Point(
        name="batch-committed-not-offered",
        services=COMMITTING,
        file=f"{_EVENTS}/log.py",
        line="            self._outlet.offer(stored)\n",
        indent=12,
        short=True,
    ),
    Point(
        name="batch-offered-not-published",
        services=COMMITTING,
        file=f"{_EVENTS}/publisher.py",
        line="        subject = subject_of(self._service)\n",
        indent=8,
    ),
    Point(
        name="batch-published-not-acknowledged",
        services=COMMITTING,
        file=f"{_EVENTS}/publisher.py",
        line="        async with asyncio.timeout(_ACK_SECONDS):\n",
        indent=8,
    ),
    Point(
        name="batch-acknowledged-not-marked",
        services=COMMITTING,
        file=f"{_EVENTS}/publisher.py",
        line="            await asyncio.gather(*acks)\n",
        after=True,
        indent=8,
        short=True,
    ),
    Point(
        name="marks-taken-not-saved",
        services=COMMITTING,
        file=f"{_EVENTS}/publisher.py",
        line="        marks, self._marks = self._marks, Marks()\n",
        after=True,
        indent=8,
    ),
    # Those who hear it.
    Point(
        name="effects-written-position-not-moved",
        services=HEARING,
        file=f"{_EVENTS}/consumer.py",
        line="                        await self._handler.apply(tx, events)\n",
        after=True,
        indent=20,
        short=True,
    ),
    Point(
        name="position-moved-not-committed",
        services=HEARING,
        file=f"{_EVENTS}/consumer.py",
        line="        except AWAY:\n            raise\n        except COLLIDED:\n",
        indent=20,
    ),
    Point(
        name="position-committed-not-noted",
        services=HEARING,
        file=f"{_EVENTS}/consumer.py",
        line="            await self._apply_moves(moves, place)\n",
        after=True,
        indent=12,
        short=True,
    ),
    Point(
        name="cursors-taken-not-saved",
        services=HEARING,
        file=f"{_EVENTS}/consumer.py",
        line="                self._cursors.clear()\n",
        after=True,
        indent=16,
    ),
    # Leases.
    Point(
        name="leases-taken-not-committed",
        services=EVERYONE,
        file=_LEASES,
        line='            rows = await conn.fetch(_QUERIES["take"], self._process, names, LIFE)\n',
        after=True,
        indent=12,
    ),
    Point(
        name="leases-taken-not-used",
        services=EVERYONE,
        file=_LEASES,
        line='        if rows:\n            _LOG.info("leases_taken"',
        indent=8,
    ),
    Point(
        name="leases-renewed-not-noted",
        services=EVERYONE,
        file=_LEASES,
        line="        assert row is not None\n",
        indent=8,
    ),
    # An agent's answer, from the gateway to the platform.
    Point(
        name="answer-leased-not-handed-over",
        services=("routing",),
        file=f"{_ROUTING}/app/sending.py",
        line="        admitted = await self._admit(caller, agent_id, request)\n",
        after=True,
        indent=8,
    ),
    Point(
        name="send-committed-not-answered",
        services=("connectors",),
        file=f"{_CONNECTORS}/app/sends.py",
        line="        self._wake()\n        return row\n",
        indent=8,
    ),
    Point(
        name="answer-handed-over-not-remembered",
        services=("routing",),
        file=f"{_ROUTING}/app/sending.py",
        line="        return await self._remember(admitted, message, request.request_id)\n",
        indent=8,
        short=True,
    ),
    Point(
        name="answer-remembered-not-answered",
        services=("routing",),
        file=f"{_ROUTING}/app/sending.py",
        line="            answer = await answer_once(tx, _METHOD, request_id, SendMessageResponse, make)\n",
        after=True,
        indent=8,
    ),
    Point(
        name="send-claimed-not-committed",
        services=("connectors",),
        file=f"{_CONNECTORS}/app/sender.py",
        line="        return [job for job, _ in claimed]\n",
        indent=12,
        when="claimed",
    ),
    Point(
        name="send-claimed-not-called",
        services=("connectors",),
        file=f"{_CONNECTORS}/app/sender.py",
        line="        return [job for job, _ in claimed]\n",
        indent=8,
        when="claimed",
        short=True,
    ),
    Point(
        name="send-taken-by-the-platform-not-kept",
        services=("connectors",),
        file=f"{_CONNECTORS}/app/sender.py",
        line="            if not await self._outcomes.settle(job, account, part, result):\n",
        indent=12,
        short=True,
    ),
    Point(
        name="send-found-left-behind",
        services=("connectors",),
        file=f"{_CONNECTORS}/app/sender.py",
        line="                await self._outcomes.recover(message_id, claim)\n",
        indent=16,
    ),
    Point(
        name="outcome-written-not-committed",
        services=("connectors",),
        file=f"{_CONNECTORS}/app/outcomes.py",
        line="                    goes_on = await self._store(tx, job, account, part, result)\n",
        after=True,
        indent=20,
    ),
    Point(
        name="outcome-committed-not-noted",
        services=("connectors",),
        file=f"{_CONNECTORS}/app/outcomes.py",
        line="                stored = True\n",
        indent=16,
    ),
    # Texts on their way through the engines.
    Point(
        name="texts-claimed-not-translated",
        services=("translate",),
        file=f"{_TRANSLATE}/worker.py",
        line="        renderings = await self._render(jobs)\n",
        indent=8,
    ),
    Point(
        name="texts-translated-not-told",
        services=("translate",),
        file=f"{_TRANSLATE}/worker.py",
        line="        renderings = await self._render(jobs)\n",
        after=True,
        indent=8,
        short=True,
    ),
    # What only the gateway does.
    Point(
        name="key-written-not-committed",
        services=("gateway",),
        file=f"{_GATEWAY}/api/workspaces.py",
        line="            answer = await self._create(tx, key, secret, request.request_id)\n",
        after=True,
        indent=12,
    ),
    Point(
        name="key-committed-not-answered",
        services=("gateway",),
        file=f"{_GATEWAY}/api/workspaces.py",
        line="        # The secret is not part of the answer that is kept.\n",
        indent=8,
        short=True,
    ),
    Point(
        name="item-offered-to-some-screens",
        services=("gateway",),
        file=f"{_GATEWAY}/live/hub.py",
        line="                listener.offer(heard, at)\n",
        after=True,
        indent=16,
    ),
    Point(
        name="item-taken-from-the-queue-not-shown",
        services=("gateway",),
        file=f"{_GATEWAY}/live/feed.py",
        line="                yield Frame(place.encode(hint.place), hint.item)\n",
        indent=16,
    ),
)

CLERK = (
    Point(
        name="day-proved-statement-not-written",
        services=("gateway",),
        file=f"{_GATEWAY}/clerk.py",
        line="        statement = await store.add_statement(self._pool, workspace_id, day, found)\n",
        indent=8,
    ),
    Point(
        name="statement-written",
        services=("gateway",),
        file=f"{_GATEWAY}/clerk.py",
        line="        statement = await store.add_statement(self._pool, workspace_id, day, found)\n",
        after=True,
        indent=8,
    ),
)
"""Passed when the gateway begins, the others answer, and a day has ended."""

SPOOL_IN = (
    Point(
        name="spool-not-put",
        services=("connectors",),
        file=f"{_CONNECTORS}/spool.py",
        line="            sequence = await self._publish(FIRST, copy)\n",
        indent=12,
    ),
    Point(
        name="spool-put-not-answered",
        services=("connectors",),
        file=f"{_CONNECTORS}/spool.py",
        line="        metrics.SPOOLED.inc(len(webhooks))\n",
        indent=8,
        short=True,
    ),
)
"""Passed only while the database stands still."""

SPOOL_OUT = (
    Point(
        name="spool-taken-in-not-taken-out",
        services=("connectors",),
        file=f"{_CONNECTORS}/drain.py",
        line="        await self._absorb([each for waiting in together for each in waiting.webhooks])\n",
        after=True,
        indent=8,
        short=True,
    ),
    Point(
        name="spool-taken-out",
        services=("connectors",),
        file=f"{_CONNECTORS}/drain.py",
        line="            await self._js.purge_stream(STREAM, seq=max(sequences) + 1, subject=subject)\n",
        after=True,
        indent=12,
    ),
)
"""Passed only after it did."""

MENDING = (
    Point(
        name="effect-mended-not-committed",
        services=HEARING,
        file=f"{_EVENTS}/auditor.py",
        line="                await _note_mended(tx.conn, producer, missing)\n",
        after=True,
        indent=16,
    ),
    Point(
        name="effect-mended-not-reported",
        services=HEARING,
        file=f"{_EVENTS}/auditor.py",
        line="        for each in missing:\n            metrics.EFFECTS_MENDED",
        indent=8,
    ),
)
"""Passed only where an effect was lost."""


ALL = (*POINTS, *CLERK, *SPOOL_IN, *SPOOL_OUT, *MENDING)


def write(points: Sequence[Point], folder: Path) -> None:
    """The folder holds the packages with the points in them, and what the points call."""
    folder.mkdir()
    edits.write([point.edit() for point in points], folder)
    shutil.copy(Path(__file__).with_name("crash_here.py"), folder)
