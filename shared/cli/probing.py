"""The command that probes an account."""

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from shared.cli.ids import connection_argument
from shared.cli.program import FAILED, STOPPED, SUCCEEDED, program
from shared.cli.showing import caller, open_app, say, show

if TYPE_CHECKING:
    from shared.operating.probe import Probed


@program.command()
@connection_argument
@click.option(
    "--list", "list_id", metavar="N", type=click.IntRange(1), required=True, help="an empty list, made for probes"
)
@click.option("--domain", metavar="DOMAIN", default="", help="a domain of your own, at which it makes its addresses")
@click.option(
    "--address",
    "addresses",
    metavar="EMAIL",
    multiple=True,
    help="an address of your own; six of them, or fewer with --domain",
)
@click.option("--long", "very_many", is_flag=True, help="also time an import of 10,000 contacts; needs --domain")
@click.option(
    "--wait-for-leaver",
    "wait_minutes",
    type=click.IntRange(0, 1_440),
    default=0,
    metavar="MINUTES",
    help="wait until you have unsubscribed the first --address from the list",
)
def probe(
    connection: str, list_id: int, domain: str, addresses: tuple[str, ...], very_many: bool, wait_minutes: int
) -> int:
    """Try out what the account does with imports, with contacts of its own that it removes; keep the answers."""
    if very_many and not domain:
        raise click.UsageError("--long needs --domain.")
    from shared.administration.connections import find_connection
    from shared.operating.probe import ProbeOrder
    from shared.operating.probe import probe as run_probe
    from shared.operating.probe_contacts import Addresses

    app = open_app()
    find_connection(app.configuration.read(), connection)  # what is typed first is said first
    order = ProbeOrder(connection, list_id, Addresses.of(addresses, domain), very_many, wait_minutes)
    try:
        probed = run_probe(app, caller(), order, _tell)
    except KeyboardInterrupt:
        say("segment-export: the probe was stopped; nothing of it was saved.", err=True)
        return STOPPED
    show(asdict(probed), lambda: _text(probed))
    if probed.left:
        say(f"segment-export: {probed.left}", err=True)
        return FAILED
    return SUCCEEDED


def _tell(line: str) -> None:
    say(line, err=True)


def _text(probed: "Probed") -> str:
    from shared.brevo.probed import described

    lines = [f"{probed.connection} was probed with {probed.requests:,} requests in {probed.seconds:,.0f} s:"]
    lines += [f"  {line}" for line in described(probed.answers)]
    return "\n".join(lines + [f"  note: {note}" for note in probed.notes])
