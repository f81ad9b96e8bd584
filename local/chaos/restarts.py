"""Storage goes away and comes back while runs are staging and delivering: once for a moment, once for 40 seconds.

Outages last as long as they last: no time factor shortens them. After some 25 seconds the functions host stops, with
the steps that run in it, and is started again.
"""

import time
from functools import partial
from random import Random

from local.brevo_sandbox import SandboxSettings
from local.chaos.oracle import judge
from local.chaos.report import Report
from local.chaos.site import LARGEST_TIME_FACTOR, Site
from local.chaos.world import World
from local.functions_host.worker import STORAGE_FAILED
from local.sample_people import seeded

LONG_SECONDS = 40.0
"""Longer than the host bears."""

_SHORT_SECONDS = (0.0, 4.0, 15.0)


def restarts(world: World, seed: int) -> Report:
    """Two runs; storage goes away when one is staging, and again when both are delivering."""
    report = Report("restarts", seed)
    rng = seeded(seed, "restarts")
    settings = SandboxSettings.quick(seconds_fixed=0.4)
    options = {"sandbox_settings": settings, "workers": 2, "time_factor": LARGEST_TIME_FACTOR}
    with world.site("restarts", **options) as site:
        for _ in range(2):
            site.add_export(rows=world.scaled(30_000, 6_000), seed=seed)
        for export in site.exports:
            site.start(export)
        for state, away_seconds in _outages(rng):
            if not site.wait_until(partial(_is_in, site, state), 90, f"a run is {state}"):
                continue
            time.sleep(rng.random() * 1.5)
            _go_away(site, report, state, away_seconds)
        site.wait_for_ends(240)
        hits = sum(count for what, count in report.done.items() if what.startswith("outages"))
        stopped = site.host.log_text().count(f"ended with code {STORAGE_FAILED}")
        report.done["hosts that stopped without storage"] = stopped
        if report.done[f"outages of {LONG_SECONDS:.0f} s"]:
            report.check("a host stops where storage is away for long", [] if stopped else ["none has stopped"])
        # Each host that stops cuts one step off, which may have been a delivery whose answer was not yet written.
        judge(site, report, repeats_allowed=hits + stopped)
    return report


def _outages(rng: Random) -> list[tuple[str, float]]:
    """One state meets the long outage, the other a short one; the seed says which."""
    seconds = [LONG_SECONDS, rng.choice(_SHORT_SECONDS)]
    rng.shuffle(seconds)
    return list(zip(("staging", "delivering"), seconds, strict=True))


def _is_in(site: Site, state: str) -> bool:
    return any(run.state == state for _, run in site.all_runs())


def _go_away(site: Site, report: Report, state: str, away_seconds: float) -> None:
    site.say(f"storage goes away for {away_seconds:.0f} s while a run is {state}")
    started = time.monotonic()
    site.azurite.pause()
    time.sleep(away_seconds)
    site.azurite.restart()
    site.say(f"storage is back after {time.monotonic() - started:.1f} s")
    report.done[f"outages of {away_seconds:.0f} s"] += 1
    report.done[f"storage away while {state}"] += 1
