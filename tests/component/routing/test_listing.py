"""The pool and the other lists: what is shown, in which order, page by page."""

import base64
import json

import pytest

from lobby.connectors.v1 import account_pb2
from lobby.routing.v1 import agent_service_pb2
from lobby.routing.v1 import conversation_service_pb2 as pb
from lobby_common import ids
from lobby_common.errors import Invalid, NotFound
from lobby_common.times import utc_now
from lobby_routing.domain.urgency import FIRST_RANK, rank
from lobby_routing.store import views
from lobby_routing.store.views import Filters
from tests.component.routing.conftest import LN, TG, WA

OWED, OPEN, CLOSED, ALL = (
    getattr(pb.ListConversationsRequest, f"FILTER_{name}") for name in ("OWED", "OPEN", "CLOSED", "ALL")
)
RECENT = pb.ListConversationsRequest.ORDER_BY_RECENT


@pytest.fixture
async def hall(routing) -> list[str]:
    """Names of owed customers in the order of urgency; "quiet" and "closed" are owed nothing."""
    agent = await routing.agent("away")
    await routing.hear(
        routing.wrote(LN, "line, short wait", -1),
        routing.wrote(TG, "telegram, long wait", -90),
        routing.wrote(TG, "telegram, longer wait", -95),
        routing.wrote(WA, "closes late", -80, window=700),
        routing.wrote(WA, "closes soon", -2, window=400),
        routing.wrote(WA, "lost", -3000, window=-1500),
        routing.wrote(WA, "quiet", -30, window=5),
        routing.wrote(WA, "closed", -20, window=5),
    )
    await routing.hear(routing.sent(WA, "quiet", -29, echo=True))
    with routing.as_owner():
        await routing.close(WA, "closed", agent)
    return [
        "closes soon",
        "closes late",
        "line, short wait",
        "telegram, longer wait",
        "telegram, long wait",
        "lost",
    ]


async def pages_of(routing, page_size: int, **filters) -> list[str]:
    found, token = [], ""
    while True:
        page = await routing.pages(page_size=page_size, page_token=token, **filters)
        found += [each.conversation_id for each in page.conversations]
        token = page.next_page_token
        assert len(page.conversations) == page_size or not token
        if not token:
            return found


def ids_of(routing, names: list[str]) -> list[str]:
    accounts = {"line": LN, "telegram": TG}
    return [routing.conversation_id(accounts.get(name.split(",")[0], WA), name) for name in names]


@pytest.mark.parametrize("page_size", [1, 2, 4, 50])
async def test_the_owed_are_listed_by_urgency_whatever_the_page(routing, hall, page_size):
    assert await pages_of(routing, page_size, state=OWED) == ids_of(routing, hall)


@pytest.mark.parametrize("page_size", [1, 3, 7, 50])
async def test_all_are_listed_with_the_owed_first_and_then_the_newest(routing, hall, page_size):
    assert await pages_of(routing, page_size) == ids_of(routing, [*hall, "closed", "quiet"])
    assert await pages_of(routing, page_size, state=OPEN) == ids_of(routing, [*hall, "quiet"])
    assert await pages_of(routing, page_size, state=CLOSED) == ids_of(routing, ["closed"])


@pytest.mark.parametrize("page_size", [1, 3, 50])
async def test_by_recent_the_newest_message_comes_first(routing, hall, page_size):
    names = [
        "line, short wait",
        "closes soon",
        "closed",
        "quiet",
        "closes late",
        "telegram, long wait",
        "telegram, longer wait",
        "lost",
    ]
    assert await pages_of(routing, page_size, order_by=RECENT) == ids_of(routing, names)
    owed = [name for name in names if name in hall]
    assert await pages_of(routing, page_size, order_by=RECENT, state=OWED) == ids_of(routing, owed)


async def test_filters_restrict_the_list_and_the_total_alike(routing, hall):
    telegram = await routing.pages(platform=account_pb2.PLATFORM_TELEGRAM)
    assert (len(telegram.conversations), telegram.total_owed) == (2, 2)
    line = await routing.pages(account_id=LN)
    assert (len(line.conversations), line.total_owed) == (1, 1)
    agent = await routing.agent("online", capacity=1)
    assert (await routing.pages(agent_id=agent)).total_owed == 1
    assert (await routing.pages(unassigned=True)).total_owed == len(hall) - 1
    assert (await routing.pages(state=CLOSED)).total_owed == 0
    for nobody in ("no id", ids.new_id()):
        assert (await routing.pages(agent_id=nobody)).total_owed == 0


async def test_sql_and_domain_agree_on_the_order(routing, hall):
    as_of = utc_now()
    found = await views.list_owed(routing.pool, Filters(routing.workspace_id), as_of, FIRST_RANK, 100)
    ranks = [rank(view.conversation, as_of) for view in found]
    assert ranks == sorted(ranks)
    for index, each in enumerate(ranks):
        rest = await views.list_owed(routing.pool, Filters(routing.workspace_id), as_of, each, 100)
        assert [view.conversation.conversation_id for view in rest] == [r[-1] for r in ranks[index + 1 :]]


