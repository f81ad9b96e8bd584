"""The command line: chooses scenarios, runs them, tells what came of it."""

import argparse
import json
import secrets
import shutil
import time
import traceback
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from local.chaos.doubles import doubles
from local.chaos.kills import kills
from local.chaos.lost import lost
from local.chaos.points import points
from local.chaos.report import Report
from local.chaos.restarts import restarts
from local.chaos.storm import storm
from local.chaos.timers import timers
from local.chaos.world import World

REPOSITORY = Path(__file__).resolve().parents[2]

Scenario = Callable[[World, int], Report]
SCENARIOS: dict[str, Scenario] = {
    "kills": kills,
    "storm": storm,
    "points": points,
    "doubles": doubles,
    "restarts": restarts,
    "lost": lost,
    "timers": timers,
}

_HELP = """scenarios: {names}

Everything is invented and runs on this machine: storage emulator, Brevo sandbox, functions host. Logs are kept
below .local/chaos when something is violated. The same seed makes the same data and the same decisions; the
moments differ, since they are the machine's."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the chosen scenarios; returns 1 where anything was violated."""
    options = _options(arguments)
    world = World(options.folder / time.strftime("%Y%m%d-%H%M%S"), options.small, options.json)
    world.folder.mkdir(parents=True)
    world.say(f"chaos with seed {options.seed}: {', '.join(options.only)}")
    reports = run_scenarios(world, options.only, options.seed, options.at_once)
    failed = [report for report in reports if report.violations]
    if not failed and not options.keep:
        shutil.rmtree(world.folder, ignore_errors=True)
    if options.json:
        print(json.dumps({"seed": options.seed, "scenarios": [report.document() for report in reports]}, indent=1))
    else:
        print("\n" + "\n\n".join(report.table() for report in reports) + "\n")
        print(_summary(reports, options.seed))
    return 1 if failed else 0


def run_scenarios(world: World, names: Sequence[str], seed: int, at_once: int) -> list[Report]:
    """Runs the scenarios, so many at a time: most of them wait for something most of the time."""
    with ThreadPoolExecutor(at_once, thread_name_prefix="scenario") as pool:
        return list(pool.map(lambda name: _run(world, name, seed), names))


def _run(world: World, name: str, seed: int) -> Report:
    started = time.monotonic()
    try:
        report = SCENARIOS[name](world, seed)
    except Exception:  # noqa: BLE001 - the other scenarios go on, and the summary shows it
        report = Report(name, seed)
        report.check("the scenario came to its end", [traceback.format_exc()])
    report.seconds = time.monotonic() - started
    report.logs = str(world.folder / name)
    world.say(f"[{name}] {'VIOLATIONS' if report.violations else 'ok'} after {report.seconds:.0f} s")
    return report


def _summary(reports: Sequence[Report], seed: int) -> str:
    violations = sum(len(report.violations) for report in reports)
    checks = sum(len(report.checks) for report in reports)
    kills_done = sum(
        count for report in reports for what, count in report.done.items() if what.startswith("kills while")
    )
    contacts = sum(report.done["contacts to be delivered"] for report in reports)
    verdict = f"{violations} VIOLATIONS" if violations else "no violation"
    return (
        f"chaos: {verdict} in {checks} checks; {len(reports)} scenarios, "
        f"{sum(report.done['runs'] for report in reports)} runs, {contacts:,} contacts, {kills_done} kills, seed {seed}"
    )


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m local.chaos",
        description="Kills, faults, doubles and restarts; then an oracle judges what is left.",
        epilog=_HELP.format(names=", ".join(SCENARIOS)),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--seed", type=int, default=secrets.randbelow(1_000_000), help="(default: random, and shown)")
    add("--only", type=_names, default=list(SCENARIOS), metavar="NAMES", help="these scenarios, with commas")
    add("--at-once", type=int, default=2, metavar="N", help="scenarios at the same time (default: 2)")
    add("--small", action="store_true", help="everything tiny")
    add("--json", action="store_true", help="print the reports as JSON, and nothing else")
    add("--keep", action="store_true", help="keep the logs also when all went well")
    add(
        "--folder", type=Path, default=REPOSITORY / ".local" / "chaos", help="where the logs go (default: .local/chaos)"
    )
    return parser.parse_args(arguments)


def _names(text: str) -> list[str]:
    names = text.split(",")
    if unknown := set(names) - SCENARIOS.keys():
        raise argparse.ArgumentTypeError(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(SCENARIOS)}")
    return names
