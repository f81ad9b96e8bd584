"""A run's rejected rows and warnings, as people get them: while they are known, and as long as they are kept."""

from collections.abc import Iterator
from datetime import timedelta

from shared.app import App
from shared.errors import ConfigurationError
from shared.lifetimes import REJECTED_DAYS
from shared.runs.run_ids import started_at
from shared.runs.state import Run
from shared.staging.rejected import has_report, rejected_csv, report_part, report_parts


def rejected_rows(app: App, run: Run) -> Iterator[bytes]:
    """The run's rejected rows and warnings as CSV, in chunks.

    Raises ConfigurationError before they are known, and once they are past their time.
    """
    _check_there(app, run)
    return rejected_csv(app.storage.app_blobs, run.run_id, run.rejected_id)


def _check_there(app: App, run: Run) -> None:
    """An empty report would say that no row was rejected."""
    if run.rejected_id and not _is_past(app, run):
        return
    if run.rejected_id:
        raise ConfigurationError(
            "rejected_rows_gone",
            f"The rejected rows of {run.run_id} were kept for {REJECTED_DAYS} days, and are gone.",
            f"`segment-export status {run.run_id}` still counts them by reason.",
        )
    older = app.store.latest(run.export, after=run.run_id)
    before = next((f" Of the run before it: {each.run_id}." for each in older if each.rejected_id), "")
    if run.is_final:
        raise ConfigurationError(
            "run_not_staged",
            f"The run ended before its whole segment was read ({run.state}), so it has no rejected rows.",
            f"`segment-export status {run.run_id}` says why it ended.{before}",
        )
    raise ConfigurationError(
        "run_not_staged",
        f"The run is not staged yet ({run.state}), so its rejected rows are not known.",
        f"Ask again when `segment-export status {run.run_id}` shows another state than queued or staging.{before}",
    )


def _is_past(app: App, run: Run) -> bool:
    """True where the run had rows in its report, which storage has deleted since."""
    counts = run.counts
    had_any = counts.rejected or counts.warnings or counts.contacts_left_out or counts.list_differences
    is_old = app.time() - started_at(run.run_id) > timedelta(days=REJECTED_DAYS)
    return bool(had_any) and is_old and not has_report(app.storage.app_blobs, run.run_id, run.rejected_id)


def rejected_rows_part(app: App, run: Run, number: int | None) -> tuple[bytes, int]:
    """One part of the same, from 1, and how many there are; None: the whole, where it is one part.

    Raises ConfigurationError for a part that is not there, for the whole where it is too large for one answer, and
    before the rejected rows are known or once they are past their time.
    """
    _check_there(app, run)
    parts = report_parts(app.storage.app_blobs, run.run_id, run.rejected_id)
    if number is None and parts > 1:
        raise ConfigurationError(
            "report_in_parts",
            f"The rejected rows come in {parts:,} parts.",
            f"Ask for ?part=1 to ?part={parts} and put them one behind the other, "
            f"or use `segment-export rejects {run.run_id}`.",
        )
    if number is not None and number > parts:
        raise ConfigurationError(
            "part_unknown", f"The rejected rows have no part {number:,}.", f"There are {parts:,}, from 1."
        )
    return report_part(app.storage.app_blobs, run.run_id, run.rejected_id, number or 1), parts
