"""What must be true in every history, whatever happens: each with a name and a sentence.

What can be seen at once is checked after every write, post and import; the rest when all has come to rest.
docs/reliability.md lists them.
"""

import json
import logging
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from shared.runs.rows import run_of
from shared.runs.state import FINAL, SUCCEEDED, Run
from shared.storage.tables import Row
from simulation.brevo import Brevo, Import
from simulation.faults import BrevoFault, CallFault, Freeze, KeyRefused, Outage, Restart
from simulation.plan import Plan
from simulation.receivers import Receivers
from simulation.scheduler import Scheduler
from simulation.storage import Kept

if TYPE_CHECKING:
    from simulation.world import World

INVARIANTS: dict[str, str] = {
    "nobody lost": "A run that succeeded has put everybody of its snapshot into the list, with that snapshot's values.",
    "snapshot settled": "The newest snapshot of an export was sent, or cancelled by a person, or failed and was told.",
    "others untouched": "An import holds people of its export's snapshots only, for its list, and blocks nobody.",
    "imports open": "An account never has more imports open at Brevo than it allows.",
    "newest values win": "No value of an older snapshot replaces one that a run has confirmed.",
    "books balance": "In a final run rows and contacts add up, and success means that all were delivered.",
    "nothing sent is true": "A run that says that nothing was sent has sent nothing.",
    "sent whole": "Nothing goes out before the run has written down the whole staging, and of no other staging.",
    "cancelled stays": "What a person has cancelled is not sent by the timer or an event later.",
    "sent once": "The timer and events send no snapshot a second time that they have sent.",
    "one active run": "An export has one run at a time that is not final.",
    "final is final": "A run that has ended stays as it ended.",
    "every run ends": "When all is quiet no run is open, none is listed as open, and no message is left.",
    "no body left": "When all is quiet nothing is staged any more.",
    "told once": "Each failure and each recovery is told to each receiver, and to none that cannot tell copies twice.",
    "end is logged": "Each run that has ended has its line `run ended` in the log.",
    "no secrets": "No address and no secret stands in a table, a message, the log or a notice.",
    "nothing after the end": "Brevo gets nothing of a run that has ended, unless a worker stood still meanwhile.",
    "no needless repeats": "Where nothing is lost and nobody stands still, each batch goes out once.",
    "messages stay few": "Copies of a message do not multiply.",
    "trouble only delays": "No run fails because storage, a worker or the configuration was away for a while.",
    "nothing unforeseen": "No step fails for a reason that nobody foresaw.",
}

# An import that is open for so long has passed the connection's deadline.
_DEADLINE_SECONDS = 6 * 3600.0
_CLAIM_SECONDS = 15.0
# More messages than this at once in a queue, and somebody multiplies them.
_MOST_MESSAGES = 100
_RUN_ENDED = re.compile(r"run ended: run=(\S+)")
_SECRET = re.compile(r"@people\.example|simulated-key-0123456789|secret-of-|c2ltdWxhdGVk")


