"""What a run of an export would send, whether it is saved or not, and which guard would hold that run."""

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from shared.access import Caller, require
from shared.administration.checking import path_of
from shared.administration.drafts import read_export
from shared.administration.items import InvalidInput
from shared.administration.running import require_for_export
from shared.app import App
from shared.brevo.attributes import AskAttributes
from shared.brevo.probed import probed_export
from shared.config.document import ReadyExport, make_ready, ready_export
from shared.config.models import Export
from shared.runs.guards import problem_of, stopped_by_segment
from shared.runs.problem import no_rows

if TYPE_CHECKING:
    from shared.staging.losses import FieldLoss
    from shared.staging.preview import Preview
    from shared.staging.reader import SnapshotReader

# The id of an export that is previewed without one.
_UNSAVED = "unsaved"


def previewed(app: App, caller: Caller, export_id: str) -> ReadyExport:
    """The export to preview, where the caller may."""
    require_for_export(app, caller, "preview_export", export_id)
    return probed_export(app.storage.accounts, ready_export(app.document(), export_id))


def previewed_unsaved(app: App, caller: Caller, raw: Any) -> ReadyExport:
    """The same for an export that is not saved, by its JSON, which may leave out the id.

    Raises InvalidInput with a line for each fault, AccessDenied, and ConfigurationError where it has no connection that
    is ready.
    """
    require(caller, "preview_export")
    named = raw.get("id") if isinstance(raw, dict) else None
    return previewed_draft(app, caller, read_export(app, caller, raw, named if isinstance(named, str) else _UNSAVED))


def previewed_draft(app: App, caller: Caller, export: Export) -> ReadyExport:
    """The same by what its JSON was read as."""
    document = app.configuration.read()
    connection = document.connection_of(export)
    require(caller, "preview_export", connection)
    if export.connection is not None and connection is None:
        raise InvalidInput([f"connection: there is no connection {export.connection}"])
    return probed_export(app.storage.accounts, make_ready(document, export))


def preview_of(app: App, ready: ReadyExport, ask: AskAttributes | None = None) -> "Preview":
    """What a run would send. Where a guard would hold that run, or nobody is there, the first note says so.

    Raises as staging does. `ask` is for who has asked Brevo for the attributes already.
    """
    from shared.staging.preview import preview  # brings what only a preview needs

    def judge(reader: "SnapshotReader", gaps: list[str]) -> list[str]:
        before, read = app.store.success(ready.export.id), reader.counts
        if not read.rows_read:
            empty = no_rows(ready.export.segments)
            return [f"A run would be skipped: {empty.message} {empty.advice}"]
        why = problem_of(stopped_by_segment(ready.export, read, reader.fields, gaps, reader.notes, before))
        return [f"A run would be held: {why.message} {why.advice}"] if why else []

    return preview(app.storage.segment_blobs, ready, ask or app.attributes, judge)


def losses_by_path(app: App, ready: ReadyExport, ask: AskAttributes) -> "dict[str, list[FieldLoss]]":
    """What the first customers would lose, by the path of the key in the export. Raises as staging does."""
    from shared.staging.losses import first_losses  # brings what only a preview needs

    found: dict[str, list[FieldLoss]] = defaultdict(list)
    for each in first_losses(app.storage.segment_blobs, ready, ask):
        found[path_of(ready.export, each.attribute) if each.attribute else "mapping.email"].append(each)
    return found
