"""`make demo`: one export goes from its segments to its Brevo list by every trigger, on this machine alone."""

from __future__ import annotations

import argparse
import json
import os
import shlex
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from local.demo_checks import DemoError, Members, check_rejected_rows, check_run, check_triggers
from local.demo_story import Story, columns
from local.functions_host.blob_watcher import BlobWatcher
from local.run_module import run_module
from local.sample_data import MAPPING
from local.sample_snapshots import SampleSnapshots
from local.sandbox_contacts import members_of
from local.stack import (
    CANNOT_START,
    CONFIG,
    CONTAINER,
    REPOSITORY,
    ShippedExport,
    Stack,
    Stopped,
    last_lines,
    raise_if,
    stop_on_signals,
)

DEFAULT_ROWS = 20_000
OTHERS_LIST = 13
_SETTINGS = {"EXPORT_CONFIG": str(CONFIG), "SNAPSHOT_QUIET_SECONDS": "3", "EXPORT_SCHEDULE": "*/5 * * * * *"}
_FINAL = ("succeeded", "succeeded_with_rejections", "failed", "cancelled", "skipped")
_LOOK_SECONDS = 0.25
_NEXT = """\
Next: `make serve` keeps all of it up, with a start page and lines to try;
README.md says how to use an account of your own, docs/deploy.md how to deploy."""
_STOPPED = 130


