"""Runs of a flow that are held: how they come to be, and how people decide on them."""

import pytest

from shared.errors import ConfigurationError
from shared.runs.holding import approve
from shared.runs.overview import export_overview
from shared.runs.starting import Start, start_run
from shared.runs.status import find_run
from tests.flow.trials import people

LATER = "2026/11/24/0600"
HOUR = 3600.0


def plan(flow, trigger="terminal", **how) -> Start:
    return start_run(flow.app, flow.app.ready_export(flow.export_id), trigger, "ana", kind="plan", **how)


def planned(flow):
    """A plan of five people, held."""
    flow.segment(people(5))
    return flow.finish(plan(flow).run_id)


def held_by_guard(flow, count=5):
    flow.change(max_profiles=2)
    flow.segment(people(count))
    return flow.run_is_held("guard_max_profiles")


def approved(flow, run_id, by="ana"):
    return approve(flow.app, find_run(flow.app, run_id), by)


def refusal(flow, run_id):
    with pytest.raises(ConfigurationError) as refused:
        approved(flow, run_id)
    return refused.value


def skip(flow, seconds):
    flow.app.storage.clock.skip(seconds)


def why(flow):
    document = flow.app.document()
    return export_overview(flow.app, document, document.exports[0]).why_not_running
