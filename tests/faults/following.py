"""The second day of an export whose list follows its segment, played again and again from the end of the first."""

import copy
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from shared.brevo.session import BrevoSession
from shared.errors import ExportError
from shared.runs.holding import approve
from shared.runs.questions import Question
from shared.runs.status import find_run
from shared.runs.store import OPEN
from shared.storage.tables import Row
from shared.sync.stored import LEDGERS
from tests.faults.conftest import CONTAINER, FOLDER, Story
from tests.memory_line import Line, WorkerDied

FIRST, SECOND = range(10), range(4, 12)
OTHERS = range(50, 52)
REMOVE = "POST /contacts/lists/{listId}/contacts/remove"
LIST = 12


def address(number: int) -> str:
    """Somebody's address."""
    return f"person{number}@example.com"


def addresses(*groups: range) -> set[str]:
    """Those of all of them."""
    return {address(number) for group in groups for number in group}


@dataclass
class Following:
    """A story at the end of its first day, to which it can be put back."""

    story: Story
    days: int = 0
    _tables: dict[str, Any] = field(default_factory=dict)
    _containers: dict[str, Any] = field(default_factory=dict)

    def refresh(self, people: range) -> None:
        """A snapshot of these people."""
        self.days += 1
        rows = "".join(f"C-{n},{address(n)},Name{n}\n" for n in people)
        path = f"{FOLDER}/Gold/2026/11/{self.days:02}/0500/Gold_1.csv"
        data = f"CustomerId,EMail,FirstName\n{rows}".encode()
        self.story.app.storage.segment_blobs.write(CONTAINER, path, data)

    def begin(self) -> None:
        """The first day, with two members that others have put into the list."""
        for prefix in ("list-", "left-"):
            known = Question(seconds=0.01).values()
            self.story.app.storage.accounts.put(Row(self.story.account, f"{prefix}{LIST}", known))
        self.story.app.storage.accounts.put(Row(self.story.account, "learned", {"seconds_per_contact": 1e-6}))
        self.story.sandbox.reset()
        self._seed(OTHERS)
        self.refresh(FIRST)
        assert self.story.run()["status"] == "succeeded"
        self.refresh(SECOND)
        self._tables = copy.deepcopy(self.story.kept.tables)
        self._containers = {name: dict(blobs) for name, blobs in self.story.kept.containers.items()}

    def put_back(self) -> None:
        """As it was when the first day had ended and the second snapshot had come."""
        kept = self.story.kept
        kept.tables.clear()
        kept.tables.update(copy.deepcopy(self._tables))
        kept.containers.clear()
        kept.containers.update({name: dict(blobs) for name, blobs in self._containers.items()})
        for messages in (kept.messages, kept.notices, kept.poison):
            messages.clear()
        self.story.errors.clear()
        self.days = 2
        self.story.sandbox.reset()
        self._seed(OTHERS, FIRST)

    def start(self, worker: Any) -> str:
        """Starts the export; where that breaks, the one who has asked for it asks again. The run's id."""
        try:
            self.story.start(worker)
        except (WorkerDied, ExportError):
            self.story.start()
        return self.newest()

    def newest(self) -> str:
        """The id of the newest run."""
        return self.story.runs()[0].run_id

    def work(self, worker: Any, line: Line, hours: float = 2.0) -> None:
        """Works on with the worker, or with another one where it is dead."""
        self.story.work(self.story.app if line.dead else worker, hours=hours)

    def second_day(self, worker: Any, line: Line) -> dict[str, Any]:
        """A whole run; its status."""
        run_id = self.start(worker)
        self.work(worker, line)
        return self.story.status(run_id)

    def second_day_approved(self, worker: Any, line: Line) -> dict[str, Any]:
        """As `second_day`, but the run is held, and a person approves it: again, where there was no answer."""
        run_id = self.start(worker)
        self.work(worker, line, hours=0.5)
        assert self.story.status(run_id)["status"] == "held"
        for app in (self.story.app if line.dead else worker, self.story.app):
            with suppress(WorkerDied, ExportError):
                approve(app, find_run(app, run_id), "ana")
        self.work(worker, line)
        return self.story.status(run_id)

    def ledgers(self) -> list[str]:
        """What lies in the container of ledgers."""
        return self.story.kept.blob_names(LEDGERS)

    def check(self, status: dict[str, Any]) -> None:
        """The list is what the second day's segment wants, and the ledger knows it: a third run has nothing to do."""
        assert (status["status"], status["contacts_to_remove"]) == ("succeeded", 4), status["error"]
        assert self.story.sent() == addresses(SECOND, OTHERS)
        assert self.ledgers() == [f"{self.story.account}/{LIST}/gold/ledger.parquet"]
        # What a broken start leaves on the list of open runs goes by itself: test_each_point.py has it.
        assert [text for text in self.story.left_behind() if not text.startswith(OPEN)] == []
        assert not [error for error in self.story.errors if not isinstance(error, ExportError)], self.story.errors
        self.refresh(SECOND)
        imports = self.story.imports()
        again = self.story.run()
        assert (again["status"], again["contacts_unchanged"]) == ("succeeded", len(SECOND)), again["error"]
        assert (again["contacts_delivered"], again["contacts_to_remove"], self.story.imports()) == (0, 0, imports)
        assert self.story.sent() == addresses(SECOND, OTHERS)

    def _seed(self, *groups: range) -> None:
        people = [{"email": address(n), "attributes": {"FIRSTNAME": f"Name{n}"}} for group in groups for n in group]
        self.story.sandbox.seed(contacts=[{**each, "lists": [LIST]} for each in people])


def dying_at_brevo(monkeypatch: Any, line: Line, at: int, *, after: bool) -> list[str]:
    """The worker of this line dies at its call `at` of Brevo (from 1), before or after it; the calls, as they come."""
    calls: list[str] = []
    send = BrevoSession._send

    def dying(session: BrevoSession, method: str, path: str, params: Any, body: Any) -> Any:
        calls.append(f"{method} {path}")
        is_last = len(calls) == at
        if is_last and not after:
            line.dead = True
            raise WorkerDied
        answer = send(session, method, path, params, body)
        if is_last:
            line.dead = True
            raise WorkerDied
        return answer

    monkeypatch.setattr(BrevoSession, "_send", dying)
    return calls
