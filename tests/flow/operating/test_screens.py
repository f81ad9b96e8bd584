"""What stands on a terminal of 80 and 120 columns: a terminal emulator shows where a line wraps by accident."""

import contextlib
import fcntl
import json
import os
import struct
import termios
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import replace
from types import SimpleNamespace

import click
import pytest

from shared.cli.fitting import width_of
from shared.cli.program import program
from shared.cli.progress import Progress
from shared.runs.batch import Batch, BatchState
from shared.runs.counts import Counts
from shared.runs.state import Run
from tests.flow.operating.screens import WIDTHS, Terminal
from tests.flow.operating.tools import ANA, HEAD


def commands(group, *names):
    for name, command in group.commands.items():
        yield (*names, name)
        if isinstance(command, click.Group):
            yield from commands(command, *names, name)


@WIDTHS
def test_help_of_the_program_and_of_every_command_fits(columns, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(columns))
    for words in [(), *commands(program)]:
        terminal = Terminal(columns)
        with contextlib.suppress(SystemExit), redirect_stdout(terminal):
            program.main([*words, "--help"], prog_name="segment-export")
        assert terminal.lines[0].startswith("Usage: segment-export"), words


@WIDTHS
def test_exports_and_status_fit_before_and_after_a_run(columns, office_in_memory, typed_at, terminals):
    office_in_memory.segment(f"{HEAD}1,{ANA},Ana\n2,no address,Ben\n")
    typed_at("exports")
    typed_at("status")
    typed_at("run", office_in_memory.export_id, "--wait")
    typed_at("exports")
    (last,) = office_in_memory.app.store.latest(office_in_memory.export_id, 1)
    shown, _ = typed_at("status", last.run_id)
    assert any("rows" in line for line in shown)
    typed_at("audit")
    typed_at("history")
    typed_at("connections")
    typed_at("connect", "brevo-eu")


@WIDTHS
def test_failed_run_and_errors_fit(columns, office_in_memory, typed_at):
    office = office_in_memory
    document = office.app.configuration.read().model_dump(mode="json", exclude_unset=True)
    document["exports"][0]["list_id"] = 4711
    office.app.storage.app_blobs.write(*office.app.settings.export_config.split("/"), json.dumps(document).encode())
    shown, _ = typed_at("run", office.export_id, "--wait")
    assert any("what to do" in line for line in shown)
    typed_at("exports")
    _, errors = typed_at("preview", f"{office.export_id}x")
    assert f"(did you mean {office.export_id}?)" in " ".join(" ".join(errors).split())


@WIDTHS
def test_progress_of_a_real_run_stays_one_line_and_is_gone_at_its_end(
    columns, office_in_memory, typed_at, terminals, monkeypatch
):
    monkeypatch.setattr("shared.cli.progress._EVERY_SECONDS", 0.005)
    _, err = terminals
    office_in_memory.segment(f"{HEAD}1,{ANA},Ana\n")
    typed_at("run", office_in_memory.export_id, "--wait")
    assert err.getvalue().count("\r") > 2
    assert err.lowest == 0
    assert err.top == ""


BREVO_WORKS = "Brevo works on process 4711 since 18:04 EET; it is looked at again at 18:05 and waited for until 00:04."
RUN = Run("high-value-20261124T050312-0a1b2c", "high-value", "BREVO_API_KEY", 12, "terminal", "ana")
STATES = {
    "queued": RUN,
    "waits": replace(RUN, waiting="The snapshot is 12 s old. The run starts when it has been unchanged for 120 s."),
    "staging": replace(RUN, state="staging"),
    "staged so far": replace(RUN, state="staging", staged_rows=1_234_567, staged_contacts=1_200_000),
    "delivering": replace(RUN, state="delivering", counts=Counts(contacts_mapped=35_572, batches=4)),
    "Brevo works": replace(RUN, state="confirming", waiting=BREVO_WORKS, counts=Counts(contacts_mapped=7, batches=4)),
}


@WIDTHS
@pytest.mark.parametrize("state", STATES)
def test_progress_line_is_one_line_in_every_state_and_moves(columns, terminals, state):
    _, err = terminals
    progress = Progress(an_app(), RUN.run_id, quiet=False)
    seen, rows = [], []
    for _ in range(4):
        with redirect_stderr(err):
            progress._show(STATES[state])
        seen.append(err.moving)
        # What has no room in the line that moves stands above it, in full and once.
        rows.append(err.screen.cursor.y)
    assert len(set(rows)) == 1
    assert rows[0] == 0 or STATES[state].waiting in err.getvalue().replace("\n", " ")
    assert len(set(seen)) == 4
    assert all(len(line) < 40 or len(line) < columns for line in seen)


def test_progress_line_shows_counts_while_staging_and_the_share_while_sending(monkeypatch):
    shown = {}
    for name, run in STATES.items():
        err = Terminal(120)
        monkeypatch.setenv("COLUMNS", "120")
        with redirect_stderr(err):
            Progress(an_app(), RUN.run_id, quiet=False)._show(run)
        shown[name] = err.top
    assert "1,234,567 rows read, 1,200,000 contacts" in shown["staged so far"]
    assert "35,572 contacts in 4 imports, 37 % done" in shown["delivering"]
    assert "Brevo works on process 4711" in shown["Brevo works"]


def test_outside_a_terminal_progress_is_a_line_for_each_change_and_has_no_codes(capsys):
    progress = Progress(an_app(), RUN.run_id, quiet=False)
    for name in ("queued", "queued", "waits", "waits", "delivering"):
        progress._show(STATES[name])
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 4
    assert "\x1b" not in "".join(lines)
    assert lines[1].endswith("for 120 s.")
    assert lines[2] == f"If you end this, the run goes on: segment-export status {RUN.run_id}"


def an_app():
    """A store in which one of four imports is confirmed, and one delivered."""
    states: tuple[BatchState, ...] = ("confirmed", "delivered", "staged", "staged")
    batches = [Batch(RUN.run_id, "s", number, 1, 1, state=state) for number, state in enumerate(states)]
    return SimpleNamespace(store=SimpleNamespace(batches=lambda run: batches), now=lambda: 0.0)


@WIDTHS
def test_doctor_fits(columns, office, typed_at):
    shown, _ = typed_at("doctor")
    assert len(shown) > 3


@pytest.mark.parametrize("columns", [80, 120])
def test_width_is_that_of_the_real_terminal_behind_the_stream(columns, monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)
    ours, its = os.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    with open(its, "w") as stream:  # noqa: PTH123 - a descriptor
        assert width_of(stream) == columns
    os.close(ours)
