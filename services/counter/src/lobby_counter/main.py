"""Builds the counter."""

from lobby.counter.v1.campaign_service_pb2_grpc import add_CampaignServiceServicer_to_server
from lobby.counter.v1.count_service_pb2_grpc import add_CountServiceServicer_to_server
from lobby.counter.v1.counter_service_pb2_grpc import add_CounterServiceServicer_to_server
from lobby.counter.v1.handling_service_pb2_grpc import add_HandlingServiceServicer_to_server
from lobby.counter.v1.price_service_pb2_grpc import add_PriceServiceServicer_to_server
from lobby.counter.v1.report_service_pb2_grpc import add_ReportServiceServicer_to_server
from lobby.counter.v1.schedule_service_pb2_grpc import add_ScheduleServiceServicer_to_server
from lobby.counter.v1.sheet_service_pb2_grpc import add_SheetServiceServicer_to_server
from lobby.counter.v1.wait_service_pb2_grpc import add_WaitServiceServicer_to_server
from lobby_common.service import Runtime, Service, run
from lobby_counter.activity import Activity
from lobby_counter.api import CountApi
from lobby_counter.campaign_api import CampaignApi
from lobby_counter.clients import Calendars, GatewayCalendars
from lobby_counter.closing import Closer
from lobby_counter.config import CounterConfig
from lobby_counter.counter_api import CounterApi
from lobby_counter.deadlines import Deadlines
from lobby_counter.events import PRODUCERS, CounterEvents
from lobby_counter.explaining import Explaining
from lobby_counter.forgetting import Forgetter
from lobby_counter.handling_api import HandlingApi
from lobby_counter.journey import describe
from lobby_counter.making import Days
from lobby_counter.price_api import PriceApi
from lobby_counter.recounts import Recounts
from lobby_counter.report_api import ReportApi
from lobby_counter.schedule_api import ScheduleApi
from lobby_counter.sheet_api import SheetApi
from lobby_counter.wait_api import WaitApi


async def build(runtime: Runtime) -> None:
    """The counter hears, counts and answers."""
    calendars = Calendars(GatewayCalendars(runtime.channel("gateway")), runtime.pool)
    runtime.background("calendars", calendars.keep)
    runtime.consume(CounterEvents(calendars), PRODUCERS)
    runtime.alone("recounts", Recounts(runtime.log, calendars).run)
    runtime.alone("closing", Closer(runtime.log).run)
    counts = CountApi(runtime.pool, calendars)
    runtime.serve(add_CountServiceServicer_to_server, counts)
    runtime.serve(add_ReportServiceServicer_to_server, ReportApi(runtime.pool, calendars, counts))
    runtime.alone("deadlines", Deadlines(runtime.log, calendars).run)
    runtime.alone("activity", Activity(runtime.log).run)
    runtime.alone("days", Days(runtime.log).run)
    runtime.alone("forgetting", Forgetter(runtime.log).run)
    runtime.alone("causes", Explaining(runtime.log, calendars).run)
    runtime.serve(add_WaitServiceServicer_to_server, WaitApi(runtime.pool, calendars))
    runtime.serve(add_HandlingServiceServicer_to_server, HandlingApi(runtime.pool, calendars))
    runtime.serve(add_ScheduleServiceServicer_to_server, ScheduleApi(runtime.log, runtime.pool, calendars))
    runtime.serve(add_PriceServiceServicer_to_server, PriceApi(runtime.log, runtime.pool))
    runtime.serve(add_CounterServiceServicer_to_server, CounterApi(runtime.log, runtime.pool, calendars))
    runtime.serve(add_CampaignServiceServicer_to_server, CampaignApi(runtime.log, runtime.pool))
    runtime.serve(add_SheetServiceServicer_to_server, SheetApi(runtime.log, runtime.pool, calendars))
    runtime.journey(describe)


SERVICE = Service(name="counter", config=CounterConfig, build=build, package="lobby_counter")


def main() -> None:
    """Runs the counter until it is told to stop."""
    run(SERVICE)
