"""What people and other programs do: refreshes, starts, cancels, saves, and a configuration with a typo."""

import json
import random
from collections.abc import Callable
from contextlib import suppress

from shared.app import App
from shared.config import document
from shared.config.document import ready_export
from shared.errors import ConfigurationError
from shared.runs.holding import approve
from shared.runs.run_ids import new_run_id
from shared.runs.starting import start_for_blob, start_for_segment, start_on_demand, start_run
from shared.runs.status import find_run
from shared.runs.steps.stop import request_cancel
from simulation import staging
from simulation.config import CONFIG, CONTAINER, FOLDER, export_id, make_document, person, phone_of, renamed
from simulation.faults import MessagesLost, StartBreaksOff
from simulation.host import TIMER_SECONDS, Host
from simulation.judge import Judge
from simulation.plan import Action, Plan
from simulation.scheduler import Process, Scheduler
from simulation.sharing import movers
from simulation.storage import Kept

_DELIVERIES_OF_AN_EVENT = 6


class _Direct:
    """A look at storage that is no part of the history."""

    def call[T](self, name: str, act: Callable[[], T]) -> T:
        return act()


class People:
    """Carries out the plan's actions."""

    def __init__(
        self,
        scheduler: Scheduler,
        plan: Plan,
        chance: random.Random,
        kept: Kept,
        host: Host,
        judge: Judge,
        note: Callable[[str], None],
        first_tick: float,
    ) -> None:
        self._scheduler, self._plan, self._chance, self._note = scheduler, plan, chance, note
        self._kept, self._host, self._judge, self._first_tick = kept, host, judge, first_tick
        self._refreshes = [0] * plan.exports
        data = json.dumps(make_document(plan)).encode()
        self._exports = document.parse_document(data, CONFIG).exports
        self._write_config(data)
        for fault in plan.faults:
            if isinstance(fault, MessagesLost) and not fault.after_repetition:
                scheduler.after(fault.at, kept.messages.clear)
        self._waiting = [action for action in plan.actions if action.when]
        judge.on_state = self._entered
        for action in plan.actions:
            if not action.when:
                self._later(action)

    def _entered(self, export: str, state: str) -> None:
        """A run is in another state: some wait for that."""
        for action in [each for each in self._waiting if (export_id(each.export), each.when) == (export, state)]:
            self._waiting.remove(action)
            self._later(action)

    def _later(self, action: Action) -> None:
        self._scheduler.after(action.at, lambda: self._act(action))

    def _act(self, action: Action) -> None:
        self._note(f"action {action.kind} {action.export}")
        export = export_id(action.export)
        acts: dict[str, Callable[[], object]] = {
            "refresh": lambda: self._refresh(action.export),
            "start": lambda: self._start(export),
            "start-again": lambda: self._start_again(export, action.seconds),
            "webhook": lambda: self._host.request("webhook", lambda app: start_for_segment(app, "Gold")),
            "plan": lambda: self._host.request("plan", lambda app: _start_plan(app, export)),
            "approve": lambda: self._host.request("approve", lambda app: self._approve(app, export)),
            "cancel": lambda: self._host.request("cancel", lambda app: self._cancel(app, export)),
            "save": lambda: self._host.request("save", _save),
            "typo": lambda: self._typo(action.seconds),
            "leave": lambda: self._leave(action.export),
        }
        acts[action.kind]()

    def _start(self, export: str, run_id: str = "") -> Process | None:
        return self._host.request("start", lambda app: start_on_demand(app, export, "http", "tester", run_id=run_id))

    def _start_again(self, export: str, seconds: float) -> None:
        """As a start with an Idempotency-Key, whose run has its id before it is started."""
        run_id = new_run_id(export, self._kept.clock.now())
        process = self._start(export, run_id)
        for fault in self._plan.faults:
            if isinstance(fault, StartBreaksOff) and process is not None:
                self._scheduler.after(fault.seconds, lambda: self._scheduler.kill(process))
        until_tick = (self._first_tick - self._scheduler.now - seconds) % TIMER_SECONDS
        after = seconds + until_tick + self._chance.uniform(-0.06, 0.02)
        self._scheduler.after(after, lambda: self._start(export, run_id))
        for fault in self._plan.faults:
            if isinstance(fault, MessagesLost) and fault.after_repetition:
                self._scheduler.after(after + fault.at, self._kept.messages.clear)

    def _cancel(self, app: App, export: str) -> None:
        run_id = app.store.active(export)
        if run_id is not None:
            with suppress(ConfigurationError):  # it has ended already
                run = find_run(app, run_id)
                self._judge.cancel_asked(run_id)
                request_cancel(app, run, "admin")

    def _approve(self, app: App, export: str) -> None:
        run_id = app.store.active(export)
        run = app.store.load(run_id) if run_id else None
        if run is not None and run.is_held:
            self._judge.approval_asked.add(run.run_id)
            with suppress(ConfigurationError):  # it is outdated, or another one was faster
                approve(app, run, "admin")

    def _leave(self, export: int) -> None:
        brevo, list_id = self._judge.brevo, self._plan.list_of(export)
        if members := sorted(brevo.lists[list_id] - self._judge.strangers.keys()):
            brevo.leave(list_id, self._chance.choice(members))

    def _typo(self, seconds: float) -> None:
        right = self._kept.containers["app-config"]["exports.json"][0]
        self._write_config(b'{"exports": [')
        self._scheduler.after(seconds, lambda: self._write_config(right))

    def _write_config(self, data: bytes) -> None:
        container, name = CONFIG.split("/")
        self._kept.containers[container][name] = (data, self._kept.etag(), self._kept.clock.now())

    # A refresh of Customer Insights, and its events

    def _refresh(self, export: int) -> None:
        """Two files, some seconds apart where a quiet period covers that; else one."""
        self._refreshes[export] += 1
        number = self._refreshes[export]
        folder = f"{FOLDER}{export}/Gold/2026/11/24/{number:02}00"
        people = self._people(export, number)
        half = len(people) if not self._plan.quiet_seconds else (len(people) + 1) // 2
        self._write_file(export, number, f"{folder}/Gold_1.csv", people[:half], is_last=half == len(people))
        if half < len(people):
            name, rest = f"{folder}/Gold_2.csv", people[half:]
            after = self._chance.uniform(0.5, 8.0)
            self._scheduler.after(after, lambda: self._write_file(export, number, name, rest, is_last=True))

    def _people(self, export: int, number: int) -> list[tuple[str, str, str, str]]:
        """Who is in the segment: one leaves with each refresh and another one comes; and a row without an address."""
        count = self._plan.batches * staging.CONTACTS_IN_A_BATCH
        rows = [
            (f"C{each}", person(export, each), f"v{number}", phone_of(export, each) if self._has_phone(each) else "")
            for each in (*range(1, count), 1000 + number, *self._more(number))
        ]
        if self._plan.one_list:
            rows += [(f"C{email[:2]}", email, f"v{number}", "") for email in movers(export, number)]
        return [*rows, ("C0", "", f"v{number}", "")] if self._plan.with_rejections else rows

    def _more(self, number: int) -> tuple[int, ...]:
        return (2000 + number, 3000 + number) if self._plan.is_large(number) else ()

    def _has_phone(self, number: int) -> bool:
        return self._plan.with_shared_numbers and number % 3 > 0

    def _write_file(
        self, export: int, number: int, name: str, people: list[tuple[str, str, str, str]], *, is_last: bool
    ) -> None:
        rows = "".join(f"{','.join(cells)}\n" for cells in people)
        data = f"CustomerId,EMail,FirstName,Telephone\n{rows}".encode()
        self._kept.containers[CONTAINER][name] = (data, self._kept.etag(), self._kept.clock.now())
        if number == self._refreshes[export]:
            self._judge.refreshed(export_id(export), self._snapshot_id(export), number, people, is_whole=is_last)
        subject = f"/blobServices/default/containers/{CONTAINER}/blobs/{name}"
        for _ in range(1 + (self._chance.random() < 0.3)):
            self._scheduler.after(self._chance.uniform(0.1, 5.0), lambda: self._event(subject))

    def _snapshot_id(self, export: int) -> str:
        blobs = self._kept.storage(_Direct()).app_blobs
        each = self._exports[export]
        return staging.own_snapshot(blobs, each).id

    def _event(self, subject: str, tries: int = 0) -> None:
        """Event Grid delivers an event again until somebody has taken it."""

        def again() -> None:
            if tries < _DELIVERIES_OF_AN_EVENT:
                self._scheduler.after(10.0 * 2**tries, lambda: self._event(subject, tries + 1))

        self._host.request("event", lambda app: start_for_blob(app, subject), again)


def _start_plan(app: App, export: str) -> None:
    with suppress(ConfigurationError):  # a run is active
        start_run(app, ready_export(app.document(), export), "http", "tester", kind="plan")


def _save(app: App) -> None:
    app.configuration.change("admin", "save", renamed)
