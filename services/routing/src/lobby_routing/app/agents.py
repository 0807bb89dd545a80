"""Agents: made, changed, coming and going."""

from dataclasses import dataclass, replace

from lobby_common import ids
from lobby_common.caller import Caller
from lobby_common.errors import Invalid, NotFound
from lobby_common.events import Tx
from lobby_common.events.log import Connection
from lobby_common.ids import is_id
from lobby_common.times import utc_now
from lobby_routing.app import access
from lobby_routing.domain.agents import OFFLINE, Agent
from lobby_routing.domain.floor import Cause, Floor
from lobby_routing.domain.languages import canonical_list
from lobby_routing.store import floors, views
from lobby_routing.store.statements import QUERIES

DEFAULT_CAPACITY = 10


@dataclass(frozen=True, slots=True)
class Profile:
    """What is said of an agent; None leaves it as it is."""

    display_name: str | None = None
    languages: tuple[str, ...] | None = None
    countries: tuple[str, ...] | None = None
    teams: tuple[str, ...] | None = None
    capacity: int | None = None


async def create(tx: Tx, caller: Caller, profile: Profile) -> Agent:
    """There is a new agent, offline."""
    now = utc_now()
    blank = Agent(
        agent_id=ids.new_id(),
        workspace_id=caller.workspace_id,
        display_name="",
        languages=(),
        countries=(),
        teams=(),
        capacity=DEFAULT_CAPACITY,
        presence=OFFLINE,
        presence_time=now,
        create_time=now,
    )
    agent = _with(blank, profile)
    await tx.conn.execute(
        QUERIES["insert_agent"],
        agent.agent_id,
        agent.workspace_id,
        agent.display_name,
        agent.languages,
        agent.countries,
        agent.teams,
        agent.capacity,
        now,
    )
    return agent


async def update(tx: Tx, caller: Caller, agent_id: str, profile: Profile, cause: Cause) -> Agent:
    """The agent is as the profile says; with more room or reach he takes from the pool."""
    floor = await access.enter(tx, caller)
    agent = access.must_exist(floor, caller, agent_id)
    return await _put(tx, floor, _with(agent, profile), cause)


async def set_presence(tx: Tx, caller: Caller, agent_id: str, presence: str, cause: Cause) -> Agent:
    """The agent is there, away or gone: coming he takes from the pool, going he gives back what he owes."""
    floor = await access.enter(tx, caller)
    agent = access.must_exist(floor, caller, agent_id)
    if agent.presence == presence:
        return agent
    if presence == OFFLINE:
        await floors.load_owed_by(tx.conn, floor, caller.workspace_id, agent_id)
    return await _put(tx, floor, replace(agent, presence=presence, presence_time=floor.now), cause)


async def get(conn: Connection, caller: Caller, agent_id: str) -> Agent:
    """Returns the agent. Raises AGENT_NOT_FOUND."""
    agent = await views.find_agent(conn, caller.workspace_id, agent_id) if is_id(agent_id) else None
    if agent is None:
        raise NotFound("AGENT_NOT_FOUND", "there is no such agent")
    return agent


async def _put(tx: Tx, floor: Floor, agent: Agent, cause: Cause) -> Agent:
    await tx.conn.execute(
        QUERIES["update_agent"],
        agent.agent_id,
        agent.workspace_id,
        agent.display_name,
        agent.languages,
        agent.countries,
        agent.teams,
        agent.capacity,
        agent.presence,
        agent.presence_time,
    )
    floor.set_agent(agent, cause)
    await access.leave(tx, floor)
    return floor.rosters[agent.workspace_id].find(agent.agent_id) or agent


def _with(agent: Agent, profile: Profile) -> Agent:
    name = agent.display_name if profile.display_name is None else profile.display_name.strip()
    if not name:
        raise Invalid("DISPLAY_NAME_REQUIRED", "an agent has a name")
    languages, countries = profile.languages, profile.countries
    return replace(
        agent,
        display_name=name,
        languages=agent.languages if languages is None else canonical_list(list(languages)),
        countries=agent.countries if countries is None else tuple(dict.fromkeys(c.upper() for c in countries)),
        teams=agent.teams if profile.teams is None else tuple(dict.fromkeys(profile.teams)),
        capacity=agent.capacity if profile.capacity is None else profile.capacity,
    )
