"""How long a base takes to be imported, by how much the process grows, and what messages wait meanwhile.

One JSON object a line. A durable PostgreSQL of its own; the file comes in parts through the service's API, and the
importer works in this process, as it does in the service's. Seconds of CPU tell what a busy machine hides.
"""

import argparse
import asyncio
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path

import psutil
import uvloop

from lobby.connectors.v1 import events_pb2 as connectors
from lobby.events.v1.batch_pb2 import Event
from lobby.identity.v1 import attribute_pb2, attribute_service_pb2
from lobby.identity.v1 import import_pb2 as pb
from lobby.identity.v1 import import_service_pb2 as service
from lobby_common import caller, ids, postgres
from lobby_common.caller import Caller
from lobby_common.events import EventLog, Incoming
from lobby_common.service import look_away
from lobby_common.times import to_proto, utc_now
from lobby_identity.app.importing import Importer
from lobby_identity.attribute_api import AttributeApi
from lobby_identity.events import PeopleHandler
from lobby_identity.import_api import ImportApi
from lobby_local import Postgres
from tests.bench.__main__ import say
from tests.servers import Databases

PART = 700 * 1024
SEED = 20_261_122
PAUSE = 0.1
_numbers = count()


ATTRIBUTES = {"tier": attribute_pb2.ATTRIBUTE_KIND_TEXT, "orders": attribute_pb2.ATTRIBUTE_KIND_NUMBER}


def lines(rows: int, national: float, *, attributes: bool) -> Iterator[str]:
    """A base: every fourth row has an e-mail too, and `national` of the phones no country code."""
    chance = random.Random(SEED)  # the same file for everybody
    yield f"phone,name,email,tags{',tier,orders' if attributes else ''}\n"
    for row in range(rows):
        phone = f"0{901_000_000 + row}" if chance.random() < national else f"+84{901_000_000 + row}"
        email = f"customer{row}@example.com" if row % 4 == 0 else ""
        said = f",{('gold', 'silver', 'iron')[row % 3]},{row % 100}" if attributes else ""
        yield f"{phone},Customer {row},{email},old{said}\n"


def parts(rows: int, national: float, *, attributes: bool) -> Iterator[bytes]:
    """The file in parts."""
    part = bytearray()
    for line in lines(rows, national, attributes=attributes):
        part += line.encode()
        if len(part) >= PART:
            yield bytes(part[:PART])
            del part[:PART]
    if part:
        yield bytes(part)


def message(workspace_id: str) -> Incoming:
    """Somebody writes for the first time, from a number that is in no file."""
    number = next(_numbers)
    now = to_proto(utc_now())
    payload = connectors.MessageReceived(
        message_id=ids.new_id(),
        account_id=ids.new_id(),
        chat=str(number),
        identifiers=[connectors.Identifier(kind="phone", value=f"+5511{number:08}")],
        occurred_time=now,
        received_time=now,
        greeting=True,
    )
    event = Event(id=ids.new_id(), type=payload.DESCRIPTOR.full_name, workspace_id=workspace_id, key=str(number))
    return Incoming("connectors", 0, 0, event, payload)


async def write(log: EventLog, workspace_id: str, waits: list[float]) -> None:
    """One message after the other, until cancelled."""
    handler = PeopleHandler(log)
    while True:
        started = time.perf_counter()
        async with log.transaction() as tx:
            await handler.apply(tx, [message(workspace_id)])
        waits.append((time.perf_counter() - started) * 1e3)
        await asyncio.sleep(PAUSE)


async def make_attributes(log: EventLog) -> None:
    """The workspace has those that the file names."""
    api = AttributeApi(log, Everything())
    for name, kind in ATTRIBUTES.items():
        await api.CreateAttribute(attribute_service_pb2.CreateAttributeRequest(attribute_name=name, kind=kind), None)


class Everything:
    """Nobody is asked who may see what."""

    async def of(self, contacts: Sequence[str]) -> set[str]:
        return set(contacts)


