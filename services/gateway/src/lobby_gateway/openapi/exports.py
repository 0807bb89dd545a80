"""Exports as OpenAPI operations: as their lists, but for pages, with a format."""

from typing import Any

from lobby_gateway.exports import catalogue
from lobby_gateway.exports.catalogue import FORMAT, PAGE_SIZE, PAGE_TOKEN, Export
from lobby_gateway.exports.files import FORMATS
from lobby_gateway.openapi.operations import PROBLEM, operation_of
from lobby_gateway.openapi.schemas import Schemas

Json = dict[str, Any]

_MEANS = {
    catalogue.CSV: "`csv`: UTF-8 with a byte order mark; a text that a spreadsheet would take for a formula has a `'` "
    "before it.",
    catalogue.XLSX: "`xlsx`: a workbook; over a million rows go on in the next worksheet.",
    catalogue.JSONL: "`jsonl`: a JSON object a line.",
}
_WHOLE = (
    "Written while it is read. A file that breaks off is told by its connection, which ends without the last chunk; a "
    "workbook then opens nowhere"
)
_LAST_LINE = ', and lines of JSON end with `{"end": true, "rows": n}` only where all are there.'
_AS_THEY_ARE = (
    "; the lines are exactly those of `GET /v1/sheets/{sheet_id}/export`, and `lobby sheet verify` proves that all are "
    "there."
)


def paths(schemas: Schemas) -> dict[str, Json]:
    """Returns the paths and their operations."""
    return {each.template.text: {"get": _operation(each, schemas)} for each in catalogue.exports()}


def _operation(export: Export, schemas: Schemas) -> Json:
    listed = operation_of(export.source, "", schemas)
    is_table = len(export.formats) > 1
    name = f"export{export.name[0].upper()}{export.name[1:]}"
    formats = " ".join(_MEANS[each] for each in export.formats)
    roles = f"Roles: {', '.join(listed['x-roles'])}."
    return listed | {
        "operationId": name,
        "tags": ["Exports"],
        "summary": export.summary,
        "description": f"As `GET {export.source.template.text}`, all pages. {_WHOLE}"
        f"{_LAST_LINE if is_table else _AS_THEY_ARE} Each is on record: who, what, how many rows. {roles}",
        "parameters": [
            *(each for each in listed["parameters"] if each["name"] not in (PAGE_SIZE, PAGE_TOKEN)),
            {
                "name": FORMAT,
                "in": "query",
                "description": f"What the file is; {export.formats[0]} by default. {formats}",
                "schema": {"type": "string", "enum": list(export.formats)},
            },
        ],
        "responses": {
            "200": {
                "description": "The file.",
                "headers": {
                    "Content-Disposition": {"description": "Its name.", "schema": {"type": "string"}},
                },
                "content": {
                    FORMATS[each].content_type.partition(";")[0]: {"schema": {"type": "string"}}
                    for each in export.formats
                },
            },
            "default": PROBLEM,
        },
    }
