"""A service's life: everything built in one place, started in order, stopped in the reverse order.

One constructor, two doors: `run` for the real process, `start` for tests, where neighbours may be replaced.
"""

import asyncio
import contextlib
import gc
import signal
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import asyncpg
import grpc
import uvloop
from aiohttp import web
from grpc_health.v1 import health, health_pb2_grpc
from grpc_reflection.v1alpha import reflection
from nats.aio.client import Client

from lobby.events.v1 import event_log_service_pb2
from lobby.events.v1.event_log_service_pb2_grpc import add_EventLogServiceServicer_to_server
from lobby.events.v1.proof_service_pb2_grpc import add_ProofServiceServicer_to_server
from lobby_common import config as configuration
from lobby_common import log as logs
from lobby_common import nats, postgres, tracing
from lobby_common.config import ConfigError, ServiceConfig
from lobby_common.events.auditor import Auditor, Source
from lobby_common.events.consumer import Consumer, Handler, Witness
from lobby_common.events.erasing import Eraser
from lobby_common.events.gaps import Gaps
from lobby_common.events.holes import Holes
from lobby_common.events.log import EventLog
from lobby_common.events.proof import Outstanding, ProofApi, Reconciler
from lobby_common.events.publisher import Publisher
from lobby_common.events.quarantine import Quarantine
from lobby_common.events.service import Begin, Describe, EventLogApi, Journey, RemoteLog
from lobby_common.health import Check, Readiness, application
from lobby_common.leases import Leases
from lobby_common.rpc.client import create_channel
from lobby_common.rpc.server import create_server
from lobby_common.tasks import end, is_asked_to_end

_LOG = logs.get_logger("service")
_KEEP_DAYS = 30
_STREAM_BYTES = 1024 * 1024 * 1024
_GRACE = 5.0

Work = Callable[[], Awaitable[None]]


