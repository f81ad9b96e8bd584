"""Several timers, two hosts and impatient people at once: a snapshot or due time starts one run."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from local.brevo_sandbox import SandboxSettings
from local.chaos.exports import ExportUnderTest
from local.chaos.oracle import judge
from local.chaos.report import Report
from local.chaos.site import Site
from local.chaos.world import World
from shared.runs.starting import start_due

_AT_ONCE = 8


def timers(world: World, seed: int) -> Report:
    """Exports by refresh, by cron line and by hand, all started by everybody at the same moment, twice."""
    report = Report("timers", seed)
    settings = SandboxSettings.quick(seconds_fixed=0.1)
    options = {"accounts": {"BREVO_A": 4}, "sandbox_settings": settings}
    with world.site(
        "timers", hosts=2, workers=world.scaled(2, 1), schedule="*/2 * * * * *", quiet_seconds=3, **options
    ) as site:
        rows = world.scaled(2_000, 600)
        refreshed = [
            site.add_export(rows=rows, seed=seed, schedule="with_refresh", upload=False)
            for _ in range(world.scaled(4, 2))
        ]
        # Before it is there: a timer that saw the export first would take today's due time as known.
        site.app.store.note_due(site.next_export_id, "2026-01-01T00:00Z")
        cron = site.add_export(rows=rows, seed=seed, schedule={"cron": "0 3 * * *", "time_zone": "Europe/Bucharest"})
        by_hand = site.add_export(rows=rows, seed=seed)
        for export in refreshed:
            site.upload(export)
        new = _rush(site, report, by_hand)
        site.wait_until(lambda: all(site.runs(export) for export in [*refreshed, cron]), 30, "all are started")
        site.wait_for_ends(90)
        report.check("one run for a new snapshot", _more_than(site, refreshed, 1), len(refreshed))
        report.check("one run for a due time", _more_than(site, [cron], 1))
        report.check("one run for all who ask at once", [] if new == 1 else [f"{new} of them were told it is new"])
        again = refreshed[: world.scaled(2, 1)]
        for export in again:
            site.upload(export)
        _rush(site, report, None)
        site.wait_until(
            lambda: all(len(site.runs(export)) > 1 for export in again), 30, "the new snapshots are started"
        )
        site.wait_for_ends(90)
        report.check("one more run for the next snapshot", _more_than(site, again, 2), len(again))
        report.check("none without one", _more_than(site, [e for e in refreshed if e not in again] + [cron], 1))
        judge(site, report, repeats_allowed=0)
    return report


def _more_than(site: Site, exports: list[ExportUnderTest], wanted: int) -> list[str]:
    found = {export.id: [run.run_id for run in site.runs(export)] for export in exports}
    return [
        f"{export} has {len(runs)} runs instead of {wanted}: {runs}"
        for export, runs in found.items()
        if len(runs) != wanted
    ]


def _rush(site: Site, report: Report, by_hand: ExportUnderTest | None) -> int:
    """Everybody starts at once, again and again until the quiet period is over; how often a start was new."""
    jobs: list[Callable[[], Any]] = []
    for turn in range(5 * _AT_ONCE):
        jobs.append(lambda: start_due(site.app))
        jobs.append(lambda host=site.hosts[turn % 2]: host.run_now("timer_export"))  # type: ignore[misc]
        if by_hand is not None and turn < _AT_ONCE:
            jobs.append(lambda turn=turn: site.start(by_hand, host=turn % 2))  # type: ignore[misc]
    report.done["starts at once"] += len(jobs)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        answers = list(pool.map(lambda job: job(), jobs))
    return sum(isinstance(answer, dict) and answer["is_new"] for answer in answers)
