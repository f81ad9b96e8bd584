"""An installation of years: its storage, every call of which is counted, and the runs that it has seen."""

import json
import threading
import time
from collections import Counter
from datetime import timedelta
from itertools import batched

import pytest

from shared.access import Caller
from shared.app import App
from shared.runs.rows import run_row
from shared.runs.run_ids import new_run_id
from shared.runs.state import Run
from shared.runs.store import RunStore
from shared.settings import read_settings
from shared.times import iso_text
from simulation.storage import Kept
from tests.memory_line import VirtualClock

ADMINISTRATOR = Caller("function key", "administrator")
ACCOUNT = "BREVO_API_KEY"


class Calls:
    """A worker's way to storage that counts what goes over it, each call of which takes `seconds` of the app's clock.

    With `is_slow` each takes a moment, so that calls are made at the same time where they can be.
    """

    def __init__(self):
        self.names, self.clock, self.seconds = Counter(), VirtualClock(), 0.0
        self._lock, self.is_slow, self.open, self.most_open = threading.Lock(), False, 0, 0

    def call(self, name, act):
        with self._lock:
            self.names[name] += 1
            self.open += 1
            self.most_open = max(self.most_open, self.open)
        if self.is_slow:
            time.sleep(0.005)
        with self._lock:
            self.open -= 1
        self.clock.skip(self.seconds)
        return act()

    def of(self, work):
        """How many calls this takes."""
        self.names.clear()
        work()
        return self.names.total()


@pytest.fixture
def calls():
    return Calls()


@pytest.fixture
def years(calls):
    """An app whose storage has years of runs."""
    storage = Kept(calls.clock).storage(calls)
    return App(read_settings({"EXPORT_CONFIG": "settings/exports.json"}), storage, RunStore(storage))


def past_runs(app, export, count, days=500, **more):
    """So many runs of the export, one an hour, the newest of them so many days ago; their ids, newest first."""
    run_ids = []
    for number in range(count):
        at = app.time() - timedelta(days=days, hours=number)
        times = {"queued": iso_text(at), "succeeded": iso_text(at + timedelta(minutes=1))}
        values = {"state": "succeeded", "staging_id": "abcd", "times": times, **more}
        run_id = new_run_id(export, at)
        run = Run(run_id, export, ACCOUNT, 12, "timer", "timer", **values)
        app.storage.runs.put(run_row(run))
        run_ids.append(run_id)
    return run_ids


@pytest.fixture
def rows_read(years, monkeypatch):
    """How many rows of runs storage has sent: as many as a query asks for, else up to a thousand with each answer."""
    sent = []
    query = years.storage.runs.query

    def counted(partition, first="", last="", limit=None, *more, **how):
        answers = batched(query(partition, first, last, limit, *more, **how), limit or 1000, strict=False)
        for answer in answers:
            sent.append(len(answer))
            yield from answer

    monkeypatch.setattr(years.storage.runs, "query", counted)
    return sent


@pytest.fixture
def many_exports(years):
    """The configuration of the app, with 40 exports that have run."""
    connection = {"id": "brevo-eu", "display_name": "Brevo", "api_key": {"setting": ACCOUNT}}
    export = {"display_name": "Gold", "connection": "brevo-eu", "segments": ["Gold"], "mapping": {"email": "EMail"}}
    export["source"] = {"container": "segments", "folder": "F"}
    exports = [{"id": f"e-{number}", "list_id": 100 + number, **export} for number in range(40)]
    document = json.dumps({"connections": [connection], "exports": exports})
    years.storage.app_blobs.write("settings", "exports.json", document.encode())
    for each in exports:
        past_runs(years, each["id"], 3, days=1)
    return years.document()
