"""The conversations and agents that one transaction holds, and what becomes of them.

The event path puts a whole batch through one floor, a command a single change; both save it and tell its facts after
it. Whoever builds a floor holds the lock of every workspace on it, so nobody else assigns at the same time.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from lobby_routing.domain import conversation as law
from lobby_routing.domain import deciding, facts, thanks
from lobby_routing.domain.agents import OFFLINE, ONLINE, Agent, Roster
from lobby_routing.domain.conversation import Conversation, Echo, Inbound, Outbound, Unanswered
from lobby_routing.domain.deciding import Decision, Policy
from lobby_routing.domain.urgency import Rank, rank

POOLED = "pooled"
"""The effect of a message for which it was decided that nobody is free, and nobody is told: nobody had it before."""
THANKED = "thanked"
"""The effect of a message that only says thanks for the answer to what is closed, with the version of the rule."""


@dataclass(frozen=True, slots=True)
class Cause:
    """Why something happens: the event that is applied, or the command of a person."""

    key: str
    """Ids of what follows are derived from it: an event's id, or a command's name and request id."""
    event_id: str = ""
    traceparent: str = ""
    message_id: str = ""
    agent_id: str = ""
    """The agent who does it himself; "" where a rule or a supervisor does."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why the cause moves a conversation, in the words of decisions."""

    strategy: str
    reason: str


@dataclass(frozen=True, slots=True)
class Line:
    """A message as it stands in a conversation; `effects` says what it did, for its journey."""

    message_id: str
    conversation_id: str
    seq: int
    inbound: bool
    effective: bool
    echo: bool
    occurred_time: datetime
    received_time: datetime
    effects: tuple[str, ...]


