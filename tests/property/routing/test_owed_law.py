"""What is owed, against a model that keeps every message and knows nothing of watermarks."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from lobby_routing.domain import facts
from lobby_routing.domain.agents import Roster
from lobby_routing.domain.conversation import Conversation, Inbound, Outbound
from lobby_routing.domain.floor import Cause, Floor

TEN = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
ID = "conversation"


def at(minutes: int) -> datetime:
    return TEN + timedelta(minutes=minutes)


def blank() -> Conversation:
    return Conversation(ID, "workspace", "account", "whatsapp", "user", "contact", "chat")


MINUTES = st.integers(0, 20)
"""Few, so that many things happen in the same moment; then what came in first was first."""
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("wrote"), MINUTES),
        st.tuples(st.just("reacted"), MINUTES),
        st.tuples(st.just("thanked"), MINUTES),
        st.tuples(st.just("answered"), MINUTES, st.integers(0, 8)),
        st.tuples(st.just("echoed"), MINUTES),
        st.tuples(st.just("bot"), MINUTES),
        st.tuples(st.just("closed"), MINUTES),
        st.tuples(st.just("reopened"), MINUTES),
    ),
    max_size=25,
)


@dataclass
class Model:
    """All messages in order of arrival, and what answered each."""

    wrote: list[tuple[datetime, int]] = field(default_factory=list)
    answered: set[int] = field(default_factory=set)
    echoes: list[tuple[datetime, int]] = field(default_factory=list)
    promised: int = 0
    """Agents say they had seen that many, perhaps more than have come so far."""
    helped: bool = False
    """A person answered at some time."""
    thankful: bool = False
    """It is closed, and was answered then."""

    def apply(self, step: tuple, number: int) -> None:
        self.helped |= step[0] in ("answered", "echoed")
        match step:
            case ("thanked", _) if self.thankful:
                pass
            case ("wrote" | "thanked", minute):
                self.wrote.append((at(minute), number))
                self.thankful &= self.owed_since() is None
            case ("answered", _, seen):
                self.promised = max(self.promised, seen)
            case ("echoed", minute):
                self.echoes.append((at(minute), number))
            case ("closed", _):
                self.thankful = self.helped and self.owed_since() is None
                self.answered |= set(range(len(self.wrote)))
            case ("reopened", _):
                self.thankful = False

    def owed_since(self) -> datetime | None:
        owed = [
            wrote[0]
            for index, wrote in enumerate(self.wrote)
            if index not in self.answered and index >= self.promised and not any(echo > wrote for echo in self.echoes)
        ]
        return min(owed, default=None)


def play(floor: Floor, step: tuple, number: int) -> None:
    cause = Cause(f"cause {number}", message_id=f"message {number}")
    message_id, came_in = f"message {number}", TEN + timedelta(hours=number)
    match step:
        case ("wrote" | "reacted" | "thanked", minute):
            effective, plain = step[0] != "reacted", step[0] == "thanked"
            said = Inbound(
                message_id, "chat", at(minute), came_in, effective=effective, plain=plain, text_start="thanks"
            )
            floor.receive(ID, said, cause)
        case ("answered", minute, seen):
            floor.send(ID, Outbound(message_id, at(minute), came_in, agent_id="agent", seen_seq=seen), cause)
        case ("echoed", minute):
            floor.send(ID, Outbound(message_id, at(minute), came_in, echo=True), cause)
        case ("bot", minute):
            floor.send(ID, Outbound(message_id, at(minute), came_in, bot=True, seen_seq=99), cause)
        case ("closed", _):
            floor.close(ID, "resolved", "agent", cause)
            # The next transaction loads what is unanswered anew.
            floor.unanswered.pop(ID, None)
        case ("reopened", _):
            floor.reopen(ID, cause)


def floor_for(conversation: Conversation) -> Floor:
    floor = Floor(TEN, {"workspace": Roster([])})
    floor.put(conversation)
    return floor


@given(STEPS)
def test_owed_since_is_the_oldest_message_that_nothing_answered(steps):
    model, floor = Model(), floor_for(blank())
    for number, step in enumerate([("wrote", 0), *steps]):
        closes_closed = step[0] == "closed" and floor.conversations[ID].closed
        if not closes_closed:
            model.apply(step, number)
        play(floor, step, number)
        assert floor.conversations[ID].owed_since == model.owed_since()


@given(STEPS)
def test_facts_tell_every_wait_from_its_beginning_to_its_end(steps):
    floor = floor_for(blank())
    for number, step in enumerate([("wrote", 0), *steps]):
        play(floor, step, number)
    since = None
    for fact, _ in floor.told:
        match fact:
            case facts.Owed(conversation):
                assert conversation.owed_since is not None
                assert since is None or conversation.owed_since < since
                since = conversation.owed_since
            case facts.Answered(owed_since=told):
                assert told == since
                since = None
            case facts.Closed(owed_since=told):
                assert told == since
                since = None
    assert since == floor.conversations[ID].owed_since


@given(st.lists(st.tuples(st.sampled_from(["wrote", "echoed"]), MINUTES), min_size=1, max_size=10), st.randoms())
def test_messages_and_echoes_end_alike_in_whatever_order_they_come(steps, random):
    numbered = list(enumerate([("wrote", 0), *steps]))
    ends = set()
    for _ in range(4):
        floor = floor_for(blank())
        for number, step in numbered:
            play(floor, step, number)
        ends.add(floor.conversations[ID].owed_since)
        rest = numbered[1:]
        random.shuffle(rest)
        numbered = [numbered[0], *rest]
    assert len(ends) == 1


def told_of(floor: Floor) -> int:
    """How much was told; but for bots, who may be heard before the message that they answered: that is true as well."""
    return sum(not isinstance(fact, facts.BotAnswered) for fact, _ in floor.told)


@given(STEPS)
def test_answers_told_again_change_nothing(steps):
    floor = floor_for(blank())
    played = [("wrote", 0), *steps]
    for number, step in enumerate(played):
        play(floor, step, number)
    before, told = floor.conversations[ID].owed_since, told_of(floor)
    for number, step in enumerate(played):
        if step[0] in ("answered", "echoed", "bot"):
            play(floor, step, number)
    assert floor.conversations[ID].owed_since == before
    assert told_of(floor) == told