class Demo:
    """Four runs of one export, each started in another way, and what came of them."""

    def __init__(self, rows: int, folder: Path, story: Story, stop: threading.Event) -> None:
        self._story = story
        self._stop = stop
        self._export = ShippedExport.first()
        if self._export.mapping != MAPPING:
            raise DemoError(f"{CONFIG} maps other fields than the sample data is made for")
        self._run_seconds = 60 + rows / 1000
        self._rows = rows
        self.stack = Stack(folder, _SETTINGS, say=story.say)
        self._runs: list[dict[str, Any]] = []

    def run(self) -> str:
        """Tells it all; returns the summary. Raises: DemoError, Stopped, or one of CANNOT_START."""
        names = " and ".join(self._export.segments)
        self._story.say(
            f"The export {self._export.id}: {names}, {self._rows:,} rows each, to Brevo list "
            f"{self._export.list_id}. All of it on this machine, in about a minute."
        )
        with ThreadPoolExecutor(1) as beside:
            samples = beside.submit(SampleSnapshots, self._export.segments, self._rows)
            self.stack.start(self._stop)
            self._samples = samples.result()
        self._story.say("Up: Azurite as the storage, the Brevo sandbox, a functions host with 2 workers.")
        others = self.stack.sandbox.ask(f"digest?list={OTHERS_LIST}")
        started = time.monotonic()
        for tell in (self._by_http, self._by_timer, self._by_event, self._by_terminal):
            tell()
        ran_seconds = time.monotonic() - started
        return self._tell_end(others, ran_seconds)

    def check_parts(self) -> None:
        """Raises: DemoError, with the end of its log shown, where a part has ended."""
        if part := self.stack.ended_part():
            self._story.show(last_lines(part.log))
            raise DemoError(f"{part.name} has ended; the end of its log is above")

    def _by_http(self) -> None:
        self._drop("1 of 4, HTTP")
        path = f"/api/exports/{self._export.id}/runs"
        answer = self._api("POST", path, {"now": True})
        self._story.show(f"POST {path} -> run {answer['run_id']}")
        self._follow(str(answer["run_id"]), "http")

    def _by_timer(self) -> None:
        self._drop("2 of 4, timer")
        self._story.show("nobody asks: the timer looks for new snapshots every 5 s here")
        self._follow(self._wait_for_run("timer"), "timer")

    def _by_event(self) -> None:
        address = self.stack.host.event_grid_url("blob_export")
        watcher = BlobWatcher(self.stack.storage, CONTAINER, [address])
        watcher.start()
        try:
            self._drop("3 of 4, Event Grid")
            self._story.show("nobody asks: Event Grid tells the app of each blob that is created")
            self._follow(self._wait_for_run("event"), "event")
        finally:
            watcher.stop()

    def _by_terminal(self) -> None:
        self._story.say(f"4 of 4, terminal: segment-export run {self._export.id} --wait (the same snapshot once more)")
        command = [*run_module(), "shared.cli", "run", self._export.id, "--wait"]
        environment = {**os.environ, **self.stack.settings}
        with subprocess.Popen(
            command, cwd=REPOSITORY, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
        ) as process:
            try:
                output = self._output_of(process)
            finally:
                process.terminate()
        if process.returncode != 0:
            raise DemoError(f"segment-export run ended with exit status {process.returncode}: {output.strip()}")
        self._words = output.strip()
        self._follow(output.split()[0], "terminal")

    def _output_of(self, process: subprocess.Popen[str]) -> str:
        deadline = time.monotonic() + self._run_seconds
        while time.monotonic() < deadline:
            raise_if(self._stop)
            try:
                return process.communicate(timeout=_LOOK_SECONDS)[0]
            except subprocess.TimeoutExpired:
                continue
        raise DemoError(f"segment-export run has not ended within {self._run_seconds:.0f} s")

    def _drop(self, title: str) -> None:
        taken = self._samples.drop(self.stack.storage, CONTAINER)
        rows = self._samples.expected.rows_read
        self._story.say(f"{title}: a snapshot lands in storage, {rows:,} rows, refreshed {taken}")

    def _wait_for_run(self, trigger: str) -> str:
        """The id of the next run, which this trigger must have started."""
        known = {run["run_id"] for run in self._runs}

        def found() -> str:
            new = [run for run in self._list_runs() if run["run_id"] not in known]
            return str(new[0]["run_id"]) if new else ""

        run_id = self._wait(found, 30, f"no run was started by the {trigger}")
        self._story.show(f"run {run_id}")
        return run_id

    def _follow(self, run_id: str, trigger: str) -> None:
        """Waits for the run's end and checks it."""

        def final() -> dict[str, Any] | None:
            status = self._api("GET", f"/api/runs/{run_id}")
            if status["status"] in _FINAL:
                return dict(status)
            self._story.watch(status["status"], status["waiting_for"] or "")
            return None

        status = self._wait(final, self._run_seconds, f"the run {run_id} has not ended")
        check_run(status, trigger, self._samples.expected)
        self._runs.append(status)
        self._story.say(
            f"{status['status'].replace('_', ' ')}: {status['contacts_confirmed']:,} contacts confirmed by Brevo "
            f"in {status['batches']} import{'s' * (status['batches'] != 1)}"
        )

    def _tell_end(self, others: Any, ran_seconds: float) -> str:
        expected = self._samples.expected
        last = self._runs[-1]
        self._story.say("What the last run says:")
        self._story.show(self._words)
        self._story.say("Why rows were not sent, or not whole:")
        table = [(reason, count, "not sent") for reason, count in sorted(last["rows_rejected"].items())]
        table += [(reason, count, "sent without it") for reason, count in sorted(last["warnings"].items())]
        self._story.show(columns(table))
        self._tell_rejected_rows(last)
        self._tell_lists(others)
        self._story.say("Where the time went, in seconds:")
        self._story.show(columns(_times(self._runs)))
        self._story.show(f"{self._story.seconds - ran_seconds:.1f} s for the sample data, the start and the checks")
        check_triggers(self._list_runs(), [run["trigger"] for run in self._runs])
        return (
            f"{len(self._runs)} runs ({', '.join(run['trigger'] for run in self._runs)}) confirmed, "
            f"{expected.contacts_mapped:,} contacts in list {self._export.list_id}, "
            f"{sum(expected.rows_rejected.values()):,} rows rejected and explained"
        )

    def _tell_rejected_rows(self, last: dict[str, Any]) -> None:
        path = f"/api/runs/{last['run_id']}/rejected-rows"
        text = self._call("GET", path).decode()
        rows = check_rejected_rows(text, self._samples.expected)
        self._story.say(f"Row by row, GET {path} ({len(rows):,} rows, each at the right line with the right reason):")
        header, *lines = text.splitlines()
        one_of_each = dict(zip([row["reason"] for row in rows], lines, strict=True))
        self._story.show("\n".join([header, *one_of_each.values()]))

    def _tell_lists(self, others: Any) -> None:
        list_id = self._export.list_id
        members = Members.compared(members_of(self.stack.sandbox.origin, list_id), self._samples.expected.contacts)
        self._story.say(f"Brevo list {list_id} against the sample data: {members}")
        members.check(list_id)
        if self.stack.sandbox.ask(f"digest?list={OTHERS_LIST}") != others:
            raise DemoError(f"list {OTHERS_LIST}, which belongs to others, has changed")
        self._story.show(f"list {OTHERS_LIST}, which belongs to others, is as it was ({others['count']} members)")

    def _list_runs(self) -> list[dict[str, Any]]:
        return list(self._api("GET", f"/api/exports/{self._export.id}/runs"))

    def _wait[T](self, look: Callable[[], T | None], seconds: float, otherwise: str) -> T:
        deadline = time.monotonic() + seconds
        while not (found := look()):
            if time.monotonic() > deadline:
                raise DemoError(f"{otherwise} within {seconds:.0f} s")
            self.check_parts()
            self._stop.wait(_LOOK_SECONDS)
            raise_if(self._stop)
        return found

    def _api(self, method: str, path: str, body: Any = None) -> Any:
        return json.loads(self._call(method, path, body))

    def _call(self, method: str, path: str, body: Any = None) -> bytes:
        headers = {"x-functions-key": self.stack.host.key, "Content-Type": "application/json"}
        data = b"" if body is None else json.dumps(body).encode()
        answer = self.stack.host.request(method, path, headers=headers, body=data)
        if answer.status >= 300:
            raise DemoError(f"{method} {path} answers {answer.status}: {answer.body.decode(errors='replace')[:300]}")
        return answer.body


