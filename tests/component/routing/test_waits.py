"""What those who measure waits are told: when it came in, why nobody has it, who moved it, that the window closed."""

import pytest

from lobby.routing.v1 import events_pb2 as told_pb
from lobby_common.times import from_proto
from lobby_routing.app.windows import Windows
from tests.component.routing.conftest import WA, at, names

DAY = 24 * 60


async def test_a_wait_tells_when_its_first_message_came_in(routing):
    (_, owed) = await routing.hear(routing.wrote(WA, "a", -9, received=at(-5)))
    assert from_proto(owed.received_time) == at(-5)
    (earlier,) = await routing.hear(routing.wrote(WA, "a", -10, received=at(-1)))
    assert from_proto(earlier.received_time) == at(-1)


async def test_what_stays_owed_after_an_answer_tells_when_it_came_in(routing):
    agent = await routing.agent()
    await routing.hear(routing.wrote(WA, "a", -9), routing.wrote(WA, "a", -4, received=at(-3)))
    told = await routing.hear(routing.sent(WA, "a", agent_id=agent, seen_seq=1))
    assert names(told) == ["Answered", "Owed"]
    assert from_proto(told[1].received_time) == at(-3)


@pytest.mark.parametrize(
    ("agents", "reason"),
    [
        ([], "nobody_on_duty"),
        ([("away", {})], "nobody_on_duty"),
        ([("offline", {}), ("online", {"capacity": 0})], "over_capacity"),
        ([("online", {"countries": ["TH"]})], "rule"),
        ([("online", {})], ""),
    ],
)
async def test_a_wait_tells_why_nobody_has_it(routing, agents, reason):
    for presence, profile in agents:
        await routing.agent(presence, **profile)
    told = await routing.hear(routing.wrote(WA, "a", country="VN"))
    assert told[-1].pool_reason == reason
    assert bool(told[-1].agent_id) == (not reason)


async def test_who_goes_offline_leaves_it_to_the_pool_for_a_reason(routing):
    agent = await routing.agent()
    await routing.hear(routing.wrote(WA, "a"))
    await routing.presence(agent, "offline")
    assigned = (await routing.told(told_pb.ConversationAssigned))[-1]
    assert (assigned.agent_id, assigned.pool_reason, assigned.by_agent_id) == ("", "nobody_on_duty", "")


async def test_it_is_told_which_agent_moved_it_himself(routing):
    first, second = await routing.agent(), await routing.agent("away")
    await routing.hear(routing.wrote(WA, "a"))
    with routing.as_agent(first):
        await routing.transfer(WA, "a", agent_id=second)
    with routing.as_owner():
        await routing.transfer(WA, "a", agent_id=first)
    with routing.as_agent(first):
        await routing.release(WA, "a")
    with routing.as_agent(second):
        await routing.claim(WA, "a")
    told = await routing.told(told_pb.ConversationAssigned)
    assert [each.by_agent_id for each in told] == ["", first, "", first, second]


async def test_who_takes_over_because_another_one_was_freed_did_not_move_it_himself(routing):
    agent = await routing.agent(capacity=1)
    await routing.hear(routing.wrote(WA, "a"), routing.wrote(WA, "b"))
    with routing.as_agent(agent):
        await routing.release(WA, "a")
    told = await routing.told(told_pb.ConversationAssigned)
    assert [(each.agent_id, each.by_agent_id) for each in told[1:]] == [("", agent), (agent, "")]


async def test_it_is_told_who_opened_it_while_it_was_owed_and_only_when_he_sees_more(routing):
    agent = await routing.agent()
    first, second = routing.wrote(WA, "a", -5), routing.wrote(WA, "a", -4)
    await routing.hear(first, second)
    with routing.as_agent(agent):
        for message in (first, first, second):
            await routing.seen(WA, "a", message.message_id)
        told = await routing.told(told_pb.ConversationSeen)
        assert [each.agent_id for each in told] == [agent, agent]
        await routing.hear(routing.sent(WA, "a", -1, agent_id=agent, seen_seq=2))
        other = routing.wrote(WA, "a", greeting=False)
        await routing.hear(other)
        await routing.seen(WA, "a", other.message_id)
    assert len(await routing.told(told_pb.ConversationSeen)) == 2


