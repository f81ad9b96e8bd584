"""The judge: sees all that is written, sent, posted and imported, and ends the history at the first violation."""

import logging
import re
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from shared.runs.rows import run_of
from shared.runs.state import FINAL, SUCCEEDED, Run
from shared.segments.snapshot import time_of
from shared.storage.tables import Row
from simulation.brevo import Brevo, Import
from simulation.excuses import CLOCKS_DIFFER_SECONDS, DEADLINE_SECONDS, longest_call, may_fail, stands_still
from simulation.following import Following
from simulation.invariants import Violation, checked
from simulation.plan import Plan
from simulation.receivers import Receivers
from simulation.scheduler import Scheduler
from simulation.sharing import is_mover
from simulation.storage import Kept

# More messages than this at once in a queue, and somebody multiplies them. The copies of one message that a run has
# ended bring many notices, once.
_MOST_STEPS, _MOST_NOTICES = 60, 300
# The first try of a snapshot and three more.
MOST_TRIES = 4
_RUN_ENDED = re.compile(r"run ended: run=(\S+)")
_SECRETS = ("@people.example", "simulated-key-0123456789", "secret-of-", "simulated.brevo.com/", "c2ltdWxhdGVk")


@dataclass(slots=True)
class Refresh:
    """A snapshot as it was written: its number, and who is in it, with their values."""

    export: str
    id: str
    number: int
    people: dict[str, str]
    at: float
    is_whole: bool