@dataclass(frozen=True, slots=True)
class Violation:
    """An invariant that does not hold, when, and what shows it."""

    name: str
    at: float
    text: str


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
    instances: list[str] = field(default_factory=list)
    brevo: Brevo = field(init=False)
    kept: Kept = field(init=False)
    receivers: Receivers = field(init=False)

    def __post_init__(self) -> None:
        self._runs: dict[str, tuple[str, str]] = {}  # run id -> export, state
        self.open_runs: set[str] = set()
        self._refreshes: dict[str, Refresh] = {}
        self._newest: dict[str, Refresh] = {}
        self._written: dict[tuple[str, int], dict[str, str]] = defaultdict(dict)
        self._bodies: dict[int, tuple[str, bytes]] = {}
        self._floors: dict[str, int] = {}
        self._lowered: list[tuple[Import, str]] = []
        self._excused: set[str] = set()
        self._logged: set[str] = set()
        self._cancelled: set[str] = set()
        self._asked: dict[str, str] = {}
        self._sent: dict[str, str] = {}
        self._posted: dict[tuple[str, str], int] = defaultdict(int)

    def begin(self) -> None:
        """What is there before anything happens."""
        self._strangers = dict(self.brevo.values)
        self._may_fail = may_fail(self.plan)
        self._stands_still = stands_still(self.plan)

    def violate(self, name: str, text: str) -> None:
        """Ends the history."""
        if self.violation is None:
            assert name in INVARIANTS
            self.violation = Violation(name, self.scheduler.now, text)
            self.scheduler.stopped = True

    # What is seen at once

    def unforeseen(self, text: str) -> None:
        """A step has failed for a reason that nobody foresaw."""
        self.violate("nothing unforeseen", text)

    def refreshed(
        self, export: str, snapshot: str, number: int, people: list[tuple[str, str, str]], *, is_whole: bool
    ) -> None:
        """A file of a refresh was written."""
        known = self._written[export, number]
        known |= {email: value for _, email, value in people if email}
        self._refreshes[snapshot] = Refresh(export, snapshot, number, dict(known), self.scheduler.now, is_whole)
        if export not in self._newest or self._newest[export].number <= number:
            self._newest[export] = self._refreshes[snapshot]

    def cancel_asked(self, run_id: str) -> None:
        """A person cancels a run: what it would send is the export's newest snapshot, unless it has another."""
        export, _ = self._runs[run_id]
        if newest := self._newest.get(export):
            self._asked[run_id] = newest.id

    def row(self, table: str, partition: str, key: str, values: dict[str, Any] | None) -> None:
        """A row was written."""
        if values is None:
            return
        for value in values.values():
            if value.__class__ is str and _SECRET.search(value):
                self.violate("no secrets", f"in the table {table}, row {key}")
        if table == "runs" and key.startswith("run-"):
            self._run(partition, values)
        elif table == "batches" and (process := values.get("process_id")):
            self.brevo.imports[process - 1].is_known = True

    def _run(self, export: str, values: dict[str, Any]) -> None:
        run_id, state = str(values["run_id"]), str(values["state"])
        _, before = self._runs.get(run_id, ("", ""))
        if before == state:
            return
        if before in FINAL:
            self.violate("final is final", f"{run_id} was {before} and is {state}")
        self._runs[run_id] = (export, state)
        if state in FINAL:
            self.open_runs.discard(run_id)
        else:
            self.open_runs.add(run_id)
            if others := [each for each in self.open_runs if each != run_id and self._runs[each][0] == export]:
                self.violate("one active run", f"{run_id} and {others[0]}")
        if state == "delivering":
            self._delivering(run_id, values)
        elif state == "cancelled":
            self._cancelled.add(str(values.get("snapshot") or self._asked.get(run_id, "")))
        elif state in SUCCEEDED:
            self._succeeded(export, run_id, values)

    def _delivering(self, run_id: str, values: dict[str, Any]) -> None:
        snapshot = str(values["snapshot"])
        if not self._refreshes[snapshot].is_whole:
            self.violate("sent whole", f"{run_id} sends {snapshot}, which is still being written")
        if values["trigger"] not in ("timer", "event"):
            return
        if snapshot in self._cancelled:
            self.violate("cancelled stays", f"{run_id} sends {snapshot}, which a person has cancelled")
        elif snapshot in self._sent:
            self.violate("sent once", f"{run_id} sends {snapshot}, as {self._sent[snapshot]} has")

    def _succeeded(self, export: str, run_id: str, values: dict[str, Any]) -> None:
        snapshot = str(values["snapshot"])
        self._sent[snapshot] = run_id
        refresh = self._refreshes[snapshot]
        members = self.brevo.lists[12 + int(export[-1])]
        for email in refresh.people:
            if email in self.brevo.refused or email in self._excused:
                continue
            if email not in members:
                self.violate("nobody lost", f"{run_id} succeeded and one of its people is not in the list")
            elif version(self.brevo.values[email]) < refresh.number:
                self.violate("nobody lost", f"{run_id} succeeded and an older snapshot's value stands")
            self._floors[email] = max(refresh.number, self._floors.get(email, 0))

    def blob(self, container: str, name: str, data: bytes) -> None:
        """A blob was written."""
        if container == "staged" and name.endswith(".json"):
            self._bodies[id(data)] = (name, data)
        elif container == "rejected-rows" and _SECRET.search(data.decode(errors="replace")):
            self.violate("no secrets", f"in the rejected rows {name}")

    def message(self, text: str) -> None:
        """A message was sent."""
        if _SECRET.search(text):
            self.violate("no secrets", "in a message")
        if max(len(self.kept.messages), len(self.kept.notices)) > _MOST_MESSAGES:
            self.violate("messages stay few", f"there are more than {_MOST_MESSAGES}, such as {text}")

    def logged(self, record: logging.LogRecord) -> None:
        """A line of the app's log."""
        text = record.getMessage()
        if match := _RUN_ENDED.match(text):
            self._logged.add(match[1])
        if _SECRET.search(text):
            self.violate("no secrets", f"in the log: {record.msg}")

    def posted(self, setting: str, body: bytes) -> None:
        """A receiver has taken a notice."""
        text = body.decode()
        if _SECRET.search(text):
            self.violate("no secrets", "in a notice")
        if setting == "SIMULATED_TEAMS" and self.receivers.taken[setting, body] > 1:
            self.violate("told once", "Teams shows a notice twice")
        for run_id in self._runs:
            if run_id in text:
                self._posted[setting, run_id] += 1

    def taken(self, new: Import, body: bytes) -> None:
        """Brevo has taken an import."""
        name, _ = self._bodies.get(id(body), ("", b""))
        new.batch = name.removesuffix(".json")
        run_id, _, rest = new.batch.partition("/")
        if run_id not in self._runs:
            self.violate("sent whole", f"an import of {new.batch or 'no staged body'}")
            return
        run = self.run(run_id)
        if run.staging_id != rest.partition("/")[0]:
            self.violate("sent whole", f"an import of {new.batch}, and the run sends {run.staging_id or 'nothing yet'}")
        elif run.is_final and not self._stands_still:
            self.violate("nothing after the end", f"{run_id} has ended as {run.state}, and batch {rest} goes out")
        elif run.list_id != new.list_id:
            self.violate("others untouched", f"{run_id} sends to list {new.list_id}")
        elif strangers := new.contacts.keys() - self._refreshes[run.snapshot].people.keys():
            self.violate("others untouched", f"{run_id} sends {len(strangers)} who are not in its snapshot")
        elif b"Blacklist" in body:
            self.violate("others untouched", f"{run_id} sends a blacklist field")

    def applied(self, done: Import, before: dict[str, str]) -> None:
        """An import has changed contacts."""
        for email in before:
            new = version(self.brevo.values[email])
            if new >= version(before[email]):
                self._excused.discard(email)
            elif not done.is_known:
                # Nobody was given its number. Whether it is noted later shows at the end.
                self._excused.add(email)
                self._lowered.append((done, f"import {done.id} of {done.batch}"))
            elif new < self._floors.get(email, 0):
                self.violate("newest values win", f"import {done.id} of {done.batch} replaces confirmed newer values")

    # What must be true when all has come to rest

    def run(self, run_id: str) -> Run:
        """A run as it stands."""
        for (_, key), (values, etag) in self.kept.tables["runs"].items():
            if values.get("run_id") == run_id and key.startswith("run-"):
                return run_of(Row("", key, values, etag))
        raise KeyError(run_id)

    def at_the_end(self) -> None:
        """Checks what is left."""
        runs = [self.run(run_id) for run_id in self._runs]
        for name, text in (
            *self._still_open(),
            *self._strangers_touched(),
            *self._too_many_open(),
            *self._of_runs(runs),
            *self._repeats(),
            *self._left(),
            *self._told(runs),
            *self._settled(runs),
        ):
            self.violate(name, text)

    def _still_open(self) -> Iterator[tuple[str, str]]:
        for run_id in sorted(self.open_runs):
            yield "every run ends", f"{run_id} is {self._runs[run_id][1]}"
        for partition, key in self.kept.tables["runs"]:
            if key == "active" or partition == "open":
                yield "every run ends", f"the row {partition}/{key} is left"
        for kind, messages in (("step", self.kept.messages), ("poison", self.kept.poison)):
            for message in messages:
                yield "every run ends", f"a {kind} message is left: {message.text}"

    def _strangers_touched(self) -> Iterator[tuple[str, str]]:
        for email, value in self._strangers.items():
            if self.brevo.values.get(email) != value or not any(email in each for each in self.brevo.lists.values()):
                yield "others untouched", "somebody who is in no segment is not as before"

    def _too_many_open(self) -> Iterator[tuple[str, str]]:
        known = [each for each in self.brevo.imports if each.is_known]
        for each in known:
            at_once = [
                other
                for other in known
                if other.taken_at <= each.taken_at
                and (not other.over_at or other.over_at > each.taken_at)
                and each.taken_at - other.taken_at < _DEADLINE_SECONDS
            ]
            if len(at_once) > self.plan.slots:
                yield "imports open", f"at once: {', '.join(f'{other.id} of {other.batch}' for other in at_once)}"
        for done, text in self._lowered:
            if done.is_known:
                yield "newest values win", f"{text} replaces newer values"

    def _of_runs(self, runs: list[Run]) -> Iterator[tuple[str, str]]:
        for run in runs:
            if run.state == "failed" and not (run.error and run.error.code in self._may_fail):
                yield "trouble only delays", f"{run.run_id} failed as {run.error.code if run.error else 'nothing'}"
            if run.run_id not in self._logged:
                yield "end is logged", f"{run.run_id} ended as {run.state}"
            counts = run.counts
            if run.state in SUCCEEDED and not counts.contacts_delivered == counts.contacts_mapped:
                yield "books balance", f"{run.run_id}: not all delivered"
            if run.state in SUCCEEDED and counts.open_contacts:
                yield "books balance", f"{run.run_id}: not all confirmed"
            if counts.rows_read != counts.contacts_mapped + counts.rows_merged + sum(counts.rows_rejected.values()):
                yield "books balance", f"{run.run_id}: rows do not add up"
            if counts.open_contacts < 0 or counts.contacts_delivered > counts.contacts_mapped:
                yield "books balance", f"{run.run_id}: contacts do not add up"
            refused = sum(email in self.brevo.refused for email in self._sent_people(run))
            if run.state in SUCCEEDED and not self._reports_broken and counts.rejected_by_brevo != refused:
                yield "books balance", f"{run.run_id}: Brevo has rejected {refused}"
            sent = [each for each in self.brevo.imports if each.batch.startswith(f"{run.run_id}/")]
            if sent and run.error is not None and run.error.message.endswith("Nothing was sent."):
                yield "nothing sent is true", f"{run.run_id} says so, and Brevo has {len(sent)} imports of it"

    @property
    def _reports_broken(self) -> bool:
        return any(each.is_report_broken for each in self.brevo.imports)

    def _sent_people(self, run: Run) -> dict[str, str]:
        return self._refreshes[run.snapshot].people if run.snapshot else {}

    def _repeats(self) -> Iterator[tuple[str, str]]:
        if self._stands_still or loses_something(self.plan):
            return
        batches = [each.batch for each in self.brevo.imports]
        for each in set(batches):
            if batches.count(each) > 1:
                yield "no needless repeats", f"{each} went out {batches.count(each)} times"

    def _left(self) -> Iterator[tuple[str, str]]:
        for name in self.kept.blob_names("staged"):
            yield "no body left", name

    def _told(self, runs: list[Run]) -> Iterator[tuple[str, str]]:
        for run in runs:
            if run.state != "failed":
                continue
            for setting, notification in (("SIMULATED_TEAMS", "team"), ("SIMULATED_WEBHOOK", "hook")):
                if not self._posted[setting, run.run_id] and not self._given_up(run, notification):
                    code = run.error.code if run.error else ""
                    yield "told once", f"{run.run_id} failed as {code}, and {notification} was not told"

    def _given_up(self, run: Run, notification: str) -> bool:
        rows = self.kept.tables["notices"].items()
        return any(
            partition == run.run_id and key.startswith(f"{run.run_id}-{notification}-") and values["state"] != "told"
            for (partition, key), (values, _) in rows
            if values["state"] in ("given_up", "unknown")
        )

    def _settled(self, runs: list[Run]) -> Iterator[tuple[str, str]]:
        for export, newest in self._newest.items():
            if newest.id in self._cancelled or newest.id in self._sent or not newest.is_whole:
                continue
            failed = [run for run in runs if run.export == export and run.state == "failed"]
            if not any(run.snapshot == newest.id or _may_have_had(run, newest) for run in failed):
                states = ", ".join(f"{run.run_id} {run.state}" for run in runs if run.export == export)
                yield "snapshot settled", f"{newest.id} of {export} was not sent, and nobody was told ({states})"


