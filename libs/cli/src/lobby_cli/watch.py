"""Messages seen flowing through the services: a row per message, a mark per service that has told of it."""

import json
from collections import OrderedDict
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from rich.live import Live
from rich.table import Table

from lobby_cli import show

STAGES = (
    ("message_received", "received", "cyan"),
    ("message_identified", "identified", "magenta"),
    ("message_translated", "translated", "blue"),
    ("conversation_assigned", "assigned", "yellow"),
    ("message_sent", "sent", "green"),
    ("delivery_changed", "receipt", "green"),
)
ROWS = 18


@dataclass
class Flow:
    """The newest messages and what was told of each, and how many items of each type came."""

    rows: "OrderedDict[str, dict[str, str]]" = field(default_factory=OrderedDict)
    totals: dict[str, int] = field(default_factory=dict)

    def add(self, item: dict[str, Any]) -> None:
        """The item is part of the picture."""
        kind = item["type"]
        self.totals[kind] = self.totals.get(kind, 0) + 1
        message_id = item.get("message_id")
        if message_id:
            row = self.rows.setdefault(message_id, {})
            row.setdefault(kind, item["time"][11:23])
            self.rows.move_to_end(message_id)
            while len(self.rows) > ROWS:
                self.rows.popitem(last=False)

    def picture(self) -> Table:
        """Returns it as a table."""
        made = Table(title="messages, newest below; Ctrl-C ends", title_justify="left")
        made.add_column("message")
        for _, name, colour in STAGES:
            made.add_column(name, style=colour)
        for message_id, seen in self.rows.items():
            made.add_row(message_id, *(seen.get(kind, "") for kind, _, _ in STAGES))
        made.caption = "   ".join(f"{kind} {count}" for kind, count in sorted(self.totals.items()))
        return made


async def watch(items: AsyncIterator[dict[str, str]], *, as_json: bool) -> None:
    """Shows items until they end."""
    if as_json:
        async for event in items:
            show.as_json(json.loads(event["data"]))
        return
    flow = Flow()
    with Live(flow.picture(), console=show.OUT, refresh_per_second=8) as live:
        async for event in items:
            flow.add(json.loads(event["data"]))
            live.update(flow.picture())
