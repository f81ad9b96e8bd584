"""The status of a run: the API's answers, their description and the terminal's text are made from it."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated

from pydantic import WithJsonSchema

from shared.app import App
from shared.counting import counted
from shared.errors import ConfigurationError
from shared.json_text import ALL_FIELDS_SENT
from shared.mapping.results import SegmentRows
from shared.runs.batch import Batch, BatchState
from shared.runs.counts import Counts
from shared.runs.kinds import STARTED, Kind, Trigger
from shared.runs.left_imports import slot_notes
from shared.runs.problem import Problem
from shared.runs.run_ids import is_run_id
from shared.runs.state import FINAL, SUCCEEDED, Run, State
from shared.runs.steps import end
from shared.runs.trial import trial_words
from shared.runs.waiting import waiting_of, waiting_text
from shared.times import iso_text

Timestamp = Annotated[str, WithJsonSchema({"type": "string", "format": "date-time"})]


@dataclass(frozen=True, kw_only=True)
class RunSummary:
    """Which run it is, and its state. Times are UTC; `finished_at` is null until the run has ended."""

    run_id: str
    status: State
    trigger: Trigger
    started_at: Timestamp | None
    finished_at: Timestamp | None


@dataclass(frozen=True, kw_only=True)
class RunStatus(Counts, RunSummary):
    """A run with all its counts. `times` holds when each state began.

    `waiting` says what an open run waits for, since when, when it is looked at next and how long it waits at most;
    `waiting_for`, `waiting_since`, `next_check_at` and `deadline_at` have the same one by one, `processes` the numbers
    of the imports that Brevo works on. `check_overdue_since` is null unless no worker has looked when one should have.
    `list_name` is known once the account was checked; `staged_rows` and `staged_contacts` count what a worker that is
    reading the segment has come to. `duration_seconds` is up to now while the run is open.

    `customers`, how many it takes, is of a trial: null for other runs. `undo_of` is the run that an undo takes back,
    null for others; only an undo has `contacts_to_add` and `contacts_added`. A run that is held, or was, says why in
    `held_for`; a person can approve it until `held_until`, which is null unless it is held. Who approved it, and when,
    is in `approved_by` and `approved_at`.

    `list_before` and `list_after` count the list's members, as it was read before the run and as it is to be behind it:
    null where the run does not have to read it. `contacts_up_to_date` are unchanged and therefore not sent. A
    verification, which sends nobody, counts as unchanged all whom it has looked for in the list, found or not.

    rows_read = contacts_mapped + rows_merged + rows_filtered + the sum of rows_rejected; contacts_mapped =
    contacts_new + contacts_changed + contacts_unchanged + the sum of contacts_left_out; contacts_delivered =
    contacts_confirmed + the sum of contacts_rejected_by_brevo + what is still open.
    """

    __pydantic_config__ = ALL_FIELDS_SENT

    export: str
    kind: Kind
    list_id: int
    list_name: str | None
    customers: int | None
    undo_of: str | None
    started_by: str
    duration_seconds: float | None
    times: dict[str, Timestamp]
    staged_rows: int
    staged_contacts: int
    snapshot: str | None
    segments: list[SegmentRows]
    list_before: int | None
    list_after: int | None
    allowance: str | None
    waiting: str | None
    waiting_for: str | None
    waiting_since: Timestamp | None
    next_check_at: Timestamp | None
    check_overdue_since: Timestamp | None
    deadline_at: Timestamp | None
    processes: list[int]
    notes: list[str]
    held_for: Problem | None
    held_until: Timestamp | None
    approved_by: str | None
    approved_at: Timestamp | None
    error: Problem | None

    @property
    def kind_words(self) -> str:
        """What a trial, an undo, a clear, a verification or a repair is; empty for another run."""
        if self.kind == "trial":
            return "trial " + trial_words(self.customers or 0, self.list_id, self.list_name)
        words: dict[Kind, str] = {
            "undo": f"undo of {self.undo_of}",
            "clear": "removal of members",
            "verify": "verification",
            "repair": "repair",
        }
        return words.get(self.kind, "")


@dataclass(frozen=True, slots=True)
class Event:
    """One event of a run's story. `at` is UTC."""

    at: Timestamp
    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class BatchStatus:
    """A batch, which becomes one import at Brevo: `process` is its number there, null until Brevo has taken it."""

    batch: int
    state: BatchState
    process: int | None
    contacts: int
    posted_at: Timestamp | None


@dataclass(frozen=True, kw_only=True)
class RunStory(RunStatus):
    """A run with all its counts, its batches as imports at Brevo, and what happened in order."""

    imports: list[BatchStatus]
    story: list[Event]


def active_run(app: App, export_id: str) -> Run | None:
    """The run of the export that is not final, if there is one."""
    active = app.store.active(export_id)
    return app.store.load(active) if active else None


def find_run(app: App, run_id: str) -> Run:
    """The run. Raises ConfigurationError where there is none."""
    run = app.store.load(run_id) if is_run_id(run_id) else None
    if run is None:
        raise ConfigurationError(
            "run_unknown", "There is no such run.", "`segment-export runs EXPORT` and GET exports/{id}/runs list them."
        )
    return run


def run_summary(run: Run) -> RunSummary:
    """The run's summary."""
    return RunSummary(
        run_id=run.run_id,
        status=run.state,
        trigger=run.trigger,
        started_at=run.times.get("queued"),
        finished_at=run.times.get(run.state) if run.is_final else None,
    )


def run_status(app: App, run: Run) -> RunStatus:
    """The run's status, with its batches added up."""
    return _status(app, run, _batches(app, run))


