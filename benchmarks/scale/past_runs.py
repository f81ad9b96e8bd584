"""The status of a run of an export with 100,000 past runs, beside that of an export with ten.

Both in storage of their own, asked in turns, as `segment-export status RUN` and `GET /api/runs/{id}` ask.
"""

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from statistics import median, quantiles

from benchmarks.bars import Bar
from benchmarks.scale.finding import Finding, say
from benchmarks.scale.place import app_with
from local.azurite import Azurite
from shared.app import App
from shared.runs.counts import Counts
from shared.runs.rows import run_row
from shared.runs.run_ids import new_run_id
from shared.runs.state import Run
from shared.runs.status import find_run, run_story
from shared.storage.tables import Change

MANY, FEW = 100_000, 10
EXPORT = "high-value"
_QUESTIONS = 300
_ROWS_AT_ONCE = 100
_MINUTES_BETWEEN = 5


def past_runs(many: int = MANY, questions: int = _QUESTIONS) -> Finding:
    """Writes the histories, and asks."""
    with Azurite(in_memory=True) as long, Azurite(in_memory=True) as short:
        apps = {many: app_with({"AzureWebJobsStorage": long.connection_string})}
        apps[FEW] = app_with({"AzureWebJobsStorage": short.connection_string})
        ids = {}
        for count, app in apps.items():
            say(f"writing {count:,} past runs")
            ids[count] = write_history(app, count)
        seconds: dict[int, list[float]] = {count: [] for count in apps}
        newest: dict[int, list[float]] = {count: [] for count in apps}
        for number in range(questions + 10):
            for count, app in apps.items():
                # Now the newest, now the oldest, now one in between.
                run_id = ids[count][number * (len(ids[count]) - 1) // (questions + 9)]
                began = time.perf_counter()
                run_story(app, find_run(app, run_id))
                if number >= 10:  # the first ones open the connections
                    seconds[count].append(time.perf_counter() - began)
                began = time.perf_counter()
                list(app.store.latest(EXPORT, 10))
                if number >= 10:
                    newest[count].append(time.perf_counter() - began)
    slow, fast = (p95_ms(seconds[count]) for count in (many, FEW))
    lines = [
        f"with {count:,} past runs: the status of one p95 {p95_ms(seconds[count]):.1f} ms, "
        f"median {median(seconds[count]) * 1000:.1f} ms; the ten newest p95 {p95_ms(newest[count]):.1f} ms"
        for count in apps
    ]
    bar = Bar(f"p95 of a run's status with {many:,} past runs to that with {FEW}", slow / fast, 3, unit="x")
    return Finding("past_runs", lines, [bar], {"p95_ms": {str(many): slow, str(FEW): fast}})


def p95_ms(seconds: list[float]) -> float:
    """The 95th percentile, in milliseconds."""
    return quantiles(seconds, n=20)[-1] * 1000


def write_history(app: App, count: int, export: str = EXPORT) -> list[str]:
    """Runs that ended long ago, five minutes apart, with the rows that a real one has; returns some of their ids."""
    began = datetime.now(UTC) - timedelta(minutes=_MINUTES_BETWEEN * (count + 1))
    changes: list[Change] = []
    kept = []
    for number in range(count):
        at = began + timedelta(minutes=_MINUTES_BETWEEN * number)
        run = _ended_run(export, new_run_id(export, at), at)
        changes.append(Change("insert", run_row(run)))
        if len(changes) == _ROWS_AT_ONCE or number + 1 == count:
            app.storage.runs.transact(changes)
            changes.clear()
            kept.append(run.run_id)
    return kept


def _ended_run(export: str, run_id: str, at: datetime) -> Run:
    run = Run(run_id, export, "BREVO_API_KEY", 12, "timer", "timer")
    times = {state: at.isoformat(timespec="milliseconds") for state in ("queued", "staging", "delivering", "succeeded")}
    return replace(
        run,
        state="succeeded",
        times=times,
        snapshot="2026-10-05T0630-0a1b2c3d",
        segments=[{"name": "HighValueSegment", "files": 4, "rows": 20_000}],
        counts=Counts(
            rows_read=20_000,
            contacts_mapped=20_000,
            contacts_delivered=20_000,
            contacts_confirmed=20_000,
            batches=1,
            requests=5,
        ),
        staging_id="0a1b2c3d",
    )
