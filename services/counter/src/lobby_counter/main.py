"""Builds the counter."""

from lobby.counter.v1.count_service_pb2_grpc import add_CountServiceServicer_to_server
from lobby_common.service import Runtime, Service, run
from lobby_counter.api import CountApi
from lobby_counter.clients import Calendars, GatewayCalendars
from lobby_counter.config import CounterConfig
from lobby_counter.events import PRODUCERS, CounterEvents
from lobby_counter.journey import describe


async def build(runtime: Runtime) -> None:
    """The counter hears, counts and answers."""
    calendars = Calendars(GatewayCalendars(runtime.channel("gateway")), runtime.pool)
    runtime.background("calendars", calendars.keep)
    runtime.consume(CounterEvents(calendars), PRODUCERS)
    runtime.serve(add_CountServiceServicer_to_server, CountApi(runtime.pool, calendars))
    runtime.journey(describe)


SERVICE = Service(name="counter", config=CounterConfig, build=build, package="lobby_counter")


def main() -> None:
    """Runs the counter until it is told to stop."""
    run(SERVICE)
