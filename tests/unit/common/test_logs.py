"""What customers wrote, their phones and our tokens are in no line of the log, whatever breaks."""

import json
import subprocess
import sys

PROGRAM = """
import asyncio, gc, logging
import asyncpg
from lobby_common.log import get_logger, set_up

set_up("connectors", "info")
fields = {"S": "ERROR", "C": "23514", "M": "bad +66811111111", "D": "Failing row contains (price?).", "n": "no_poison"}

def broken():
    try:
        int("phone +66811111111")
    except ValueError:
        raise asyncpg.PostgresError.new(fields)

try:
    broken()
except Exception as error:
    get_logger("ingest").exception("record_broke", webhooks=2)
    get_logger("ingest").error("given", exc_info=error)
    logging.getLogger("foreign").exception("foreign_broke")
    group = ExceptionGroup("price?", [error])
get_logger("ingest").error("several", exc_info=group)
get_logger("ingest").error("nothing", exc_info=False)

async def forgotten():
    asyncio.create_task(fail())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    gc.collect()

async def fail():
    raise ValueError("price? +66811111111")

asyncio.run(forgotten())
"""


def test_an_exception_is_told_by_types_and_places_and_never_by_its_words():
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert "66811111111" not in done.stderr
    assert "price?" not in done.stderr
    lines = {line["event"]: line for line in map(json.loads, done.stderr.splitlines())}
    forgotten = "Task exception was never retrieved"
    assert set(lines) == {"record_broke", "given", "foreign_broke", "several", "nothing", forgotten}
    for name in ("record_broke", "given", "foreign_broke", "several"):
        told = lines[name]["exception"]
        assert "builtins.ValueError" in told
        assert "in broken" in told
        assert "asyncpg.exceptions.CheckViolationError sqlstate=23514 constraint_name=no_poison" in told
    assert "exception" not in lines["nothing"]
    assert lines["record_broke"]["webhooks"] == 2
    assert "in fail" in lines[forgotten]["exception"]
