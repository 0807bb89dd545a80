"""Rows of what a workspace counts by beside its own counter: counters, campaigns, base, kept chats, recounts."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from lobby_common.events.log import Connection
from lobby_common.ids import new_id
from lobby_counter.domain import BaseId, Cause, CauseKind, ChannelUserId, ContactId, EntryId
from lobby_counter.ledger import BaseRow, Book, Ledger
from lobby_counter.policies import (
    BaseMode,
    Campaign,
    CampaignId,
    Counter,
    CounterId,
    DedupeLevel,
    NamedCampaign,
    Policy,
    Rules,
)
from lobby_counter.store import QUERIES, columns, judgement


async def load_rules(conn: Connection, workspace_ids: Collection[str]) -> dict[str, Rules]:
    """Returns what each of the workspaces counts by beside its own counter."""
    rules = {workspace_id: Rules() for workspace_id in workspace_ids}
    for row in await conn.fetch(QUERIES["load_counters"], list(rules), False):  # a statement's argument
        rules[row["workspace_id"]].counters.append(_counter(row))
    for row in await conn.fetch(QUERIES["load_campaigns"], list(rules)):
        rules[row["workspace_id"]].campaigns.append(_campaign(row))
    for row in await conn.fetch(QUERIES["load_traced"], list(rules)):
        rules[row["workspace_id"]].traced = True
        rules[row["workspace_id"]].complete = row["complete"]
    return rules


async def list_counters(conn: Connection, workspace_id: str) -> list[Counter]:
    """Returns all counters of a workspace beside its own, oldest first, also those that judge nothing any more."""
    rows = await conn.fetch(QUERIES["load_counters"], [workspace_id], True)  # a statement's argument
    return list(map(_counter, rows))


async def find_adopted(conn: Connection, workspace_id: str) -> CounterId:
    """Returns the counter by which the workspace counts where none is named."""
    return CounterId(await conn.fetchval(QUERIES["find_adopted"], workspace_id) or workspace_id)


async def adopt_counter(conn: Connection, workspace_id: str, counter_id: CounterId, actor: str) -> None:
    """The workspace counts by this counter where none is named."""
    await conn.execute(QUERIES["adopt_counter"], new_id(), workspace_id, counter_id, actor)


async def retire_counter(conn: Connection, counter_id: CounterId, actor: str) -> None:
    """The counter judges nothing any more."""
    await conn.execute(QUERIES["retire_counter"], counter_id, actor)


def _counter(row: Any) -> Counter:
    policy = Policy(
        dedupe_level=DedupeLevel(row["dedupe_level"]),
        window_days=row["window_days"],
        reentry_gap_days=row["reentry_gap_days"],
        base_mode=BaseMode(row["base_mode"]),
        close_after_days=row["close_after_days"],
        time_zone=row["time_zone"],
        platforms=frozenset(row["platforms"]),
        account_ids=frozenset(row["account_ids"]),
        campaign_id=row["campaign_id"],
    )
    return Counter(
        CounterId(row["counter_id"]),
        row["workspace_id"],
        row["display_name"],
        policy,
        row["policy_version"],
        row["create_time"],
        row["retired"],
    )


def _campaign(row: Any) -> NamedCampaign:
    campaign = Campaign(
        CampaignId(row["campaign_id"]), frozenset(row["account_ids"]), row["start_time"], row["end_time"]
    )
    return NamedCampaign(campaign, row["workspace_id"], row["display_name"], row["create_time"])


async def open_books(
    conn: Connection, ledgers: Mapping[str, Ledger], rules: Mapping[str, Rules], told: Iterable[ChannelUserId]
) -> None:
    """The ledgers have the books of all counters, campaigns, and the base of people at hand and of those told of."""
    for workspace_id, each in rules.items():
        ledger = ledgers[workspace_id]
        ledger.campaigns = [named_campaign.campaign for named_campaign in each.campaigns]
        ledger.books |= {counter.counter_id: Book(counter.policy) for counter in each.counters}
    special = [ledgers[workspace_id] for workspace_id in rules]
    books = {counter_id: book for ledger in special for counter_id, book in ledger.books.items()}
    entries = [entry_id for ledger in special for entry_id in ledger.entries]
    further = [each.counter_id for one in rules.values() for each in one.counters]
    for row in await conn.fetch(QUERIES["load_verdicts"], further, entries):
        books[row["counter_id"]].judgements[EntryId(row["entry_id"])] = judgement(row)
    users = {user for ledger in special for user in ledger.members} | set(told)
    for row in await conn.fetch(QUERIES["load_base"], list(users)):
        if row["workspace_id"] in rules:
            base = BaseRow(
                BaseId(row["base_id"]), ChannelUserId(row["channel_user_id"]), row["effective_from"], row["undone"]
            )
            ledgers[row["workspace_id"]].base[base.base_id] = base


async def write_base(conn: Connection, ledgers: Mapping[str, Ledger]) -> None:
    """The base is as the ledgers say."""
    rows = [
        (row.base_id, workspace_id, row.channel_user_id, row.effective_from, row.undone)
        for workspace_id, ledger in ledgers.items()
        for row in map(ledger.base.__getitem__, ledger.changed_base)
    ]
    if rows:
        await conn.execute(QUERIES["write_base"], *columns(rows))
        await conn.execute(QUERIES["count_specially"], [workspace_id for _, workspace_id, *_ in rows])


async def keep_chat_messages(conn: Connection, message_ids: Sequence[str]) -> None:
    """Those of the messages that are of traced workspaces are in their chats."""
    await conn.execute(QUERIES["keep_chat_messages"], message_ids)


@dataclass(frozen=True, slots=True)
class Heard:
    """A greeting of a kept chat as the table of messages has it."""

    message_id: str
    event_id: str
    workspace_id: str
    account_id: str
    channel_user_id: ChannelUserId
    platform: int
    occurred_time: datetime
    counted_time: datetime
    contact_id: ContactId | None
    silence: timedelta | None


async def read_greetings(conn: Connection, message_ids: Sequence[str], users: Sequence[ChannelUserId]) -> list[Heard]:
    """Returns greetings of kept chats: of those of the messages from these on, and all of the channel users."""
    return [Heard(**dict(row)) for row in await conn.fetch(QUERIES["read_greetings"], message_ids, users)]


async def insert_counter(conn: Connection, counter: Counter) -> datetime:
    """There is a new counter; returns when it was made."""
    policy = counter.policy
    await conn.execute(QUERIES["count_specially"], [counter.workspace_id])
    made: datetime = await conn.fetchval(
        QUERIES["insert_counter"],
        counter.counter_id,
        counter.workspace_id,
        counter.display_name,
        counter.policy_version,
        policy.dedupe_level,
        policy.window_days,
        policy.reentry_gap_days,
        policy.base_mode,
        policy.close_after_days,
        policy.time_zone,
        sorted(policy.platforms),
        sorted(policy.account_ids),
        policy.campaign_id,
    )
    return made


async def write_campaign(conn: Connection, workspace_id: str, campaign: Campaign, display_name: str) -> datetime:
    """The campaign is as given; returns when it was made."""
    made: datetime = await conn.fetchval(
        QUERIES["write_campaign"],
        campaign.campaign_id,
        workspace_id,
        display_name,
        sorted(campaign.account_ids),
        campaign.start_time,
        campaign.end_time,
    )
    return made


async def trace(conn: Connection, workspace_id: str) -> None:
    """The chats of the workspace are kept message by message, from now on and soon those of before."""
    await conn.execute(QUERIES["trace_workspace"], workspace_id)


async def begin_recount(conn: Connection, workspace_id: str, cause_id: str, actor: str) -> None:
    """Every person of the workspace will be judged again."""
    await conn.execute(QUERIES["insert_recount"], new_id(), workspace_id, cause_id, actor)


async def find_recounted(conn: Connection) -> list[str]:
    """Returns the workspaces with work that may go on, that with the oldest work first."""
    return [row["workspace_id"] for row in await conn.fetch(QUERIES["find_recounted"])]


@dataclass(frozen=True, slots=True)
class Recount:
    """What was before is to be judged by a counter, or because of a campaign by all."""

    counter_id: str | None
    """None: all of the workspace."""
    failures: int
    """How often it failed in a row."""
    failure: str
    """The name of the last error."""
    retry_time: datetime
    """Not before this time again; long ago where it did not fail."""


@dataclass(frozen=True, slots=True)
class Recounting:
    """What a workspace's counters are not done with, that which failed most first."""

    recounts: tuple[Recount, ...] = ()

    def of(self, counter_id: str) -> Recount | None:
        """Returns what a counter is not done with, whatever others are not done with; None: it has judged all."""
        return next((each for each in self.recounts if each.counter_id in (None, counter_id)), None)


