"""AgentService."""

import asyncpg

from lobby.routing.v1 import agent_service_pb2 as pb
from lobby.routing.v1.agent_service_pb2_grpc import AgentServiceServicer
from lobby.routing.v1.conversation_pb2 import Presence
from lobby_common import caller, pages
from lobby_common.caller import acting_agent
from lobby_common.errors import Invalid
from lobby_common.events import EventLog
from lobby_common.requests import answer_once
from lobby_routing.api import encoding
from lobby_routing.app import agents, attention
from lobby_routing.app.agents import Profile
from lobby_routing.app.conversations import command
from lobby_routing.domain.agents import ONLINE
from lobby_routing.store import views

_FIELDS = ("display_name", "languages", "countries", "capacity", "teams")


class AgentApi(AgentServiceServicer):
    """Agents and whether they are there."""

    def __init__(self, log: EventLog, pool: asyncpg.Pool) -> None:
        self._log = log
        self._pool = pool

    async def CreateAgent(self, request: pb.CreateAgentRequest, context: object) -> pb.CreateAgentResponse:
        """There is a new agent."""
        who = caller.current()
        profile = Profile(
            request.display_name,
            tuple(request.languages),
            tuple(request.countries),
            tuple(request.teams),
            request.capacity if request.HasField("capacity") else None,
        )
        async with self._log.transaction() as tx:

            async def make() -> pb.CreateAgentResponse:
                return pb.CreateAgentResponse(agent=encoding.agent(await agents.create(tx, who, profile)))

            return await answer_once(tx, "CreateAgent", request.request_id, pb.CreateAgentResponse, make)

    async def ListAgents(self, request: pb.ListAgentsRequest, context: object) -> pb.ListAgentsResponse:
        """Returns a page of agents."""
        size = pages.size(request.page_size)
        after = pages.decode_after(request.page_token)
        async with self._pool.acquire() as conn:
            found = await views.list_agents(conn, caller.current().workspace_id, after, size + 1)
        answer = pb.ListAgentsResponse(agents=[encoding.agent(each) for each in found[:size]])
        if len(found) > size:
            last = found[size - 1]
            answer.next_page_token = pages.encode(last.create_time.isoformat(), last.agent_id)
        return answer

    async def GetAgent(self, request: pb.GetAgentRequest, context: object) -> pb.GetAgentResponse:
        """Returns an agent."""
        async with self._pool.acquire() as conn:
            found = await agents.get(conn, caller.current(), request.agent_id)
        return pb.GetAgentResponse(agent=encoding.agent(found))

    async def UpdateAgent(self, request: pb.UpdateAgentRequest, context: object) -> pb.UpdateAgentResponse:
        """The agent is as asked."""
        who = caller.current()
        profile = _profile(request)
        async with self._log.transaction() as tx:
            found = await agents.update(tx, who, request.agent_id, profile, command(who, "UpdateAgent", ""))
        return pb.UpdateAgentResponse(agent=encoding.agent(found))

    async def SetPresence(self, request: pb.SetPresenceRequest, context: object) -> pb.SetPresenceResponse:
        """The agent is there, away or gone."""
        who = caller.current()
        agent_id = acting_agent(who, request.agent_id)
        presence = Presence.Name(request.presence).removeprefix("PRESENCE_").lower()
        async with self._log.transaction() as tx:
            found = await agents.set_presence(tx, who, agent_id, presence, command(who, "SetPresence", ""))
            if found.presence != ONLINE:
                await attention.leave(tx, who.workspace_id, agent_id)
        return pb.SetPresenceResponse(agent=encoding.agent(found))


def _profile(request: pb.UpdateAgentRequest) -> Profile:
    """Returns the fields named by the mask; without a mask those that are not empty (AIP-134)."""
    paths = list(request.update_mask.paths) or [name for name in _FIELDS if getattr(request, name)]
    unknown = sorted(set(paths) - {*_FIELDS, "agent_id", "*"})
    if unknown:
        raise Invalid("BAD_UPDATE_MASK", f"{unknown[0][:100]} is not a field that can be changed")
    named = set(_FIELDS) if "*" in paths else set(paths)
    return Profile(
        display_name=request.display_name if "display_name" in named else None,
        languages=tuple(request.languages) if "languages" in named else None,
        countries=tuple(request.countries) if "countries" in named else None,
        teams=tuple(request.teams) if "teams" in named else None,
        capacity=request.capacity if "capacity" in named else None,
    )