class Runtime:
    """What a service is built from; `build` registers what it serves, hears and does in the background."""

    def __init__(
        self,
        name: str,
        config: Any,
        pool: asyncpg.Pool,
        nats_client: Client,
        channels: Mapping[str, grpc.aio.Channel],
    ) -> None:
        self.name = name
        self.config = config
        self.pool = pool
        self.nats = nats_client
        self.log = EventLog(name, pool)
        self.leases = Leases(pool, config.replica or socket.gethostname())
        self.health = Readiness()
        self.grpc_address = ""
        self.http_address = ""
        self.serves_http = True
        self._server = create_server(config.internal_token.reveal())
        self._names: list[str] = []
        self._journey = Journey()
        self._channels = dict(channels)
        self._own_channels: list[grpc.aio.Channel] = []
        self._consumers: list[Consumer] = []
        self._works: list[tuple[str, Work]] = []
        self._closers: list[Work] = []
        self.publisher = Publisher(name, nats_client, pool, stream_bytes=_STREAM_BYTES, replicas=config.nats_replicas)
        self.log.publish_to(self.publisher)
        self._gaps = Gaps(name, nats_client, pool)

    def channel(self, name: str) -> grpc.aio.Channel:
        """Returns the channel to a neighbour. ConfigError names the variable where its address is missing."""
        if name not in self._channels:
            target = self.config.target(name)
            self._channels[name] = create_channel(target, self.config.internal_token.reveal())
            self._own_channels.append(self._channels[name])
        return self._channels[name]

    def serve(self, add_to_server: Callable[[Any, grpc.aio.Server], None], servicer: Any) -> None:
        """The servicer answers calls from the start on."""
        add_to_server(servicer, self._server)
        for base in type(servicer).__mro__:
            if base.__name__.endswith("Servicer"):
                self._names.append(f"{base.__module__.removesuffix('_pb2_grpc')}:{base.__name__}")
                break

    def consume(self, handler: Handler, producers: tuple[str, ...], *, own: Witness | None = None) -> None:
        """The handler hears the producers from the start on; `own` answers for what the service tells itself."""
        logs_of = {producer: RemoteLog(self.channel(producer)) for producer in producers}
        consumer = Consumer(
            self.log,
            self.nats,
            handler,
            logs_of,  # type: ignore[arg-type]  # RemoteLog has ProducerLog's methods
            self.leases,
            longest_linger=self.config.linger_max_ms / 1000,
        )
        self._consumers.append(consumer)
        self.background("consumer", consumer.run)
        self.alone("quarantine", Quarantine(self.log, handler).run)
        heard = {producer: Source(log, handler) for producer, log in logs_of.items()}
        self.prove(heard if own is None else heard | {self.name: Source(self.log, own)})

    def prove(self, sources: Mapping[str, Source], *, outstanding: Outstanding = lambda: None) -> None:
        """What was told is held against its effects here: for `/v1/proof`, and to mend what is lost.

        `outstanding`: since when the service may have accepted what no log tells of yet.
        """
        reconciler = Reconciler(self.log, Auditor(self.log, sources))
        self.serve(add_ProofServiceServicer_to_server, ProofApi(self.name, reconciler, self._gaps, outstanding))
        self.alone("reconciler", reconciler.run)

    def background(self, name: str, work: Work) -> None:
        """The work runs from start to stop; when it fails it is started again, with growing pauses."""
        self._works.append((name, work))

    def alone(self, name: str, work: Work) -> None:
        """The work runs in the background of one replica at a time, and may be cancelled at any await."""

        async def do(_: Mapping[str, int]) -> None:
            await work()

        self.leases.share([name])
        self.background(name, lambda: self.leases.during([name], do))

    def on_stop(self, close: Work) -> None:
        """`close` runs at stop, the last registered first."""
        self._closers.append(close)

    def readiness(self, name: str, check: Check) -> None:
        """The service is ready only while `check` returns True."""
        self.health.add(name, check)

    def ready_with_one_store(self) -> None:
        """The service is ready while the database or the broker answers.

        What webhooks pass through: they are taken in with either (docs/adr/0010), and both are away for all replicas
        at once, so that nobody would be left to send them to.
        """

        async def one_answers() -> bool:
            return self.nats.is_connected or await self._database_answers()

        self.readiness("database", one_answers)
        self.readiness("broker", one_answers)

    def journey(self, describe: Describe | None = None, *, begin: Begin | None = None) -> None:
        """The service tells its part of a message's journey by these."""
        self._journey.describe = describe or self._journey.describe
        self._journey.begin = begin or self._journey.begin

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Inside the block the service serves and works.

        Afterwards: not ready, no more events taken, calls drained, batches published, connections closed.
        """
        self._add_checks()
        self.alone("log_eraser", Eraser(self.log).run)
        self.alone("left_batches", self.publisher.find_left)
        self.alone("holes", Holes(self.name, self.nats, self.pool, self.publisher).run)
        self.alone("gaps", self._gaps.run)
        for consumer in self._consumers:
            await consumer.prepare()
        await self.leases.prepare()
        self.background("leases", self.leases.run)
        servicer = await self._serve_grpc()
        runner = await self._serve_http()
        tasks = [asyncio.create_task(_keep_up(name, work), name=name) for name, work in self._works]
        publishing = asyncio.create_task(_keep_up("publisher", self.publisher.run), name="publisher")
        try:
            yield
        finally:
            self.health.stopping = True
            await servicer.enter_graceful_shutdown()
            await end(tasks)
            await self.leases.give_up()
            await self._server.stop(_GRACE)
            await end([publishing])
            await self.publisher.flush()
            for close in reversed(self._closers):
                await close()
            for channel in self._own_channels:
                await channel.close()
            if runner is not None:
                await runner.cleanup()

    def _add_checks(self) -> None:
        async def broker() -> bool:
            return self.nats.is_connected and self.publisher.ready

        async def hearing() -> bool:
            return all(consumer.ready for consumer in self._consumers)

        self.health.add_default("database", self._database_answers)
        self.health.add_default("broker", broker)
        self.health.add_default("consumers", hearing)
        self.background("partitions", lambda: self.log.maintain(_KEEP_DAYS))

    async def _database_answers(self) -> bool:
        return bool(await self.pool.fetchval("SELECT true"))

    async def _serve_grpc(self) -> health.aio.HealthServicer:
        add_EventLogServiceServicer_to_server(EventLogApi(self.log, self._journey), self._server)
        servicer = health.aio.HealthServicer()
        health_pb2_grpc.add_HealthServicer_to_server(servicer, self._server)
        names = [
            event_log_service_pb2.DESCRIPTOR.services_by_name["EventLogService"].full_name,
            health.SERVICE_NAME,
            reflection.SERVICE_NAME,
            *(_full_name(name) for name in self._names),
        ]
        reflection.enable_server_reflection(names, self._server)
        port = self._server.add_insecure_port(f"{self.config.bind_host}:{self.config.grpc_port}")
        self.grpc_address = f"{self.config.bind_host}:{port}"
        await self._server.start()
        return servicer

    async def _serve_http(self) -> web.AppRunner | None:
        if not self.serves_http:
            return None
        runner = web.AppRunner(application(self.health), access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, self.config.bind_host, self.config.http_port)
        await site.start()
        host, port = runner.addresses[0][:2]
        self.http_address = f"{host}:{port}"
        return runner


def _full_name(name: str) -> str:
    """`lobby.identity.v1.contact_service:ContactServiceServicer` -> `lobby.identity.v1.ContactService`."""
    module, _, servicer = name.partition(":")
    return f"{module.rpartition('.')[0]}.{servicer.removesuffix('Servicer')}"


async def _keep_up(name: str, work: Work) -> None:
    pause = 0.1
    while True:
        try:
            await work()
        except asyncio.CancelledError:
            if is_asked_to_end():
                raise
            _LOG.exception("background_failed", work=name, retry_in=pause)
        except Exception:  # noqa: BLE001  # a background loop must not die silently: it is started again and logged
            _LOG.exception("background_failed", work=name, retry_in=pause)
        else:
            return
        await asyncio.sleep(pause)
        pause = min(pause * 2, 5.0)


@dataclass(frozen=True, slots=True)
class Service:
    """What makes a service: its name, its configuration, how it is built, and where its migrations are."""

    name: str
    config: type[ServiceConfig]
    build: Callable[[Runtime], Awaitable[None]]
    package: str


@contextlib.asynccontextmanager
async def start(
    service: Service, config: ServiceConfig, *, channels: Mapping[str, grpc.aio.Channel] | None = None
) -> AsyncIterator[Runtime]:
    """Inside the block the service runs in this process; `channels` replaces neighbours."""
    pool = await postgres.create_pool(config.database_url.reveal(), schema=service.name, size=config.pool_size)
    try:
        await postgres.check_schema(pool, service.package)
        client = await nats.connect(config.nats_url.reveal(), f"lobby-{service.name}")
        try:
            runtime = Runtime(service.name, config, pool, client, channels or {})
            await service.build(runtime)
            async with runtime.running():
                yield runtime
        finally:
            await client.close()
    finally:
        async with asyncio.timeout(_GRACE):
            await pool.close()


def look_away() -> None:
    """What the process has made so far stays: the collector does not look at it again, and seldom at what comes."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


async def _serve(service: Service, config: ServiceConfig) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with start(service, config) as runtime:
        look_away()
        _LOG.info("started", grpc=runtime.grpc_address, http=runtime.http_address)
        await stop.wait()
        _LOG.info("stopping")
    tracing.shut_down()


def run(service: Service, arguments: list[str] | None = None) -> None:
    """The process runs the service until SIGTERM; with the argument `migrate` it migrates its schema and ends."""
    words = sys.argv[1:] if arguments is None else arguments
    try:
        if words == ["migrate"]:
            settings = configuration.read(configuration.MigrationConfig)
            uvloop.run(_migrate(service, settings))
            return
        settings_of_service = configuration.read(service.config)
    except ConfigError as error:
        raise SystemExit(f"{service.name}: {error}") from None
    logs.set_up(service.name, settings_of_service.log_level)
    tracing.set_up(service.name, settings_of_service.otlp_endpoint)
    uvloop.run(_serve(service, settings_of_service))


async def _migrate(service: Service, settings: configuration.MigrationConfig) -> None:
    await postgres.migrate(
        settings.migration_database_url.reveal(),
        service.name,
        service.package,
        role_url=settings.database_url.reveal(),
    )