def _batches(app: App, run: Run) -> list[Batch]:
    return app.store.batches(run) if run.counts.batches else []


def _status(app: App, run: Run, batches: list[Batch]) -> RunStatus:
    waiting = waiting_of(app, run, batches)
    notes = _notes(app, run, batches)
    run = end.totals(run, batches)
    return RunStatus(
        **vars(run_summary(run)),
        **vars(run.counts),
        export=run.export,
        kind=run.kind,
        list_id=run.list_id,
        list_name=run.list_name or None,
        customers=run.customers or None,
        undo_of=run.undo_of or None,
        started_by=run.started_by,
        duration_seconds=duration_seconds(app, run),
        times=dict(sorted(run.times.items(), key=lambda item: item[1])),
        staged_rows=run.staged_rows,
        staged_contacts=run.staged_contacts,
        snapshot=run.snapshot or None,
        segments=[SegmentRows(**segment) for segment in run.segments],
        list_before=run.list_before,
        list_after=run.list_after,
        allowance=run.allowance or None,
        waiting=waiting_text(waiting) if waiting else None,
        waiting_for=waiting.reason if waiting else None,
        waiting_since=_timestamp(waiting.since) if waiting else None,
        next_check_at=_timestamp(waiting.next_check) if waiting else None,
        check_overdue_since=_timestamp(waiting.overdue_since) if waiting else None,
        deadline_at=_timestamp(waiting.deadline) if waiting else None,
        processes=waiting.processes if waiting else [],
        notes=notes,
        held_for=run.held_for,
        held_until=_timestamp(run.held_until) if run.is_held else None,
        approved_by=run.approved_by or None,
        approved_at=run.approved_at or None,
        error=run.error,
    )


def _notes(app: App, run: Run, batches: list[Batch]) -> list[str]:
    left = slot_notes(app, run) if run.is_final and any(batch.may_be_open for batch in batches) else []
    notes = [*left, *run.notes, *(batch.note for batch in batches if batch.note and batch.state != "failed")]
    if run.is_final and run.state not in SUCCEEDED and (count := _not_sent_once_more(batches)):
        contacts = "1 contact was" if count == 1 else f"{count:,} contacts were"
        notes.append(f"{contacts} rejected for a number of another contact's, and not confirmed without it.")
    if files := sum(batch.state in ("splitting", "split") for batch in batches):
        notes.append(_in_bodies(run, counted(files, "file")))
    if run.left_out:
        notes.append(f"Sent without attributes that the account lacks: {', '.join(run.left_out)}.")
    return notes


def _in_bodies(run: Run, files: str) -> str:
    """A run that ended before its time may have sent some of the bodies, all or none: its counts say how much."""
    if run.state in SUCCEEDED:
        return f"{files} that Brevo could not import: the contacts were sent in bodies."
    if run.is_final:
        return f"{files} that Brevo could not import: the contacts were to be sent in bodies."
    return f"{files} that Brevo could not import: the contacts are sent in bodies."


def duration_seconds(app: App, run: Run) -> float | None:
    """How long the run took, or takes so far; None where it does not say when it began."""
    begun, ended = run.times.get("queued"), run.times.get(run.state) if run.is_final else None
    if begun is None:
        return None
    until = datetime.fromisoformat(ended) if ended else app.time()
    return round(max((until - datetime.fromisoformat(begun)).total_seconds(), 0.0), 1)


def _timestamp(at: float) -> str | None:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds") if at else None


def _not_sent_once_more(batches: list[Batch]) -> int:
    confirmed = sum(batch.contacts for batch in batches if batch.holds_moved and batch.state == "confirmed")
    return sum(batch.moved for batch in batches) - confirmed


def run_story(app: App, run: Run) -> RunStory:
    """The run's status and story: its start and end, which its row has, and the newest of what was noted."""
    story = sorted([*_own_events(run), *_noted(app, run)], key=lambda event: event.at)
    batches = _batches(app, run)
    return RunStory(**vars(_status(app, run, batches)), imports=[_batch_status(each) for each in batches], story=story)


def _batch_status(batch: Batch) -> BatchStatus:
    posted = iso_text(datetime.fromtimestamp(batch.posted_at, UTC))
    return BatchStatus(
        batch.number,
        batch.state,
        batch.process_id or None,
        batch.contacts,
        posted if batch.posted_at else None,
    )


def _own_events(run: Run) -> Iterator[Event]:
    texts = {"queued": STARTED.get(run.trigger, "")}
    if run.is_trial:
        texts["queued"] += f" A trial {trial_words(run.customers, run.list_id, run.list_name)}."
    if run.undo_of:
        texts["queued"] += f" Undoes the run {run.undo_of}."
    if run.kind == "clear":
        texts["queued"] += " Takes out of the list whom the export has put there."
    if run.held_for:
        texts["held"] = run.held_for.message
    if run.is_final:
        texts[run.state] = run.error.message if run.error else ""
    for state, text in texts.items():
        if state in run.times:
            # The end stands behind what was noted in the same millisecond, which is all that the row's time shows.
            at = datetime.fromisoformat(run.times[state]) + timedelta(milliseconds=state in FINAL)
            yield Event(iso_text(at), state, text)


def _noted(app: App, run: Run) -> Iterator[Event]:
    for event in app.store.events(run.run_id):
        with suppress(ValueError):  # a row whose key holds no time is none of ours
            at = datetime.fromisoformat(event["at"]).replace(tzinfo=UTC)
            yield Event(iso_text(at), event["kind"], event["text"])
