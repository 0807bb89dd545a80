"""Takes texts from the queue to the engines, outside of any transaction, and tells what became of them."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from typing import Final

from lobby_common.events import EventLog
from lobby_common.log import get_logger
from lobby_translate import store
from lobby_translate.detect import known
from lobby_translate.rendering import Rendering, Status, Wish, render
from lobby_translate.store import Job
from lobby_translate.telling import tell
from lobby_translate.translator import Translator

_LOG = get_logger("worker")

SECONDS: Final = 2.0
"""What a text may take before it is told untranslated; the queue tries on."""

_CLAIMED_AT_ONCE: Final = 64
_SIDE_BY_SIDE: Final = 4
_IDLE: Final = 2.0
# The bell rings before the commit that brings the jobs: they are looked for again and again, soon first.
_LOOKS: Final = (0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256, 0.5)
_SUSPECT_FROM: Final = 4
_FIRST_PAUSE: Final = 5.0
_LONGEST_PAUSE: Final = 120.0


class Worker:
    """The queue's end."""

    def __init__(self, log: EventLog, translator: Translator) -> None:
        self._log = log
        self._translator = translator
        self._bell = asyncio.Event()

    def ring(self) -> None:
        """Texts wait, or will when the transaction in hand commits."""
        self._bell.set()

    async def run(self) -> None:
        """Works until cancelled, several portions side by side."""
        turns = asyncio.Semaphore(_SIDE_BY_SIDE)
        async with asyncio.TaskGroup() as group:
            while True:
                await turns.acquire()
                jobs = await self._next()
                group.create_task(self._work_all(jobs)).add_done_callback(lambda _: turns.release())

    async def _work_all(self, jobs: Sequence[Job]) -> None:
        """The jobs are worked; those that fail again and again alone, so that they harm no others."""
        together = [job for job in jobs if job.attempts < _SUSPECT_FROM]
        for portion in (together, *([job] for job in jobs if job.attempts >= _SUSPECT_FROM)):
            if not portion:
                continue
            try:
                await self._work(portion)
            except Exception:  # noqa: BLE001 -- the loop's own: the jobs come back by themselves, the loop must go on
                _LOG.exception("jobs_failed", jobs=len(portion))

    async def _next(self) -> Sequence[Job]:
        """The next portion; waits for it."""
        looks = iter(_LOOKS)
        while True:
            rung = self._bell.is_set()
            self._bell.clear()
            if rung:
                looks = iter(_LOOKS)
            async with self._log.pool.acquire() as conn:
                jobs = await store.claim_jobs(conn, _CLAIMED_AT_ONCE)
            if jobs:
                if len(jobs) == _CLAIMED_AT_ONCE:
                    self._bell.set()
                return jobs
            try:
                async with asyncio.timeout(next(looks, _IDLE)):
                    await self._bell.wait()
            except TimeoutError:
                pass

    async def _work(self, jobs: Sequence[Job]) -> None:
        renderings = await self._render(jobs)
        pauses = {job: _pause(job, rendering) for job, rendering in renderings.items()}
        async with self._log.transaction() as tx:
            # Messages before their jobs, as the handler of events locks them.
            await store.lock_messages(tx.conn, {job.message_id for job in jobs})
            wished = await store.finish_jobs(tx.conn, pauses)
            news = {
                job.message_id: (job, one)
                for job, one in renderings.items()
                if one is not None and (job.message_id, job.target) in wished
            }
            outcomes: dict[str, Rendering | None] = {message_id: one for message_id, (_, one) in news.items()}
            for told in await store.tell_outcomes(tx.conn, outcomes, only_news=True):
                job, rendering = news[told.message_id]
                tell(tx, told, rendering, job.cause)

    async def _render(self, jobs: Sequence[Job]) -> dict[Job, Rendering | None]:
        """What became of each text within two seconds; None where the text is not kept any more."""
        done: dict[Job, Rendering | None] = {}
        wishes: dict[str, list[tuple[Job, Wish]]] = defaultdict(list)
        for job in jobs:
            if job.text is None or (job.expired and job.attempts > 1):
                done[job] = None
                continue
            found = known(job.text, job.language, job.confidence, job.basis)
            rendering = render(job.text, found, (job.target,), job.workspace_id)
            if isinstance(rendering, Wish):
                wishes[job.workspace_id].append((job, rendering))
            else:
                done[job] = rendering
        granted = await asyncio.gather(
            *(
                self._translator.grant(
                    [wish for _, wish in those], workspace_id, SECONDS, [job.message_id for job, _ in those]
                )
                for workspace_id, those in wishes.items()
            )
        )
        for those, renderings in zip(wishes.values(), granted, strict=True):
            done.update(zip((job for job, _ in those), renderings, strict=True))
        return done


def _pause(job: Job, rendering: Rendering | None) -> float | None:
    """Seconds until the text is tried again; None where it is done with."""
    if rendering is None or rendering.status is not Status.UNTRANSLATED or job.expired:
        return None
    return min(_FIRST_PAUSE * 2.0 ** (job.attempts - 1), _LONGEST_PAUSE)
