"""Builds routing."""

import asyncio

from lobby.routing.v1.agent_service_pb2_grpc import add_AgentServiceServicer_to_server
from lobby.routing.v1.conversation_service_pb2_grpc import add_ConversationServiceServicer_to_server
from lobby_common.service import Runtime, Service, run
from lobby_routing.api.agents import AgentApi
from lobby_routing.api.conversations import ConversationApi
from lobby_routing.app.attention import Idlers
from lobby_routing.app.erasing import Forgetter
from lobby_routing.app.sending import Sender
from lobby_routing.app.windows import Windows
from lobby_routing.clients import GrpcConnectors, GrpcTranslator
from lobby_routing.config import RoutingConfig
from lobby_routing.events.evidence import OwnDecisions
from lobby_routing.events.hearing import Hearing
from lobby_routing.journey import describe
from lobby_routing.store.statements import QUERIES

PRODUCERS = ("connectors", "identity", "translate")
_FORGET_SECONDS = 3600


async def build(runtime: Runtime) -> None:
    """Routing hears, decides and answers."""
    connectors = GrpcConnectors(runtime.channel("connectors"))
    translator = GrpcTranslator(runtime.channel("translate"))
    sender = Sender(runtime.log, runtime.pool, connectors, translator)

    async def forget() -> None:
        while True:
            await runtime.pool.execute(QUERIES["forget_admitted"])
            await asyncio.sleep(_FORGET_SECONDS)

    runtime.consume(Hearing(), PRODUCERS, own=OwnDecisions())
    runtime.serve(add_ConversationServiceServicer_to_server, ConversationApi(runtime.log, runtime.pool, sender))
    runtime.serve(add_AgentServiceServicer_to_server, AgentApi(runtime.log, runtime.pool))
    runtime.alone("forget", forget)
    runtime.alone("idlers", Idlers(runtime.log).run)
    runtime.alone("reply_windows", Windows(runtime.log).run)
    runtime.alone("forgetter", Forgetter(runtime.log, connectors).run)
    runtime.journey(describe)


SERVICE = Service(name="routing", config=RoutingConfig, build=build, package="lobby_routing")


def main() -> None:
    """Runs routing until it is told to stop."""
    run(SERVICE)
