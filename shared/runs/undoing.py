"""Undo: a run that puts a list's members back to who they were before another run. Attributes stay as they are.

It takes out whom that run had added, and puts back whom it had removed. What a run has added is known where the list
was read before it: with the modes `mirror` and `mirror_exact`. Only the last run that changed a list can be undone, so
that nothing is undone which a later run has built upon.
"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import ClassVar

from shared.app import App
from shared.config.document import ReadyExport, ready_export
from shared.config.models import Document
from shared.counting import counted
from shared.errors import ConfigurationError, described
from shared.lifetimes import UNDO_DAYS
from shared.runs.delivered import address_of
from shared.runs.kinds import NAMES, Kind
from shared.runs.state import SUCCEEDED, Run
from shared.storage.forms import concerns_all
from shared.sync.stored import UNDO, exports_of

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Undo:
    """The undo of a run."""

    kind: ClassVar[Kind] = "undo"
    undone: Run

    def run(self, run: Run) -> Run:
        """The run as an undo. It has the snapshot of the one that it undoes, which no trigger is to start again."""
        undone = self.undone
        return replace(run, kind=self.kind, undo_of=undone.run_id, snapshot=undone.snapshot, list_name=undone.list_name)


@dataclass(frozen=True, slots=True)
class Clear:
    """The run that takes out of its list whom an export has put there: see `clearing.py`."""

    kind: ClassVar[Kind] = "clear"

    def run(self, run: Run) -> Run:
        """The run as a clear. It has no snapshot."""
        return replace(run, kind=self.kind)


def impossible(
    undone: str,
    why: str,
    advice: str = "Where the export mirrors its segment, a new run makes it right; else take people out in Brevo.",
) -> ConfigurationError:
    """The error of a run that cannot be undone."""
    return ConfigurationError("undo_impossible", f"The run {undone} cannot be undone: {why}.", advice)


def check_undoable(app: App, ready: ReadyExport, undone: Run) -> None:
    """Raises ConfigurationError, which says why, where the run cannot be undone as far as its row and others' tell."""
    if reason := _why_not(app, ready, undone):
        raise impossible(undone.run_id, reason)
    if other := _later_run(app, ready, undone):
        if other.undo_of == undone.run_id:
            raise impossible(undone.run_id, f"{other.run_id} has undone it")
        raise impossible(undone.run_id, f"the newer run {other.run_id} has changed the list, or does so now")
    if not app.storage.app_blobs.listing_if_there(UNDO, record_of(undone)):
        raise impossible(undone.run_id, "what it has changed is not written down any more")


def why_not_undoable(app: App, document: Document, undone: Run) -> ConfigurationError | None:
    """The error of a run that cannot be undone now; None where it can."""
    try:
        check_undoable(app, ready_export(document, undone.export), undone)
    except ConfigurationError as error:
        return error
    return None


def record_of(undone: Run) -> str:
    """The blob that says whom the run has added to the list and whom it has removed."""
    return address_of(undone).undo(undone.run_id, undone.staging_id)


def _why_not(app: App, ready: ReadyExport, undone: Run) -> str:
    """Why the run cannot be undone by what its own row says; empty where it can."""
    if not undone.sends_segment:
        return f"it is {NAMES[undone.kind]}{', which changes nothing' if undone.kind == 'verify' else ''}"
    if undone.state not in SUCCEEDED:
        return f"it was not confirmed, it is {undone.state.replace('_', ' ')}"
    if (undone.key_setting, undone.list_id) != (ready.key_setting, ready.export.list_id):
        return "the list or the connection of the export has been changed since"
    ended = datetime.fromisoformat(undone.times[undone.state])
    if (app.time() - ended).days >= UNDO_DAYS:
        return f"it ended more than {counted(UNDO_DAYS, 'day')} ago"
    if undone.list_before is None:
        return "it did not read the list before, as runs with sync_mode mirror or mirror_exact do"
    return "it has sent nobody and removed nobody" if _is_idle(undone) else ""


def _later_run(app: App, ready: ReadyExport, undone: Run) -> Run | None:
    """A run of any export that has sent or removed something in the same list since, or is about to.

    An undo of the run that did not come to its end counts for nothing: it is repeated.
    """
    configured = [each.id for each in app.document_under_way().exports if each.list_id == undone.list_id]
    for export in {*configured, *exports_of(app.storage.app_blobs, undone.key_setting, undone.list_id)}:
        last = _last_change(app, export, undone)
        if last and last.run_id != undone.run_id and _is_later(last, undone):
            return last
    return None


def _last_change(app: App, export: str, undone: Run) -> Run | None:
    """The export's last run that may have changed the list, of those that may have ended later than `undone`.

    Raises ConfigurationError where a newer one cannot be read, such as one of another release: people may have built
    upon `undone` by it.
    """
    try:
        runs = _not_before(undone, app.store.every_run(export))
        return next((run for run in runs if _has_changed(run, undone)), None)
    except Exception as error:
        if concerns_all(error):
            raise
        _log.error("not readable: export %s: %s", export, described(error))
        reason = f"a run of {export} cannot be read, and it may have changed the list since"
        advice = "`segment-export doctor` names its row: deploy the release that wrote it, or delete the row."
        raise impossible(undone.run_id, reason, advice) from None


def _not_before(undone: Run, runs: Iterator[Run]) -> Iterator[Run]:
    """Those of an export's runs, newest first, that may have ended later: each export has one open run at a time.

    So all before one that had begun by then ended before that began.
    """
    for run in runs:
        yield run
        if run.times.get("queued", undone.times[undone.state]) < undone.times[undone.state]:
            return


def _has_changed(run: Run, undone: Run) -> bool:
    """True where the run may have changed the list of `undone`: each export has one open run at a time.

    Not a run that has found nobody to send or remove: an undo goes past it.
    """
    is_same_list = (run.key_setting, run.list_id) == (undone.key_setting, undone.list_id)
    is_repeated = run.undo_of == undone.run_id and run.state not in SUCCEEDED
    may_have = "delivering" in run.times and run.kind != "verify" and not _is_idle(run)
    return is_same_list and may_have and not is_repeated


def _is_idle(run: Run) -> bool:
    return run.sends_segment and run.state in SUCCEEDED and run.counts.has_changed_nobody


def _is_later(run: Run, undone: Run) -> bool:
    return not run.is_final or run.times[run.state] > undone.times[undone.state]
