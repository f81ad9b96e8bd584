"""A whole app over storage in memory, virtual time and a real Brevo sandbox; and one over Azurite."""

import csv
import io
import json
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import stamina

from local.brevo_sandbox import BrevoSandbox, SandboxSettings
from shared.app import App
from shared.brevo.pace import Pace
from shared.errors import ExportError, UnforeseenError
from shared.notices.tell import take_notice
from shared.runs.overview import export_overview
from shared.runs.report import rejected_rows
from shared.runs.starting import Start, start_for_blob, start_on_demand
from shared.runs.state import Run
from shared.runs.status import find_run, run_story
from shared.runs.steps.dispatch import abandon, take_step
from shared.runs.steps.sweep import sweep
from shared.runs.store import OPEN, RunStore
from shared.runs.why_not_running import Why
from shared.settings import Settings, read_settings
from simulation.storage import Kept
from tests.known_account import key_setting
from tests.memory_line import Line, Mode, VirtualClock, WorkerDied
from tests.plain import plain

FOLDER = "CustomerInsights_abcd1234/BlobExport"
REFRESH = "2026/11/24/0500"
CONTAINER = "segments"

# As host.json and the platform have them. A lost instance hides its message for the whole lease.
LEASE_SECONDS = 600
VISIBLE_AGAIN_SECONDS = 10
MOST_TRIES = 10
TIMER_SECONDS = 300


class Worker(App):
    """The app of one worker: where it would sleep, the virtual clock is wound on."""

    __slots__ = ()

    def pace(self, account: str) -> Pace:
        clock = self.storage.clock
        assert isinstance(clock, VirtualClock)
        return Pace(self.storage.accounts, account, clock, sleep=clock.skip)


