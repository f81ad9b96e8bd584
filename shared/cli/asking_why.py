"""The command that says why a person is not in a list."""

import sys
from typing import TYPE_CHECKING

import click

from shared.cli.ids import export_argument
from shared.cli.program import example, program, require_one
from shared.cli.showing import caller, open_app, show

if TYPE_CHECKING:
    from shared.operating.why_answer import Answer


@program.command(epilog=example("why high-value -", "why high-value --customer-id C-10023"))
@export_argument
@click.argument("email", required=False, help="the address; - reads it from standard input, past the history")
@click.option("--customer-id", help="in place of the address, where the person's row has none that can be used")
def why(export: str, email: str | None, customer_id: str | None) -> None:
    """Say why a person is not in the list, with file and line, what Brevo has, and what to do. Changes nothing."""
    from shared.operating.person import customer_of, person_of
    from shared.operating.why import why as asked

    require_one({"EMAIL": email, "--customer-id": customer_id})
    typed = sys.stdin.readline() if email == "-" else email or ""
    person = person_of(typed) if customer_id is None else customer_of(customer_id)
    answer = asked(open_app(), caller(), export, person)
    show(answer, lambda: _text(answer))


def _text(answer: "Answer") -> str:
    lines = [f"{answer.verdict}: {answer.sentence}", *(f"  - {line}" for line in answer.evidence)]
    return "\n".join([*lines, f"What to do: {answer.advice}"])