async def test_the_first_answer_of_a_bot_is_told_once_a_wait(routing):
    agent = await routing.agent()
    await routing.hear(routing.wrote(WA, "a", -9))
    await routing.hear(routing.sent(WA, "a", -10, bot=True), routing.sent(WA, "a", -8, bot=True))
    await routing.hear(routing.sent(WA, "a", -7, bot=True))
    await routing.hear(routing.sent(WA, "a", -6, agent_id=agent, seen_seq=1), routing.sent(WA, "a", -5, bot=True))
    await routing.hear(routing.wrote(WA, "a", -4), routing.sent(WA, "a", -3, bot=True))
    told = await routing.told(told_pb.BotAnswered)
    assert [(from_proto(each.owed_since), from_proto(each.answer_time)) for each in told] == [
        (at(-9), at(-8)),
        (at(-4), at(-3)),
    ]


async def closed(routing) -> list[told_pb.ReplyWindowClosed]:
    return await routing.told(told_pb.ReplyWindowClosed)


async def test_a_window_that_closes_on_a_wait_is_told_once_with_the_time_at_which_it_did(routing):
    await routing.hear(routing.wrote(WA, "a", -DAY - 9, window=-9), routing.wrote(WA, "b", -5, window=DAY - 5))
    for _ in range(2):
        await Windows(routing.log).step()
    [told] = await closed(routing)
    assert (from_proto(told.owed_since), from_proto(told.window_close_time)) == (at(-DAY - 9), at(-9))
    await routing.hear(routing.wrote(WA, "a", -1, window=DAY - 1))
    with routing.as_owner():
        await routing.close(WA, "a", await routing.agent())
    assert len(await closed(routing)) == 1


async def test_who_writes_in_time_keeps_his_window_open(routing):
    await routing.hear(routing.wrote(WA, "a", -DAY - 9, window=-9), routing.wrote(WA, "a", -10, window=DAY - 10))
    await Windows(routing.log).step()
    assert await closed(routing) == []


async def test_a_message_on_its_way_may_still_have_kept_the_window_open(routing, monkeypatch):
    await routing.hear(routing.wrote(WA, "a", -DAY - 0.5, window=-0.5))
    for minutes, found in ((0, 0), (0.5, 1)):
        monkeypatch.setattr("lobby_routing.app.windows.utc_now", lambda: at(minutes))  # noqa: B023  # called at once
        await Windows(routing.log).step()
        assert len(await closed(routing)) == found


@pytest.mark.parametrize("last", ["message", "answer", "echo", "close"])
async def test_whatever_happens_after_it_tells_that_the_window_closed(routing, last):
    agent = await routing.agent()
    await routing.hear(routing.wrote(WA, "a", -DAY - 9, window=-9))
    match last:
        case "message":
            told = await routing.hear(routing.wrote(WA, "a", -8, window=DAY - 8))
            assert names(told) == ["ReplyWindowClosed"]
        case "answer":
            told = await routing.hear(routing.sent(WA, "a", -8, agent_id=agent, seen_seq=1))
            assert names(told) == ["ReplyWindowClosed", "Answered"]
        case "echo":
            await routing.hear(routing.sent(WA, "a", -8, echo=True))
        case "close":
            with routing.as_owner():
                await routing.close(WA, "a", agent)
    [told] = await closed(routing)
    assert from_proto(told.window_close_time) == at(-9)
    await Windows(routing.log).step()
    assert len(await closed(routing)) == 1


async def test_an_answer_in_time_loses_no_window_though_it_is_heard_of_later(routing):
    agent = await routing.agent()
    await routing.hear(routing.wrote(WA, "a", -DAY - 9, window=-9))
    await routing.hear(routing.sent(WA, "a", -10, agent_id=agent, seen_seq=1))
    await Windows(routing.log).step()
    assert await closed(routing) == []


async def test_the_next_wait_may_lose_its_window_too(routing):
    agent = await routing.agent()
    await routing.hear(routing.wrote(WA, "a", -3 * DAY, window=-2 * DAY))
    await routing.hear(routing.sent(WA, "a", -2 * DAY + 1, agent_id=agent, seen_seq=1))
    await routing.hear(routing.wrote(WA, "a", -DAY - 9, window=-9))
    await Windows(routing.log).step()
    assert [from_proto(each.owed_since) for each in await closed(routing)] == [at(-3 * DAY), at(-DAY - 9)]
