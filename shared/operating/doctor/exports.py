"""The doctor's checks of each export: its last run, its newest snapshot, its schedule, its list, and its notices."""

from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import pairwise
from statistics import median

from shared.app import App
from shared.config.document import ReadyExport
from shared.config.models import Connection, CronSchedule, Document, Export
from shared.config.notifications import Notification
from shared.counting import counted
from shared.errors import ConfigurationError
from shared.mapping.plan import make_plan
from shared.notices.queue import receiver_and_event
from shared.notices.recipients import events_of, run_before
from shared.notices.rows import NoticeRow
from shared.notices.tell import NOBODY
from shared.operating.doctor.finding import Finding, Look, Probe, State, probed_at_once
from shared.operating.doctor.lists import Lists
from shared.runs.due_times import due_time, next_due
from shared.runs.state import Run
from shared.runs.trial import newest_runs
from shared.runs.tries import Started, Tries, is_guard
from shared.runs.why_not_running import held_words, needs_accept, once_it_is_there
from shared.segments.reading import SegmentStream
from shared.segments.snapshot import Snapshot, own_snapshot, refresh_times, time_of
from shared.staging.completeness import check_complete, wait_for_files
from shared.staging.excluded import by_addresses, find_excluded
from shared.storage.tables import pass_over
from shared.sync.stored import Address, Stored
from shared.timer_schedule import TimerSchedule
from shared.times import duration

# Nobody waits longer than this for the exports; the other groups are still checked.
_EXPORTS_SECONDS = 60.0
# A turn of the timer starts what is due within a minute; two of its usual turns may be lost.
_LATE_SECONDS = 900.0
# Each waits for storage most of the time.
_AT_ONCE = 8
_FEWEST_GAPS = 2


def export_findings(
    app: App, document: Document, usable: set[str], timer: TimerSchedule | None, *, segments_answer: bool = True
) -> Generator[Finding]:
    """The lines of each export that has a connection. Brevo is asked only by the connections that are `usable`.

    `timer` is None where nobody can say when the timer runs: then nothing is overdue. What needs the segments is left
    out unless their storage answers.
    """
    until = app.now() + _EXPORTS_SECONDS
    lists = Lists(app)
    checks = [
        _ExportCheck(app, export, connection, timer, document.notifications, segments_answer)
        for export in document.exports
        if (connection := document.connection_of(export)) is not None
    ]

    def checked(check: _ExportCheck) -> tuple[list[Finding], bool] | None:
        return probed_at_once(check.probes(usable, lists)) if app.now() <= until else None

    left = len(checks)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for done in pool.map(checked, checks):
            if done is None:
                yield _unchecked(left, "it took too long")
                break
            found, answers = done
            yield from found
            left -= 1
            if not answers:
                until = 0.0
                if left:
                    yield _unchecked(left, "storage does not answer")
                break
    if checks and not segments_answer:
        text = "Snapshots and schedules were not checked, since the storage of the segments does not answer."
        yield Finding("snapshots", "warn", text, "Make it answer first.")


def _unchecked(left: int, why: str) -> Finding:
    text = f"{counted(left, 'export')} {'was' if left == 1 else 'were'} not checked: {why}."
    return Finding("exports", "warn", text, "See them in `segment-export exports`.")


