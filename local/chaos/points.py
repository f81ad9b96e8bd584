"""Crashes at chosen places: before and after each change that outlasts a worker, in each step of a run.

One small run goes undisturbed and tells which places there are; then each chosen place gets a run of its own whose
worker dies there, once.
"""

from collections import Counter
from functools import partial
from random import Random

from local.brevo_sandbox import SandboxSettings
from local.chaos.exports import ExportUnderTest
from local.chaos.oracle import judge
from local.chaos.report import Report
from local.chaos.site import LARGEST_TIME_FACTOR, Site
from local.chaos.world import World
from local.sample_people import seeded

_AT_ONCE = 6
_MOST_REPEATS_OF_A_PLACE = 2
_ALWAYS = "deliver|POST /contacts/import _send|1|after"


def points(world: World, seed: int) -> Report:
    """Runs as many small exports as places are chosen, six at a time."""
    report = Report("points", seed)
    settings = SandboxSettings.quick(seconds_fixed=0.1)
    accounts = {"BREVO_A": _AT_ONCE, "BREVO_B": 1}
    options = {"accounts": accounts, "sandbox_settings": settings, "body_bytes": 60_000}
    with world.site("points", workers=world.scaled(4, 2), time_factor=LARGEST_TIME_FACTOR, **options) as site:
        site.accounts["BREVO_B"].sandbox.change(seconds_fixed=3.0)
        rows = world.scaled(1_200, 600)
        places = _places(site, rows, seed)
        rng = seeded(seed, "points")
        chosen = _choose(rng, places, world.scaled(30, 4))
        report.done["places found"] = len(places)
        armed: dict[str, str] = {}
        while chosen or any(not run.is_final for _, run in site.all_runs()):
            running = [e for e in site.exports if any(not run.is_final for run in site.runs(e))]
            while chosen and len(running) < _AT_ONCE:
                place = chosen.pop()
                # A single import slot shows whether a lost answer lets a second import in.
                export = site.add_export("BREVO_B" if place.startswith("deliver|") else "BREVO_A", rows=rows, seed=seed)
                armed[export.id] = place
                (site.chaos / "armed" / export.id).write_text(armed[export.id], encoding="utf-8")
                site.start(export)
                running.append(export)
                site.say(f"{export.id} shall die at {armed[export.id]}")
            if not site.wait_until(partial(_some_ended, site, running), 60, "a run with a crash has ended"):
                break
        crashed = {path.name for path in (site.chaos / "crashed").iterdir()}
        report.done |= Counter({f"kills while at {p.split('|')[0]}": 0 for p in armed.values()})
        for export_id in crashed:
            report.done[f"kills while at {armed[export_id].split('|')[0]}"] += 1
        if missed := [place for export_id, place in armed.items() if export_id not in crashed]:
            report.notes.append(f"{len(missed)} places were not passed again, such as {missed[0]}")
        deliveries = Counter({e: 1 for e in crashed if armed[e].startswith("deliver|")})
        judge(site, report, repeats_allowed=deliveries.total(), repeats_by_export=deliveries, names=armed)
    return report


def _some_ended(site: Site, exports: list[ExportUnderTest]) -> bool:
    return any(run.is_final for export in exports for run in site.runs(export))


def _places(site: Site, rows: int, seed: int) -> list[str]:
    export = site.add_export(rows=rows, seed=seed)
    trace = site.chaos / "traces" / export.id
    trace.touch()
    site.start(export)
    site.wait_for_ends(60)
    passed = dict.fromkeys(trace.read_text(encoding="utf-8").splitlines())
    return [place for place in passed if int(place.split("|")[2]) <= _MOST_REPEATS_OF_A_PLACE]


def _choose(rng: Random, places: list[str], wanted: int) -> list[str]:
    """Some of each step: deliver and confirm have more places than stage."""
    steps = sorted({place.split("|")[0] for place in places})
    left = {step: rng.sample(found := [p for p in places if p.startswith(f"{step}|")], len(found)) for step in steps}
    chosen: list[str] = []
    while len(chosen) < wanted and any(left.values()):
        chosen += [left[step].pop() for step in steps if left[step]]
    return [_ALWAYS, *(place for place in chosen if place != _ALWAYS)][:wanted][::-1]
