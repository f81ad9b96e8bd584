"""The command that tries an export with a few customers."""

import click

from shared.cli.commands import watch_run
from shared.cli.ids import export_argument
from shared.cli.program import SUCCEEDED, program, require_one
from shared.cli.showing import caller, open_app, show


@program.command()
@export_argument
@click.option(
    "--list",
    "list_id",
    metavar="N",
    type=click.IntRange(1),
    required=True,
    help="a list that no export has or leaves out",
)
@click.option("--customers", metavar="NUMBER", type=click.IntRange(1, 100), help="the first ones that can be sent [20]")
@click.option("--customer-id", "ids", metavar="ID", multiple=True, help="instead: this customer; up to 100 of them")
@click.option("--wait", is_flag=True, help="work the queue here and wait for the run's end")
def trial(export: str, list_id: int, customers: int | None, ids: tuple[str, ...], wait: bool) -> int:
    """Really send a few customers to another list, before the first real run.

    The next run of the export sends whom it would have sent without it.
    """
    from shared.administration.running import start_trial
    from shared.runs.status import find_run, run_status
    from shared.runs.trial import DEFAULT_CUSTOMERS

    if customers or ids:
        require_one({"--customers": customers, "--customer-id": ids})
    app = open_app()
    number = customers or DEFAULT_CUSTOMERS
    started = start_trial(app, caller(), export, "terminal", list_id, customers=number, customer_ids=ids)
    if wait:
        return watch_run(app, started.run_id)
    show(run_status(app, find_run(app, started.run_id)), lambda: started.run_id)
    return SUCCEEDED
