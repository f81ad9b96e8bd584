"""The runs: one with its steps, its plan, its counts and its story; and those of an export."""

from collections.abc import Sequence, Set
from dataclasses import dataclass

import azure.functions as func

from export_trigger.answers import file_of_rejected_rows
from export_trigger.pages import phrases
from export_trigger.pages.exports import at_list_of, name_in, plotted
from export_trigger.pages.rejected_csv import with_words
from export_trigger.pages.rendering import SAFE_HEADERS, redirect, render
from export_trigger.pages.routes import page
from export_trigger.pages.sent_twice import do_once
from export_trigger.pages.visit import Visit, address
from export_trigger.paging import part_of
from shared.access import Operation, is_shared, may, require
from shared.administration.exports import permissions
from shared.administration.items import item_etag
from shared.administration.plan_examples import plan_examples
from shared.administration.running import approve_run, cancel_run, list_runs, undo_run, undoable_run
from shared.config.document import ReadyExport, export_unknown
from shared.config.models import Document
from shared.errors import ConfigurationError
from shared.runs.kinds import SENDS_NOTHING
from shared.runs.report import rejected_rows_part
from shared.runs.run_ids import RUN_ID
from shared.runs.state import SUCCEEDED, Run
from shared.runs.status import RunStory, duration_seconds, find_run, run_story
from shared.runs.undoing import why_not_undoable

_RUNS_A_PAGE = 30


@dataclass(frozen=True)
class RunView:
    """A run as its page shows it. `shown` names the staging, `has_export` is False once its export is gone.

    `mode` is that of its export when it was held, empty where it was not or that is not known any more.
    `actions` is what the caller may do with it now; `undo_refused` says why it cannot be undone, to who might do it.
    """

    run: RunStory
    shown: str
    has_export: bool
    mode: str
    actions: frozenset[str]
    undo_refused: ConfigurationError | None = None

    @property
    def is_open(self) -> bool:
        """True while something will still happen by itself."""
        return self.run.finished_at is None and self.run.status != "held"

    @property
    def progress(self) -> float:
        """How far it is, from 0 to 1; sending and confirming by their contacts."""
        run = self.run
        if run.finished_at is not None:
            return 1.0
        begin = phrases.PROGRESS.get(run.status, 0.0)
        if run.status in ("delivering", "confirming") and run.contacts_to_send:
            done = run.contacts_delivered + run.contacts_confirmed + run.rejected_by_brevo
            return min(begin + 0.2 * done / run.contacts_to_send, 0.98)
        return begin

    @property
    def steps(self) -> list[tuple[str, int, int]]:
        """From rows to members, as far as the run has come: how many there are, and how many were lost on the way."""
        run = self.run
        left_out = sum(run.contacts_left_out.values())
        found = [
            (phrases.N_("rows read"), run.rows_read, 0),
            (phrases.N_("contacts"), run.contacts_mapped, sum(run.rows_rejected.values())),
            (phrases.N_("after those left out"), run.contacts_mapped - left_out, left_out),
        ]
        if run.status in SUCCEEDED or run.contacts_delivered:
            found.append((phrases.N_("confirmed by Brevo"), run.in_list, run.rejected_by_brevo))
        return found

    @property
    def losses(self) -> list[tuple[str, int]]:
        """Why rows and contacts are not in the list, the largest number first."""
        run = self.run
        found = {**run.rows_rejected, **run.contacts_left_out, **run.contacts_rejected_by_brevo}
        return sorted(((reason, count) for reason, count in found.items() if count), key=lambda each: -each[1])

    @property
    def has_succeeded(self) -> bool:
        """True where Brevo has confirmed what was to be done."""
        return self.run.status in SUCCEEDED

    @property
    def warnings(self) -> list[tuple[str, int]]:
        """Why contacts are sent without a value, the largest number first."""
        return sorted(self.run.warnings.items(), key=lambda each: -each[1])

    @property
    def who_is_removed(self) -> str:
        """Whom a run takes out of the list that takes out somebody; empty where another sentence says it."""
        if not (self.mode and self.run.contacts_to_remove) or self.changes_list_only:
            return ""
        if self.mode == "mirror_exact":
            return phrases.N_("Removed is everybody who is not in the segment, no matter who put them into the list.")
        return phrases.N_(
            "Removed are those whom this export has put into the list, and who are not in the segment now."
        )

    @property
    def has_nothing_to_do(self) -> bool:
        """True for a plan that would send nobody and remove nobody."""
        run = self.run
        return run.kind == "plan" and run.status == "held" and not (run.contacts_to_send or run.contacts_to_remove)

    @property
    def was_done(self) -> Set[str]:
        """What its page may say was done: an address says it as long as it is kept."""
        run, done = self.run, set[str]()
        if run.approved_at and self.is_open:
            done.add("approved")
        elif run.status in ("held", "cancelled") and run.held_for and not run.approved_at:
            done.add("rejected")
        if self.is_open or run.status == "cancelled":
            done.add("cancelled")
        return done

    @property
    def changes_list_only(self) -> bool:
        """True for a run that sends no contacts."""
        return self.run.kind in SENDS_NOTHING


