"""Runs of one export over the Brevo sandbox, worked in this process.

Storage is in memory; a test that uses the fixture `azurite` has the emulator instead.
"""

import csv
import gzip
import io
import json
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import stamina

from local.brevo_sandbox import BrevoSandbox, SandboxSettings
from shared.app import App
from shared.operating.worker import work_until
from shared.runs.report import rejected_rows
from shared.runs.starting import Start, start_on_demand
from shared.runs.status import find_run, run_story
from shared.runs.store import RunStore
from shared.settings import Settings, read_settings
from shared.staging.preview import preview
from shared.storage.account import Storage, open_storage
from simulation.storage import Kept
from tests.flow.asking import asked  # noqa: F401 - a fixture of this folder's tests
from tests.flow.customers import by_customer  # noqa: F401 - likewise
from tests.flow.excluding import excluding  # noqa: F401 - likewise
from tests.flow.following import following  # noqa: F401 - likewise
from tests.flow.trials import trying  # noqa: F401 - likewise
from tests.flow.undoing import undoing  # noqa: F401 - likewise
from tests.flow.years import calls, many_exports, rows_read, years  # noqa: F401 - likewise
from tests.known_account import key_setting, note_speed_and_limit
from tests.memory_line import Line, VirtualClock
from tests.plain import plain

DEADLINE_SECONDS = 60.0
FOLDER = "CustomerInsights_abcd1234/BlobExport"
REFRESH = "2026/11/24/0500"


