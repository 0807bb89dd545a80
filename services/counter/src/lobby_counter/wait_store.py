"""Rows of conversations and waits: what routing tells, folded. A function is a statement or two, whatever the size."""

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any

from lobby_common.events.log import Connection
from lobby_counter.business import Clocks, Hours, Interval, Version
from lobby_counter.calendars import Calendar, find_zone
from lobby_counter.conversations import (
    Answered,
    Assigned,
    BotAnswered,
    Closed,
    Conversation,
    Conversations,
    Seen,
    Told,
    rebuilt,
)
from lobby_counter.facts import AccountState, Failure, Rendered
from lobby_counter.store import QUERIES
from lobby_counter.waits import Ending, Hold, Opened, Part, Wait, agent_misses, dated, segments


async def find_unfollowed(conn: Connection, told: Sequence[Told]) -> set[str]:
    """Returns the ids of events that their conversation does not know of, or whose wait is not there."""
    if not told:
        return set()
    ends = [each.change if isinstance(each.change, Answered | Closed) else None for each in told]
    rows = await conn.fetch(
        QUERIES["find_unfollowed"],
        [each.event_id for each in told],
        [each.conversation.conversation_id for each in told],
        [each.position for each in told],
        [None if isinstance(each.change, Assigned | Seen | BotAnswered) else each.change.since for each in told],
        [None if end is None else end.time for end in ends],
        [None if end is None else end.ending for end in ends],
    )
    return {row["event_id"] for row in rows}


async def load_conversations(conn: Connection, conversation_ids: Iterable[str]) -> Conversations:
    """Returns the conversations that are known, with their open waits."""
    loaded = Conversations()
    for row in await conn.fetch(QUERIES["load_conversations"], list(set(conversation_ids))):
        key = row["conversation_id"]
        loaded.known[key] = _conversation(row)
        loaded.positions[key] = row["position"]
        if row["wait_id"] is not None:
            loaded.open_waits[key] = open_wait(row)
    return loaded


def _conversation(row: Any) -> Conversation:
    since = row["hold_time"]
    hold = None if since is None else Hold(row["agent_id"], since, row["pool_reason"], row["hold_by_agent_id"])
    return Conversation(
        row["conversation_id"],
        row["workspace_id"],
        row["account_id"],
        row["platform"],
        row["channel_user_id"],
        row["agent_id"],
        row["first_agent_id"],
        hold,
        row["waited"],
        row["close_time"],
    )


def open_wait(row: Any) -> Wait:
    """Returns the open wait of a row, without its deadlines."""
    return Wait(
        row["wait_id"],
        row["conversation_id"],
        row["owed_since"],
        row["wait_agent_id"],
        first_position=row["first_position"],
        received_time=row["received_time"],
        first=row["first"],
        holds=_read_holds(row["holds"]),
        opened=_read_opened(row["opened"]),
        bot_time=row["bot_time"],
        window_lost_time=row["window_lost_time"],
    )


def whole_wait(row: Any) -> Wait:
    """Returns the wait of a row, with its end and its deadlines."""
    return replace(
        open_wait(row),
        end_time=row["end_time"],
        ending=row["ending"] and Ending(row["ending"]),
        end_agent_id=row["end_agent_id"],
        close_reason=row["close_reason"],
        late_time=row["late_time"],
        unanswered_time=row["unanswered_time"],
    )


def _read_holds(text: str) -> tuple[Hold, ...]:
    """Returns who had a conversation, as it is stored."""
    return tuple(
        Hold(agent_id, datetime.fromisoformat(since), pool_reason, by_agent_id)
        for agent_id, since, pool_reason, by_agent_id in json.loads(text)
    )


def _hold_rows(holds: Iterable[Hold]) -> str:
    return json.dumps([[each.agent_id, each.since.isoformat(), each.pool_reason, each.by_agent_id] for each in holds])


def _read_opened(text: str) -> tuple[Opened, ...]:
    return tuple(Opened(agent_id, datetime.fromisoformat(at)) for agent_id, at in json.loads(text))


