from datetime import UTC, datetime

from lobby.events.v1.event_log_service_pb2 import EventRef, JourneyStep, ListStepsResponse
from lobby_common.errors import Unavailable
from lobby_common.times import to_proto
from lobby_gateway.journey import draw


def at(second: int):
    return to_proto(datetime(2026, 1, 1, 0, 0, second, tzinfo=UTC))


def answer(service: str, second: int, *produced: EventRef) -> ListStepsResponse:
    return ListStepsResponse(steps=[JourneyStep(service=service, step="did", time=at(second))], produced=produced)


def ref(service: str, event_id: str) -> EventRef:
    return EventRef(service=service, event_id=event_id, position=1)


RECEIVED, IDENTIFIED, OPENED, TRANSLATED = (
    ref("connectors", "received"),
    ref("identity", "identified"),
    ref("routing", "opened"),
    ref("translate", "translated"),
)


class Services:
    def __init__(self) -> None:
        self.asked = []
        self.away = set()

    async def ask(self, service, message_id, refs):
        names = sorted(each.event_id for each in refs)
        self.asked.append((service, names))
        if service in self.away:
            raise Unavailable("AWAY", "away")
        produced = {
            "connectors": [RECEIVED],
            "identity": [IDENTIFIED],
            "routing": [OPENED] if "identified" in names else [],
            "translate": [TRANSLATED],
            "counter": [],
        }[service]
        found = answer(service, len(self.asked), *produced)
        if service == "connectors":
            found.traceparent = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"
        return found


async def test_each_service_is_asked_once_about_each_event_it_hears():
    services = Services()
    journey = await draw(services.ask, "m")
    assert services.asked[0] == ("connectors", [])
    asked = {(service, name) for service, names in services.asked for name in names}
    assert len(asked) == sum(len(names) for _, names in services.asked)
    assert asked == {
        ("identity", "received"),
        ("routing", "received"),
        ("routing", "identified"),
        ("routing", "translated"),
        ("translate", "received"),
        ("translate", "opened"),
        ("counter", "received"),
        ("counter", "identified"),
        ("counter", "opened"),
        ("counter", "translated"),
    }
    assert journey.traceparent[3:35] == "a" * 32
    seconds = [step.time.seconds for step in journey.in_order()]
    assert seconds == sorted(seconds)


async def test_a_service_that_is_away_is_said_to_be_and_hides_nothing_else():
    services = Services()
    services.away = {"identity"}
    journey = await draw(services.ask, "m")
    steps = journey.in_order()
    assert (steps[-1].service, steps[-1].step, steps[-1].detail) == ("identity", "unavailable", "AWAY")
    assert {step.service for step in steps} == {"connectors", "identity", "routing", "translate", "counter"}


async def test_services_that_answer_in_circles_come_to_an_end():
    number = iter(range(10_000))

    async def ask(service, message_id, refs):
        return answer(service, 1, ref("connectors", str(next(number))))

    assert (await draw(ask, "m")).steps
