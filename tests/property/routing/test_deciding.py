"""Laws of deciding: fairness, capacity, reasons, and that the same arguments give the same decision."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from lobby_routing.domain import Agent, Cause, Conversation, Floor, Policy, decide
from lobby_routing.domain.agents import Roster
from lobby_routing.domain.conversation import Inbound, Outbound
from lobby_routing.domain.deciding import exclusion

TEN = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
NAMES = "abcde"


def an_agent(name: str, **more) -> Agent:
    values = {"countries": (), "teams": (), "capacity": 3, "presence": "online", "turn": 0, "load": 0} | more
    return Agent(
        agent_id=name,
        workspace_id="workspace",
        display_name=name,
        languages=(),
        presence_time=TEN,
        create_time=TEN,
        **values,
    )


def a_conversation(name: str = "conversation", **more) -> Conversation:
    return Conversation(name, "workspace", "account", "whatsapp", f"user {name}", f"contact {name}", name, **more)


COUNTRIES = st.sampled_from(["", "TH", "BR"])
AGENTS = st.lists(
    st.builds(
        an_agent,
        st.sampled_from(NAMES),
        capacity=st.integers(0, 3),
        load=st.integers(0, 4),
        turn=st.integers(0, 9),
        presence=st.sampled_from(["online", "online", "away", "offline"]),
        countries=st.sampled_from([(), ("TH",), ("BR", "VN")]),
        teams=st.sampled_from([(), ("sales",), ("support",)]),
    ),
    max_size=5,
    unique_by=lambda agent: agent.agent_id,
)
CONVERSATIONS = st.builds(
    a_conversation,
    country=COUNTRIES,
    team=st.sampled_from(["", "sales"]),
    answer_agent_id=st.sampled_from(["", *NAMES]),
    released_by=st.sampled_from(["", *NAMES]),
)


@given(CONVERSATIONS, AGENTS, st.sampled_from(["", *NAMES]))
def test_whoever_gets_it_may_have_it_and_nobody_only_when_nobody_may(conversation, agents, acquaintance):
    decision = decide(conversation, agents, Policy(contact_agent_id=acquaintance), TEN)
    free = {agent.agent_id for agent in agents if not exclusion(conversation, agent)}
    assert decision.agent_id in free if free else decision.agent_id == ""
    assert [each.agent_id for each in decision.candidates] == [agent.agent_id for agent in agents]
    assert {each.agent_id for each in decision.candidates if not each.excluded_because} == free
    assert decide(conversation, agents, Policy(contact_agent_id=acquaintance), TEN) == decision


@given(CONVERSATIONS, AGENTS)
def test_an_acquaintance_who_may_have_it_gets_it(conversation, agents):
    decision = decide(conversation, agents, Policy(), TEN)
    known = next((agent for agent in agents if agent.agent_id == conversation.answer_agent_id), None)
    if known is not None and not exclusion(conversation, known):
        assert (decision.agent_id, decision.strategy) == (known.agent_id, "sticky")
    else:
        assert decision.strategy in ("round_robin", "none")


@given(st.integers(1, 5), st.integers(0, 40))
def test_round_robin_gives_everybody_the_same_but_for_one(agents, customers):
    roster = Roster([an_agent(NAMES[number], capacity=1000) for number in range(agents)])
    floor = Floor(TEN, {"workspace": roster})
    for number in range(customers):
        _writes(floor, number)
    loads = [agent.load for agent in roster.agents()]
    assert sum(loads) == customers
    assert max(loads) - min(loads) <= 1


@given(st.integers(1, 5), st.integers(1, 30), st.data())
def test_round_robin_is_fair_whoever_is_busy_in_between(agents, customers, data):
    """Nobody who could always take one gets a second before every other such agent had one."""
    roster = Roster([an_agent(NAMES[number], capacity=1000) for number in range(agents)])
    floor = Floor(TEN, {"workspace": roster})
    busy = data.draw(st.sets(st.sampled_from(NAMES[:agents]), max_size=agents - 1))
    for number in range(customers):
        for name in busy:
            presence = data.draw(st.sampled_from(["online", "away"]))
            agent = roster.find(name)
            roster.put(an_agent(name, capacity=1000, load=agent.load, turn=agent.turn, presence=presence))
        _writes(floor, number)
    steady = [agent.load for agent in roster.agents() if agent.agent_id not in busy]
    assert max(steady) - min(steady) <= 1


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("writes"), st.integers(0, 9)),
        st.tuples(st.just("answered"), st.integers(0, 9)),
        st.tuples(st.just("closed"), st.integers(0, 9)),
        st.tuples(st.just("released"), st.integers(0, 9)),
        st.tuples(st.sampled_from(["online", "away", "offline"]), st.sampled_from(NAMES[:3])),
    ),
    max_size=40,
)


@given(STEPS, st.lists(st.integers(0, 3), min_size=3, max_size=3))
def test_nobody_is_given_more_than_he_can_carry_and_nothing_waits_while_somebody_has_room(steps, capacities):
    agents = [an_agent(name, capacity=size) for name, size in zip(NAMES[:3], capacities, strict=True)]
    roster = Roster(agents)
    floor = Floor(TEN, {"workspace": roster})
    for number, (step, subject) in enumerate(steps):
        _play(floor, roster, number, step, subject)
        for workspace_id in list(floor.freed):
            floor.drain(workspace_id, ())
        _check(floor, roster)
    for conversation, decision, _ in floor.decisions:
        if decision.strategy in ("sticky", "round_robin"):
            chosen = next(each for each in decision.candidates if each.agent_id == decision.agent_id)
            assert chosen.load < chosen.capacity, conversation


def _writes(floor: Floor, number: int) -> None:
    name = f"conversation {number}"
    floor.put(a_conversation(name))
    floor.receive(name, Inbound(f"message {number}", name, TEN, TEN, effective=True), Cause(f"cause {number}"))


def _play(floor: Floor, roster: Roster, number: int, step: str, subject: object) -> None:
    cause = Cause(f"cause {number}")
    if step in ("online", "away", "offline"):
        agent = roster.find(str(subject))
        assert agent is not None
        floor.set_agent(
            an_agent(agent.agent_id, capacity=agent.capacity, load=agent.load, turn=agent.turn, presence=step), cause
        )
        return
    name = f"conversation {subject}"
    if step == "writes":
        if name not in floor.conversations:
            floor.put(a_conversation(name))
        occurred = TEN + timedelta(seconds=number)
        floor.receive(name, Inbound(f"message {number}", name, occurred, occurred, effective=True), cause)
    elif name in floor.conversations:
        conversation = floor.conversations[name]
        if step == "answered":
            seen = conversation.inbound_seq
            sent = Outbound(f"message {number}", TEN, TEN, agent_id=conversation.agent_id or "a", seen_seq=seen)
            floor.send(name, sent, cause)
        elif step == "closed":
            floor.close(name, "resolved", "a", cause)
            floor.unanswered.pop(name, None)
        else:
            floor.release(name, "given back", cause)


def _check(floor: Floor, roster: Roster) -> None:
    owed = [each for each in floor.conversations.values() if each.owed_since is not None]
    for agent in roster.agents():
        assert agent.load == sum(1 for each in owed if each.agent_id == agent.agent_id)
        assert agent.presence != "offline" or agent.load == 0
    for conversation in owed:
        if not conversation.agent_id:
            assert all(exclusion(conversation, agent) for agent in roster.agents())
