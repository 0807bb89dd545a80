"""ImportService: proto in, use-case, proto out."""

from collections.abc import Sequence

from lobby.identity.v1 import import_pb2 as pb
from lobby.identity.v1 import import_service_pb2 as service
from lobby.identity.v1.import_service_pb2_grpc import ImportServiceServicer
from lobby_common import caller, pages
from lobby_common.errors import Invalid
from lobby_common.events import EventLog, Tx
from lobby_common.ids import is_id
from lobby_common.requests import answer_once
from lobby_common.times import to_proto
from lobby_identity.app import imports
from lobby_identity.app.files import Understood
from lobby_identity.domain.identifiers import WorkspaceId
from lobby_identity.domain.joining import Verdict
from lobby_identity.importing.rows import Meaning, OfAttribute, read_row
from lobby_identity.store import imports as store
from lobby_identity.store.imports import Settings, StoredImport

_STATES = {name.removeprefix("IMPORT_STATE_").lower(): number for name, number in pb.ImportState.items() if number}
_OUTCOMES = {
    name.removeprefix("IMPORT_OUTCOME_").lower(): number for name, number in pb.ImportOutcome.items() if number
}
_OUTCOME_WORDS = {number: word for word, number in _OUTCOMES.items()}
_MEANINGS = {Meaning(name.removeprefix("COLUMN_MEANING_").lower()): n for name, n in pb.ColumnMeaning.items() if n}
_MEANING_WORDS = {number: word for word, number in _MEANINGS.items()} | {
    pb.ColumnMeaning.COLUMN_MEANING_UNSPECIFIED: Meaning.IGNORED
}
_UNKNOWN = pb.ImportOutcome.IMPORT_OUTCOME_UNSPECIFIED
_SAMPLES = 5
_LONGEST_SAMPLE = 100
_MOST_PREVIEWED = 20


class ImportApi(ImportServiceServicer):
    """Answers for imports; the work is done by the importer."""

    def __init__(self, log: EventLog) -> None:
        self._log = log

    async def CreateImport(self, request: service.CreateImportRequest, context: object) -> service.CreateImportResponse:
        """An import waits for its file."""
        who = caller.current()
        async with self._log.transaction() as tx:

            async def make() -> service.CreateImportResponse:
                stored = await imports.create(
                    tx, WorkspaceId(who.workspace_id), request.display_name, _settings(request.settings), who.actor
                )
                return service.CreateImportResponse(base_import=await _proto(tx, stored))

            return await answer_once(tx, "CreateImport", request.request_id, service.CreateImportResponse, make)

    async def AddImportPart(
        self, request: service.AddImportPartRequest, context: object
    ) -> service.AddImportPartResponse:
        """The part is here."""
        async with self._log.transaction() as tx:
            parts, size = await imports.add_part(
                tx, _workspace(), request.import_id, number=request.number, data=request.data, sha256=request.sha256
            )
        return service.AddImportPartResponse(part_count=parts, byte_count=size)

    async def GetImport(self, request: service.GetImportRequest, context: object) -> service.GetImportResponse:
        """Returns an import."""
        async with self._log.transaction() as tx:
            stored = await imports.get(tx.conn, _workspace(), request.import_id)
            return service.GetImportResponse(base_import=await _proto(tx, stored))

    async def ListImports(self, request: service.ListImportsRequest, context: object) -> service.ListImportsResponse:
        """Returns a page, the newest first."""
        size = pages.size(request.page_size)
        values = pages.decode(request.page_token, 1)
        before = None if values is None else str(values[0])
        if before is not None and not is_id(before):
            raise Invalid("BAD_PAGE_TOKEN", "page_token is not one that this list gave")
        async with self._log.transaction() as tx:
            found = await store.list_imports(tx.conn, _workspace(), before, size + 1)
            given = await store.read_reasons(tx.conn, [each.import_id for each in found])
        answer = service.ListImportsResponse(
            base_imports=[_import(each, given[each.import_id]) for each in found[:size]]
        )
        if len(found) > size:
            answer.next_page_token = pages.encode(found[size - 1].import_id)
        return answer

    async def UpdateImport(self, request: service.UpdateImportRequest, context: object) -> service.UpdateImportResponse:
        """The file is read in another way."""
        async with self._log.transaction() as tx:
            stored = await imports.change(tx, _workspace(), request.import_id, _settings(request.settings))
            return service.UpdateImportResponse(base_import=await _proto(tx, stored))

    async def GetImportPreview(
        self, request: service.GetImportPreviewRequest, context: object
    ) -> service.GetImportPreviewResponse:
        """Returns how the file is understood."""
        async with self._log.transaction() as tx:
            stored = await imports.get(tx.conn, _workspace(), request.import_id)
        return _preview(await imports.preview(self._log, stored), stored.settings.default_country)

    async def CheckImport(self, request: service.CheckImportRequest, context: object) -> service.CheckImportResponse:
        """A dry run begins."""
        async with self._log.transaction() as tx:
            stored = await imports.begin(
                tx, _workspace(), request.import_id, "checking", part_count=request.part_count, sha256=request.sha256
            )
            return service.CheckImportResponse(base_import=await _proto(tx, stored))

    async def StartImport(self, request: service.StartImportRequest, context: object) -> service.StartImportResponse:
        """The import begins."""
        async with self._log.transaction() as tx:
            stored = await imports.begin(
                tx, _workspace(), request.import_id, "running", part_count=request.part_count, sha256=request.sha256
            )
            return service.StartImportResponse(base_import=await _proto(tx, stored))

    async def UndoImport(self, request: service.UndoImportRequest, context: object) -> service.UndoImportResponse:
        """The import is taken back."""
        async with self._log.transaction() as tx:
            stored = await imports.undo(tx, _workspace(), request.import_id, caller.current().actor)
            return service.UndoImportResponse(base_import=await _proto(tx, stored))

    async def ListImportRows(
        self, request: service.ListImportRowsRequest, context: object
    ) -> service.ListImportRowsResponse:
        """Returns a page, in the order of the file."""
        size = pages.size(request.page_size)
        values = pages.decode(request.page_token, 1)
        after = 0 if values is None else values[0]
        if not isinstance(after, int) or not 0 <= after < 2**31:
            raise Invalid("BAD_PAGE_TOKEN", "page_token is not one that this list gave")
        async with self._log.transaction() as tx:
            stored = await imports.get(tx.conn, _workspace(), request.import_id)
            found = await store.list_rows(
                tx.conn,
                stored.import_id,
                after,
                _OUTCOME_WORDS.get(request.outcome, ""),
                with_reasons=request.with_reasons,
                limit=size + 1,
            )
        answer = service.ListImportRowsResponse(rows=[_row(each) for each in found[:size]])
        if len(found) > size:
            answer.next_page_token = pages.encode(found[size - 1].row_number)
        return answer