def _opened_rows(opened: Iterable[Opened]) -> str:
    return json.dumps([[each.agent_id, each.time.isoformat()] for each in opened])


async def write_conversations(conn: Connection, folded: Conversations) -> None:
    """Conversations are as folded."""
    changed = [folded.known[key] for key in sorted(folded.changed)]
    if changed:
        holds = [each.hold for each in changed]
        await conn.execute(
            QUERIES["write_conversations"],
            [each.conversation_id for each in changed],
            [each.workspace_id for each in changed],
            [each.account_id for each in changed],
            [each.platform for each in changed],
            [each.channel_user_id for each in changed],
            [each.agent_id for each in changed],
            [each.first_agent_id for each in changed],
            [folded.positions[each.conversation_id] for each in changed],
            [each and each.since for each in holds],
            ["" if each is None else each.pool_reason for each in holds],
            [each and each.by_agent_id for each in holds],
            [each.waited for each in changed],
            [each.close_time for each in changed],
        )


async def load_clocks(
    conn: Connection, workspace_ids: Collection[str], calendar_of: Callable[[str], Calendar]
) -> dict[str, Clocks]:
    """Returns the business clocks of workspaces, by all versions of their schedules."""
    versions: dict[str, dict[str | None, tuple[Version, ...]]] = {workspace_id: {} for workspace_id in workspace_ids}
    for row in await conn.fetch(QUERIES["load_schedules"], list(versions)):
        found = versions[row["workspace_id"]]
        found[row["account_id"]] = (*found.get(row["account_id"], ()), version_of(row))
    return {workspace_id: Clocks(calendar_of(workspace_id), found) for workspace_id, found in versions.items()}


def version_of(row: Any) -> Version:
    """Returns the version of a schedule that a row holds."""
    return _version(
        row["start_time"], row["time_zone"], row["intervals"], tuple(row["holidays"]), row["target_seconds"]
    )


@lru_cache(1024)
def _version(
    start: datetime, time_zone: str, intervals: str, holidays: tuple[date, ...], target_seconds: int
) -> Version:
    """The same rows come with every batch."""
    hours = Hours(find_zone(time_zone), tuple(Interval(*each) for each in json.loads(intervals)), frozenset(holidays))
    return Version(start, hours, timedelta(seconds=target_seconds))


async def write_waits(conn: Connection, folded: Conversations, calendar_of: Callable[[str], Calendar]) -> None:
    """Waits are as folded, with their deadlines."""
    await _write_waits(conn, list(folded.waits.values()), folded.known, calendar_of)


async def restore_waits(conn: Connection, lost: Sequence[Told], calendar_of: Callable[[str], Calendar]) -> None:
    """Waits that are gone are there again; each stands for all that was told since the one before it ended."""
    held = await load_conversations(conn, (each.conversation.conversation_id for each in lost))
    if waits := rebuilt(lost, held.known, held.open_waits):
        await _write_waits(conn, waits, held.known, calendar_of)
        await conn.execute(QUERIES["stretch_waits"], [each.wait_id for each in waits])