@dataclass
class Flow:
    """One export with a container, a Brevo account and a configuration of its own."""

    app: App
    sandbox: BrevoSandbox
    connection_string: str
    config: Path
    account: str
    export_id: str
    container: str
    connections: list[dict[str, Any]] = field(default_factory=list)
    exports: list[dict[str, Any]] = field(default_factory=list)

    # The configuration

    @property
    def export(self) -> dict[str, Any]:
        return self.exports[0]

    @property
    def connection(self) -> dict[str, Any]:
        return self.connections[0]

    def save(self) -> None:
        self.config.write_text(json.dumps({"connections": self.connections, "exports": self.exports}))

    def change(self, **changes: Any) -> None:
        self.export.update(changes)
        self.save()

    def change_connection(self, **changes: Any) -> None:
        self.connection.update(changes)
        self.save()

    def add_export(self, suffix: str, **changes: Any) -> str:
        """Another export of the same account and container; returns its id."""
        added = {**self.export, "id": f"{self.export_id}-{suffix}", **changes}
        self.exports.append(added)
        self.save()
        return str(added["id"])

    # The segments

    def blob(self, name: str, data: bytes | str) -> None:
        """Writes a blob below the export's folder."""
        content = data.encode() if isinstance(data, str) else data
        self.app.storage.segment_blobs.write(self.container, f"{FOLDER}/{name}", content)

    def segment(
        self,
        data: bytes | str,
        name: str = "Gold",
        partition: int | str = 1,
        refresh: str = REFRESH,
        ending: str = ".csv",
    ) -> None:
        content = data.encode() if isinstance(data, str) else data
        if ending.endswith(".gz") and content[:2] != b"\x1f\x8b":
            content = gzip.compress(content)
        self.blob(f"{name}/{refresh}/{name}_{partition}{ending}", content)

    def model_json(self, *entities: dict[str, Any]) -> None:
        self.blob("model.json", json.dumps({"name": "BlobExport", "entities": list(entities)}))

    # Runs

    def start(self, export_id: str = "", **how: Any) -> Start:
        return start_on_demand(self.app, export_id or self.export_id, "terminal", "tester", **how)

    def work_until(self, done: Callable[[], object], seconds: float = DEADLINE_SECONDS) -> None:
        """Works the queue until the condition is true; fails after the deadline."""
        deadline = time.monotonic() + seconds

        def done_or_late() -> bool:
            if done():
                return True
            assert time.monotonic() < deadline, f"the condition did not come true within {seconds:g} s"
            return False

        work_until(self.app, done_or_late)

    def finish(self, run_id: str, seconds: float = DEADLINE_SECONDS) -> dict[str, Any]:
        """Works until the run has ended or is held; its status, with the books checked."""
        self.work_until(lambda: (run := find_run(self.app, run_id)).is_final or run.is_held, seconds)
        status = self.status(run_id)
        check_books(status)
        return status

    def status(self, run_id: str) -> dict[str, Any]:
        return plain(run_story(self.app, find_run(self.app, run_id)))

    def run(self, **how: Any) -> dict[str, Any]:
        started = self.start(**how)
        assert started.is_new, started
        return self.finish(started.run_id)

    def preview(self) -> dict[str, Any]:
        return plain(
            preview(self.app.storage.segment_blobs, self.app.ready_export(self.export_id), self.app.attributes)
        )

    def run_fails(self, code: str, *words: str, **how: Any) -> dict[str, Any]:
        """A run that ends as failed before anything goes out; its error holds the words."""
        status = self.run(**how)
        assert status["status"] == "failed", status
        # A lone surrogate in a failing test's output would end pytest-xdist itself.
        told = f"{status['error']['message']} {status['error']['advice']}".encode("utf-8", "replace").decode()
        assert status["error"]["code"] == code, told
        for word in words:
            assert word in told
        assert "Nothing was sent." in status["error"]["message"]
        assert self.nothing_was_sent()
        assert status["contacts_delivered"] == status["contacts_confirmed"] == 0
        return status

    def run_is_held(self, code: str, *words: str, **how: Any) -> dict[str, Any]:
        """A run that a guard holds before anything goes out; why it is held has the words."""
        imports = len(self.sandbox.imports.records())
        status = self.run(**how)
        assert status["status"] == "held", status
        told = f"{status['held_for']['message']} {status['held_for']['advice']}".encode("utf-8", "replace").decode()
        assert (status["held_for"]["code"], status["error"]) == (code, None), told
        for word in words:
            assert word in told
        assert len(self.sandbox.imports.records()) == imports
        assert self.app.storage.app_blobs.folders("staged", "") == []
        return status

    def nothing_was_sent(self) -> bool:
        return not self.sandbox.imports.records() and self.sandbox.log.count("POST /contacts/import") == 0

    def rejects_text(self, run_id: str) -> str:
        return b"".join(rejected_rows(self.app, find_run(self.app, run_id))).decode()

    def rejects(self, run_id: str) -> list[dict[str, str]]:
        return list(csv.DictReader(io.StringIO(self.rejects_text(run_id))))

    def places(self, run_id: str) -> list[tuple[str, int, str]]:
        """(file, line, reason) of each rejected row."""
        return [(row["file"], int(row["line"]), row["reason"]) for row in self.rejects(run_id)]

    @property
    def list_id(self) -> int:
        return int(self.export["list_id"])

    def sent(self) -> dict[str, dict[str, Any]]:
        """The list's members: their attributes by address."""
        return self.sandbox.members(self.list_id)


def check_books(status: dict[str, Any]) -> None:
    """What is true in every final state."""
    rejected = sum(status["rows_rejected"].values())
    filtered = status["rows_filtered"]
    assert status["rows_read"] == status["contacts_mapped"] + status["rows_merged"] + filtered + rejected, status
    by_brevo = sum(status["contacts_rejected_by_brevo"].values())
    assert status["contacts_delivered"] >= status["contacts_confirmed"] + by_brevo, status
    left_out = sum(status["contacts_left_out"].values())
    sent = status["contacts_new"] + status["contacts_changed"] + status["contacts_unchanged"]
    assert status["contacts_mapped"] == sent + left_out, status
    assert status["contacts_up_to_date"] in (0, status["contacts_unchanged"]), status
    assert status["contacts_removed"] <= status["contacts_to_remove"], status
    if status["status"].startswith("succeeded"):
        sent -= status["contacts_up_to_date"]
        assert sent == status["contacts_delivered"] == status["contacts_confirmed"] + by_brevo
        assert status["contacts_removed"] == status["contacts_to_remove"]
        assert status["error"] is None


