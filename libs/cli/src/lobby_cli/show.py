"""What a person sees: tables and colours; and what a program reads: one JSON object."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

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


def error(words: object) -> None:
    """Prints what went wrong, to the error output."""
    ERRORS.print(Text(str(words), style="red"), soft_wrap=True)


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Prints a table; the first column is the id, in one piece to be copied."""
    made = Table(title=title, title_justify="left", header_style="bold")
    for column in columns:
        made.add_column(column.replace("_", " "), overflow="fold", no_wrap=column == columns[0])
    for row in rows:
        made.add_row(*(Text(_cell(column, cell)) for column, cell in zip(columns, row, strict=True)))
    OUT.print(made)


def _cell(column: str, value: Any) -> str:
    if value is None:
        return ""
    # Minutes are enough for people; programs ask for JSON.
    return str(value)[:16].replace("T", " ") if column.endswith("_time") else str(value)


def journey(message_id: str, answer: dict[str, Any]) -> None:
    """Prints the way of a message, one line a step, each with the time since the first."""
    steps = answer["steps"]
    OUT.print(f"[bold]{escape(message_id)}[/]  trace {answer.get('trace_id') or '–'}")
    start = next((_millis(step["time"]) for step in steps if "time" in step), 0.0)
    for step in steps:
        colour = STEP_COLOURS.get(step["service"], "white")
        # A service that could not be asked has a step without a time.
        since = f"{_millis(step['time']) - start:.1f} ms" if "time" in step else "–"
        OUT.print(
            f"  [dim]{since:>12}[/]  [{colour}]{step['service']:<10}[/] {step['step']} "
            f"[dim]{escape(step.get('detail') or '')}[/]"
        )


def _millis(time: str) -> float:
    return datetime.fromisoformat(time).timestamp() * 1000
