"""Which exports there are. Each is a list of the API, with its filters, its permission and its masking."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from google.protobuf.message import Message

from buf.validate import validate_pb2
from lobby_common.errors import Invalid
from lobby_gateway import descriptors, template
from lobby_gateway.descriptors import Route
from lobby_gateway.template import Router, Template
from lobby_gateway.transcode import names
from lobby_gateway.transcode.decode import fill_from_query, parse_query
from lobby_gateway.transcode.strict_json import excerpt

FORMAT = "format"
PAGE_SIZE, PAGE_TOKEN = "page_size", "page_token"  # a field's name
CSV, XLSX, JSONL = "csv", "xlsx", "jsonl"
_TABLE = (CSV, XLSX, JSONL)
_LARGEST_PAGE = 1000


@dataclass(frozen=True, slots=True)
class Export:
    """One export."""

    name: str
    """Of the operation, and of the file."""
    template: Template
    source: Route
    """The list whose items are written."""
    items: str
    """Which field of its answers holds them."""
    formats: tuple[str, ...]
    """The first is written where none is asked for."""
    summary: str

    @property
    def filters(self) -> Sequence[str]:
        """What can be asked beside the format: what the list takes, but for pages."""
        fields = names.fields_of(self.source.request.DESCRIPTOR)
        return [field.name for field in fields if field.name not in (PAGE_SIZE, PAGE_TOKEN)]


@cache
def exports() -> tuple[Export, ...]:
    """All exports."""
    sources = {route.rpc: route for route in descriptors.routes()}
    counts = sources["lobby.counter.v1.CountService.GetCounts"]
    entries = sources["lobby.counter.v1.CountService.ListEntries"]
    rows = sources["lobby.gateway.v1.SheetViewService.ListSheetRows"]
    lines = sources["lobby.counter.v1.SheetService.GetSheetExport"]
    return (
        Export("counts", _path("counts"), counts, "rows", _TABLE, "Figures of a period as a file"),
        Export("entries", _path("entries"), entries, "entries", _TABLE, "The entries behind a figure as a file"),
        Export("sheetRows", _path("sheets/{sheet_id}/rows"), rows, "rows", _TABLE, "A sheet's entries as a file"),
        Export(
            "sheet", _path("sheets/{sheet_id}"), lines, "lines", (JSONL,), "A sheet's closed days, to compute it again"
        ),
    )


def router() -> Router[Export]:
    """Finds the export of a path."""
    found: Router[Export] = Router()
    for each in exports():
        found.add("GET", each.template, each)
    return found


def _path(rest: str) -> Template:
    return template.parse(f"/v1/exports/{rest}")


def asked(export: Export, ids: Mapping[str, str], query: bytes) -> tuple[str, Message]:
    """Returns the format and the list's request that path and query ask for.

    Raises Invalid UNKNOWN_VALUE, UNKNOWN_PARAMETER, DUPLICATE_FIELD and what scalars raise.
    """
    parameters = parse_query(query)
    formats = [value for name, value in parameters if name == FORMAT]
    known = names.fields(export.source.request.DESCRIPTOR)
    for name, _ in parameters:
        if name != FORMAT and (name not in known or known[name].name not in export.filters):
            allowed = ", ".join([FORMAT, *(each for each in export.filters if each not in ids)])
            raise Invalid("UNKNOWN_PARAMETER", f"{excerpt(name)} is none of {allowed}")
    request = export.source.request()
    fill_from_query(request, [each for each in parameters if each[0] != FORMAT])
    for name, value in ids.items():
        setattr(request, name, value)
    _ask_for_large_pages(request)
    return _format(export, formats), request


def _format(export: Export, given: Sequence[str]) -> str:
    if len(given) > 1:
        raise Invalid("DUPLICATE_FIELD", "format is there twice")
    chosen = given[0] if given else export.formats[0]
    if chosen not in export.formats:
        raise Invalid("UNKNOWN_VALUE", f"format: {excerpt(chosen)} is none of {', '.join(export.formats)}")
    return chosen


def _ask_for_large_pages(request: Message) -> None:
    """Pages are as large as the list gives them, up to a size that is quickly written."""
    field = request.DESCRIPTOR.fields_by_name.get(PAGE_SIZE)
    if field is not None:
        most = field.GetOptions().Extensions[validate_pb2.field].int32.lte
        setattr(request, PAGE_SIZE, min(most, _LARGEST_PAGE))
