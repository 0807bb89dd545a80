"""What a person sees: tables and colours; and what a program reads: one JSON object."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.table import Table

OUT = Console()
ERRORS = Console(stderr=True)

STEP_COLOURS = {
    "gateway": "white",
    "connectors": "cyan",
    "identity": "magenta",
    "routing": "yellow",
    "translate": "blue",
    "counter": "green",
}


def as_json(value: Any) -> None:
    """Prints one JSON object."""
    print(json.dumps(value, ensure_ascii=False))


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Prints a table."""
    made = Table(title=title, title_justify="left", header_style="bold")
    for column in columns:
        made.add_column(column, overflow="fold")
    for row in rows:
        made.add_row(*("" if cell is None else str(cell) for cell in row))
    OUT.print(made)


def journey(message_id: str, answer: dict[str, Any]) -> None:
    """Prints the way of a message, one line a step, each with the time since the first."""
    steps = answer["steps"]
    OUT.print(f"[bold]{message_id}[/]  trace {answer.get('trace_id') or '–'}")
    start = _millis(steps[0]["time"]) if steps else 0.0
    for step in steps:
        colour = STEP_COLOURS.get(step["service"], "white")
        since = _millis(step["time"]) - start
        OUT.print(
            f"  [dim]{since:>9.1f} ms[/]  [{colour}]{step['service']:<10}[/] {step['step']} "
            f"[dim]{step.get('detail') or ''}[/]"
        )


def _millis(time: str) -> float:
    return datetime.fromisoformat(time).timestamp() * 1000
