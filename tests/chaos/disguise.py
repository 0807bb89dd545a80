"""Starts a service behind proxies, or with a clock that is wrong: `python -m tests.chaos.disguise MODULE`.

Production code knows nothing of it. CHAOS_PROXIES names ports by variable, CHAOS_CLOCK a file with the seconds by which
the service's clock is ahead; the file may change while it runs.
"""

import json
import mmap
import os
import re
import runpy
import struct
import sys
from datetime import datetime, timedelta
from pathlib import Path

from lobby_common import times

FORMAT = struct.Struct("d")


def set_clock(path: Path, seconds: float) -> None:
    """Services that look at the file are ahead by so many seconds from now on."""
    with path.open("r+b" if path.exists() else "w+b") as file:
        file.write(FORMAT.pack(seconds))


def shift_clock(path: Path) -> None:
    """`utc_now` is ahead by what the file says at each call: whoever imports it from now on gets this one.

    The system's own clock stays: gRPC's deadlines are made of it on both sides of the language border, and would be in
    the past if only one of them jumped.
    """
    with path.open("rb") as file:
        shared = mmap.mmap(file.fileno(), FORMAT.size, access=mmap.ACCESS_READ)
    true_now = times.utc_now

    def ahead() -> datetime:
        return true_now() + timedelta(seconds=FORMAT.unpack(shared[:])[0])

    times.utc_now = ahead


def main() -> None:
    """Becomes the service."""
    module = sys.argv[1]
    for variable, port in json.loads(os.environ.get("CHAOS_PROXIES", "{}")).items():
        os.environ[variable] = re.sub(r":\d+(?=/|$)", f":{port}", os.environ[variable])
    if clock := os.environ.get("CHAOS_CLOCK"):
        shift_clock(Path(clock))
    sys.argv = [module, *sys.argv[2:]]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
