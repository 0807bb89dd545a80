"""What a failed test leaves for whoever looks for the cause: the services' own words, and the screens'."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.chaos import journal

_MOST = 60
"""Lines at most."""


def evidence(logs: Path, crowd: Path, since: float) -> str:
    """Returns what services warned of, or waited for, since an instant, and when screens were opened and closed."""
    found = Counter[str]()
    times: dict[str, list[str]] = {}
    for said in _said(logs):
        if said.get("level") == "info" and not said["event"].endswith("_waits"):
            continue
        if datetime.fromisoformat(said["timestamp"]).timestamp() >= since:
            about = [str(said[name]) for name in ("producer", "work", "reason", "error", "status") if name in said]
            line = " ".join((said["service"], said["event"], *about))
            found[line] += 1
            times.setdefault(line, []).append(said["timestamp"][11:23])
    words = [f"{line}: {number}, {times[line][0]} to {times[line][-1]}" for line, number in found.items()]
    screens = [
        json.dumps(line) for line in journal.read(crowd / "screens.jsonl") if line["event"] in ("open", "closed")
    ]
    return "\n".join([*words[:_MOST], *screens[:_MOST]])


def _said(logs: Path) -> Iterator[Mapping[str, Any]]:
    for path in sorted(logs.glob("*.log")):
        for line in path.read_text(errors="replace").splitlines():
            if line.startswith("{"):
                try:
                    said = json.loads(line)
                except ValueError:
                    continue
                if {"event", "timestamp", "service"} <= said.keys():
                    yield said