async def test_a_page_token_of_somebody_elses_making_is_refused(routing, hall):
    def token(*values) -> str:
        return base64.urlsafe_b64encode(json.dumps(values).encode()).decode().rstrip("=")

    for bad in (
        "!",
        token(1),
        token("owed", "x", 0, 0, 0, 0, ids.new_id()),
        token("owed", 0, 2**40, 0, 0, 0, ids.new_id()),
        token("owed", 0, 0, 2**70, 0, 0, ids.new_id()),
        token("owed", 0, 0, 0, 0, 0, "nothing"),
        token("owed", 0, 0, 0, None, 0, ids.new_id()),
        token("recent", 0, 2**62, ids.new_id(), 0, 0, ""),
        token("recent", 0, 0, 7, 0, 0, ""),
        token("other", 0, 0, 0, 0, 0, ids.new_id()),
    ):
        with pytest.raises(Invalid, match="BAD_PAGE_TOKEN"):
            await routing.pages(page_token=bad)
    assert (await routing.pages(page_token=token("recent", -5, -5, ids.new_id(), 0, 0, ""))).total_owed == len(hall)


async def test_decisions_come_page_by_page_oldest_first(routing):
    first, second = await routing.agent("away"), await routing.agent("away")
    await routing.hear(routing.wrote(WA, "a"))
    with routing.as_owner():
        for agent in (first, second, first):
            await routing.transfer(WA, "a", agent_id=agent)
        found, token = [], ""
        for _ in range(4):
            request = pb.ListDecisionsRequest(
                conversation_id=routing.conversation_id(WA, "a"), page_size=1, page_token=token
            )
            page = await routing.conversations.ListDecisions(request, None)
            found += [each.agent_id for each in page.decisions]
            token = page.next_page_token
    assert found == ["", first, second, first]
    assert token == ""


async def test_agents_come_page_by_page_oldest_first(routing):
    made = [await routing.agent("offline") for _ in range(5)]
    found, token = [], ""
    with routing.as_owner():
        while not found or token:
            request = agent_service_pb2.ListAgentsRequest(page_size=2, page_token=token)
            page = await routing.agents.ListAgents(request, None)
            found += [each.agent_id for each in page.agents]
            token = page.next_page_token
        with pytest.raises(Invalid, match="BAD_PAGE_TOKEN"):
            await routing.agents.ListAgents(agent_service_pb2.ListAgentsRequest(page_token="WzEsMl0"), None)
    assert found == made


async def test_an_agent_is_made_and_changed_field_by_field(routing):
    agent = await routing.agent("offline", languages=["zh_hans", "zh-Hans"], countries=["th"], teams=["sales"])
    api, kind = routing.agents, agent_service_pb2.UpdateAgentRequest
    with routing.as_owner():
        made = (await api.GetAgent(agent_service_pb2.GetAgentRequest(agent_id=agent), None)).agent
        assert (made.capacity, list(made.languages), list(made.countries)) == (10, ["zh-Hans"], ["TH"])
        request = kind(agent_id=agent, display_name="Noi", capacity=0)
        request.update_mask.paths.extend(["capacity", "teams"])
        changed = (await api.UpdateAgent(request, None)).agent
        assert (changed.capacity, list(changed.teams), changed.display_name) == (0, [], made.display_name)
        changed = (await api.UpdateAgent(kind(agent_id=agent, display_name="Noi"), None)).agent
        assert (changed.display_name, changed.capacity, list(changed.countries)) == ("Noi", 0, ["TH"])
        request = kind(agent_id=agent)
        request.update_mask.paths.append("presence")
        with pytest.raises(Invalid, match="BAD_UPDATE_MASK"):
            await api.UpdateAgent(request, None)
        request.update_mask.paths[:] = ["display_name"]
        with pytest.raises(Invalid, match="DISPLAY_NAME_REQUIRED"):
            await api.UpdateAgent(request, None)
        for unknown in ("nobody", ids.new_id()):
            with pytest.raises(NotFound, match="AGENT_NOT_FOUND"):
                await api.UpdateAgent(kind(agent_id=unknown, capacity=3), None)
            with pytest.raises(NotFound, match="AGENT_NOT_FOUND"):
                await api.GetAgent(agent_service_pb2.GetAgentRequest(agent_id=unknown), None)
            with pytest.raises(NotFound, match="AGENT_NOT_FOUND"):
                await routing.presence(unknown, "online")


async def test_an_agent_made_twice_with_one_request_id_is_one_agent(routing):
    request = agent_service_pb2.CreateAgentRequest(display_name="Noi", request_id="once")
    with routing.as_owner():
        first = await routing.agents.CreateAgent(request, None)
        assert await routing.agents.CreateAgent(request, None) == first