@dataclass
class Story:
    """One export, its storage, its account at Brevo, and a functions host of few lines."""

    sandbox: BrevoSandbox
    config: Path
    settings: Settings
    account: str
    kept: Kept = field(default_factory=lambda: Kept(VirtualClock()))
    connection: dict[str, Any] = field(default_factory=dict)
    export: dict[str, Any] = field(default_factory=dict)
    notifications: list[dict[str, Any]] = field(default_factory=list)
    errors: list[BaseException] = field(default_factory=list)
    died_at: float = 0.0
    on_message: Callable[[str], None] = lambda text: None

    def save(self, **changes: Any) -> None:
        self.export.update(changes)
        document = {"connections": [self.connection], "exports": [self.export], "notifications": self.notifications}
        self.config.write_text(json.dumps(document))

    def worker(self, mode: Mode | None = None, at: int = 0, *, reads: bool = False) -> tuple[Worker, Line]:
        line = Line(mode, at, reads)
        storage = self.kept.storage(line)
        return Worker(self.settings, storage, RunStore(storage)), line

    @property
    def app(self) -> Worker:
        """A worker that lives, for looking at things."""
        return self.worker()[0]

    def segment(self, text: str | bytes, name: str = "Gold", partition: int = 1) -> str:
        """Writes a segment file; the subject of its event."""
        path = f"{FOLDER}/{name}/{REFRESH}/{name}_{partition}.csv"
        self.app.storage.segment_blobs.write(CONTAINER, path, text.encode() if isinstance(text, str) else text)
        return f"/blobServices/default/containers/{CONTAINER}/blobs/{path}"

    def people(self, count: int, first: int = 0, names: str = "Name") -> set[str]:
        """A segment of so many people; their addresses. What their first names begin with are `names`."""
        emails = [f"person{number}@example.com" for number in range(first, first + count)]
        rows = "".join(f"C-{email[6:9]},{email},{names}{place}\n" for place, email in enumerate(emails))
        self.subject = self.segment(f"CustomerId,EMail,FirstName\n{rows}")
        return set(emails)

    # The functions host

    def start(self, app: App | None = None, **how: Any) -> Start:
        return start_on_demand(app or self.app, self.export["id"], "http", "tester", **how)

    def start_by_event(self, app: App | None = None) -> list[Start]:
        return start_for_blob(app or self.app, self.subject)

    def work(self, worker: Worker | None = None, hours: float = 12.0, *, timer: bool = True) -> None:
        """Works the queue and the timer until nothing is left to do. The first worker is replaced where it dies."""
        worker = worker or self.app
        end = self.kept.clock.seconds() + hours * 3600
        next_sweep = self.kept.clock.seconds() + TIMER_SECONDS
        quiet_sweeps = 0
        while self.kept.clock.seconds() < end and quiet_sweeps < 2:
            if not timer and not self.kept.messages:
                return
            if timer and self.kept.clock.seconds() >= next_sweep:
                worker = self._survive(worker, sweep, worker)
                next_sweep += TIMER_SECONDS
                quiet_sweeps = quiet_sweeps + 1 if not self.kept.messages else 0
            received = self.app.storage.queue.receive(LEASE_SECONDS)
            if received is None:
                self.sandbox.imports.wait_until_idle(60)
                times = [message.visible_at for message in self.kept.messages]
                self.kept.clock.skip(min([*[next_sweep] * timer, *times]) - self.kept.clock.seconds())
                continue
            self.on_message(received.text)
            if received.dequeue_count > MOST_TRIES:
                self._survive(worker, abandon, worker, received.text)
                self.app.storage.queue.delete(received)
                continue
            failed_before = len(self.errors)
            worker_now = self._survive(worker, take_step, worker, received.text)
            if worker_now is worker and len(self.errors) == failed_before:
                self.app.storage.queue.delete(received)
            elif worker_now is worker:
                message: Any = received.message
                message.visible_at = self.kept.clock.seconds() + VISIBLE_AGAIN_SECONDS
            worker = worker_now

    def tell(self, worker: Worker | None = None, hours: float = 12.0) -> None:
        """Works the queue of notices until it is empty. The first worker is replaced where it dies."""
        worker = worker or self.app
        end = self.kept.clock.seconds() + hours * 3600
        while self.kept.notices and self.kept.clock.seconds() < end:
            received = self.app.storage.notice_queue.receive(LEASE_SECONDS)
            if received is None:
                next_at = min(message.visible_at for message in self.kept.notices)
                self.kept.clock.skip(next_at - self.kept.clock.seconds())
                continue
            failed_before = len(self.errors)
            worker_now = self._survive(worker, take_notice, worker, received.text)
            if worker_now is worker and len(self.errors) == failed_before:
                self.app.storage.notice_queue.delete(received)
            worker = worker_now

    def decide_who_is_told(self) -> None:
        """Takes the message which says that a run has ended; its delayed copy is dropped."""
        ended = [each for each in self.kept.notices if "notification" not in each.text]
        for message in ended:
            self.kept.notices.remove(message)
        take_notice(self.app, ended[0].text)

    def _survive(self, worker: Worker, act: Callable[..., object], *arguments: Any) -> Worker:
        try:
            act(*arguments)
        except WorkerDied:
            self.died_at = self.kept.clock.seconds()
            return self.app
        except (ExportError, UnforeseenError) as error:
            self.errors.append(error)
        return worker

    # What came of it

    def runs(self) -> list[Run]:
        return list(self.app.store.latest(self.export["id"]))

    def status(self, run_id: str) -> dict[str, Any]:
        status = plain(run_story(self.app, find_run(self.app, run_id)))
        check_books(status)
        return status

    def run(self, hours: float = 12.0, **how: Any) -> dict[str, Any]:
        """A whole run; its status."""
        started = self.start(**how)
        self.work(hours=hours)
        return self.status(started.run_id)

    def why(self) -> Why | None:
        """Why the export does not run now."""
        document = self.app.document()
        return export_overview(self.app, document, document.exports[0]).why_not_running

    def sent(self) -> set[str]:
        return set(self.sandbox.members(12))

    def imports(self) -> int:
        return len(self.sandbox.imports.records())

    def rejects(self, run_id: str) -> list[dict[str, str]]:
        text = b"".join(rejected_rows(self.app, find_run(self.app, run_id))).decode()
        return list(csv.DictReader(io.StringIO(text)))

    def left_behind(self) -> list[str]:
        """What must not be there when all runs have ended. A slot may be left, for an import that is still open."""
        rows = self.kept.tables.get("accounts", {})
        slots = [values for (_, key), (values, _) in rows.items() if key.startswith("slot-")]
        return [
            *(f"slot {values}" for values in slots if not values["left_at"]),
            *(f"{part} {key}" for part, key in self.kept.tables.get("runs", {}) if key == "active" or part == OPEN),
            *(message.text for message in self.kept.messages),
        ]

    def left_but_listed(self) -> list[str]:
        """The same but for the list of open runs, from which the timer takes those that have ended."""
        return [text for text in self.left_behind() if not text.startswith(OPEN)]


