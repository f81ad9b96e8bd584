"""Tried and done are two things: what triggers have started last, how often it has failed, when it is tried again.

Everything here is pure. The row `started` of an export keeps it (`shared/runs/store.py`).
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Self

from shared.runs.due_times import due_stamp
from shared.runs.kinds import CHANGES_LIST
from shared.runs.problem import NOTHING_TO_DO
from shared.runs.state import SUCCEEDED, Run
from shared.segments.snapshot import is_noted_by, time_of
from shared.times import local_text

# The pauses before the second, third and fourth run. What takes longer to pass needs a person.
PAUSES_SECONDS = (15 * 60.0, 3600.0, 4 * 3600.0)
# In `Started.unsent`: no run has taken the snapshot. No run has this id.
SAVED = "saved"
# Errors that follow from what people have decided.
_DECIDED = frozenset({"export_changed", "export_unknown", "export_detached", "consent_missing", "plan_outdated"})


@dataclass(frozen=True, slots=True)
class Tries:
    """The runs of one snapshot or due time. `again_at` is when a trigger starts the next one, POSIX seconds, or 0.

    `is_open` until one has succeeded, or a person has decided: only then a run that fails counts.
    """

    is_open: bool = False
    failed: int = 0
    again_at: float = 0.0

    def is_due(self, now: float) -> bool:
        """True where another run is to be started. A time beyond every pause is that of a clock that was wrong."""
        return bool(self.again_at) and not now < self.again_at <= now + PAUSES_SECONDS[-1]

    @property
    def is_given_up(self) -> bool:
        """True where no trigger starts another run."""
        return self.failed > len(PAUSES_SECONDS)

    def begun(self) -> Self:
        """Another run of it is under way."""
        return replace(self, again_at=0.0)

    def with_failure(self, now: float) -> Self:
        """Its run has failed."""
        if not self.is_open:
            return self
        pause = 0.0 if self.failed >= len(PAUSES_SECONDS) else PAUSES_SECONDS[self.failed]
        return replace(self, failed=self.failed + 1, again_at=now + pause if pause else 0.0)

    def next_words(self, now: float) -> str:
        """The same as `words`, also once the time of the next try has come. `now` is POSIX seconds."""
        if self.is_due(now):
            return "It is tried again by itself at the timer's next turn."
        return self.words()

    def words(self) -> str:
        """When it is tried again, or that it is not; empty where neither is a question."""
        if self.is_given_up:
            return f"It has failed {self.failed} times and is not tried again by itself."
        if self.again_at:
            return f"It is tried again by itself after {local_text(self.again_at)}."
        return ""


@dataclass(frozen=True, slots=True)
class Started:
    """What the triggers have started last: a snapshot's id and a due time, each with its tries.

    `unsent` is why the snapshot does not count as exported: the id of the last run, which did not succeed, is held or
    is under way, or SAVED where the snapshot was there when the export was saved, and no run has taken it since. Empty
    after a run that succeeded.
    """

    snapshot: str = ""
    due: str = ""
    snapshot_tries: Tries = Tries()
    due_tries: Tries = Tries()
    unsent: str = ""
    etag: str | None = None

    def covers(self, snapshot: str) -> bool:
        """True for the snapshot of this id and for each older one: the newest may have been deleted since.

        An id begins with the refresh's time, so that ids sort by it. Another id of the same time is another snapshot,
        but where the time alone is noted.
        """
        return is_noted_by(self.snapshot, snapshot) or time_of(snapshot) < time_of(self.snapshot)

    def with_snapshot_begun(self, snapshot: str, now: float) -> Self | None:
        """A trigger starts a run of it; None where that was started before and is not due for another try."""
        if not self.covers(snapshot):
            return replace(self, snapshot=snapshot, snapshot_tries=Tries(is_open=True))
        return replace(self, snapshot_tries=self.snapshot_tries.begun()) if self.snapshot_tries.is_due(now) else None

    def with_due_begun(self, due: str, now: float) -> Self | None:
        """The same for a due time; one that is past already is never started."""
        if due > self.due:
            return replace(self, due=due, due_tries=Tries(is_open=True))
        is_due = due == self.due and self.due_tries.is_due(now)
        return replace(self, due_tries=self.due_tries.begun()) if is_due else None

    def with_snapshot_taken(self, run: Run, *, is_tried_again: bool) -> Self:
        """The run has taken its snapshot. `is_tried_again`: triggers start another one where it fails."""
        if is_noted_by(self.snapshot, run.snapshot):
            tries = self.snapshot_tries.begun()
            return replace(self, snapshot=run.snapshot, snapshot_tries=tries, unsent=run.run_id)
        if self.covers(run.snapshot):
            return self
        return replace(self, snapshot=run.snapshot, snapshot_tries=Tries(is_open=is_tried_again), unsent=run.run_id)

    def with_snapshot_known(self, snapshot: str, *, even_if_older: bool = False) -> Self:
        """No trigger is to start it any more. Where a newer one is known, that one stays, but for `even_if_older`."""
        if snapshot == self.snapshot:
            return replace(self, snapshot_tries=Tries())
        if self.covers(snapshot) and not even_if_older:
            return self
        return replace(self, snapshot=snapshot, snapshot_tries=Tries(), unsent=self.unsent or SAVED)

    def sent_elsewhere(self) -> Self:
        """The export has another list, connection or key from now on: what was sent is not in that list."""
        return replace(self, unsent=self.unsent or SAVED) if self.snapshot else self

    def with_due_known(self, due: str) -> Self:
        """The same for a due time."""
        return replace(self, due=max(due, self.due), due_tries=Tries())

    def after(self, run: Run, now: float) -> Self:
        """As it is once the run has ended. One that fails is tried again, unless people have decided its end."""
        if run.kind in CHANGES_LIST and run.state in SUCCEEDED:
            # What it has taken back counts as not exported, and no trigger exports that again.
            known = self._with_snapshot_settled(run)
            # What came due while an export was to end starts nothing once its members are out.
            due = due_stamp(datetime.fromtimestamp(now, UTC)) if run.kind == "clear" and self.due else self.due
            return replace(known.with_due_known(due), unsent=run.run_id)
        if not run.sends_segment:
            return self
        if run.state == "failed" and not _is_decided(run):
            # A run by an event notes its snapshot when it takes it; it may have failed before.
            is_noted = not run.only_new or self._is_of_a_save(run)
            tried = self if is_noted else self.with_snapshot_taken(run, is_tried_again=True)
            due_tries = self.due_tries.with_failure(now) if run.trigger == "timer" else self.due_tries
            snapshot_tries = tried.snapshot_tries.with_failure(now)
            return replace(tried, snapshot_tries=snapshot_tries, due_tries=due_tries, unsent=run.run_id)
        if run.state == "skipped" and not run.snapshot:
            return self  # it has taken none
        is_sent = run.state in SUCCEEDED or run.error == NOTHING_TO_DO
        if is_sent and run.snapshot != self.snapshot and self.unsent in (run.run_id, SAVED):
            # The export was saved beside the run: what was there by then is not what the run has sent.
            return replace(self.with_due_known(self.due), unsent=SAVED)
        known = self._with_snapshot_settled(run).with_due_known(self.due)
        return replace(known, unsent="" if is_sent else run.run_id)

    def _with_snapshot_settled(self, run: Run) -> Self:
        """No trigger is to start any more what the run has sent, or was to send or take back."""
        return self if self._is_of_a_save(run) else self.with_snapshot_known(run.snapshot or self.snapshot)

    def _is_of_a_save(self, run: Run) -> bool:
        """True where the export was saved while the run, which had noted its snapshot, was under way.

        What is noted since was there then, maybe of other segments. It would start by itself if the run's came back: of
        two snapshots of the same time neither covers the other. An undo notes none.
        """
        noted = SAVED if run.kind in CHANGES_LIST else run.run_id
        is_another = bool(run.snapshot) and run.snapshot != self.snapshot
        return is_another and self.unsent == noted and not self.snapshot_tries.is_open

    def told_in(self, run: Run) -> Run:
        """A run that has just ended; where it has failed, its advice says what further tries there are."""
        if run.state != "failed" or run.error is None or not run.sends_segment or _is_decided(run):
            return run
        is_due = run.trigger == "timer" and self.due_tries.is_open
        words = (self.due_tries if is_due else self.snapshot_tries).words()
        return replace(run, error=replace(run.error, advice=f"{run.error.advice} {words}".strip()))


def is_guard(code: str) -> bool:
    """True for the code of an error by which a guard stops a run (`shared/runs/guards.py`)."""
    return code.startswith("guard_")


def _is_decided(run: Run) -> bool:
    """True where a person has decided the end, or a guard that waits for a person."""
    code = run.error.code if run.error else ""
    return is_guard(code) or code in _DECIDED or bool(run.cancel_requested_by)