def may_fail(plan: Plan) -> set[str]:
    """The codes that a run of this plan may fail with: what Brevo refuses or does not finish is no mere delay."""
    kinds = [each.kind for each in plan.faults if isinstance(each, BrevoFault)]
    allowed = set()
    if any(isinstance(each, KeyRefused) for each in plan.faults):
        allowed |= {"brevo_key_refused"}
    if sum(kind in ("import-failed", "import-cancelled") for kind in kinds) > 1:
        allowed |= {"import_failed"}
    if any(isinstance(each, BrevoFault) and each.seconds > _DEADLINE_SECONDS for each in plan.faults):
        allowed |= {"import_overdue"}
    if any(each.kind in ("start", "start-again") for each in plan.actions):
        allowed |= {"snapshot_missing"}
    return allowed


def stands_still(plan: Plan) -> bool:
    """True where a worker may stand still for longer than its claim lasts."""
    return plan.latency.slowest > _CLAIM_SECONDS or any(
        isinstance(each, Freeze) or (isinstance(each, CallFault) and each.seconds > 0) for each in plan.faults
    )


def loses_something(plan: Plan) -> bool:
    """True where a batch may have to go out again: an answer may be lost, an import may fail, a worker may die."""
    kinds = {each.kind for each in plan.faults if isinstance(each, BrevoFault)}
    again = {"500-after", "524-after", "reset-after", "garbled", "import-failed", "import-cancelled", "slow-after"}
    return bool(kinds & again) or any(isinstance(each, CallFault | Outage | Restart) for each in plan.faults)


def _may_have_had(run: Run, refresh: Refresh) -> bool:
    """True for a run that failed before it had written down which snapshot it has."""
    return not run.snapshot and datetime.fromisoformat(run.times["failed"]).timestamp() >= refresh.at


def version(value: str) -> int:
    """The number of the snapshot that a contact's value is of."""
    return int(value[1:] or 0)


def listening(world: "World") -> logging.Handler:
    """A handler of the app's log that shows the judge each line."""

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            world.judge.logged(record)

    return Handler()


__all__ = ["INVARIANTS", "Judge", "Refresh", "Violation", "json", "listening"]
