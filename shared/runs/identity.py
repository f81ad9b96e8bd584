"""Before a run by customers' ids: how the account takes EXT_ID, and whom it has.

Nothing of this is kept: what was sent before is not known yet, so every run reads the whole account, and says what
that costs. Who is blocked or changed later than that is not seen by the run.
"""

import secrets
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from shared.brevo.account_contacts import account_contacts
from shared.brevo.client import BrevoClient
from shared.brevo.probed import ProbeAnswers, read_probe
from shared.config.document import ReadyExport
from shared.errors import ConfigurationError
from shared.mapping.known import KnownContacts
from shared.mapping.leavers import Leavers
from shared.storage.tables import Rows


def check_probe(accounts: Rows, ready: ReadyExport) -> ProbeAnswers | None:
    """What is known of an account whose contacts are told apart by customers' ids; None where addresses do.

    Raises ConfigurationError where its imports do not take EXT_ID, or nobody has tried that.
    """
    if ready.export.identify_by == "email":
        return None
    connection = ready.connection.id
    answers = read_probe(accounts, ready.key_setting)
    if answers is None or answers.ext_id is None:
        raise ConfigurationError(
            "probe_missing",
            f"Nobody has tried how the imports of connection {connection} take EXT_ID, which identify_by needs.",
            f"Run `segment-export probe {connection} --list 99 --domain example.org` with a domain of yours and the "
            'number of an empty list that is made for it, or set "identify_by": "email" in the export.',
        )
    if answers.ext_id == "not_taken":
        raise ConfigurationError(
            "ext_id_not_taken",
            f"The probe of connection {connection} has shown that its imports do not take EXT_ID.",
            'Set "identify_by": "email" in the export.',
        )
    return answers


def ext_id_form(answers: ProbeAnswers | None) -> Literal["attributes", "field"] | None:
    """Where an import has EXT_ID; None where it has none."""
    return answers.ext_id if answers and answers.ext_id != "not_taken" else None


def read_known(
    brevo: BrevoClient,
    answers: ProbeAnswers,
    leavers: Leavers | None,
    *,
    folder: Path,
    left_list: int | None,
    between: Callable[[], None],
) -> tuple[KnownContacts, str]:
    """The account's contacts, in a file in the folder, and a sentence that says what this has cost.

    `left_list` is the list whose leavers are to be left out, if any; `between` is called now and then. Raises as
    `account_contacts` does.
    """
    known = KnownContacts(folder / "known", secrets.token_urlsafe(16), _lifts_block(answers))
    before, started, count = brevo.session.traffic.requests, time.monotonic(), 0
    with known.path.open("w", encoding="ascii") as file:
        for contact in account_contacts(brevo.session, between):
            count += 1
            file.write(
                known.line(
                    contact.number,
                    contact.email,
                    contact.ext_id,
                    contact.phones,
                    blocked=contact.blocked,
                    left=left_list in contact.left,
                    leaver=leavers.key.digest(contact.email) if leavers and contact.email else "",
                )
            )
    requests, seconds = brevo.session.traffic.requests - before, time.monotonic() - started
    return known, (
        f"To know who is blocked, all {count:,} contacts of the account were read, as in every run with "
        f'"identify_by": "customer_id": {requests:,} requests, {seconds:.0f} s.'
    )


def _lifts_block(answers: ProbeAnswers) -> bool:
    """Whether a blocked customer could be written to at a new address: by the contact, or by a second one."""
    return answers.new_address_lifts_block is not False or answers.new_address == "second_contact"