@page("GET", "/runs/<id>")
def show_run(visit: Visit) -> func.HttpResponse:
    """A run; the script asks for its moving part again and again."""
    require(visit.caller, "view_run")
    run = find_run(visit.app, visit.path["id"])
    document = _document(visit)
    actions, refused = _actions(visit, document, run), None
    if "undo" in actions and not visit.is_partial:
        refused = why_not_undoable(visit.app, document, run)
    has_export = document.export(run.export) is not None
    view = RunView(run_story(visit.app, run), run.rejected_id, has_export, _mode(document, run), actions, refused)
    values = {"view": view, "run": view.run}
    if not visit.is_partial:
        return render(visit, "run.html", values)
    # Once it moves no more, the page is read again as a whole: what may be done with it is another thing then.
    return render(visit, "run_part.html", values, headers={} if view.is_open else {"HX-Refresh": "true"})


def _mode(document: Document, run: Run) -> str:
    """The mode in which the run was held, where the export and its connection have the same settings still."""
    export = document.export(run.export)
    connection = document.connection_of(export) if export else None
    is_same = export and connection and ReadyExport(export, connection).digest == run.settings
    return export.sync_mode if export and is_same else ""


def _document(visit: Visit) -> Document:
    """The configuration; an empty one while it cannot be read: runs are shown all the same."""
    try:
        return visit.app.configuration.read()
    except ConfigurationError:
        return Document()


def _actions(visit: Visit, document: Document, run: Run) -> frozenset[str]:
    """What the caller may do with the run now."""
    export = document.export(run.export)
    shared = is_shared(visit.caller, document.connection_of(export) if export else None)
    is_there = export is not None
    has_succeeded = run.state in SUCCEEDED
    possible: dict[str, tuple[bool, Operation]] = {
        "cancel": (not run.is_final, "cancel_run"),
        "approve": (run.is_held and is_there, "run_export"),
        "examples": (run.is_held and is_there, "preview_export"),
        "undo": (has_succeeded and run.sends_segment and is_there, "run_export"),
        "end": (has_succeeded and run.kind == "clear" and is_there, "remove_export"),
        "download": (bool(run.rejected_id), "view_rejected_rows"),
    }
    return frozenset(
        action
        for action, (is_possible, operation) in possible.items()
        if is_possible and may(visit.caller.role, operation, shared=shared)
    )


def _plots(visit: Visit, runs: Sequence[Run]) -> list[tuple[str, list[int]]]:
    """What each plot shows, and its values."""
    return [
        (phrases.N_("Customers in the list"), [run.counts.in_list for run in runs]),
        (phrases.N_("Rejected"), [run.counts.rejected for run in runs]),
        (phrases.N_("Removed"), [run.counts.contacts_removed for run in runs]),
        (phrases.N_("Seconds"), [round(duration_seconds(visit.app, run) or 0) for run in runs]),
    ]


@page("GET", "/runs/<id>/changes")
def show_changes(visit: Visit) -> func.HttpResponse:
    """A few masked contacts that a plan would change; as a part of its page, which does not wait for Brevo."""
    found = plan_examples(visit.app, visit.caller, visit.path["id"])
    template = "changes_part.html" if visit.is_partial else "changes.html"
    return render(visit, template, {"examples": found, "run_id": visit.path["id"]})


