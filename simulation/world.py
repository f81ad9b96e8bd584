"""One world: storage, Brevo, receivers, the host with its instances, and what people do, all of it by the plan."""

import json
import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, cast

import requests

from shared.app import App
from shared.brevo.client import BrevoClient
from shared.brevo.pace import Pace
from shared.brevo.session import BrevoSession
from shared.config.models import Document
from shared.errors import ConfigurationError
from shared.runs.run_ids import new_run_id
from shared.runs.starting import start_due, start_for_blob, start_for_segment, start_on_demand
from shared.runs.status import find_run
from shared.runs.steps.cancel import request_cancel
from shared.runs.steps.confirm import import_finished
from shared.runs.steps.sweep import sweep
from shared.runs.store import OPEN, RunStore
from shared.settings import Settings, StorageAccount, read_secret
from simulation import staging
from simulation.brevo import Answer, Brevo, Import, Watcher
from simulation.clock import BEGINNING, ProcessClock, StorageClock
from simulation.faults import Faults, Freeze, Outage, Restart
from simulation.host import Host, Instance
from simulation.invariants import Judge, Refresh
from simulation.line import StorageLine
from simulation.patches import KEY_SETTING
from simulation.plan import Action, Plan
from simulation.receivers import Receivers
from simulation.scheduler import Process, Scheduler
from simulation.storage import Kept, Message

CONTAINER, FOLDER, CONFIG = "segments", "CustomerInsights_abcd1234/BlobExport", "app-config/exports.json"
TIMER_SECONDS = 300.0
_QUIET_TICKS = 3
_MOST_DOUBLES = 30
_LONGEST_SECONDS = 16 * 3600.0
_HOST_STOPS_AFTER = 25.0
_STOP_SECONDS = 10.0
_DELIVERIES_OF_AN_EVENT = 6


class SimulatedSession(BrevoSession):
    """Brevo is asked in the same process."""

    brevo: Brevo

    def _send(self, method: str, path: str, params: object, body: bytes | None) -> Answer:
        self.traffic.requests += 1
        self.traffic.bytes_sent += len(body or b"")
        try:
            return self.brevo.ask(method, path, body)
        except requests.ConnectionError as error:
            from shared.brevo.answers import unreachable

            raise unreachable(type(error).__name__) from None


class SimulatedApp(App):
    """The app of one process, with the world's Brevo."""

    __slots__ = ("brevo_account",)

    brevo_account: Brevo

    def pace(self, key_setting: str) -> Pace:
        """By the process's own clock."""
        clock = self.storage.clock
        return Pace(self.storage.accounts, key_setting, clock, sleep=clock.sleep)

    def brevo(self, key_setting: str) -> BrevoClient:
        """As the real one, without a connection."""
        nothing = cast(requests.Session, None)
        base_url, key = self.settings.brevo_base_url, read_secret(key_setting)
        session = SimulatedSession(base_url, key, self.pace(key_setting), _session=nothing)
        session.brevo = self.brevo_account
        return BrevoClient(session)


@dataclass
class WatchedStorage(Kept):
    """Storage that tells the judge what is written."""

    judge: Judge | None = None
    host: Host | None = None
    note: Callable[[str], None] = lambda text: None
    double: Callable[[Message], list[tuple[float, Message]]] = lambda message: []

    def wrote(self, table: str, partition: str, key: str, values: dict[str, Any] | None) -> None:
        """A row was written or deleted."""
        if self.judge is not None:
            self.note(f"= {table} {key} {values.get('state', '') if values else 'deleted'}")
            self.judge.row(table, partition, key, values)

    def wrote_blob(self, container: str, name: str, data: bytes) -> None:
        """A blob was written."""
        if self.judge is not None:
            self.judge.blob(container, name, data)

    def sent(self, messages: list[Message], message: Message) -> None:
        """A message was sent: it may come late, or twice."""
        if self.host is None or self.judge is None:
            return
        self.judge.message(message.text)
        copies = self.double(message)
        self.host.sent(messages, message)
        for gap, copy in copies:
            messages.append(copy)
            copy.visible_at = message.visible_at + gap
            self.host.sent(messages, copy)