def _workspace() -> WorkspaceId:
    return WorkspaceId(caller.current().workspace_id)


def _settings(settings: pb.ImportSettings) -> Settings:
    return Settings(
        settings.default_country,
        settings.encoding,
        settings.has_header if settings.HasField("has_header") else None,
        tuple(_MEANING_WORDS[each] for each in settings.columns),
        settings.retroactive,
        settings.link_conflicts,
        tuple(settings.attribute_names),
    )


async def _proto(tx: Tx, stored: StoredImport) -> pb.BaseImport:
    given = await store.read_reasons(tx.conn, [stored.import_id])
    return _import(stored, given[stored.import_id])


def _import(stored: StoredImport, given: Sequence[tuple[str, int]]) -> pb.BaseImport:
    settings = stored.settings
    is_done = stored.commit_time is not None and stored.state == "done"
    answer = pb.BaseImport(
        import_id=stored.import_id,
        display_name=stored.display_name,
        settings=pb.ImportSettings(
            default_country=settings.default_country,
            encoding=settings.encoding,
            has_header=settings.has_header,
            columns=[_MEANINGS[Meaning(each)] for each in settings.columns],
            retroactive=settings.retroactive,
            link_conflicts=settings.link_conflicts,
            attribute_names=settings.attributes,
        ),
        state=_STATES[stored.state],
        part_count=stored.part_count,
        byte_count=stored.byte_count,
        rows_read=stored.rows_read,
        rows_done=sum(stored.counts.values()),
        counts=pb.ImportCounts(**stored.counts),
        reasons=[pb.ImportReasonCount(reason=reason, count=count) for reason, count in given],
        failure=stored.failure,
        same_as_import_id=stored.same_as_import_id,
        actor=stored.actor,
        create_time=to_proto(stored.create_time),
    )
    if is_done and stored.commit_time is not None:
        answer.commit_time.CopyFrom(to_proto(stored.commit_time))
        if not settings.retroactive:
            answer.effective_from.CopyFrom(to_proto(stored.commit_time))
    return answer


def _row(verdict: Verdict) -> pb.ImportRow:
    return pb.ImportRow(
        row_number=verdict.row_number,
        outcome=_OUTCOMES[verdict.outcome],
        reasons=verdict.reasons,
        contact_ids=verdict.contact_ids,
    )


def _preview(understood: Understood, default_country: str) -> service.GetImportPreviewResponse:
    dialect, columns = understood.dialect, understood.columns
    first = int(columns.has_header)
    header = understood.sample[0] if columns.has_header else ()
    shown = understood.sample[first : first + _MOST_PREVIEWED]
    rows = [
        read_row(number, cells, columns.meanings, default_country)
        for number, cells in enumerate(shown, first + 1)
        if any(cells)
    ]
    return service.GetImportPreviewResponse(
        format=dialect.format,
        encoding=dialect.encoding,
        delimiter=dialect.delimiter,
        has_header=columns.has_header,
        columns=[
            pb.ImportColumn(
                header=header[place][:_LONGEST_SAMPLE] if place < len(header) else "",
                meaning=_MEANINGS[Meaning.ATTRIBUTE if isinstance(meaning, OfAttribute) else meaning],
                attribute_name=meaning.name if isinstance(meaning, OfAttribute) else "",
                samples=[cells[place][:_LONGEST_SAMPLE] for cells in shown[:_SAMPLES] if place < len(cells)],
            )
            for place, meaning in enumerate(columns.meanings)
        ],
        rows=[
            pb.ImportRow(
                row_number=row.row_number,
                outcome=_UNKNOWN if row.named else pb.ImportOutcome.IMPORT_OUTCOME_INVALID,
                reasons=row.reasons,
            )
            for row in rows
            if row.reasons
        ],
    )
