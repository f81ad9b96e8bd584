"""Doctor's lines in a terminal of 80 columns, in a pipe, and with NO_COLOR."""

import os
import re
import sys

import pytest

from shared.cli.findings import Findings
from shared.operating.doctor import Finding

COLOUR = re.compile(r"\x1b\[[0-9;]*m")
RED, DIM = "\x1b[31m", "\x1b[2m"
FOUND = (
    Finding("version", "ok", "0.1.0"),
    Finding("app secret", "FAILED", "The setting APP_SECRET is not set.", "Put 32 random bytes into it, " * 4),
    Finding("clock", "warn", "12 s behind storage's; the app goes by storage's. " * 3, "Use NTP.", "clock"),
    Finding("time", "ok", "As storage's.", group="clock"),
)


@pytest.fixture
def printed(monkeypatch, capsys):
    """What is printed of the findings."""

    def run(*, terminal=True, verbose=False, columns=80):
        monkeypatch.setattr(sys.stdout, "isatty", lambda: terminal, raising=False)
        monkeypatch.setattr("shutil.get_terminal_size", lambda *_: os.terminal_size((columns, 24)))
        lines = Findings(verbose=verbose)
        for finding in FOUND:
            lines.show(finding)
        lines.end()
        return capsys.readouterr().out

    monkeypatch.delenv("NO_COLOR", raising=False)
    return run


@pytest.mark.parametrize("columns", [40, 80, 120])
def test_lines_fit_the_terminal_and_go_on_below_their_text(printed, columns):
    lines = COLOUR.sub("", printed(columns=columns)).splitlines()
    assert max(map(len, lines)) <= columns
    assert lines[0] == "Settings"
    assert lines[1].startswith("  FAILED  app secret: The setting")
    under = lines[lines.index("Clock") + 2]
    assert under.startswith(" " * 10)
    assert under[10] != " "


def test_faults_are_red_and_what_is_in_order_is_dim_in_a_terminal_alone(printed):
    coloured = printed(verbose=True)
    assert [line for line in coloured.splitlines() if RED in line and "FAILED  app secret" in line]
    assert [line for line in coloured.splitlines() if DIM in line and "ok      version" in line]
    assert [line for line in coloured.splitlines() if DIM in line and "1 check in order" in line]
    assert "warn" not in "".join(line for line in coloured.splitlines() if "\x1b" in line)
    assert "\x1b" not in printed(verbose=True, terminal=False)


@pytest.mark.parametrize(("value", "is_coloured"), [("1", False), ("", True)])
def test_no_color_takes_the_colours_away_unless_it_is_empty(printed, monkeypatch, value, is_coloured):
    monkeypatch.setenv("NO_COLOR", value)
    assert ("\x1b" in printed()) is is_coloured


def test_finding_is_one_line_in_a_pipe(printed):
    lines = printed(terminal=False).splitlines()
    assert [line for line in lines if line.startswith("  FAILED")] == [
        f"  FAILED  app secret: {FOUND[1].message} {FOUND[1].fix}".rstrip()
    ]


def test_what_is_in_order_is_counted_by_group_and_in_all(printed):
    lines = printed(terminal=False).splitlines()
    assert [line for line in lines if line.endswith("in order")] == [
        "  1 check in order",
        "  1 check in order",
        "1 fault, 1 warning, 2 checks in order",
    ]
    assert not [line for line in lines if "version" in line]
    assert [line for line in printed(terminal=False, verbose=True).splitlines() if line == "  ok      version: 0.1.0"]
