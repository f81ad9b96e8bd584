"""The doctor's findings as lines for people, printed as they come."""

import os
import sys
from typing import TYPE_CHECKING

import click

from shared.cli.fitting import width_of, wrapped
from shared.cli.showing import printable
from shared.counting import counted

if TYPE_CHECKING:
    from shared.operating.doctor.finding import Finding

_MARGIN = "  "
_INDENT = len("  FAILED  ")


class Findings:
    """Prints a heading for each group, a line for what is wrong in it, and how many checks are in order.

    With `verbose` these have lines too. In a pipe a finding is one line; a terminal gets it wrapped, and in colour
    unless NO_COLOR is set (https://no-color.org).
    """

    def __init__(self, *, verbose: bool) -> None:
        self._verbose = verbose
        self._width = width_of(sys.stdout)
        self._is_coloured = self._width is not None and not os.environ.get("NO_COLOR")
        self._group = ""
        self._in_order = self._in_order_here = self._faults = self._warnings = 0

    def show(self, finding: "Finding") -> None:
        """Prints what is to be seen of the finding."""
        if finding.group != self._group:
            self._end_group()
            self._group = finding.group
            self._print(f"{finding.group[0].upper()}{finding.group[1:]}")
        self._faults += finding.state == "FAILED"
        self._warnings += finding.state == "warn"
        self._in_order_here += finding.state == "ok"
        if self._verbose or finding.state != "ok":
            self._show_line(finding)

    def end(self) -> None:
        """Prints the last group's count, and that of all."""
        self._end_group()
        wrong = [
            counted(number, what) for number, what in ((self._faults, "fault"), (self._warnings, "warning")) if number
        ]
        in_order = f"{counted(self._in_order, 'check')} in order"
        self._print(", ".join([*wrong, in_order]))

    def _show_line(self, finding: "Finding") -> None:
        text = f"{finding.check}: {finding.message}"
        start = f"{_MARGIN}{finding.state:<6}  "
        if self._width is None:
            self._print(f"{start}{text} {finding.fix}".rstrip())
            return
        red, dim = finding.state == "FAILED", finding.state == "ok"
        self._print(wrapped(f"{start}{text}", self._width, _INDENT), red=red, dim=dim)
        if finding.fix:
            self._print(wrapped(f"{' ' * _INDENT}{finding.fix}", self._width, _INDENT))

    def _end_group(self) -> None:
        if not self._group:
            return
        if self._in_order_here:
            self._print(f"{_MARGIN}{counted(self._in_order_here, 'check')} in order", dim=True)
        self._in_order += self._in_order_here
        self._in_order_here = 0
        self._print("")

    def _print(self, text: str, *, red: bool = False, dim: bool = False) -> None:
        text, is_styled = printable(text), self._is_coloured and (red or dim)
        print(click.style(text, fg="red" if red else None, dim=dim or None) if is_styled else text, flush=True)
