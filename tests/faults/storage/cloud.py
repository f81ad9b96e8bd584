"""A story over Azurite and the real clients of Azure Storage."""

import time
from dataclasses import replace
from typing import Any

from shared.app import App
from shared.operating.worker import work_until
from shared.runs.starting import start_on_demand
from shared.runs.state import Run
from shared.runs.status import find_run, run_story
from shared.runs.store import RunStore
from shared.settings import StorageAccount
from shared.storage.account import open_storage
from shared.storage.tables import Row
from tests.faults.conftest import CONTAINER, FOLDER, REFRESH, Story, check_books
from tests.plain import plain

DEADLINE_SECONDS = 60.0


class Cloud:
    """A story whose storage is Azurite. Its export and containers have names of their own."""

    def __init__(self, story: Story, connection_string: str) -> None:
        self.story = story
        self.connection_string = connection_string
        unique = story.account.rsplit("_", 1)[-1].lower()
        self.export_id = f"gold-{unique}"
        self.container = f"{CONTAINER}-{unique}"
        story.save(id=self.export_id, source={"container": self.container, "folder": FOLDER})
        self.app = self.open(connection_string)
        self.app.storage.segment_blobs.create_container(self.container)
        # As an account that has imported before: its first look comes when the import should be done.
        self.app.storage.accounts.put(Row(story.account, "learned", {"seconds_per_contact": 1e-6}))

    def open(self, connection_string: str, **changes: Any) -> App:
        account = StorageAccount(connection_string=connection_string)
        settings = replace(self.story.settings, app_storage=account, segment_storage=account, **changes)
        storage = open_storage(settings)
        return App(settings, storage, RunStore(storage))

    def people(self, count: int) -> set[str]:
        emails = [f"person{number}@example.com" for number in range(count)]
        rows = "".join(f"C-{place},{email},Name{place}\n" for place, email in enumerate(emails))
        name = f"{FOLDER}/Gold/{REFRESH}/Gold_1.csv"
        self.app.storage.segment_blobs.write(self.container, name, f"CustomerId,EMail,FirstName\n{rows}".encode())
        return set(emails)

    def start(self, app: App | None = None) -> str:
        started = start_on_demand(app or self.app, self.export_id, "http", "tester")
        assert started.is_new, started
        return started.run_id

    def finish(self, run_id: str, app: App | None = None) -> dict[str, Any]:
        worker = app or self.app
        deadline = time.monotonic() + DEADLINE_SECONDS

        def ended() -> bool:
            assert time.monotonic() < deadline, f"the run has not ended: {self.run(run_id)}"
            return find_run(worker, run_id).is_final

        work_until(worker, ended)
        return self.status(run_id)

    def run(self, run_id: str) -> Run:
        return find_run(self.app, run_id)

    def status(self, run_id: str) -> dict[str, Any]:
        status = plain(run_story(self.app, self.run(run_id)))
        check_books(status)
        return status

    def check_all_sent(self, status: dict[str, Any], wanted: set[str], most_imports: int) -> None:
        assert status["status"] == "succeeded", status["error"]
        assert self.story.sent() == wanted
        assert self.story.imports() <= most_imports
