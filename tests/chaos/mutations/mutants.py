"""Ways in which Lobby could be wrong: each takes one guard away, and the checker has to see it under its fault."""

from dataclasses import dataclass
from pathlib import Path

from tests.chaos import edits
from tests.chaos.edits import Edit


@dataclass(frozen=True, kw_only=True)
class Mutant:
    """Lobby without one guard."""

    name: str
    scene: str
    """The fault under which it shows."""
    expected: frozenset[str]
    """Invariants of which at least one breaks."""
    edits: tuple[Edit, ...]

    def write(self, folder: Path) -> None:
        """The packages that it changes are in the folder, changed."""
        edits.write(self.edits, folder)


_EVENTS = "libs/common/src/lobby_common/events"
_REPLICAS_SQL = "libs/common/src/lobby_common/migrations/0003_replicas.sql"
_CONNECTORS = "services/connectors/src/lobby_connectors"
_GATEWAY = "services/gateway/src/lobby_gateway"
_COUNTER = "services/counter/src/lobby_counter"

_NO_POSITION_CHECK = (
    Edit(_REPLICAS_SQL, " AND c.position = t.old AND c.epoch = t.epoch;", ";"),
    # A process that knows by its own clock that its leases are over does not even try.
    Edit(
        "libs/common/src/lobby_common/leases.py",
        "asyncio.timeout(max(self._holds_until - time.monotonic(), 0) if held else None)",
        "asyncio.timeout(None)",
    ),
    # Not a guard: one of two replicas stops itself between what it believes and what it writes, now and then.
    Edit(
        f"{_EVENTS}/consumer.py",
        "            with tracing.spans_of(events, self._log.service):\n",
        """            import os
            if os.environ["LOBBY_REPLICA"] == "counter" and any(run.producer == "identity" for run in runs):
                self.rounds = getattr(self, "rounds", 0) + 1
                if self.rounds in (20, 40, 60, 80):
                    os.kill(os.getpid(), 19)
            with tracing.spans_of(events, self._log.service):
""",
    ),
)