@dataclass
class Judge:
    """Sees all that is written and sent. The first violation ends the history."""

    scheduler: Scheduler
    plan: Plan
    violation: Violation | None = None
    on_state: Callable[[str, str], None] = lambda export, state: None
    brevo: Brevo = field(init=False)
    kept: Kept = field(init=False)
    receivers: Receivers = field(init=False)

    def __post_init__(self) -> None:
        self.runs: dict[str, tuple[str, str]] = {}  # run id -> export, state
        self.open_runs: set[str] = set()
        self.refreshes: dict[str, Refresh] = {}
        self.newest: dict[str, Refresh] = {}
        self._written: dict[tuple[str, int], dict[str, str]] = defaultdict(dict)
        self._bodies: dict[int, tuple[str, bytes]] = {}
        self._floors: dict[str, int] = {}
        self._excused: set[str] = set()
        self.ended_lines: set[str] = set()
        self.cancelled: set[str] = set()  # snapshots; of those that were still being written, the times
        self._started_again: set[str] = set()  # times of which a person has started a snapshot
        self.approval_asked: set[str] = set()
        self._held: dict[str, tuple[str, float]] = {}  # run id -> snapshot, until when
        self._asked: dict[str, str] = {}
        self.sent: dict[str, str] = {}
        self.sent_due: set[tuple[str, str]] = set()  # exports and times, of those that are due at times of their own
        self._due: dict[str, tuple[str, str]] = {}
        self.told: dict[tuple[str, str], int] = defaultdict(int)

    def begin(self, brevo: Brevo, kept: Kept, receivers: Receivers) -> None:
        """What there is to be looked at, before anything happens."""
        self.brevo, self.kept, self.receivers = brevo, kept, receivers
        self.strangers = dict(self.brevo.values)
        self.following = Following(self)
        self.may_fail = may_fail(self.plan)
        self.stands_still = stands_still(self.plan)

    def violate(self, name: str, text: str) -> None:
        """Ends the history."""
        if self.violation is None:
            self.violation = Violation(checked(name), self.scheduler.now, text)
            self.scheduler.stopped = True

    # What is seen at once

    def unforeseen(self, text: str) -> None:
        """A step has failed for a reason that nobody foresaw."""
        self.violate("nothing unforeseen", text)

    def refreshed(
        self, export: str, snapshot: str, number: int, people: list[tuple[str, str, str, str]], *, is_whole: bool
    ) -> None:
        """A file of a refresh was written."""
        known = self._written[export, number]
        known |= {email: value for _, email, value, _ in people if email}
        self.refreshes[snapshot] = Refresh(export, snapshot, number, dict(known), self.scheduler.now, is_whole)
        if export not in self.newest or self.newest[export].number <= number:
            self.newest[export] = self.refreshes[snapshot]

    def cancel_asked(self, run_id: str) -> None:
        """A person cancels a run: what it would send is the export's newest snapshot, unless it has another."""
        export, _ = self.runs[run_id]
        if newest := self.newest.get(export):
            self._asked[run_id] = newest.id

    def row(self, table: str, partition: str, key: str, values: dict[str, Any] | None) -> None:
        """A row was written."""
        if values is None:
            return
        if _leaks("\n".join([value for value in values.values() if value.__class__ is str])):
            self.violate("nothing leaks", f"in the table {table}, row {key}")
        if table == "runs" and key.startswith("run-"):
            self._run(partition, values)
        elif table == "batches" and (process := values.get("process_id")):
            self.brevo.imports[process - 1].is_known = True

    def _run(self, export: str, values: dict[str, Any]) -> None:
        run_id, state = str(values["run_id"]), str(values["state"])
        _, before = self.runs.get(run_id, ("", ""))
        if before in FINAL:
            self.violate("final is final", f"{run_id} was {before} and is written again as {state}")
        if before == state:
            return
        self.runs[run_id] = (export, state)
        self.on_state(export, state)
        if state in FINAL:
            self.open_runs.discard(run_id)
        else:
            self.open_runs.add(run_id)
            if others := [each for each in self.open_runs if each != run_id and self.runs[each][0] == export]:
                self.violate("one active run", f"{run_id} and {others[0]}")
        self._entered(export, run_id, before, values)

    def _entered(self, export: str, run_id: str, before: str, values: dict[str, Any]) -> None:
        state = str(values["state"])
        if state == "held":
            self._held[run_id] = str(values["snapshot"]), float(values["held_until"])
        elif state == "staging" and values["trigger"] not in ("timer", "event"):
            self._started_again.add(_time(export, str(values["snapshot"])))
        elif before == "held" and state == "queued":
            self._approved(run_id)
        elif state == "delivering":
            self._delivering(run_id, values)
        elif state == "cancelled" or (state == "failed" and values.get("cancel_requested_by")):
            snapshot = str(values.get("snapshot") or self._asked.get(run_id, ""))
            self.cancelled.add(_time(export, snapshot) if snapshot == time_of(snapshot) else snapshot)
        elif state in SUCCEEDED:
            self._succeeded(export, run_id, values)

    def _approved(self, run_id: str) -> None:
        if run_id not in self.approval_asked:
            self.violate("held until approved", f"{run_id} goes on, and nobody has approved it")
        # A decision that was made in time may be under way for a while.
        if self.scheduler.now > self._held[run_id][1] + CLOCKS_DIFFER_SECONDS + longest_call(self.plan):
            self.violate("approved as shown", f"{run_id} is approved when its time is over")

    def _delivering(self, run_id: str, values: dict[str, Any]) -> None:
        snapshot = str(values["snapshot"])
        is_to_be_held = values.get("kind") == "plan" or self.plan.is_large(self.refreshes[snapshot].number)
        if is_to_be_held and not (run_id in self._held and run_id in self.approval_asked):
            self.violate("held until approved", f"{run_id} sends, and nobody has approved it")
        elif run_id in self._held and self._held[run_id][0] != snapshot:
            self.violate("approved as shown", f"{run_id} sends {snapshot}, and has shown {self._held[run_id][0]}")
        if not self.refreshes[snapshot].is_whole:
            self.violate("sent whole", f"{run_id} sends {snapshot}, which is still being written")
        if values["trigger"] not in ("timer", "event"):
            return
        if self.plan.cron:
            self._by_cron(run_id, str(values["export"]))
        elif self.cancelled & {snapshot, _time(str(values["export"]), snapshot)} - self._started_again:
            self.violate("cancelled stays", f"{run_id} sends {snapshot}, which a person has cancelled")
        elif snapshot in self.sent:
            self.violate("sent once", f"{run_id} sends {snapshot}, as {self.sent[snapshot]} has")

    def _by_cron(self, run_id: str, export: str) -> None:
        due = str(self.kept.tables["runs"][export, "started"][0]["due"])
        if (export, due) in self.sent_due:
            self.violate("sent once", f"{run_id} sends again what was due at {due}")
        self._due[run_id] = export, due

    def _succeeded(self, export: str, run_id: str, values: dict[str, Any]) -> None:
        snapshot = str(values["snapshot"])
        self.sent[snapshot] = run_id
        if run_id in self._due:
            self.sent_due.add(self._due[run_id])
        refresh = self.refreshes[snapshot]
        list_id = self.plan.list_of(int(export[-1]))
        members = self.brevo.lists[list_id]
        if self.plan.mirrors:
            self.following.check(run_id, export, set(refresh.people))
        for email in refresh.people:
            if email in self.brevo.ever_left:
                continue
            is_known = email not in self.brevo.refused | self.brevo.unread
            if email not in members and (is_known or values["state"] == "succeeded"):
                self.violate("nobody lost", f"{run_id} {values['state']} and one of its people is not in the list")
            if not is_known or email in self._excused or is_mover(email):
                continue
            if version(self.brevo.values[email]) < refresh.number:
                self.violate("nobody lost", f"{run_id} succeeded and an older snapshot's value stands")
            self._floors[email] = max(refresh.number, self._floors.get(email, 0))

    def blob(self, container: str, name: str, data: bytes) -> None:
        """A blob was written."""
        if container == "staged" and name.endswith(".json"):
            self._bodies[id(data)] = (name, data)
        elif container == "rejected-rows" and _leaks(data.decode(errors="replace")):
            self.violate("nothing leaks", f"in the rejected rows {name}")

    def message(self, text: str) -> None:
        """A message was sent."""
        if _leaks(text):
            self.violate("nothing leaks", "in a message")
        if len(self.kept.messages) > _MOST_STEPS or len(self.kept.notices) > _MOST_NOTICES:
            self.violate("messages stay few", f"there are too many, such as {text}")

    def logged(self, record: logging.LogRecord) -> None:
        """A line of the app's log."""
        text = record.getMessage()
        if match := _RUN_ENDED.match(text):
            self.ended_lines.add(match[1])
        if _leaks(text):
            self.violate("nothing leaks", f"in the log: {record.msg}")

    def posted(self, setting: str, body: bytes) -> None:
        """A receiver has taken a notice."""
        text = body.decode()
        if _leaks(text):
            self.violate("nothing leaks", "in a notice")
        if setting == "SIMULATED_TEAMS" and self.receivers.taken[setting, body] > 1:
            self.violate("told once", "Teams shows a notice twice")
        for run_id in self.runs:
            if run_id in text:
                self.told[setting, run_id] += "waits for approval" not in text

    def taken(self, new: Import, staged: bytes, posted: bytes) -> None:
        """Brevo has taken an import, of this staged blob."""
        name, _ = self._bodies.get(id(staged), ("", b""))
        new.batch = name.removesuffix(".json")
        run_id, _, rest = new.batch.partition("/")
        if run_id not in self.runs:
            self.violate("sent whole", f"an import of {new.batch or 'no staged body'}")
            return
        run = self.run(run_id)
        if run.staging_id != rest.partition("/")[0]:
            self.violate("sent whole", f"an import of {new.batch}, and the run sends {run.staging_id or 'nothing yet'}")
        elif run.is_final and not self.stands_still:
            self.violate("nothing after the end", f"{run_id} has ended as {run.state}, and batch {rest} goes out")
        elif run.list_id != new.list_id:
            self.violate("others untouched", f"{run_id} sends to list {new.list_id}")
        elif strangers := new.contacts.keys() - self.refreshes[run.snapshot].people.keys():
            self.violate("others untouched", f"{run_id} sends {len(strangers)} who are not in its snapshot")
        elif b"Blacklist" in posted:
            self.violate("others untouched", f"{run_id} sends a blacklist field")
        self.following.sent[new.list_id] |= new.contacts.keys()
        if not run.is_final and run.snapshot:
            self.following.last[run.export] = set(self.refreshes[run.snapshot].people)

    def applied(self, done: Import, before: dict[str, str]) -> None:
        """An import has changed contacts."""
        self._put_back(done)
        for email in before:
            new = version(self.brevo.values[email])
            if new >= version(before[email]):
                self._excused.discard(email)
            elif self.scheduler.now - done.taken_at > DEADLINE_SECONDS - CLOCKS_DIFFER_SECONDS or done.is_late:
                self._excused.add(email)
            elif new < self._floors.get(email, 0):
                self.violate("newest values win", f"import {done.id} of {done.batch} replaces confirmed newer values")

    def _put_back(self, done: Import) -> None:
        if not done.put_back or not self.plan.asks_leavers:
            return
        run_id = done.batch.partition("/")[0]
        begun = self.run(run_id).answers_count_from.timestamp()
        if min(done.put_back.values()) < begun - CLOCKS_DIFFER_SECONDS:
            self.violate("leavers stay out", f"{run_id} puts back somebody who had left before it was begun")

    def unsettled(self) -> list[Refresh]:
        """The newest snapshots of which something is still to be done: nobody has sent, cancelled or given them up."""
        failed = Counter(export for export, state in self.runs.values() if state == "failed")
        return [
            newest
            for export, newest in self.newest.items()
            if not self._is_cancelled(newest) and newest.id not in self.sent and failed[export] < MOST_TRIES
        ]

    def _is_cancelled(self, refresh: Refresh) -> bool:
        return not self.cancelled.isdisjoint((refresh.id, _time(refresh.export, refresh.id)))

    def run(self, run_id: str) -> Run:
        """A run as it stands."""
        for (_, key), (values, etag) in self.kept.tables["runs"].items():
            if values.get("run_id") == run_id and key.startswith("run-"):
                return run_of(Row("", key, values, etag))
        raise KeyError(run_id)


def _leaks(text: str) -> bool:
    for secret in _SECRETS:  # noqa: SIM110 - of hundreds of texts a history, in half of the time
        if secret in text:
            return True
    return False


def _time(export: str, snapshot: str) -> str:
    """What stands for every snapshot of the export and this one's time."""
    return f"{export} {time_of(snapshot)}"


def version(value: str) -> int:
    """The number of the snapshot that a contact's value is of."""
    return int(value[1:] or 0)


class Listener(logging.Handler):
    """Shows the judge each line of the app's log."""

    def __init__(self, judge: Judge) -> None:
        super().__init__()
        self._judge = judge

    def emit(self, record: logging.LogRecord) -> None:
        """A line."""
        self._judge.logged(record)