def _times(runs: Sequence[dict[str, Any]]) -> list[list[str]]:
    """How long each run was in each state."""
    rows = [["started by", "waited", "read and checked", "sent and confirmed", "in all"]]
    for run in runs:
        at = {state: datetime.fromisoformat(text).timestamp() for state, text in run["times"].items()}
        queued, ended = at["queued"], at[run["status"]]
        staging, delivering = at.get("staging", queued), at["delivering"]
        spans = (staging - queued, delivering - staging, ended - delivering, ended - queued)
        rows.append([run["trigger"], *(f"{seconds:.1f}" for seconds in spans)])
    return rows


def main(arguments: Sequence[str] | None = None) -> int:
    """The command. Exit status: 0 all as it should be, 1 not, 130 stopped by a signal."""
    parser = argparse.ArgumentParser(prog="python -m local.demo", description=__doc__)
    parser.add_argument("--rows", type=int, default=DEFAULT_ROWS, help="rows of each segment (default: 20000)")
    parser.add_argument("--keep", action="store_true", help="leave all of it up at the end, until Ctrl+C")
    options = parser.parse_args(arguments)
    if not 100 <= options.rows <= 500_000:
        parser.error("--rows goes from 100 to 500000")
    stop = stop_on_signals()
    story = Story()
    try:
        with tempfile.TemporaryDirectory(prefix="segment-export-demo-") as folder:
            demo = Demo(options.rows, Path(folder), story, stop)
            with demo.stack, _log_on_failure(demo.stack.log_file, story):
                summary = demo.run()
                if options.keep:
                    _keep(demo, story, stop, Path(folder))
    except Stopped:
        story.end("demo: stopped")
        return _STOPPED
    except (DemoError, *CANNOT_START) as error:
        story.end("demo: stopped" if stop.is_set() else f"demo: FAILED: {error}")
        return _STOPPED if stop.is_set() else 1
    story.end(f"demo: {summary}, {story.seconds:.0f} s")
    story.end(_NEXT)
    return 0


@contextmanager
def _log_on_failure(path: Path, story: Story) -> Iterator[None]:
    """Shows what the functions host complained of, since its log is gone with the folder."""
    try:
        yield
    except DemoError:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines() if path.exists() else []
        bad = [line for line in lines if " ERROR " in line or " WARNING " in line]
        story.show("\n".join(["", *bad[-10:]]))
        raise


def _keep(demo: Demo, story: Story, stop: threading.Event, folder: Path) -> None:
    stack = demo.stack
    settings = folder / "demo.env"
    settings.write_text("".join(f"export {name}={shlex.quote(value)}\n" for name, value in stack.settings.items()))
    story.say("All of it stays up until Ctrl+C:")
    story.show(f"curl -H 'x-functions-key: {stack.host.key}' {stack.url}/api/exports")
    story.show(f"Brevo sandbox: {stack.sandbox.origin}/")
    story.show(f"storage: {stack.storage}")
    story.show(f"for a terminal: . {settings}, then segment-export status")
    while not stop.wait(_LOOK_SECONDS):
        demo.check_parts()


if __name__ == "__main__":
    sys.exit(main())