@dataclass
class World:
    """A history while it is played."""

    plan: Plan
    log: list[tuple[float, str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        plan = self.plan
        self.chance = random.Random(plan.schedule)
        self.decoded: dict[str, Any] = {}
        self.scheduler = Scheduler(BEGINNING)
        self.faults = Faults(plan.faults, plan.latency, random.Random(plan.schedule + 1), BEGINNING)
        self.judge = Judge(self.scheduler, plan)
        watcher = Watcher(self._taken, self._over, self._call_back)
        self.brevo = Brevo(self.scheduler, self.faults, watcher, plan.import_seconds)
        self.receivers = Receivers(self.scheduler, self.faults, self.judge.posted)
        self.host = Host(self.scheduler, self.faults, self.chance, self.note, self.judge.unforeseen)
        self.host.reorder_share = plan.reorder_share
        self.kept = WatchedStorage(StorageClock(self.scheduler))
        self.host.listen(self.kept.messages, self.kept.notices, self.kept.poison)
        self.kept.double = self._doubled
        self.kept.judge, self.kept.host, self.kept.note = self.judge, self.host, self.note
        self.judge.brevo, self.judge.kept, self.judge.receivers = self.brevo, self.kept, self.receivers
        self.scheduler.on_death = self._died
        self._refreshes = [0] * plan.exports
        self._quiet_ticks = self._doubles = 0
        self._fill()

    def note(self, text: str) -> None:
        """A line of the history's log."""
        task = self.scheduler.current
        self.log.append((self.scheduler.now, task.name if task else "", text))

    # The beginning

    def _fill(self) -> None:
        self.kept.containers |= {"app-config": {}, CONTAINER: {}, "staged": {}}
        for name in ("runs", "batches", "events", "accounts", "notices"):
            self.kept.tables[name] = {}
        self._write_config(self._document())
        for export in range(self.plan.exports):
            self.brevo.lists[12 + export] = {f"stranger{export}@elsewhere.example"}
            self.brevo.values[f"stranger{export}@elsewhere.example"] = "v0"
            if self.plan.with_rejections:
                self.brevo.refused.add(person(export, 1))
        self.judge.begin()
        for number in range(self.plan.workers):
            self._start_instance(number)
        for action in self.plan.actions:
            self.scheduler.at(BEGINNING + action.at, lambda action=action: self._act(action))  # type: ignore[misc]
        for fault in self.plan.faults:
            if isinstance(fault, Freeze):
                self.scheduler.at(BEGINNING + fault.at, lambda fault=fault: self._freeze(fault))  # type: ignore[misc]
            elif isinstance(fault, Restart):
                self.scheduler.at(BEGINNING + fault.at, lambda fault=fault: self._restart(fault))  # type: ignore[misc]
            elif isinstance(fault, Outage) and "queues" in fault.services and fault.seconds > _HOST_STOPS_AFTER:
                at = BEGINNING + fault.at + self.faults.between(_HOST_STOPS_AFTER, _HOST_STOPS_AFTER + 3)
                ends = BEGINNING + fault.at + fault.seconds
                self.scheduler.at(at, lambda ends=ends: self._stop_hosts(ends))  # type: ignore[misc]
        self.scheduler.at(BEGINNING + self.plan.trouble_seconds, self.faults.clear)
        self._first_tick = BEGINNING + self.faults.between(30, TIMER_SECONDS)
        self.scheduler.at(self._first_tick, self._tick)

    def _document(self) -> dict[str, Any]:
        consent = {"agreed_by": "admin", "agreed_on": "2026-11-01"}
        connection = {
            "id": "brevo-eu",
            "display_name": "Brevo",
            "api_key": {"setting": KEY_SETTING},
            "consent": consent,
            "imports_at_once": self.plan.slots,
        }
        exports = [
            {
                "id": export_id(number),
                "display_name": f"Export {number}",
                "connection": "brevo-eu",
                "list_id": 12 + number,
                "source": {"container": CONTAINER, "folder": f"{FOLDER}{number}"},
                "segments": ["Gold"],
                "mapping": {"email": "EMail", "first_name": "FirstName"},
                "max_rejected": 1,
            }
            for number in range(self.plan.exports)
        ]
        notifications = [
            {"id": "team", "type": "teams", "url": {"setting": "SIMULATED_TEAMS"}},
            {
                "id": "hook",
                "type": "webhook",
                "url": {"setting": "SIMULATED_WEBHOOK"},
                "secret": {"setting": "SIMULATED_SIGNING"},
            },
        ]
        return {"connections": [connection], "exports": exports, "notifications": notifications}

    def _write_config(self, document: Any) -> None:
        data = document if isinstance(document, bytes) else json.dumps(document).encode()
        self.kept.containers["app-config"]["exports.json"] = (data, self.kept.etag(), self.kept.clock.now())

    # Instances

    def _start_instance(self, number: int) -> None:
        generation = sum(1 for name in self.judge.instances if name.startswith(f"w{number}."))
        process = Process(f"w{number}.{generation}")
        self.judge.instances.append(process.name)
        process.clock_offset = self.plan.clock_offsets[number]
        line = StorageLine(self.scheduler, self.faults, self.note)
        storage = self.kept.storage(line, ProcessClock(self.scheduler, process))
        url = "https://app.example" if self.plan.call_backs else None
        account = StorageAccount(connection_string="simulated")
        settings = Settings(account, account, CONFIG, "https://simulated", self.plan.quiet_seconds, 6.0, url)
        app = SimulatedApp(settings, storage, RunStore(storage))
        object.__setattr__(app, "brevo_account", self.brevo)
        self.host.instances.append(Instance(process, app, number))
        for listener in self.host.listeners:
            self.scheduler.after(0.1, listener.look)

    def _died(self, process: Process) -> None:
        instance = next((each for each in self.host.instances if each.process is process), None)
        if instance is None:
            return
        self.note(f"{process.name} is gone")
        self.host.instances.remove(instance)
        number = instance.number
        back = self.faults.between(3.0, 40.0)
        self.scheduler.after(back, lambda: self._start_when_there(number))

    def _start_when_there(self, number: int) -> None:
        """A new host does not come up while it cannot reach its queues."""
        if self.faults.is_away("queues", self.scheduler.now):
            self.scheduler.after(10.0, lambda: self._start_when_there(number))
            return
        self._start_instance(number)

    def _instance(self, number: int) -> Instance | None:
        return next((each for each in self.host.instances if each.number == number), None)

    def _freeze(self, fault: Freeze) -> None:
        if instance := self._instance(fault.worker):
            self.note(f"{instance.process.name} is frozen for {fault.seconds:.0f} s")
            instance.process.frozen_until = self.scheduler.now + fault.seconds
            for listener in self.host.listeners:
                self.scheduler.after(fault.seconds + 0.1, listener.look)

    def _restart(self, fault: Restart) -> None:
        if instance := self._instance(fault.worker):
            self._stop(instance)

    def _stop(self, instance: Instance) -> None:
        if not instance.process.stopping:
            self.note(f"{instance.process.name} is stopped")
            instance.process.stopping = True
            self.scheduler.after(_STOP_SECONDS, lambda: self.scheduler.kill(instance.process))

    def _stop_hosts(self, ends: float) -> None:
        if self.scheduler.now < ends:
            for instance in list(self.host.instances):
                self._stop(instance)

    # What comes from outside

    def _taken(self, new: Import, body: bytes) -> None:
        self.judge.taken(new, body)
        self.note(f"Brevo takes import {new.id} of {new.batch}")

    def _over(self, done: Import, before: dict[str, str]) -> None:
        self.note(f"Brevo's import {done.id} is {done.state}")
        self.judge.applied(done, before)

    def _doubled(self, message: Message) -> list[tuple[float, Message]]:
        fault = self.faults.at_message()
        if fault is not None and fault.kind == "delayed":
            message.visible_at += fault.seconds
        elif fault is not None:
            return [(fault.seconds, Message(message.text, 0.0, next(self.kept.numbers)))]
        elif self._is_doubled(message):
            self._doubles += 1
            return [(self.chance.uniform(0.0, 0.3), Message(message.text, 0.0, next(self.kept.numbers)))]
        return []

    def _is_doubled(self, message: Message) -> bool:
        """Only so many: copies of copies would multiply by themselves."""
        is_more = self.plan.doubled_share and not self.faults.is_over and self._doubles < _MOST_DOUBLES
        return bool(is_more) and self.chance.random() < self.plan.doubled_share

    def _call_back(self, path: str, late: float) -> None:
        _, _, _, run_id, batch, token = path.split("/")

        def act(app: App) -> None:
            run = app.store.load(run_id)
            if run is not None and not run.is_final and run.token == token:
                import_finished(app, run, int(batch))

        self.scheduler.after(late, lambda: self.host.request("call-back", act))

    def _event(self, subject: str, tries: int = 0) -> None:
        """Event Grid delivers an event again until somebody has taken it."""

        def again() -> None:
            if tries < _DELIVERIES_OF_AN_EVENT:
                self.scheduler.after(10.0 * 2**tries, lambda: self._event(subject, tries + 1))

        self.host.request("event", lambda app: start_for_blob(app, subject), again)

    def _tick(self) -> None:
        def act(app: App) -> None:
            sweep(app)
            start_due(app)

        self.scheduler.after(TIMER_SECONDS, self._tick)
        self.host.request("timer", act)
        self._look_whether_quiet()

    def _look_whether_quiet(self) -> None:
        since = self.scheduler.now - BEGINNING
        busy = any(instance.busy for instance in self.host.instances)
        waits = self.kept.messages or self.kept.notices or self.kept.poison or self.brevo.open_imports()
        listed = any(partition == OPEN for partition, _ in self.kept.tables["runs"])
        is_open = busy or waits or listed or self.judge.open_runs
        last = max((each.at + each.seconds for each in self.plan.actions), default=0.0)
        is_quiet = since > max(self.plan.trouble_seconds, last + TIMER_SECONDS) and not is_open
        self._quiet_ticks = self._quiet_ticks + 1 if is_quiet else 0
        if self._quiet_ticks >= _QUIET_TICKS or since > self.plan.trouble_seconds + _LONGEST_SECONDS:
            self.scheduler.stopped = True

    # What people do

    def _act(self, action: Action) -> None:
        self.note(f"action {action.kind} {action.export}")
        export = export_id(action.export)
        if action.kind == "refresh":
            self._refresh(action.export)
        elif action.kind == "start":
            self.host.request("start", lambda app: start_on_demand(app, export, "http", "tester"))
        elif action.kind == "start-again":
            self._start_again(action)
        elif action.kind == "webhook":
            self.host.request("webhook", lambda app: start_for_segment(app, "Gold"))
        elif action.kind == "cancel":
            self.host.request("cancel", lambda app: self._cancel(app, export))
        elif action.kind == "save":
            self.host.request("save", lambda app: app.configuration.change("admin", "save", _renamed))
        else:
            right = self.kept.containers["app-config"]["exports.json"][0]
            self._write_config(b'{"exports": [')
            self.scheduler.after(action.seconds, lambda: self._write_config(right))

    def _start_again(self, action: Action) -> None:
        """As a start with an Idempotency-Key, whose run has its id before it is started."""
        export = export_id(action.export)
        run_id = new_run_id(export, self.kept.clock.now())

        def start() -> None:
            self.host.request("start", lambda app: start_on_demand(app, export, "http", "tester", run_id=run_id))

        start()
        until_tick = (self._first_tick - self.scheduler.now - action.seconds) % TIMER_SECONDS
        self.scheduler.after(action.seconds + until_tick + self.chance.uniform(-0.05, 0.1), start)

    def _cancel(self, app: App, export: str) -> None:
        run_id = app.store.active(export)
        if run_id is not None:
            with suppress(ConfigurationError):  # it has ended already
                run = find_run(app, run_id)
                self.judge.cancel_asked(run_id)
                request_cancel(app, run, "admin")

    def _refresh(self, export: int) -> None:
        """Customer Insights writes two files, some seconds apart where a quiet period covers that."""
        self._refreshes[export] += 1
        number = self._refreshes[export]
        folder = f"{FOLDER}{export}/Gold/2026/11/24/{number:02}00"
        people = self._people(export, number)
        half = len(people) if not self.plan.quiet_seconds else (len(people) + 1) // 2
        last = half == len(people)
        self._write_file(export, number, f"{folder}/Gold_1.csv", people[:half], is_whole=last)
        if not last:
            at = self.chance.uniform(0.5, 8.0)
            self.scheduler.after(
                at, lambda: self._write_file(export, number, f"{folder}/Gold_2.csv", people[half:], is_whole=True)
            )

    def _people(self, export: int, number: int) -> list[tuple[str, str, str]]:
        """Who is in the segment: one leaves with each refresh and another one comes; and a row without an address."""
        count = self.plan.batches * staging.CONTACTS_IN_A_BATCH
        people = [*range(1, count), 1000 + number]
        rows = [(f"C{each}", person(export, each), f"v{number}") for each in people]
        return [*rows, ("C0", "", f"v{number}")] if self.plan.with_rejections else rows

    def _write_file(
        self, export: int, number: int, name: str, people: list[tuple[str, str, str]], *, is_whole: bool
    ) -> None:
        rows = "".join(f"{customer},{email},{value}\n" for customer, email, value in people)
        data = f"CustomerId,EMail,FirstName\n{rows}".encode()
        self.kept.containers[CONTAINER][name] = (data, self.kept.etag(), self.kept.clock.now())
        if number == self._refreshes[export]:
            self.judge.refreshed(export_id(export), self._snapshot_id(export), number, people, is_whole=is_whole)
        subject = f"/blobServices/default/containers/{CONTAINER}/blobs/{name}"
        for _ in range(1 + (self.chance.random() < 0.3)):
            self.scheduler.after(self.chance.uniform(0.1, 5.0), lambda: self._event(subject))

    def _snapshot_id(self, export: int) -> str:
        storage = self.kept.storage(_Direct())
        document = Document.model_validate(self._document())
        each = document.exports[export]
        return staging.find_snapshot(storage.app_blobs, each.source, each.segments).id


class _Direct:
    """A look at storage that is no part of the history."""

    def call[T](self, name: str, act: Callable[[], T]) -> T:
        return act()


def export_id(number: int) -> str:
    """The id of an export."""
    return f"gold{number}"


def person(export: int, number: int) -> str:
    """Somebody's address."""
    return f"c{number}.{export}@people.example"


def _renamed(document: Document) -> Document:
    exports = [each.model_copy(update={"display_name": f"{each.display_name}!"[:40]}) for each in document.exports]
    return document.model_copy(update={"exports": exports})


__all__ = ["Refresh", "World"]