@pytest.fixture(autouse=True)
def _no_waiting_between_tries() -> Iterator[None]:
    """The tries of a call stay as they are; the waits between them are left out."""
    stamina.set_testing(True, attempts=4, cap=True)
    yield
    stamina.set_testing(False)


@pytest.fixture
def sandbox() -> Iterator[BrevoSandbox]:
    with BrevoSandbox(SandboxSettings.quick()) as running:
        yield running


@dataclass
class Account:
    """A storage account: the setting that names it, and what opens it."""

    connection_string: str
    open: Callable[[Settings], Storage]


class SkippedIdleness:
    """Stands for `time` in a worker over storage in memory: until the next message comes, the time is skipped."""

    monotonic = staticmethod(time.monotonic)

    def __init__(self, kept: Kept, clock: VirtualClock, sandbox: BrevoSandbox) -> None:
        self._kept, self._clock, self._sandbox = kept, clock, sandbox

    def sleep(self, seconds: float) -> None:
        self._sandbox.wait_until_idle()
        next_at = min((message.visible_at for message in self._kept.messages), default=0.0)
        if next_at > self._clock.seconds():
            self._clock.skip(next_at - self._clock.seconds())
        else:
            time.sleep(min(seconds, 0.01))


@pytest.fixture
def storage_account(request: pytest.FixtureRequest, sandbox: BrevoSandbox, monkeypatch: pytest.MonkeyPatch) -> Account:
    if "azurite" in request.fixturenames:
        return Account(request.getfixturevalue("azurite").connection_string, open_storage)
    clock = VirtualClock()
    kept = Kept(clock)
    monkeypatch.setattr("shared.operating.worker.time", SkippedIdleness(kept, clock, sandbox))
    return Account("UseDevelopmentStorage=true", lambda settings: kept.storage(Line()))


@pytest.fixture
def in_real_time(storage_account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers wait for the next message, while Brevo or other workers go on."""
    monkeypatch.setattr("shared.operating.worker.time", time)


@pytest.fixture
def make_flow(
    storage_account: Account, sandbox: BrevoSandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Flow]:
    """Makes a flow; further settings go to the app."""

    def make(**settings: str) -> Flow:
        unique = uuid.uuid4().hex[:10]
        account = key_setting(unique)
        monkeypatch.setenv(account, sandbox.api_key)
        config = tmp_path / f"exports-{unique}.json"
        read = read_settings(
            {
                "AzureWebJobsStorage": storage_account.connection_string,
                "EXPORT_CONFIG": str(config),
                "BREVO_BASE_URL": sandbox.base_url,
                "SNAPSHOT_QUIET_SECONDS": "0",
                **settings,
            }
        )
        storage = storage_account.open(read)
        note_speed_and_limit(storage.accounts, account)
        flow = Flow(
            app=App(read, storage, RunStore(storage)),
            sandbox=sandbox,
            connection_string=storage_account.connection_string,
            config=config,
            account=account,
            export_id=f"gold-{unique}",
            container=f"segments-{unique}",
            connections=[
                {
                    "id": "brevo-eu",
                    "display_name": "Brevo",
                    "api_key": {"setting": account},
                    "consent": {"agreed_by": "admin", "agreed_on": "2026-11-01"},
                    # It takes a second of a run; test_leavers.py has it as it is by default.
                    "leavers": "not_asked",
                }
            ],
        )
        flow.exports.append(
            {
                "id": flow.export_id,
                "display_name": "Gold customers",
                "connection": "brevo-eu",
                "list_id": 12,
                "source": {"container": flow.container, "folder": FOLDER},
                "segments": ["Gold"],
                "mapping": {"email": "EMail", "first_name": "FirstName"},
                "default_country": "RO",
                "max_rejected": 1,
                "max_warnings": 1,
            }
        )
        flow.save()
        storage.segment_blobs.create_container(flow.container)
        return flow

    return make


@pytest.fixture
def flow(make_flow: Callable[..., Flow]) -> Flow:
    return make_flow()
