"""Saving an export runs nothing: what is there by then counts as started."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace

from shared.administration.items import item_etag
from shared.administration.leaving import goes_elsewhere
from shared.app import App
from shared.config.models import CronSchedule, Document, Export
from shared.errors import ConfigurationError, ExportError
from shared.runs.due_times import due_stamp, last_due
from shared.runs.started import Noted
from shared.runs.status import active_run
from shared.segments.snapshot import own_snapshot


@contextmanager
def known_once_saved(app: App) -> Iterator[Callable[[Document, Document, Export], None]]:
    """For a block that saves exports; gives the function by which what is there for one counts as started.

    It takes the configuration as it was and as it is to be, and the export as it is in the latter.

    That is noted before the export is saved, or the timer might come in between. Where the block raises, and the export
    is not saved, it is taken back, or nobody would send the newest snapshot.
    """
    noted: dict[str, tuple[Document, Noted]] = {}

    def take_back(export_id: str) -> None:
        if export_id in noted:
            app.store.take_back(noted.pop(export_id)[1])

    def note(before: Document, after: Document, export: Export) -> None:
        take_back(export.id)  # of a try that came too late
        if found := _note_if_due(app, before, after, export):
            noted[export.id] = after, found

    try:
        yield note
    except Exception:
        # Where the configuration cannot be read, nobody knows what is saved. Then nothing is to run by it.
        with suppress(ExportError):
            document = app.configuration.read()
            for export_id, (after, _) in list(noted.items()):
                if not _is_as_in(document, after, export_id):
                    take_back(export_id)
        raise


def _is_as_in(document: Document, other: Document, export_id: str) -> bool:
    """Whether the two configurations have the same export, with the same key."""
    one, two = document.export(export_id), other.export(export_id)
    if one is None or two is None or item_etag(one) != item_etag(two):
        return False
    return not goes_elsewhere(document, other, one)


def _may_be_due(before: Export | None, new: Export) -> bool:
    """Whether what is there now might start the export by itself after this change.

    An edit of anything else leaves a snapshot that is waiting for its quiet period to the timer.
    """
    return before is None or any(
        getattr(before, name) != getattr(new, name) for name in ("source", "segments", "schedule", "connection")
    )


def _note_if_due(app: App, there: Document, after: Document, new: Export) -> Noted | None:
    before = there.export(new.id)
    is_elsewhere = before is not None and goes_elsewhere(there, after, before)
    elsewhere = app.store.note_elsewhere(new.id) if is_elsewhere else None
    if not _may_be_due(before, new):
        return elsewhere
    found = note_as_known(app, new, is_of_others=before is None or _segments(before) != _segments(new))
    return replace(found, before=elsewhere.before) if found and elsewhere else found or elsewhere


def _segments(export: Export) -> tuple[str, str, set[str]]:
    return export.source.container, export.source.folder, set(export.segments)


def note_as_known(app: App, export: Export, *, is_of_others: bool = False) -> Noted | None:
    """Makes what is there now count as started. `is_of_others`: what was known before is of other segments.

    Not where a run waits to take it: that run was started before the save, and would find its snapshot known. For it
    nothing of other segments is known.
    """
    if isinstance(export.schedule, CronSchedule):
        due = last_due(export.schedule, app.storage.clock.now())
        return app.store.note_due(export.id, due_stamp(due)) if due else None
    run = active_run(app, export.id)
    if run is not None and run.state == "queued" and run.sends_segment and run.list_id == export.list_id:
        if not is_of_others:
            return None
        if not run.snapshot:
            return app.store.note_snapshot(export.id, "", is_of_others=True)
    with suppress(ConfigurationError):
        snapshot = own_snapshot(app.storage.segment_blobs, export)
        return app.store.note_snapshot(export.id, snapshot.id, is_of_others=is_of_others)
    return None