async def upload(api: ImportApi, rows: int, national: float, *, attributes: bool) -> tuple[str, int]:
    """The file is there. Returns its import, and of how many parts it is."""
    settings = pb.ImportSettings(default_country="VN")
    created = await api.CreateImport(service.CreateImportRequest(display_name="bench", settings=settings), None)
    import_id = created.base_import.import_id
    number = 0
    for number, data in enumerate(parts(rows, national, attributes=attributes), 1):  # the last number is their count
        await api.AddImportPart(service.AddImportPartRequest(import_id=import_id, number=number, data=data), None)
    return import_id, number


async def check(log: EventLog, api: ImportApi, importer: Importer, import_id: str, parts: int) -> None:
    """A dry run, and how long it took."""
    await api.CheckImport(service.CheckImportRequest(import_id=import_id, part_count=parts), None)
    begun = time.perf_counter()
    while await log.pool.fetchval("SELECT phase FROM base_import WHERE import_id = $1", import_id):
        await importer.take()
    say("check_seconds", time.perf_counter() - begun, "s")


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


def _cpu_of_postgres() -> float:
    """Seconds of CPU of all processes of the server that are there now."""
    return sum(_cpu(each) for each in psutil.Process().children(recursive=True))


async def measure(log: EventLog, rows: int, national: float, *, checked: bool, attributes: bool) -> None:
    """Imports one base, and says what it took."""
    workspace_id = ids.new_id()
    api, importer, process = ImportApi(log), Importer(log), psutil.Process()
    with caller.use(Caller(workspace_id, "owner", "", "bench")):
        if attributes:
            await make_attributes(log)
        import_id, part_count = await upload(api, rows, national, attributes=attributes)
        if checked:
            await check(log, api, importer, import_id, part_count)
        await api.StartImport(service.StartImportRequest(import_id=import_id, part_count=part_count), None)
        before = most = process.memory_info().rss
        waits: list[float] = []
        writing = asyncio.create_task(write(log, workspace_id, waits))
        started, cpu = time.perf_counter(), (_cpu(process), _cpu_of_postgres())
        phases: dict[str, float] = {}
        while True:
            phase = await log.pool.fetchval(
                "SELECT state || ' ' || phase FROM base_import WHERE import_id = $1", import_id
            )
            if phase == "done sweeping":
                break
            begun = time.perf_counter()
            await importer.take()
            phases[phase] = phases.get(phase, 0.0) + time.perf_counter() - begun
            most = max(most, process.memory_info().rss)
        seconds = time.perf_counter() - started
        used = [round(now - then, 1) for now, then in zip((_cpu(process), _cpu_of_postgres()), cpu, strict=True)]
        writing.cancel()
        done = (await api.GetImport(service.GetImportRequest(import_id=import_id), None)).base_import
    importer.close()
    assert done.counts.new == rows
    share = {phase.removeprefix("running "): round(taken, 1) for phase, taken in phases.items()}
    say("import_seconds", seconds, "s", rows=rows, national=national, phases=share, cpu=used[0], cpu_postgres=used[1])
    say("import_rows_per_second", rows / seconds, "1/s", rows=rows)
    say("import_memory_growth", (most - before) / 2**20, "MiB", rows=rows)
    ordered = sorted(waits)
    say(
        "message_ms_during_import",
        statistics.median(ordered),
        "ms",
        p99=round(ordered[int(len(ordered) * 0.99)], 1),
        most=round(ordered[-1], 1),
        messages=len(ordered),
    )


async def main(rows: int, national: float, *, checked: bool, attributes: bool) -> None:
    """Measures in a database that is thrown away."""
    with tempfile.TemporaryDirectory(prefix="lobby-bench-") as folder:
        async with Postgres(Path(folder) / "postgres") as server:
            database = await Databases(server, Path(folder)).make("identity")
            pool = await postgres.create_pool(database.url, schema="identity", size=4)
            look_away()
            try:
                await measure(EventLog("identity", pool), rows, national, checked=checked, attributes=attributes)
            finally:
                await pool.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--national", type=float, default=0.0, help="share of phones without a country code")
    parser.add_argument("--check", action="store_true", help="a dry run first")
    parser.add_argument("--attributes", action="store_true", help="two columns of attributes more")
    given = parser.parse_args(sys.argv[1:])
    uvloop.run(main(given.rows, given.national, checked=given.check, attributes=given.attributes))
