"""Everything that connectors is made of, built in one place."""

from lobby.connectors.v1.acceptance_service_pb2_grpc import add_AcceptanceServiceServicer_to_server
from lobby.connectors.v1.account_service_pb2_grpc import add_AccountServiceServicer_to_server
from lobby.connectors.v1.ingest_service_pb2_grpc import add_IngestServiceServicer_to_server
from lobby.connectors.v1.message_service_pb2_grpc import add_MessageServiceServicer_to_server
from lobby.connectors.v1.quarantine_service_pb2_grpc import add_QuarantineServiceServicer_to_server
from lobby_common.events.auditor import Source
from lobby_common.service import Runtime, Service, run
from lobby_connectors.addresses import AddressRules
from lobby_connectors.api import AcceptanceApi, AccountApi, IngestApi, MessageApi, QuarantineApi
from lobby_connectors.app.accounts import Accounts
from lobby_connectors.app.afterwards import Afterwards
from lobby_connectors.app.calls import open_session
from lobby_connectors.app.erasing import RawEraser
from lobby_connectors.app.evidence import OwnMessages
from lobby_connectors.app.ingest import Ingest
from lobby_connectors.app.normalise import Normaliser
from lobby_connectors.app.sender import Sender
from lobby_connectors.app.sends import Sends
from lobby_connectors.app.webhook_setup import WebhookSetup
from lobby_connectors.clients import Routing
from lobby_connectors.config import Config
from lobby_connectors.directory import Directory
from lobby_connectors.drain import Drain
from lobby_connectors.journey import Journeys
from lobby_connectors.sealing import Sealer, read_keys
from lobby_connectors.spool import Spool


async def build(runtime: Runtime) -> None:
    """What connectors serves and does in the background is registered."""
    config: Config = runtime.config
    log = runtime.log
    sealer = Sealer(read_keys(config.master_key.reveal(), config.old_master_keys.reveal()))
    addresses = AddressRules(allow_private=config.allow_private_api_base)
    directory = Directory(runtime.pool, sealer)
    await directory.refresh()
    session = open_session(timeout=config.send_timeout, allow_private=config.allow_private_api_base)
    runtime.on_stop(session.close)

    afterwards = Afterwards(log, session, directory)
    spool = Spool(runtime.nats, stream_bytes=config.spool_mb * 1024 * 1024, replicas=config.nats_replicas)
    ingest = Ingest(log, directory, afterwards, spool, config.ingest_transactions)
    normaliser = Normaliser(log, directory, afterwards)
    setup = WebhookSetup(log, session, directory, config.public_url)
    sender = Sender(
        log,
        session,
        directory,
        concurrency=config.send_concurrency,
        attempts=config.send_attempts,
        timeout=config.send_timeout,
    )
    routing = Routing(lambda: runtime.channel("routing"))
    sends = Sends(log, directory, addresses, routing.may_see, sender.wake)

    runtime.serve(add_IngestServiceServicer_to_server, IngestApi(ingest, directory))
    accounts = Accounts(log, sealer, directory, addresses)
    runtime.serve(add_AccountServiceServicer_to_server, AccountApi(log, accounts, directory, setup))
    runtime.serve(add_MessageServiceServicer_to_server, MessageApi(log, sends))
    runtime.serve(add_QuarantineServiceServicer_to_server, QuarantineApi(normaliser))
    runtime.serve(add_AcceptanceServiceServicer_to_server, AcceptanceApi(log))
    runtime.journey(begin=Journeys(log).begin)
    runtime.prove({runtime.name: Source(log, OwnMessages())}, outstanding=lambda: spool.waits_since)

    runtime.background("directory", directory.watch)
    runtime.ready_with_one_store()
    runtime.background("spool", spool.watch)
    runtime.alone("drain", Drain(runtime.nats, spool, ingest.absorb).run)
    runtime.alone("normaliser", normaliser.run)
    runtime.alone("raw_eraser", RawEraser(log, directory).run)
    runtime.background("sender", sender.run)
    runtime.background("webhook_setup", setup.run)
    runtime.background("callbacks", afterwards.answer_callbacks)
    runtime.background("profiles", afterwards.fetch_profiles)


SERVICE = Service("connectors", Config, build, "lobby_connectors")


def main() -> None:
    """The process runs connectors, or migrates its schema."""
    run(SERVICE)
