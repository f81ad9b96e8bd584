"""The lines of a run on its way, where standard error is no terminal."""

from types import SimpleNamespace

import pytest

from shared.cli.progress import Progress
from shared.runs.state import Run


@pytest.mark.parametrize(("now", "shown"), [(90.0, "It waits."), (110.0, "It waits."), (200.0, "queued")])
def test_what_a_run_waits_for_stands_until_the_next_look_is_made(capsys, now, shown):
    run = Run("gold-1", "gold", "K", 12, "http", "ana", times={}, waiting="It waits.", waiting_until=100.0)
    app = SimpleNamespace(now=lambda: now)
    Progress(app, run.run_id, quiet=True)._show(run)
    assert capsys.readouterr().err.splitlines()[0] == f"gold-1: {shown}"
