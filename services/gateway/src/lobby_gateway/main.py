"""The gateway as a whole: what it is made of, in which order it starts and stops."""

import sys
from collections.abc import Mapping, Sequence
from functools import partial

import asyncpg

from lobby.gateway.v1.message_view_service_pb2_grpc import add_MessageViewServiceServicer_to_server
from lobby.gateway.v1.proof_service_pb2_grpc import add_ProofServiceServicer_to_server
from lobby.gateway.v1.share_service_pb2_grpc import add_ShareServiceServicer_to_server
from lobby.gateway.v1.sheet_view_service_pb2_grpc import add_SheetViewServiceServicer_to_server
from lobby.gateway.v1.workspace_service_pb2_grpc import add_WorkspaceServiceServicer_to_server
from lobby_common.errors import Unavailable
from lobby_common.postgres import AWAY
from lobby_common.service import Runtime, Service, run
from lobby_gateway import admin, store
from lobby_gateway.api.proof import ProofApi, RemoteStages
from lobby_gateway.api.sharing import ShareApi
from lobby_gateway.api.sheet_views import RemotePeople, SheetViewApi
from lobby_gateway.api.views import MessageViewApi, RemoteServices
from lobby_gateway.api.workspaces import WorkspaceApi
from lobby_gateway.clerk import Clerk
from lobby_gateway.clients import Connectors, Neighbours, Rpcs
from lobby_gateway.config import Config
from lobby_gateway.domain import Principal
from lobby_gateway.http import server
from lobby_gateway.http.access import Access
from lobby_gateway.http.app import application
from lobby_gateway.http.exports import Exports
from lobby_gateway.http.recording import Recorder
from lobby_gateway.http.rest import Rest
from lobby_gateway.keyring import Keyring
from lobby_gateway.limits import Limiter, Rate
from lobby_gateway.live.feed import Feed
from lobby_gateway.live.hub import Hub
from lobby_gateway.live.place import PRODUCERS
from lobby_gateway.live.screens import Gatekeeper, Screens
from lobby_gateway.live.streams import Streams
from lobby_gateway.webhooks.batcher import Batcher, Limits
from lobby_gateway.webhooks.door import Door


async def build(runtime: Runtime) -> None:
    """Registers everything with the runtime."""
    config: Config = runtime.config
    neighbours = Neighbours(runtime)
    keyring = Keyring(Principals(runtime.pool).find)
    streams = Streams(runtime.nats)
    hub = Hub(streams, queue=config.live_queue)

    def revoked(holder: str) -> None:
        keyring.forget(holder)
        hub.revoke(holder)

    runtime.serve(
        add_WorkspaceServiceServicer_to_server,
        WorkspaceApi(runtime.log, neighbours.channel("routing"), config.master_key, revoked),
    )
    sharing = ShareApi(runtime.log, neighbours.channel("counter"), config.master_key, revoked)
    runtime.on_stop(sharing.close)
    runtime.serve(add_ShareServiceServicer_to_server, sharing)
    runtime.serve(add_MessageViewServiceServicer_to_server, MessageViewApi(RemoteServices(neighbours.channel)))
    runtime.serve(add_SheetViewServiceServicer_to_server, SheetViewApi(RemotePeople(neighbours.channel)))
    stages = RemoteStages(neighbours.channel)
    runtime.serve(add_ProofServiceServicer_to_server, ProofApi(stages, runtime.pool))
    runtime.alone("clerk", Clerk(runtime.pool, stages).run)
    connectors = Connectors(neighbours.channel("connectors"))
    batcher = Batcher(connectors.ingest, Limits(calls=config.ingest_calls, queue_count=config.ingest_queue))
    access = Access(keyring, Limiter(Rate(config.rate_per_second, config.rate_burst)))
    for producer, service in enumerate(PRODUCERS):
        runtime.background(f"live-{service}", partial(hub.hear, producer))
    gatekeeper = Gatekeeper(access, neighbours.channel("routing"))
    rpcs = Rpcs(neighbours)
    exports = Exports(access, rpcs, runtime.pool, trace_ratio=config.trace_ratio)
    app = application(
        Door(batcher, connectors, trace_ratio=config.trace_ratio),
        Rest(access, rpcs, Recorder(runtime.pool), trace_ratio=config.trace_ratio),
        exports,
        Screens(hub, Feed(hub, streams, gatekeeper), access),
        runtime.health,
        origins=[each.strip() for each in config.cors_origins.split(",") if each.strip()],
    )

    async def close() -> None:
        await hub.close()
        await exports.close()
        await batcher.drain()

    runtime.ready_with_one_store()
    runtime.serves_http = False
    port = config.http_port or server.free_port(config.bind_host)
    runtime.http_address = f"{config.bind_host}:{port}"
    runtime.background("http", lambda: server.serve(app, config.bind_host, port, close))


class Principals:
    """Looks credentials up; what the database cannot tell now is Unavailable, not unknown."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def find(self, hashes: Sequence[bytes]) -> Mapping[bytes, Principal]:
        """Returns who the secrets with these hashes stand for. Raises Unavailable."""
        try:
            return await store.find_principals(self._pool, hashes)
        except (asyncpg.PostgresError, *AWAY) as error:
            raise Unavailable("DATABASE_AWAY", "keys cannot be looked up now; try again") from error


SERVICE = Service(name="gateway", config=Config, build=build, package="lobby_gateway")


def main() -> None:
    """Runs the service, or one command of the administrator."""
    arguments = sys.argv[1:]
    if arguments and arguments[0] in admin.COMMANDS:
        sys.stdout.write(admin.main(arguments) + "\n")
    else:
        run(SERVICE)
