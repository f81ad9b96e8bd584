"""Storage goes away and comes back while runs are staging and delivering."""

import time
from functools import partial

from local.brevo_sandbox import SandboxSettings
from local.chaos.oracle import judge
from local.chaos.report import Report
from local.chaos.site import Site
from local.chaos.world import World
from local.sample_people import seeded


def restarts(world: World, seed: int) -> Report:
    """Two runs; storage restarts when one is staging, and again when both are delivering."""
    report = Report("restarts", seed)
    rng = seeded(seed, "restarts")
    settings = SandboxSettings.quick(seconds_fixed=0.4)
    with world.site("restarts", sandbox_settings=settings, workers=2) as site:
        for _ in range(2):
            site.add_export(rows=world.scaled(30_000, 6_000), seed=seed)
        for export in site.exports:
            site.start(export)
        for state in ("staging", "delivering"):
            if not site.wait_until(partial(_is_in, site, state), 60, f"a run is {state}"):
                continue
            time.sleep(rng.random() * 1.5)
            _restart(site, report, state, away_seconds=rng.choice((0.0, 4.0)))
        site.wait_for_ends(180)
        hits = sum(count for what, count in report.done.items() if what.startswith("restarts"))
        judge(site, report, repeats_allowed=hits)
    return report


def _is_in(site: Site, state: str) -> bool:
    return any(run.state == state for _, run in site.all_runs())


def _restart(site: Site, report: Report, state: str, *, away_seconds: float) -> None:
    site.say(f"storage restarts while a run is {state}")
    started = time.monotonic()
    site.azurite.pause()
    time.sleep(away_seconds)
    site.azurite.restart()
    site.say(f"storage is back after {time.monotonic() - started:.1f} s")
    report.done[f"restarts of storage while {state}"] += 1
