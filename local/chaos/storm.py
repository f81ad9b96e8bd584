"""A third of Brevo's answers are faults, under its real rate limits, and imports fail on Brevo's side as well."""

from collections import Counter

from local.brevo_sandbox import Faults, SandboxSettings
from local.brevo_sandbox.faults import IMPORT_ROUTE, STORM
from local.chaos.oracle import judge
from local.chaos.report import Report
from local.chaos.world import World

_RATE = 0.33
_AT_ONCE = 4
_KINDS = (*STORM, "reset-after", "slow", "report-404", "report-500")
_IMPORT_FAULTS = ("import-failed", "import-cancelled", "import-partial")


def storm(world: World, seed: int) -> Report:
    """One run of 60,000 rows; the limits are those of a general plan, and must never be exceeded by us.

    Four short imports at once: only the product's own pace keeps them within ten calls a second.
    """
    report = Report("storm", seed)
    settings = SandboxSettings(plan="general", slow_seconds=3, seconds_fixed=0.2, parallel_imports=_AT_ONCE)
    faults = Faults(_RATE, _KINDS, seed)
    with world.site(
        "storm",
        sandbox_settings=settings,
        faults=faults,
        accounts={"BREVO_A": _AT_ONCE},
        workers=3,
        body_bytes=world.scaled(100_000, 80_000),
    ) as site:
        export = site.add_export(rows=world.scaled(60_000, 3_000), seed=seed)
        sandbox = site.accounts["BREVO_A"].sandbox
        # The first imports are of as many batches, so that none fails twice, which ends a run.
        for kind in _IMPORT_FAULTS:
            sandbox.fail_next(IMPORT_ROUTE, kind)
        site.start(export)
        if site.wait_until(lambda: len(sandbox.imports.records()) > 3, 120, "imports are going") and not world.small:
            # The key is read again after a minute, which a test has not.
            sandbox.fail_next("GET /processes", "401")
        site.wait_for_ends(600)
        for kind, count in sorted(sandbox.world.faults.injected.items()):
            report.done[f"faults {kind}"] = count
        report.done["requests to Brevo"] = sum(sandbox.log.totals().values())
        per_second = Counter(int(entry.at) for entry in sandbox.log.entries() if "/contacts" in entry.route)
        general = [entry for entry in sandbox.log.entries() if entry.route in ("GET /processes", "GET /account")]
        report.done["most /contacts calls in a second"] = max(per_second.values(), default=0)
        report.done["calls of 100 an hour"] = len(general)
        exceeded = sandbox.limits.exceeded
        report.check(
            "no rate limit was exceeded",
            [f"{count} calls of the class {name} over the limit" for name, count in exceeded.items() if count],
            sum(sandbox.log.totals().values()),
        )
        report.check(
            "no more than 60 of the 100 scarce calls",
            [] if len(general) <= 60 else [f"{len(general)} calls, such as {Counter(e.route for e in general)}"],
        )
        judge(site, report, repeats_allowed=0, reports_may_be_lost=True)
    return report