def check_books(status: dict[str, Any]) -> None:
    """What is true in every final state."""
    rejected = sum(status["rows_rejected"].values())
    assert status["rows_read"] == status["contacts_mapped"] + status["rows_merged"] + rejected, status
    by_brevo = sum(status["contacts_rejected_by_brevo"].values())
    assert all(count > 0 for count in status["contacts_rejected_by_brevo"].values()), status
    assert status["contacts_delivered"] >= status["contacts_confirmed"] + by_brevo, status
    assert status["contacts_confirmed"] >= 0
    left_out = sum(status["contacts_left_out"].values())
    sent = status["contacts_new"] + status["contacts_changed"] + status["contacts_unchanged"]
    assert status["contacts_mapped"] == sent + left_out, status
    assert status["contacts_removed"] <= status["contacts_to_remove"], status
    if status["status"].startswith("succeeded"):
        sent -= status["contacts_up_to_date"]
        assert sent == status["contacts_delivered"] == status["contacts_confirmed"] + by_brevo
        assert status["contacts_removed"] == status["contacts_to_remove"], status
        assert status["error"] is None
    if status["status"] == "failed":
        assert status["error"]["code"]
        assert status["error"]["message"].strip().endswith(".")
        assert status["error"]["advice"].strip(), status["error"]


def check_failed(status: dict[str, Any], code: str) -> str:
    """A run that ended as failed, for this reason; its sentence and advice."""
    assert status["status"] == "failed", status
    assert status["error"]["code"] == code, status["error"]
    return f"{status['error']['message']} {status['error']['advice']}"


@pytest.fixture(autouse=True)
def _no_waiting_between_tries() -> Iterator[None]:
    """The tries of a call stay as they are; the waits between them are left out."""
    stamina.set_testing(True, attempts=4)
    yield
    stamina.set_testing(False)


@pytest.fixture
def sandbox() -> Iterator[BrevoSandbox]:
    with BrevoSandbox(SandboxSettings.quick()) as running:
        yield running


@pytest.fixture
def make_story(sandbox: BrevoSandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Story]:
    """Makes a story in a storage account of its own, at the same Brevo account."""

    def make(**settings: str) -> Story:
        account = key_setting(uuid.uuid4().hex[:8])
        monkeypatch.setenv(account, sandbox.api_key)
        config = tmp_path / f"{account}.json"
        read = read_settings(
            {
                "EXPORT_CONFIG": str(config),
                "BREVO_BASE_URL": sandbox.base_url,
                "SNAPSHOT_QUIET_SECONDS": "0",
                **settings,
            }
        )
        return make_plain_story(sandbox, config, read, account)

    return make


def make_plain_story(sandbox: BrevoSandbox, config: Path, read: Settings, account: str) -> Story:
    story = Story(sandbox, config, read, account)
    story.connection = {
        "id": "brevo-eu",
        "display_name": "Brevo",
        "api_key": {"setting": account},
        "consent": {"agreed_by": "admin", "agreed_on": "2026-11-01"},
        # Most faults here are those of imports, each in its turn; test_leavers.py has it as it is by default.
        "leavers": "not_asked",
    }
    story.save(
        id="gold",
        display_name="Gold customers",
        connection="brevo-eu",
        list_id=12,
        source={"container": CONTAINER, "folder": FOLDER},
        segments=["Gold"],
        mapping={"email": "EMail", "first_name": "FirstName"},
        default_country="RO",
        max_rejected=1,
        max_warnings=1,
    )
    return story


@pytest.fixture
def story(make_story: Callable[..., Story]) -> Story:
    return make_story()


@pytest.fixture
def three_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some 250 of the contacts of `Story.people` make a batch."""
    monkeypatch.setattr("shared.brevo.body.LARGEST_BODY_BYTES", 18_400)