@page("POST", "/runs/<id>/approve")
def approve(visit: Visit) -> func.HttpResponse:
    """Approves what the page has shown."""
    run_id, shown = visit.path["id"], visit.form.get("shown", "")

    def to_approve() -> str:
        return approve_run(visit.app, visit.caller, run_id, shown=shown).run_id

    def is_approved() -> str | None:
        run = find_run(visit.app, run_id)
        is_ours = run.approved_by == visit.caller.name[:100] and run.approved_of == shown
        return run_id if run.is_approved and is_ours else None

    return redirect(f"{address('runs', do_once(to_approve, is_approved))}?done=approved")


@page("POST", "/runs/<id>/cancel")
def cancel(visit: Visit) -> func.HttpResponse:
    """Cancels a run, or rejects a held one, as the page has shown it."""
    run_id = visit.path["id"]

    def to_cancel() -> str:
        return _cancelled(cancel_run(visit.app, visit.caller, run_id, shown=visit.form.get("shown")))

    def is_cancelled() -> str | None:
        run = find_run(visit.app, run_id)
        return _cancelled(run) if run.cancel_requested_by == visit.caller.name[:100] else None

    return redirect(do_once(to_cancel, is_cancelled))


def _cancelled(run: Run) -> str:
    """The run's page, which says what its end is: the rejection of what was held, or another one."""
    is_rejected = run.held_for is not None and not run.is_approved
    return f"{address('runs', run.run_id)}?done={'rejected' if is_rejected else 'cancelled'}"


@page("GET", "/runs/<id>/undo")
def ask_undo(visit: Visit) -> func.HttpResponse:
    """Says what an undo would do at most, by what the run has done."""
    run, _ = undoable_run(visit.app, visit.caller, visit.path["id"])
    before, after, removed = run.list_before or 0, run.list_after or 0, run.counts.contacts_removed
    values = {"run": run, "leave": max(after - before + removed, 0), "come_back": removed}
    return render(visit, "undo.html", values)


@page("POST", "/runs/<id>/undo")
def undo(visit: Visit) -> func.HttpResponse:
    """Starts an undo, and leads to it."""
    return redirect(address("runs", undo_run(visit.app, visit.caller, visit.path["id"], "http").run_id))


@page("GET", "/runs/<id>/rejected-rows")
def download_rejected_rows(visit: Visit) -> func.HttpResponse:
    """The rejected rows, as a file to keep; a large one in parts."""
    require(visit.caller, "view_rejected_rows")
    run = find_run(visit.app, visit.path["id"])
    number = part_of(visit.query)
    try:
        data, parts = rejected_rows_part(visit.app, run, number)
    except ConfigurationError as error:
        if error.code != "report_in_parts":
            raise
        _, parts = rejected_rows_part(visit.app, run, 1)
        return render(visit, "parts.html", {"run_id": run.run_id, "parts": parts})
    if number is None:  # a part may end within a row
        data = with_words(data, visit.viewer)
    headers = {**SAFE_HEADERS, "Cache-Control": "no-store", **file_of_rejected_rows(run.run_id, number, parts)}
    return func.HttpResponse(data, headers=headers, mimetype="text/csv", charset="utf-8")


@page("GET", "/exports/<id>")
def show_export(visit: Visit) -> func.HttpResponse:
    """An export: its settings in short, its runs as plots and as a table, and what may be done."""
    require(visit.caller, "view_export")
    document = visit.app.configuration.read()
    export = document.export(visit.path["id"])
    after = visit.after(RUN_ID)
    runs, more = list_runs(visit.app, visit.caller, visit.path["id"], limit=_RUNS_A_PAGE, after=after)
    if export is None:
        raise export_unknown(visit.path["id"])
    shown = plotted(runs[::-1])
    connection = document.connection_of(export)
    values = {
        "export": export,
        "connection": connection,
        "may_see_connection": may(visit.caller.role, "see_connection", shared=is_shared(visit.caller, connection)),
        "list_name": name_in(at_list_of(document, export, runs)),
        "plots": _plots(visit, shown) if len(shown) > 1 else [],
        "failed": [run.state == "failed" for run in shown],
        "runs": runs,
        "more": more,
        "etag": item_etag(export),
        "may": permissions(document, visit.caller, export),
    }
    return render(visit, "export.html", values)