@dataclass(slots=True)
class Floor:
    """Changes are made here in memory; `dirty`, `lines`, `decisions` and `told` are what is to be saved."""

    now: datetime
    rosters: Mapping[str, Roster]
    conversations: dict[str, Conversation] = field(default_factory=dict)
    unanswered: dict[str, list[Unanswered]] = field(default_factory=dict)
    """Of every conversation for which an answer comes: what nobody answered."""
    echoes: dict[str, list[Echo]] = field(default_factory=dict)
    """Of conversations in which a message comes late: what staff wrote since."""
    acquaintances: dict[str, str] = field(default_factory=dict)
    """Who answered the person of a conversation last, anywhere."""
    holders: dict[str, str] = field(default_factory=dict)
    """Who got a conversation of a contact in this transaction."""
    stored: dict[str, Conversation] = field(default_factory=dict)
    """The conversations as they were loaded."""
    dirty: dict[str, None] = field(default_factory=dict)
    lines: list[Line] = field(default_factory=list)
    decisions: list[tuple[Conversation, Decision, Cause]] = field(default_factory=list)
    told: list[tuple[facts.Fact, Cause]] = field(default_factory=list)
    freed: dict[str, Cause] = field(default_factory=dict)
    """Workspaces in which an agent can take another one, and since what."""

    def put(self, conversation: Conversation) -> None:
        """The conversation is on the floor as it is stored, unless it was there before."""
        if conversation.conversation_id not in self.conversations:
            self.conversations[conversation.conversation_id] = conversation
            self.stored[conversation.conversation_id] = conversation

    def changes(self) -> tuple[list[Conversation], list[Conversation]]:
        """Returns conversations in which nothing changed but what every message changes, and the others; by id."""
        quiet: list[Conversation] = []
        loud: list[Conversation] = []
        for conversation_id in sorted(self.dirty):
            after = self.conversations[conversation_id]
            before = self.stored.get(conversation_id)
            (quiet if before is not None and law.is_quiet(before, after) else loud).append(after)
        return quiet, loud

    def receive(self, conversation_id: str, inbound: Inbound, cause: Cause) -> None:
        """The customer's message has had its effect; it is new to this conversation."""
        before = self._lose_window(conversation_id, inbound.occurred_time, cause)
        effects: list[str] = []
        if inbound.effective and before.is_thanked_by(inbound):
            inbound = replace(inbound, effective=False)
            effects.append(f"{THANKED}:{thanks.VERSION}")
        after = law.receive(before, inbound)
        self._change(before, after, cause)
        fresh = after.episode != before.episode
        if fresh:
            effects.append("conversation_opened")
            self._tell(facts.Opened(after), cause)
        else:
            effects.append("conversation_continued")
        if inbound.effective:
            message = Unanswered(after.inbound_seq, inbound.occurred_time, inbound.received_time)
            if law.is_answered(before, message):
                effects += self._was_answered(after, message, cause)
            else:
                self.unanswered.setdefault(conversation_id, []).append(message)
                effects += self._place(before, after, message, cause, fresh=fresh)
        self._write(conversation_id, inbound, effects)

    def send(self, conversation_id: str, outbound: Outbound, cause: Cause) -> None:
        """A message of our side has had its effect; having it again changes nothing."""
        before = self._lose_window(conversation_id, outbound.accept_time, cause)
        after, rest = law.answer(before, outbound, self.unanswered.get(conversation_id, ()))
        self.unanswered[conversation_id] = rest
        if outbound.echo and not outbound.bot:
            self.echoes.setdefault(conversation_id, []).append(
                Echo(outbound.message_id, outbound.accept_time, outbound.received_time)
            )
        after = self._hear_bot(after, outbound, cause)
        self._change(before, after, cause)
        effects: tuple[str, ...] = ()
        if before.owed_since is not None and after.owed_since != before.owed_since:
            effects = ("answered",)
            ended = facts.Answered(
                after, before.owed_since, outbound.accept_time, outbound.agent_id, outbound.message_id
            )
            self._tell(ended, cause)
            if after.owed_since is not None:
                oldest = min(rest, key=lambda message: message.occurred_time)
                self._tell(facts.Owed(after, oldest.received_time), cause)
        seq = after.inbound_seq if outbound.echo else outbound.seen_seq
        human = not outbound.bot
        echo = outbound.echo and human
        self.lines.append(
            Line(
                outbound.message_id,
                conversation_id,
                seq,
                False,
                human,
                echo,
                outbound.accept_time,
                outbound.received_time,
                effects,
            )
        )

    def _hear_bot(self, conversation: Conversation, outbound: Outbound, cause: Cause) -> Conversation:
        """Returns the conversation, of which it is known and told whether a bot answered in its open wait."""
        since = conversation.owed_since
        if not outbound.bot or conversation.bot_answered or since is None or outbound.accept_time < since:
            return conversation
        after = conversation._replace(bot_answered=True)
        self._tell(facts.BotAnswered(after, since, outbound.accept_time), cause)
        return after

    def rewrite(self, conversation_id: str, message_id: str, text_start: str) -> None:
        """Lists show the edited text; a deleted one is gone from them."""
        before = self.conversations[conversation_id]
        after = law.rewrite(before, message_id, text_start)
        if after is not before:
            self._keep(after)

    def give(self, conversation_id: str, agent_id: str, why: Reason, cause: Cause) -> None:
        """The agent has the conversation because a person said so."""
        before = self.conversations[conversation_id]
        if before.agent_id == agent_id:
            return
        after = law.assign(before, agent_id)
        self._change(before, after, cause)
        self._assigned(before, after, Decision(self.now, agent_id, why.strategy, why.reason), cause)

    def lease(self, conversation_id: str, agent_id: str) -> None:
        """The agent is the one who answers now."""
        self._keep(law.lease(self.conversations[conversation_id], agent_id, self.now))

    def release(self, conversation_id: str, why: str, cause: Cause) -> None:
        """Its agent does not have it any more; what is owed goes to somebody else, or waits in the pool."""
        before = self.conversations[conversation_id]
        if not before.agent_id:
            return
        by = Reason(deciding.RELEASE, why)
        if before.owed_since is None:
            after = law.unassign(before, released_by=before.agent_id)
            self._change(before, after, cause)
            nobody = Decision(self.now, "", deciding.NONE, "nothing is owed")
            self._assigned(before, after, _explained(nobody, by), cause, by)
        else:
            self._decide(before._replace(released_by=before.agent_id), cause, by=by)

    def hand_to_team(self, conversation_id: str, team: str, cause: Cause) -> None:
        """One of the team has it by the rules, or it waits for the team in the pool."""
        before = self.conversations[conversation_id]
        for_team = before._replace(team=team, released_by=before.agent_id, pooled=False)
        by = Reason(deciding.TRANSFER, f"handed to team {team}")
        self._decide(for_team, cause, by=by, policy=Policy(sticky=False))

    def close(self, conversation_id: str, reason: str, agent_id: str, cause: Cause) -> None:
        """It is closed; its wait ended unanswered."""
        before = self.conversations[conversation_id]
        if before.closed:
            return
        before = self._lose_window(conversation_id, self.now, cause)
        after = law.close(before, self.now)
        self._change(before, after, cause)
        self._tell(facts.Closed(after, reason, agent_id, before.owed_since), cause)

    def close_window(self, conversation_id: str, cause: Cause) -> None:
        """It is known whether the reply window closed on the open wait."""
        self._lose_window(conversation_id, self.now, cause)

    def reopen(self, conversation_id: str, cause: Cause) -> None:
        """A closed one has begun a new episode."""
        before = self.conversations[conversation_id]
        if before.closed:
            after = law.reopen(before)
            self._keep(after)
            self._tell(facts.Opened(after), cause)

    def set_agent(self, agent: Agent, cause: Cause) -> None:
        """The agent is as given; the floor must hold what he owes when he goes offline."""
        roster = self.rosters[agent.workspace_id]
        before = roster.find(agent.agent_id)
        roster.put(agent)
        if before is None or before.presence != agent.presence:
            self._tell(facts.PresenceChanged(agent), cause)
        if agent.presence == OFFLINE:
            for conversation in self._owed_by(agent.agent_id):
                self._decide(conversation, cause)
        self._note_room(agent.workspace_id, agent.agent_id, cause)

    def drain(self, workspace_id: str, pool: Iterable[Conversation]) -> int:
        """The most urgent of the pool are with agents as far as there is room; returns how many moved.

        What this transaction changed counts as changed, whatever `pool` says about it.
        """
        # The message of the cause, if any, is another conversation's.
        cause = replace(self.freed[workspace_id], message_id="", agent_id="")
        roster = self.rosters[workspace_id]
        moved = 0
        for conversation in self._waiting(workspace_id, pool):
            if not roster.has_room():
                break
            if self._decide(conversation, cause).agent_id:
                moved += 1
        return moved

    def rank_of(self, conversation: Conversation) -> Rank:
        """Returns where a conversation stands in the pool."""
        return rank(conversation, self.now)

    def _waiting(self, workspace_id: str, pool: Iterable[Conversation]) -> list[Conversation]:
        for conversation in pool:
            self.put(conversation)
        waiting = [
            conversation
            for conversation in self.conversations.values()
            if conversation.workspace_id == workspace_id
            and conversation.owed_since is not None
            and not conversation.agent_id
        ]
        return sorted(waiting, key=lambda conversation: rank(conversation, self.now))

    def _owed_by(self, agent_id: str) -> list[Conversation]:
        held = [
            conversation
            for conversation in self.conversations.values()
            if conversation.agent_id == agent_id and conversation.owed_since is not None
        ]
        return sorted(held, key=lambda conversation: rank(conversation, self.now))

    def _place(
        self, before: Conversation, after: Conversation, message: Unanswered, cause: Cause, *, fresh: bool
    ) -> list[str]:
        """Somebody has what became owed, or it waits; returns the effects."""
        roster = self.rosters[after.workspace_id]
        effects = []
        placed = after
        told, decided = len(self.told), len(self.decisions)
        if fresh or self._wants_deciding(after, roster):
            placed = self._decide(after, cause, fresh=fresh)
            effects = [f"assigned:{fact.strategy}" for fact, _ in self.told[told:] if isinstance(fact, facts.Assigned)]
            if not effects and len(self.decisions) > decided:
                effects = [POOLED]
        if placed.owed_since != before.owed_since:
            made = [decision for _, decision, _ in self.decisions[decided:]]
            pool_reason = made[-1].pool_reason() if made else ""
            self._tell(facts.Owed(placed, message.received_time, pool_reason), cause)
            effects.append("owed")
        return effects

    def _wants_deciding(self, conversation: Conversation, roster: Roster) -> bool:
        """Who has it keeps it, also while away; only the absent lose it. The pool is asked when somebody has room."""
        if not conversation.agent_id:
            return not conversation.pooled or roster.has_room()
        holder = roster.find(conversation.agent_id)
        return holder is None or holder.presence == OFFLINE

    def _was_answered(self, after: Conversation, message: Unanswered, cause: Cause) -> list[str]:
        """A message comes after the echo that answers it: its wait is told whole, unless it was part of one told."""
        since = [echo for echo in self.echoes.get(after.conversation_id, ()) if echo.covers(message)]
        if after.owed_since is not None or not since:
            return []
        echo = min(since, key=lambda echo: (echo.accept_time, echo.received_time))
        if after.ended_by == echo.message_id:
            return []
        self._keep(after._replace(ended_by=echo.message_id))
        self._tell(facts.Owed(after._replace(owed_since=message.occurred_time), message.received_time), cause)
        self._tell(facts.Answered(after, message.occurred_time, echo.accept_time, "", echo.message_id), cause)
        return ["owed", "answered"]

    def _decide(
        self,
        conversation: Conversation,
        cause: Cause,
        *,
        fresh: bool = False,
        by: Reason | None = None,
        policy: Policy | None = None,
    ) -> Conversation:
        """The conversation is with whom the rules say; recorded where the outcome changed or an episode begins."""
        roster = self.rosters[conversation.workspace_id]
        bare = law.unassign(conversation, released_by=conversation.released_by)
        roster.follow(conversation, bare)
        policy = policy or Policy(contact_agent_id=self._acquaintance(conversation))
        decision = deciding.decide(conversation, roster.agents(), policy, self.now)
        if decision.agent_id:
            after = law.assign(bare, decision.agent_id)
            self.holders[conversation.contact_id] = decision.agent_id
            if decision.strategy == deciding.ROUND_ROBIN:
                roster.takes_turn(decision.agent_id)
        else:
            after = bare._replace(pooled=True)
        roster.follow(bare, after)
        if after.agent_id != conversation.agent_id or fresh or not (conversation.pooled or after.agent_id):
            self._assigned(conversation, after, _explained(decision, by), cause, by)
            self._note_room(conversation.workspace_id, conversation.agent_id, cause)
        if after != self.conversations[conversation.conversation_id]:
            self._keep(after)
        return after

    def _acquaintance(self, conversation: Conversation) -> str:
        held = self.holders.get(conversation.contact_id, "")
        return self.acquaintances.get(conversation.conversation_id, held)

    def _assigned(
        self,
        before: Conversation,
        after: Conversation,
        decision: Decision,
        cause: Cause,
        by: Reason | None = None,
    ) -> None:
        self.decisions.append((after, decision, cause))
        if not before.agent_id and not after.agent_id:
            return
        agent = self.rosters[after.workspace_id].find(after.agent_id)
        languages = agent.languages if agent else ()
        first = bool(after.agent_id) and not before.was_assigned
        strategy = by.strategy if by and not after.agent_id else decision.strategy
        self._tell(facts.Assigned(after, languages, strategy, first, decision.pool_reason()), cause)

    def _lose_window(self, conversation_id: str, now: datetime, cause: Cause) -> Conversation:
        """Returns the conversation, of which it is known and told whether the window closed on its open wait."""
        before = self.conversations[conversation_id]
        closed = before.lost_window(now)
        if closed is None or before.owed_since is None:
            return before
        after = before._replace(window_lost=True)
        self._keep(after)
        self._tell(facts.WindowClosed(after, before.owed_since, closed), cause)
        return after

    def _write(self, conversation_id: str, inbound: Inbound, effects: list[str]) -> None:
        self.lines.append(
            Line(
                inbound.message_id,
                conversation_id,
                self.conversations[conversation_id].inbound_seq,
                True,
                inbound.effective,
                False,
                inbound.occurred_time,
                inbound.received_time,
                tuple(effects),
            )
        )

    def _change(self, before: Conversation, after: Conversation, cause: Cause) -> None:
        """Loads follow the change."""
        if self.rosters[after.workspace_id].follow(before, after):
            self._note_room(after.workspace_id, before.agent_id, cause)
        self._keep(after)

    def _note_room(self, workspace_id: str, agent_id: str, cause: Cause) -> None:
        agent = self.rosters[workspace_id].find(agent_id)
        if agent is not None and agent.presence == ONLINE and agent.has_room:
            self.freed[workspace_id] = cause

    def _keep(self, conversation: Conversation) -> None:
        self.conversations[conversation.conversation_id] = conversation
        self.dirty[conversation.conversation_id] = None

    def _tell(self, fact: facts.Fact, cause: Cause) -> None:
        self.told.append((fact, cause))


def _explained(decision: Decision, by: Reason | None) -> Decision:
    """A decision that a person set off says so; who gets it by a transfer to a team gets it by that transfer."""
    if by is None:
        return decision
    transferred = decision.agent_id and by.strategy == deciding.TRANSFER
    strategy = deciding.TRANSFER if transferred else decision.strategy
    return replace(decision, strategy=strategy, reason=f"{by.reason}; {decision.reason}")
