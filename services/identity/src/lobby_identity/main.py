"""Builds identity."""

from lobby.identity.v1.attribute_service_pb2_grpc import add_AttributeServiceServicer_to_server
from lobby.identity.v1.contact_service_pb2_grpc import add_ContactServiceServicer_to_server
from lobby.identity.v1.directory_service_pb2_grpc import add_DirectoryServiceServicer_to_server
from lobby.identity.v1.import_service_pb2_grpc import add_ImportServiceServicer_to_server
from lobby.identity.v1.life_cycle_service_pb2_grpc import add_LifeCycleServiceServicer_to_server
from lobby.identity.v1.purchase_service_pb2_grpc import add_PurchaseServiceServicer_to_server
from lobby.identity.v1.suggestion_service_pb2_grpc import add_SuggestionServiceServicer_to_server
from lobby.identity.v1.tag_service_pb2_grpc import add_TagServiceServicer_to_server
from lobby_common.service import Runtime, Service, run
from lobby_identity.api import ContactApi
from lobby_identity.app.attributing import Remover
from lobby_identity.app.importing import Importer
from lobby_identity.app.ruling import RuleBook, Sweeper
from lobby_identity.app.suggesting import Suggester
from lobby_identity.app.warming import Warmer
from lobby_identity.attribute_api import AttributeApi
from lobby_identity.clients import RoutingVisibility
from lobby_identity.config import IdentityConfig
from lobby_identity.directory_api import DirectoryApi
from lobby_identity.events import PeopleHandler
from lobby_identity.import_api import ImportApi
from lobby_identity.journey import Journey
from lobby_identity.life_cycle_api import LifeCycleApi
from lobby_identity.purchase_api import PurchaseApi
from lobby_identity.suggestion_api import SuggestionApi
from lobby_identity.tag_api import TagApi


async def build(runtime: Runtime) -> None:
    """Identity hears who wrote, tells who that is, and answers for contacts."""
    book = RuleBook()
    await book.refresh(runtime.pool)
    runtime.background("rules", lambda: book.watch(runtime.pool))
    runtime.consume(PeopleHandler(runtime.log, book), ("connectors",))
    visibility = RoutingVisibility(runtime.channel("routing"))
    runtime.serve(add_ContactServiceServicer_to_server, ContactApi(runtime.log, visibility))
    runtime.serve(add_DirectoryServiceServicer_to_server, DirectoryApi(runtime.log))
    runtime.serve(add_TagServiceServicer_to_server, TagApi(runtime.log, visibility))
    runtime.serve(add_PurchaseServiceServicer_to_server, PurchaseApi(runtime.log, visibility))
    runtime.serve(add_AttributeServiceServicer_to_server, AttributeApi(runtime.log, visibility))
    runtime.serve(add_LifeCycleServiceServicer_to_server, LifeCycleApi(runtime.log, visibility))
    runtime.serve(add_SuggestionServiceServicer_to_server, SuggestionApi(runtime.log))
    runtime.serve(add_ImportServiceServicer_to_server, ImportApi(runtime.log))
    runtime.alone("rule_sweeper", Sweeper(runtime.log, book).run)
    runtime.alone("importer", Importer(runtime.log).run)
    runtime.alone("attribute_remover", Remover(runtime.pool).run)
    runtime.alone("suggester", Suggester(runtime.log).run)
    runtime.alone("warmer", Warmer(runtime.pool).run)
    runtime.journey(Journey(runtime.log).describe)


SERVICE = Service(name="identity", config=IdentityConfig, build=build, package="lobby_identity")


def main() -> None:
    """Runs identity until it is told to stop."""
    run(SERVICE)