async def load_recounting(conn: Connection, workspace_id: str) -> Recounting:
    """Returns what the workspace's counters are not done with."""
    return Recounting(tuple(Recount(**dict(row)) for row in await conn.fetch(QUERIES["load_recounts"], workspace_id)))


async def is_recounted(conn: Connection, workspace_id: str, *counter_ids: str) -> bool:
    """Returns whether one of these counters of the workspace is not done with what was before."""
    recounting = await load_recounting(conn, workspace_id)
    return any(recounting.of(counter_id) is not None for counter_id in counter_ids)


async def put_off(conn: Connection, workspace_id: str, failure: str, longest_seconds: float) -> tuple[str, int] | None:
    """The work that was next is not tried again before a while; returns its id and how often it failed in a row."""
    row = await conn.fetchrow(QUERIES["put_off_recount"], workspace_id, failure, longest_seconds)
    return None if row is None else (row["recount_id"], row["failures"])


async def count_recounts(conn: Connection) -> tuple[int, int]:
    """Returns how many recounts are to be done, and how many of these failed the last time."""
    [(waiting, failing)] = await conn.fetch(QUERIES["count_recounts"])
    return waiting, failing


async def copy_chat_messages(conn: Connection, workspace_id: str, size: int) -> bool:
    """The next messages of before are in their chats; returns False where all were."""
    return bool(await conn.fetchval(QUERIES["copy_chat_messages"], workspace_id, size))


@dataclass(frozen=True, slots=True)
class Work:
    """A recount, and the channel users of the next entries; none: it is done."""

    recount_id: str
    cause: Cause
    users: tuple[ChannelUserId, ...]
    last: tuple[datetime, str] | None


async def next_work(conn: Connection, workspace_id: str, size: int) -> Work | None:
    """Returns what is to be recounted next in a workspace; None: nothing."""
    rows = await conn.fetch(QUERIES["next_recount"], workspace_id, size)
    if not rows:
        return None
    head, last = rows[0], rows[-1]
    users = tuple(dict.fromkeys(ChannelUserId(row["channel_user_id"]) for row in rows if row["channel_user_id"]))
    cause = Cause(CauseKind.POLICY, head["cause_id"], head["actor"])
    return Work(head["recount_id"], cause, users, (last["occurred_time"], last["event_id"]) if users else None)


async def move_work(conn: Connection, work: Work) -> None:
    """The work is done up to its last entry, or as a whole."""
    if work.last is None:
        await conn.execute(QUERIES["end_recount"], work.recount_id)
    else:
        await conn.execute(QUERIES["move_recount"], work.recount_id, *work.last)
