"""Writes docs/configuration.md from the config objects: `python scripts/document_configuration.py [FILE]`."""

import dataclasses
import importlib
import sys
import typing
from pathlib import Path

from lobby_common.config import MigrationConfig, Secret, ServiceConfig

SERVICES = ("gateway", "connectors", "identity", "routing", "counter", "translate")
TARGET = Path(__file__).resolve().parent.parent / "docs" / "configuration.md"
HEAD = """# Configuration

Made from the config objects by `make docs`; `make check` proves it current. Every service reads its environment
once, at start, and refuses to start with a line that names the variable. The variables of the one-machine stack
(`LOBBY_HOME`, `LOBBY_PORT`, `DEMO`, `DETACH`) are in the README.
"""


def document() -> str:
    """Returns the page."""
    common = {field.name for field in dataclasses.fields(ServiceConfig)}
    parts = [HEAD, "## Every service\n", table(ServiceConfig, leave_out=set())]
    for service in SERVICES:
        config = config_of(service)
        parts += [f"## {service}\n", table(config, leave_out=common)]
    parts += ["## `python -m lobby_<service> migrate`\n", table(MigrationConfig, leave_out=set())]
    return "\n".join(parts)


def config_of(service: str) -> type[ServiceConfig]:
    """Returns the config object of a service: the one class of its config module that every service has."""
    module = importlib.import_module(f"lobby_{service}.config")
    found = [each for each in vars(module).values() if isinstance(each, type) and issubclass(each, ServiceConfig)]
    return next(each for each in found if each is not ServiceConfig)


def table(config: type, leave_out: set[str]) -> str:
    """Returns the variables of a config object as a table."""
    hints = typing.get_type_hints(config)
    fields = [field for field in dataclasses.fields(config) if field.name not in leave_out]
    if not fields:
        return "Nothing more.\n"
    rows = ["| variable | default | what for |", "|---|---|---|"]
    rows += [f"| `{f.metadata['env']}` | {default(f, hints[f.name])} | {f.metadata['doc']} |" for f in fields]
    return "\n".join(rows) + "\n"


def default(field: "dataclasses.Field[object]", hint: object) -> str:
    """Returns how the page says the default."""
    if field.default is dataclasses.MISSING:
        return "required"
    if hint is Secret or isinstance(field.default, Secret):
        return "empty"
    if isinstance(field.default, bool):
        return "`1`" if field.default else "`0`"
    return f"`{field.default}`" if field.default not in ("", None) else "empty"


if __name__ == "__main__":
    (Path(sys.argv[1]) if len(sys.argv) > 1 else TARGET).write_text(document())