@dataclass
class _ExportCheck:
    """What is read of one export, once for all its checks."""

    app: App
    export: Export
    connection: Connection
    timer: TimerSchedule | None
    notifications: list[Notification]
    segments_answer: bool

    def probes(self, usable: set[str], lists: Lists) -> list[Probe]:
        """Its checks, by name. `lists` are those of all exports at Brevo."""
        checks: list[Probe] = [("last run", self.last_run)]
        if self.segments_answer:
            checks += [("snapshot", self.newest_snapshot), ("excluded segments", self.excluded_segments)]
            checks.append(("schedule", self.schedule))
        checks += [("notices", self.notices), ("ledger", self.ledger)]
        if self.connection.id in usable:
            ready = ReadyExport(self.export, self.connection)
            checks.append(("list", partial(lists.own, ready)))
            checks.append(("excluded lists", partial(lists.excluded, ready)))
        return [(f"export {self.export.id}, {name}", check) for name, check in checks]

    @cached_property
    def _started(self) -> Started:
        return self.app.store.started(self.export.id)

    @cached_property
    def _last(self) -> Run | None:
        return newest_runs(self.app, self.export.id)[1]

    @cached_property
    def _snapshot(self) -> Snapshot:
        return own_snapshot(self.app.storage.segment_blobs, self.export)

    @property
    def _tries(self) -> Tries:
        is_cron = isinstance(self.export.schedule, CronSchedule)
        return self._started.due_tries if is_cron else self._started.snapshot_tries

    def last_run(self) -> Look:
        """A run that has failed, is held or was not approved in time: why, what happens next, and a command."""
        run, again = self._last, f"segment-export run {self.export.id}"
        if run is None:
            return "ok", "It has never run.", ""
        if held := self._held(run):
            return held
        if run.state != "failed" or run.error is None:
            return "ok", f"{run.run_id}: {run.state.replace('_', ' ')}.", ""
        text = f"{run.run_id} failed: {run.error.message}"
        if is_guard(run.error.code):
            return "FAILED", text, f"{run.error.advice} That is `{again} --accept`."
        if needs_accept(run):
            again = f"{again} --accept"
        is_off = self.export.schedule == "off"
        next_try = "" if is_off else self._tries.words()
        fix = run.error.advice if next_try in run.error.advice else f"{run.error.advice} {next_try}"
        # With its schedule off, it runs when a person starts it, who has seen it fail.
        following = once_it_is_there(self.app, self.export, run) if self.segments_answer else ""
        return "warn" if is_off else "FAILED", text, f"{fix} {following or f'Run it now: `{again}`.'}".strip()

    def _held(self, run: Run) -> Look | None:
        """A run that waits for approval, or has waited in vain. Where a guard holds it, nothing reaches Brevo."""
        state: State = "FAILED" if run.held_for and is_guard(run.held_for.code) else "warn"
        if run.is_held:
            return state, *held_words(run, ReadyExport(self.export, self.connection))
        if run.error is not None and run.error.code == "hold_expired":
            return state, f"{run.run_id}: {run.error.message}", run.error.advice
        return None

    def ledger(self) -> Look:
        """How much is kept of what was sent, and since when."""
        setting = self.connection.api_key.setting
        found = Stored.find(self.app.storage.app_blobs, Address(setting, self.export.list_id, self.export.id)).ledger
        if found is None:
            return (
                "ok",
                "Nothing is kept of what was sent: the next run sends all and, but with mirror_exact, removes nobody.",
                "",
            )
        age = duration((self.app.time() - found.modified).total_seconds())
        return "ok", f"What was sent to list {self.export.list_id}: {found.size_bytes:,} bytes, {age} old.", ""

    def newest_snapshot(self) -> Look | None:
        """A snapshot that is not there, lacks files or mapped columns, or is older than the ones before let expect."""
        try:
            snapshot = self._snapshot
        except ConfigurationError as error:
            if error.code == "container_missing":
                return None  # the container has a line of its own
            is_new = error.code == "snapshot_missing" and not self._started.snapshot
            return "warn" if is_new or self.export.schedule == "off" else "FAILED", error.message, error.advice
        return self._looked_into(snapshot, self.export, is_taken=self._started.covers(snapshot.id))

    def excluded_segments(self) -> Look | None:
        """The same of the excluded segments: by one that is refreshed no more nobody new is excluded."""
        try:
            snapshot = find_excluded(self.app.storage.segment_blobs, self.export)
        except ConfigurationError as error:
            if error.code == "container_missing":
                return None  # the container has a line of its own
            raise
        if snapshot is None:
            return None
        return self._looked_into(snapshot, by_addresses(ReadyExport(self.export, self.connection)).export)

    def _looked_into(self, snapshot: Snapshot, export: Export, *, is_taken: bool = False) -> Look:
        """Its files, the columns that the export maps, and its age. Of one that a run has taken files may be gone."""
        if not is_taken:
            if wait := self._wait_for_files(snapshot):
                return "warn", wait, "Wait. If they do not come, let Customer Insights export the segment again."
            check_complete(snapshot)
        self._check_columns(snapshot, export)
        return self._age(snapshot)

    def _check_columns(self, snapshot: Snapshot, export: Export) -> None:
        """Raises ConfigurationError where a segment's first file lacks a column that the export maps.

        Of an old snapshot no file may be left.
        """
        for file in (file for part in snapshot.segments for file in part.files[:1]):
            stream = SegmentStream(self.app.storage.segment_blobs, self.export.source, file)
            make_plan(export, self.connection, stream.header.columns, stream.name)

    def _wait_for_files(self, snapshot: Snapshot) -> str:
        hours = self.app.settings.snapshot_complete_hours
        wait = wait_for_files(self.export.source, snapshot, hours, self.app.now())
        return wait.reason if wait else ""

    def _age(self, snapshot: Snapshot) -> Look:
        part = min(snapshot.segments, key=lambda part: part.modified)
        age = self.app.now() - part.modified.timestamp()
        text = f"{part.segment}/{part.time} is the newest refresh, written {duration(age)} ago"
        times = refresh_times(self.app.storage.segment_blobs, self.export.source, part.segment)
        gaps = sorted((newer - older).total_seconds() for newer, older in pairwise(times))
        if len(gaps) < _FEWEST_GAPS:
            return "ok", f"{text}.", ""
        usual = median(gaps)
        # The longest gap may be an outage; that of each weekend is there twice.
        longest = gaps[-1] if len(gaps) == _FEWEST_GAPS else gaps[-2]
        text = f"{text}; they came every {duration(usual)} so far, mostly within {duration(longest)}"
        if self.export.schedule == "off" or age <= longest + usual / 2:
            return "ok", f"{text}.", ""
        fix = "See in Customer Insights whether the segment's refresh or its export to this storage has failed."
        return "warn", f"{text}: a new one is overdue.", fix

    def schedule(self) -> Look | None:
        """A schedule whose time has passed and whose run was not started: no timer has run since."""
        if self.export.schedule == "off" or self.connection.consent is None or self.timer is None:
            return None
        since, what = self._due_since()
        turn = next(self.timer.next_times(self.app.time().fromtimestamp(since, self.app.time().tzinfo)), None)
        late = self.app.now() - turn.timestamp() if since and turn else 0.0
        if late <= _LATE_SECONDS or self.app.store.active(self.export.id):
            return "ok", "Nothing is overdue.", ""
        return (
            "FAILED",
            f"{what}, and for {duration(late)} no timer has started a run of it.",
            "Start the app; if it is started, its log says at each turn of `timer_export` why not."
            + ("" if self._is_segment_missing() else f" Run it now: `segment-export run {self.export.id}`."),
        )

    def _is_segment_missing(self) -> bool:
        """True where a run would fail, as the line about the snapshot says."""
        try:
            return not self._snapshot.segments
        except ConfigurationError:
            return True

    def _due_since(self) -> tuple[float, str]:
        """From when the timer was to start a run, in POSIX seconds, and why; 0 where nothing is due."""
        is_cron = isinstance(self.export.schedule, CronSchedule)
        regular = self._due_time() if is_cron else self._new_snapshot()
        again = (self._tries.again_at if self._tries.is_open else 0.0, "Its failed run was to be tried again")
        return min((each for each in (regular, again) if each[0]), default=(0.0, ""))

    def _due_time(self) -> tuple[float, str]:
        # Without one, no timer has seen the schedule yet: nobody knows since when.
        if not isinstance(self.export.schedule, CronSchedule) or not self._started.due:
            return 0.0, ""
        due = next_due(self.export.schedule, due_time(self._started.due))
        return (due.timestamp() if due else 0.0), "Its schedule was due"

    def _new_snapshot(self) -> tuple[float, str]:
        try:
            snapshot = self._snapshot
        except ConfigurationError:
            return 0.0, ""  # the line about the snapshot says so
        if self._started.covers(snapshot.id) or self._wait_for_files(snapshot):
            return 0.0, ""
        ready = snapshot.newest.timestamp() + self.app.settings.snapshot_quiet_seconds
        return ready, f"The snapshot {time_of(snapshot.id)} is there"

    def notices(self) -> Look | None:
        """The notices of the last run that did not arrive. One to a receiver that was removed does not count."""
        run = self._last
        if run is None or not (run.is_final or run.is_held):
            return None
        rows = {row.key: NoticeRow.of(row) for row in self.app.storage.notices.query(run.run_id, on_other=pass_over)}
        receivers = {each.id for each in self.notifications}
        found = [(*receiver_and_event(run.run_id, key), notice.state) for key, notice in rows.items()]
        lost = [each for each in found if each[0] in receivers and each[2] in ("given_up", "unknown")]
        late = [each for each in found if each[0] in receivers and each[2] == "refused"]
        if not lost and not late:
            return self._untold(run) if not rows else ("ok", "None is lost.", "")
        notification, event, _ = (lost or late)[0]
        state, text, fix = self._undelivered(run, notification, event, is_lost=bool(lost))
        others = sorted({each[0] for each in (*lost, *late)} - {notification})
        return state, f"{text} Nor has it reached {', '.join(others)}." if others else text, fix

    def _untold(self, run: Run) -> Look:
        """Of a run that no notice was made of: it may have had to be, while the configuration could not be read."""
        wanted = [each for each in self.notifications if each.is_for(run.export)]
        if not wanted or not (reason := self._reason(run, NOBODY)):
            return "ok", "None is lost.", ""
        before = run_before(self.app, run)
        names = ", ".join(each.id for each in wanted if events_of(run, before, each))
        if not names:
            return "ok", "None is lost.", ""
        fix = f"Tell them: `segment-export status {run.run_id}` shows it. This line goes with the export's next run."
        return "FAILED", f"Nobody was told of {run.run_id}, which {names} should have got. {reason}", fix

    def _undelivered(self, run: Run, notification: str, event: str, *, is_lost: bool) -> Look:
        fix = f"See that the receiver is there and its settings are right: `segment-export notify-test {notification}`."
        if not is_lost:
            text = f"{notification} has not taken the notice ({event}) of {run.run_id} yet."
            return "warn", text, f"It is tried again by itself, for six hours. {fix}"
        fix += " It is not sent again: this line goes with the export's next run."
        text = f"The notice ({event}) of {run.run_id} may not have reached {notification}."
        return "FAILED", f"{text} {self._reason(run, notification)}".rstrip(), fix

    def _reason(self, run: Run, notification: str) -> str:
        """Why this one got no notice, as the run's story has it; empty where it does not say so."""
        texts = (
            each["text"].removeprefix(f"{notification}: ")
            for each in reversed(self.app.store.events(run.run_id))
            if each["kind"] in ("not_notified", "notice_unknown") and each["text"].startswith(f"{notification}: ")
        )
        return next(texts, "")