async def _write_waits(
    conn: Connection, waits: Sequence[Wait], known: Mapping[str, Conversation], calendar_of: Callable[[str], Calendar]
) -> None:
    if not waits:
        return
    places = [known[each.conversation_id] for each in waits]
    workspaces = [each.workspace_id for each in places]
    all_clocks = await load_clocks(conn, set(workspaces), calendar_of)
    clocks = [all_clocks[each.workspace_id].of(each.account_id) for each in places]
    waits = [dated(wait, clock) for wait, clock in zip(waits, clocks, strict=True)]
    await conn.execute(
        QUERIES["write_waits"],
        [each.wait_id for each in waits],
        [each.conversation_id for each in waits],
        workspaces,
        [each.agent_id for each in waits],
        [each.end_agent_id for each in waits],
        [each.owed_since for each in waits],
        [each.end_time for each in waits],
        [each.ending for each in waits],
        [each.close_reason for each in waits],
        [each.first_position for each in waits],
        [each.end_position for each in waits],
        [each.received_time for each in waits],
        [each.first for each in waits],
        [_hold_rows(each.holds) for each in waits],
        [each.window_lost_time for each in waits],
        [each.late_time for each in waits],
        [each.unanswered_time for each in waits],
        [
            None if wait.end_time is None else clock.elapsed(wait.owed_since, wait.end_time)
            for wait, clock in zip(waits, clocks, strict=True)
        ],
        [_queue_time(each) for each in waits],
        [_opened_rows(each.opened) for each in waits],
        [each.bot_time for each in waits],
        [known[each.conversation_id].channel_user_id for each in waits],
        [known[each.conversation_id].account_id for each in waits],
        [known[each.conversation_id].platform for each in waits],
    )
    missed = [
        (wait.wait_id, miss)
        for wait, clock in zip(waits, clocks, strict=True)
        if wait.end_time is not None
        for miss in agent_misses(wait, wait.end_time, clock)
    ]
    if missed:
        await conn.execute(
            QUERIES["write_agent_misses"],
            [wait_id for wait_id, _ in missed],
            [miss.agent_id for _, miss in missed],
            [miss.since for _, miss in missed],
            [miss.time for _, miss in missed],
        )


def _queue_time(wait: Wait) -> timedelta | None:
    """Returns for how long nobody had the conversation; None while it is open."""
    if wait.end_time is None:
        return None
    queued = (each for each in segments(wait, wait.end_time) if each.part is Part.QUEUE)
    return sum((each.end - each.start for each in queued), timedelta())


async def date_waits(conn: Connection, workspace_id: str, calendar_of: Callable[[str], Calendar], most: int) -> int:
    """Some waits whose deadlines are to be found have them; returns how many. The workspace is locked."""
    rows = await conn.fetch(QUERIES["find_undated"], workspace_id, most)
    if not rows:
        return 0
    all_clocks = (await load_clocks(conn, [workspace_id], calendar_of))[workspace_id]
    clocks = [all_clocks.of(row["account_id"]) for row in rows]
    undated = (Wait(row["wait_id"], "", row["owed_since"], end_time=row["end_time"]) for row in rows)
    waits = [dated(wait, clock) for wait, clock in zip(undated, clocks, strict=True)]
    await conn.execute(
        QUERIES["date_waits"],
        [each.wait_id for each in waits],
        [each.late_time for each in waits],
        [each.unanswered_time for each in waits],
        [
            None if wait.end_time is None else clock.elapsed(wait.owed_since, wait.end_time)
            for wait, clock in zip(waits, clocks, strict=True)
        ],
    )
    return len(rows)


async def freeze_agents(conn: Connection, folded: Conversations) -> None:
    """Entries of conversations that have their first agent now have him for ever."""
    if folded.first_assigned:
        await conn.execute(QUERIES["freeze_agents"], list(folded.first_assigned))


async def hand_over_messages(conn: Connection, folded: Conversations) -> None:
    """Messages that nobody held belong to the agent who took their conversation."""
    if folded.taken:
        await conn.execute(QUERIES["hand_over_messages"], list(folded.taken))


async def write_failures(conn: Connection, failures: Sequence[Failure]) -> None:
    """Answers that failed are on record, once."""
    await conn.execute(
        QUERIES["write_failures"],
        [each.event_id for each in failures],
        [each.conversation_id for each in failures],
        [each.time for each in failures],
    )


async def write_rendered(conn: Connection, rendered: Sequence[Rendered]) -> None:
    """Since when, and until when, messages could not be read is on record, once per version."""
    await conn.execute(
        QUERIES["write_rendered"],
        [each.message_id for each in rendered],
        [each.version for each in rendered],
        [each.account_id for each in rendered],
        [each.chat_id for each in rendered],
        [each.start for each in rendered],
        [each.end for each in rendered],
    )


async def write_states(conn: Connection, states: Sequence[AccountState]) -> None:
    """What states of accounts changed to is on record, once."""
    await conn.execute(
        QUERIES["write_states"],
        [each.event_id for each in states],
        list({each.workspace_id for each in states}),
        [each.account_id for each in states],
        [each.time for each in states],
        [each.state for each in states],
    )
