"""Runs as people start and end them: the caller's permission, the audit trail, and starts that may be repeated."""

import hashlib
import json
from contextlib import suppress
from typing import Any

from shared.access import Caller, Operation, is_shared, may, require
from shared.administration import audit
from shared.administration.exports import find_export
from shared.app import App
from shared.config.document import ReadyExport, ready_export
from shared.config.models import Document, Export
from shared.errors import ConfigurationError, TransientError
from shared.runs.starting import Refused, Start, start_all, start_for_segment, start_on_demand
from shared.runs.state import Run, Trigger
from shared.runs.status import find_run
from shared.runs.steps.stop import request_cancel
from shared.storage.failures import Conflict, NotFound
from shared.storage.tables import Row

_REMEMBERED_SECONDS = 24 * 3600


def require_for_export(app: App, caller: Caller, operation: Operation, export_id: str) -> None:
    """Raises AccessDenied, or ConfigurationError for an unknown export."""
    document = app.document()
    require(caller, operation, document.connection_of(find_export(document, export_id)))


def start_export(
    app: App,
    caller: Caller,
    export_id: str,
    trigger: Trigger,
    *,
    now: bool = False,
    accept: bool = False,
    key: str = "",
) -> Start:
    """Starts a run, or finds the active one. The same `key` again, within a day, finds the run that it started."""
    require_for_export(app, caller, "run_export", export_id)
    run_id = _reserved_run(app, export_id, key, {"now": now, "accept": accept}) if key else ""
    if run_id and app.store.load(run_id) is not None:
        return Start(export_id, run_id, reason="This was started before, with the same Idempotency-Key.")
    start = start_on_demand(app, export_id, trigger, caller.name, skip_quiet=now, accept=accept, run_id=run_id)
    if key and start.run_id != run_id:
        _take_over(app, export_id, key, start.run_id)
    if start.is_new:
        audit.note(app, caller, "run export", export_id, start.run_id)
        if accept:
            audit.note(app, caller, "let through guards", export_id, start.run_id)
    return start


def start_exports(app: App, caller: Caller, trigger: Trigger) -> list[Start]:
    """Starts every export with an active schedule that the caller may run."""
    require(caller, "run_all")
    return _noted(app, caller, start_all(app, trigger, caller.name, _refused_to(caller)))


def start_refreshed(app: App, caller: Caller, segment: str) -> list[Start]:
    """Starts the exports that run with this segment's refresh and that the caller may run."""
    require(caller, "run_all")
    return _noted(app, caller, start_for_segment(app, segment, _refused_to(caller)))


def _refused_to(caller: Caller) -> Refused:
    def refused(document: Document, export: Export) -> str:
        shared = is_shared(caller, document.connection_of(export))
        return "" if may(caller.role, "run_export", shared=shared) else "You may not run this export."

    return refused


def _noted(app: App, caller: Caller, starts: list[Start]) -> list[Start]:
    for start in starts:
        if start.is_new:
            audit.note(app, caller, "run export", start.export, start.run_id)
    return starts


def cancel_run(app: App, caller: Caller, run_id: str) -> Run:
    """Ends a run at the caller's wish."""
    run = find_run(app, run_id)
    document = app.document()
    export = document.export(run.export)
    require(caller, "cancel_run", document.connection_of(export) if export else None)
    cancelled = request_cancel(app, run, caller.name)
    audit.note(app, caller, "cancel run", run.run_id)
    return cancelled


def previewed(app: App, caller: Caller, export_id: str) -> ReadyExport:
    """The export to preview, where the caller may."""
    require_for_export(app, caller, "preview_export", export_id)
    return ready_export(app.document(), export_id)


def _reserved_run(app: App, export_id: str, key: str, how: dict[str, Any]) -> str:
    """The run id that belongs to this key; written down before the start, which may die half-way and be repeated."""
    digest = _digest(key)
    wish = json.dumps(how, sort_keys=True)
    for _ in range(5):
        row = app.storage.requests.get(export_id, digest)
        if row is not None and app.now() - row.values["at"] < _REMEMBERED_SECONDS:
            if row.values["wish"] != wish:
                raise ConfigurationError(
                    "idempotency_key_used",
                    "Idempotency-Key: was used for another start of this export.",
                    "Make up a new key for each start.",
                )
            return str(row.values["run_id"])
        values = {"run_id": app.store.new_run_id(export_id), "wish": wish, "at": app.now()}
        new = Row(export_id, digest, values, row.etag if row else None)
        try:
            app.storage.requests.replace(new) if row else app.storage.requests.insert(new)
        except (Conflict, NotFound):
            continue
        return str(values["run_id"])
    raise TransientError("busy", "Too many starts with this key at once.", retry_after_seconds=2)


def forget_old_keys(app: App, *, dry_run: bool = False) -> int:
    """Deletes the keys that are not looked at any more, or only counts them."""
    old = [row for row in app.storage.requests.rows() if app.now() - row.values["at"] >= _REMEMBERED_SECONDS]
    for row in [] if dry_run else old:
        with suppress(Conflict):  # in use again
            app.storage.requests.delete(row)
    return len(old)


def _take_over(app: App, export_id: str, key: str, run_id: str) -> None:
    """The run that was active already is what the key has started, so that a later repetition starts none."""
    row = app.storage.requests.get(export_id, _digest(key))
    if row is not None:
        app.storage.requests.put(Row(export_id, row.key, {**row.values, "run_id": run_id}))


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()
