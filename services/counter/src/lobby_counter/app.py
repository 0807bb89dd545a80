"""What the counter does with a batch of facts: count, judge, follow; one transaction, nobody else is asked."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from lobby_common.events.log import Connection
from lobby_counter import activity, forgetting, handling, judging, recovered, rule_store, store, wait_store
from lobby_counter.domain import Cause, CauseKind, ChannelUserId, ContactId
from lobby_counter.facts import Changes, Facts
from lobby_counter.judging import CalendarOf, Told
from lobby_counter.ledger import Greeting, Ledger, first_id
from lobby_counter.policies import Rules
from lobby_counter.rule_store import Heard
from lobby_counter.store import Counted


async def apply(
    conn: Connection, facts: Facts, calendar_of: CalendarOf, now: datetime, *, whole: bool = False
) -> Changes:
    """The effects of all facts are in the transaction; returns which figures they changed.

    Running again is harmless: messages are keyed by their id, entries by their place, memberships by their version,
    conversations by the position of the last event, languages by their version. `whole`: where more counts than first
    greetings at the workspace's own counter, everybody who wrote is judged anew, also where nothing seems to be new.
    """
    changes = Changes()
    await store.lock_workspaces(conn, facts.origins)
    counted = await _count(conn, facts, now, changes)
    rules = await rule_store.load_rules(conn, counted.special) if counted.special else {}
    users = {
        ChannelUserId(each.channel_user_id) for each in facts.inbound if whole and each.workspace_id in counted.special
    }
    greetings = await _greetings(conn, facts, counted, rules, users)
    if greetings or users or facts.regroupings or facts.imports:
        told = Told(greetings, facts.regroupings, facts.imports, users)
        ledgers = await judging.open_ledgers(conn, facts.origins, told, rules)
        for workspace_id in facts.origins:
            _judge(workspace_id, ledgers[workspace_id], told, anew=whole and workspace_id in counted.special)
        await judging.record(conn, ledgers, calendar_of, now, changes)
    if facts.told:
        await _follow(conn, facts, calendar_of, changes)
    await _keep(conn, facts)
    return changes


async def _keep(conn: Connection, facts: Facts) -> None:
    """What changes no figure by itself is on record: it says in which language, why, and for how long."""
    if facts.languages:
        await store.learn_languages(conn, facts.languages)
    if facts.rendered:
        await wait_store.write_rendered(conn, facts.rendered)
    if facts.failures:
        await wait_store.write_failures(conn, facts.failures)
    if facts.states:
        await wait_store.write_states(conn, facts.states)
    if facts.handled:
        await handling.write_handled(conn, facts.handled)
    if facts.presences:
        await handling.write_presences(conn, facts.presences)
    if facts.erased:
        await forgetting.write(conn, facts.erased)


async def _count(conn: Connection, facts: Facts, now: datetime, changes: Changes) -> Counted:
    counted = await store.count_inbound(conn, facts.inbound) if facts.inbound else Counted()
    await activity.note_late(conn, facts.inbound, now)
    await recovered.write(conn, facts.inbound)
    if facts.outbound:
        counted.special |= await store.count_outbound(conn, facts.outbound)
    for message in facts.messages():
        changes.note(message.workspace_id, message.occurred_time)
    return counted


async def _greetings(
    conn: Connection, facts: Facts, counted: Counted, rules: Mapping[str, Rules], users: set[ChannelUserId]
) -> list[Greeting]:
    """Returns what may be entries: first greetings of chats and, where further ones count, all that may be touched."""
    candidates = [facts.greetings[each]() for each in counted.candidates]
    traced = {workspace_id for workspace_id, each in rules.items() if each.traced}
    if not traced:
        return candidates
    message_ids = [each.message_id for each in facts.messages() if each.workspace_id in traced] + counted.answers
    await rule_store.keep_chat_messages(conn, message_ids)
    # Until all messages of before are copied nobody knows how long a silence was: the recount that follows will.
    complete = {workspace_id for workspace_id in traced if rules[workspace_id].complete}
    if not complete:
        return candidates
    heard = await rule_store.read_greetings(conn, message_ids, sorted(users))
    further = (greeting_of(each, facts) for each in heard if each.workspace_id in complete)
    return [
        *(each for each in candidates if each.workspace_id not in complete),
        *(each for each in further if each is not None),
    ]


def greeting_of(heard: Heard, facts: Facts) -> Greeting | None:
    """Returns the greeting with all that is told of it here or was before; None where it is not known who wrote it."""
    if (told := facts.greetings.get(heard.message_id)) is not None:
        return replace(told(), silence=heard.silence)
    if heard.contact_id is None:
        return None
    return Greeting(
        entry_id=first_id(heard.account_id, heard.channel_user_id),
        event_id=heard.event_id,
        message_id=heard.message_id,
        workspace_id=heard.workspace_id,
        account_id=heard.account_id,
        platform=heard.platform,
        channel_user_id=heard.channel_user_id,
        contact_id=ContactId(heard.contact_id),
        occurred_time=heard.occurred_time,
        received_time=heard.counted_time,
        silence=heard.silence,
    )


def _judge(workspace_id: str, ledger: Ledger, told: Told, *, anew: bool) -> None:
    """The ledger is as after what is told of its workspace: first greetings, then imports, then merges and splits."""
    greetings = [each for each in told.greetings if each.workspace_id == workspace_id]
    if anew:
        ledger.recount(greetings, Cause(CauseKind.POLICY, workspace_id))
    else:
        ledger.enter(greetings)
    for each in told.imports:
        if each.workspace_id == workspace_id:
            ledger.know(each.rows, each.hints, each.cause)
    for regrouping in sorted(told.regroupings, key=lambda each: each.version):
        if regrouping.workspace_id == workspace_id:
            ledger.regroup(regrouping)


async def _follow(conn: Connection, facts: Facts, calendar_of: CalendarOf, changes: Changes) -> None:
    """Conversations, waits, agents of entries and of messages are as after the batch."""
    folded = await wait_store.load_conversations(conn, (each.conversation.conversation_id for each in facts.told))
    folded.fold(facts.told)
    await wait_store.write_conversations(conn, folded)
    await wait_store.write_waits(conn, folded, calendar_of)
    await wait_store.freeze_agents(conn, folded)
    await wait_store.hand_over_messages(conn, folded)
    for wait in folded.waits.values():
        workspace_id = folded.known[wait.conversation_id].workspace_id
        changes.note(workspace_id, wait.owed_since)
