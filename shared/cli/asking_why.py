"""The command that says why a person is not in a list."""

import sys
from typing import TYPE_CHECKING

import click

from shared.cli.ids import export_argument
from shared.cli.program import example, program
from shared.cli.showing import caller, open_app, show

if TYPE_CHECKING:
    from shared.operating.why_answer import Answer


@program.command(epilog=example("why high-value -"))
@export_argument
@click.argument("email", help="the address; - reads it from standard input, past the history")
def why(export: str, email: str) -> None:
    """Say why a person is not in the list, with file and line, what Brevo has, and what to do. Changes nothing."""
    from shared.operating.why import why as asked

    answer = asked(open_app(), caller(), export, sys.stdin.readline() if email == "-" else email)
    show(answer, lambda: _text(answer))


def _text(answer: "Answer") -> str:
    lines = [f"{answer.verdict}: {answer.sentence}", *(f"  - {line}" for line in answer.evidence)]
    return "\n".join([*lines, f"What to do: {answer.advice}"])
