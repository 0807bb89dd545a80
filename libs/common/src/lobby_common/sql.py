"""Statements live in `queries.sql` beside the code that uses them: a name line, a line of purpose, the statement."""

import re
from collections.abc import Mapping
from importlib import resources

_NAME = re.compile(r"^-- name: (\w+)\s*$", re.MULTILINE)


def load(package: str, file: str = "queries.sql") -> Mapping[str, str]:
    """Returns the statements of a package's file by name. ValueError where a name is given twice."""
    parts = _NAME.split(resources.files(package).joinpath(file).read_text())[1:]
    names = parts[::2]
    if len(set(names)) != len(names):
        raise ValueError(f"{package}/{file} gives a name twice")
    return {name: body.strip().rstrip(";") for name, body in zip(names, parts[1::2], strict=True)}