MUTANTS = (
    Mutant(
        name="answers 200 before the commit",
        scene="connectors dies while the database stands still",
        expected=frozenset({"C1"}),
        edits=(
            Edit(
                f"{_CONNECTORS}/app/ingest.py",
                "await asyncio.gather(*map(self._keep, groups))",
                "[(asyncio.ensure_future(self._keep(each)), Outcome.ACCEPTED)[1] for each in groups]",
            ),
        ),
    ),
    Mutant(
        name="answers 200 when connectors does not answer",
        scene="connectors dies while the database stands still",
        expected=frozenset({"C1"}),
        edits=(
            Edit(
                f"{_GATEWAY}/webhooks/batcher.py",
                "verdicts[index] if index < len(verdicts) else UNAVAILABLE)",
                "verdicts[index] if index < len(verdicts) else Verdict.VERDICT_ACCEPTED)",
            ),
        ),
    ),
    Mutant(
        name="publishes before the commit",
        scene="the database dies",
        expected=frozenset({"C1", "C2", "C4", "C7"}),
        edits=(
            Edit(
                f"{_EVENTS}/log.py",
                """        await transaction.commit()
        if stored and self._outlet is not None:
            self._outlet.offer(stored)
""",
                """        if stored and self._outlet is not None:
            self._outlet.offer(stored)
            await asyncio.sleep(0.1)
        await transaction.commit()
""",
            ),
        ),
    ),
    Mutant(
        name="moves positions in a transaction of their own",
        scene="consumers die",
        expected=frozenset({"C4"}),
        edits=(
            Edit(
                f"{_EVENTS}/consumer.py",
                """                async with self._log.transaction() as tx:
                    if events:
                        await self._handler.apply(tx, events)
                    tx.end_with(QUERIES["move_and_write_batch"], *_moves(runs, place))
""",
                """                async with self._log.transaction() as tx:
                    tx.end_with(QUERIES["move_and_write_batch"], *_moves(runs, place))
                await asyncio.sleep(0.1)
                async with self._log.transaction() as tx:
                    if events:
                        await self._handler.apply(tx, events)
""",
            ),
        ),
    ),
    Mutant(
        name="marks as published what the broker did not take",
        scene="the broker stands still and dies",
        expected=frozenset({"C4", "C7"}),
        edits=(
            Edit(
                f"{_EVENTS}/publisher.py",
                """        async with asyncio.timeout(_ACK_SECONDS):
            await asyncio.gather(*acks)
""",
                """        await asyncio.wait(acks, timeout=0.5)
""",
            ),
        ),
    ),
    Mutant(
        name="believes the order of the stream instead of its own positions",
        scene="the broker tells again what it told before",
        expected=frozenset({"C4", "C6"}),
        edits=(
            Edit(
                f"{_EVENTS}/lanes.py",
                """    if span.last <= position:
        return Seen()
    if span.first > position + 1:
        return Gap(position + 1, span.first - 1)
    return Take(skip=position + 1 - span.first)
""",
                """    return Take(skip=0)
""",
            ),
        ),
    ),
    Mutant(
        name="takes what comes after a gap, and asks nobody at its start",
        scene="the stream is emptied while routing is away",
        expected=frozenset({"C4"}),
        edits=(
            Edit(
                f"{_EVENTS}/lanes.py",
                "        return Gap(position + 1, span.first - 1)\n",
                "        return Take(skip=0)\n",
            ),
            Edit(
                f"{_EVENTS}/source.py",
                "                    await self._check(heads)\n                    early = Early()\n",
                "                    early = Early()\n",
            ),
        ),
    ),
    Mutant(
        name="commits without waiting for the disk",
        scene="the database loses its power",
        expected=frozenset({"C1"}),
        edits=(
            Edit(
                "libs/common/src/lobby_common/postgres.py",
                '            "synchronous_commit": "on",\n',
                '            "synchronous_commit": "off",\n',
            ),
        ),
    ),
    Mutant(
        name="moves positions without looking where they are",
        scene="counter stands still and goes on",
        expected=frozenset({"C4"}),
        edits=_NO_POSITION_CHECK,
    ),
    Mutant(
        name="counts a message once more, when it hears of it twice",
        scene="counter stands still and goes on",
        expected=frozenset({"C5"}),
        edits=(
            *_NO_POSITION_CHECK,
            Edit(
                f"{_COUNTER}/migrations/0001_ledger.sql",
                "    message_id uuid PRIMARY KEY,\n    event_id uuid NOT NULL,\n    workspace_id uuid NOT NULL,\n",
                "    message_id uuid NOT NULL,\n    event_id uuid NOT NULL,\n    workspace_id uuid NOT NULL,\n",
            ),
            Edit(
                f"{_COUNTER}/queries.sql",
                "    ON CONFLICT (message_id) DO NOTHING\n    RETURNING\n        message_id, event_id,",
                "    RETURNING\n        message_id, event_id,",
            ),
            Edit(
                f"{_COUNTER}/queries.sql",
                "    ON CONFLICT (message_id) DO NOTHING\n    RETURNING workspace_id,",
                "    RETURNING workspace_id,",
            ),
        ),
    ),
    Mutant(
        name="takes the same message of a platform for another one",
        scene="nothing happens",
        expected=frozenset({"C1"}),
        edits=(
            Edit(
                f"{_CONNECTORS}/migrations/0002_message_identity.sql",
                "CREATE UNIQUE INDEX message_by_platform_id",
                "CREATE INDEX message_by_platform_id",
            ),
            Edit(
                f"{_CONNECTORS}/domain/webhooks.py",
                "    return derive_id(message.time, account_id, message.id_scope, message.platform_message_id)\n",
                "    return derive_id(message.time, account_id, str(id(message)), message.platform_message_id)\n",
            ),
        ),
    ),
    Mutant(
        name="sends again what may have left already",
        scene="connectors dies during calls to platforms",
        expected=frozenset({"C9"}),
        edits=(
            Edit(
                f"{_CONNECTORS}/domain/sending.py",
                "    return _queued(standing, refusal, at) if safe else _end(standing, Delivery.UNKNOWN, refusal)\n",
                "    return _queued(standing, refusal, at)\n",
            ),
        ),
    ),
    Mutant(
        name="calls a platform before it has committed that it will",
        scene="connectors dies during calls to platforms",
        expected=frozenset({"C9"}),
        edits=(
            Edit(
                f"{_CONNECTORS}/queries.sql",
                "SET delivery = 2,\n    attempts = m.attempts + 1,\n    sender = $1,\n    claim = paid.claims,\n"
                "    claim_time = statement_timestamp(),\n    due_time = NULL,\n",
                "SET delivery = 1,\n    attempts = m.attempts + 1,\n    sender = $1,\n    claim = paid.claims,\n"
                "    claim_time = statement_timestamp(),\n    due_time = now() + interval '4 seconds',\n",
            ),
        ),
    ),
    Mutant(
        name="takes out of the spool what it has not taken in yet",
        scene="connectors dies with a full spool",
        expected=frozenset({"C1"}),
        edits=(
            Edit(
                f"{_CONNECTORS}/drain.py",
                """        await self._absorb([each for waiting in together for each in waiting.webhooks])
        await self._take_out(firsts, FIRST, [each.sequence for each in together if not each.again])
""",
                """        await self._take_out(firsts, FIRST, [each.sequence for each in together if not each.again])
        await self._absorb([each for waiting in together for each in waiting.webhooks])
""",
            ),
        ),
    ),
    Mutant(
        name="takes in what was put again behind what was put since",
        scene="the spool is set back while the database is away",
        expected=frozenset({"C6"}),
        edits=(
            Edit(
                f"{_CONNECTORS}/drain.py",
                "        while each and older and older[0].time < each.time:\n",
                "        while False:\n",
            ),
        ),
    ),
    Mutant(
        name="does not put again what the spool has lost",
        scene="the spool is set back while the database is away",
        expected=frozenset({"C1"}),
        edits=(
            Edit(
                f"{_CONNECTORS}/spool.py",
                "            if not lost:\n",
                "            if not lost or lost:\n",
            ),
        ),
    ),
    Mutant(
        name="drops without a word what no parser understands",
        scene="nothing happens",
        expected=frozenset({"C8"}),
        edits=(
            Edit(
                f"{_CONNECTORS}/app/reading.py",
                "        return Reading(webhook, [], [str(error)])\n",
                "        return Reading(webhook, [], [])\n",
            ),
        ),
    ),
    Mutant(
        name="proves that what was new was all that came",
        scene="nothing happens",
        expected=frozenset({"C3"}),
        edits=(
            Edit(
                f"{_CONNECTORS}/queries.sql",
                "    sum(h.accepted)::bigint AS accepted,\n",
                "    sum(h.new)::bigint AS accepted,\n",
            ),
        ),
    ),
    Mutant(
        name="writes into its log what customers write",
        scene="nothing happens",
        expected=frozenset({"C11"}),
        edits=(
            Edit(
                f"{_CONNECTORS}/app/recording.py",
                "                if self._is_new(index, said):\n                    greeting =",
                """                if self._is_new(index, said):
                    from lobby_common.log import get_logger
                    get_logger("recording").info("new_message", text=message.text)
                    greeting =""",
            ),
        ),
    ),
    Mutant(
        name="makes a key once more when it is asked once more",
        scene="nothing happens",
        expected=frozenset({"C10"}),
        edits=(
            Edit(
                f"{_GATEWAY}/api/workspaces.py",
                'answer_once(tx, "CreateKey", request_id, pb.CreateKeyResponse, make)',
                "make()",
            ),
            # Two keys with one secret cannot be: it is made of the request's id.
            Edit(
                f"{_GATEWAY}/api/workspaces.py",
                "        if not request_id:\n            return entropy.new_secret()\n"
                "        return domain.secret_of(domain.repeatable_entropy(",
                "        return entropy.new_secret()\n        domain.secret_of(domain.repeatable_entropy(",
            ),
        ),
    ),
    Mutant(
        name="tells a screen that comes again nothing of what it missed",
        scene="the gateway dies",
        expected=frozenset({"C6"}),
        edits=(
            Edit(
                f"{_GATEWAY}/live/screens.py",
                'frames = self._feed.frames(listener, secret, socket.query_params.get("last_event_id", ""))',
                'frames = self._feed.frames(listener, secret, "")',
            ),
        ),
    ),
)
