"""Before a run whose rows could change other contacts than those with their addresses: whom the account has.

Nothing of this is kept: what was sent before is not known yet, so every run reads the whole account, and says what
that costs. Who is blocked or changed later than that is not seen by the run.
"""

import secrets
import time
from collections.abc import Callable, Set
from pathlib import Path
from typing import Literal

from shared.brevo.account_contacts import account_contacts
from shared.brevo.client import BrevoClient
from shared.brevo.probed import ProbeAnswers
from shared.config.document import ReadyExport
from shared.config.mapping import PHONE_ATTRIBUTES
from shared.config.models import Export
from shared.errors import ConfigurationError
from shared.mapping.excluded import Excluded
from shared.mapping.known import KnownContacts
from shared.mapping.leavers import Leavers


def check_probe(ready: ReadyExport, answers: ProbeAnswers | None) -> ProbeAnswers | None:
    """What is known of an account that is to be read before a run; None where it need not be.

    It is read where contacts are identified by customers' ids, or where numbers are sent to an account that makes two
    contacts with one number one. Raises ConfigurationError where ids are needed and its imports do not take EXT_ID, or
    nobody has tried that.
    """
    if ready.export.identify_by == "customer_id":
        return _taking_ext_id(ready, answers)
    merges = answers is not None and answers.shared_number == "contacts_merged"
    return answers if merges and _sends_numbers(ready.export) else None


def _sends_numbers(export: Export) -> bool:
    mapping = export.mapping
    return mapping.attributes == "all" or not PHONE_ATTRIBUTES.isdisjoint(mapping.named_fields())


def _taking_ext_id(ready: ReadyExport, answers: ProbeAnswers | None) -> ProbeAnswers:
    connection = ready.connection.id
    if answers is None or answers.ext_id is None:
        raise ConfigurationError(
            "probe_missing",
            f"Nobody has tried how the imports of connection {connection} take EXT_ID, which identify_by needs.",
            f"Run `segment-export probe {connection} --list 98 --domain example.org` with a domain of yours and the "
            'number of an empty list that is made for it, or set "identify_by": "email" in the export.',
        )
    if answers.ext_id == "not_taken":
        raise ConfigurationError(
            "ext_id_not_taken",
            f"The probe of connection {connection} has shown that its imports do not take EXT_ID.",
            'Set "identify_by": "email" in the export.',
        )
    return answers


def ext_id_form(answers: ProbeAnswers) -> Literal["attributes", "field"] | None:
    """Where an import has EXT_ID; None where it takes none."""
    return None if answers.ext_id == "not_taken" else answers.ext_id


def read_known(
    brevo: BrevoClient,
    answers: ProbeAnswers,
    leavers: Leavers | None,
    excluded: Excluded | None,
    *,
    folder: Path,
    left_lists: Set[int],
    out_lists: Set[int],
    between: Callable[[], None],
) -> tuple[KnownContacts, str]:
    """The account's contacts, in a file in the folder, and a sentence that says what this has cost.

    Who is `excluded` is so by the address that the account has. `left_lists` are the lists whose leavers are to be left
    out, `out_lists` those whose members are; `between` is called now and then. Raises as `account_contacts` does.
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
                    left=not left_lists.isdisjoint(contact.left),
                    leaver=leavers.key.digest(contact.email) if leavers and contact.email else "",
                    out=not out_lists.isdisjoint(contact.lists),
                    excluded=excluded.key.digest(contact.email) if excluded and contact.email else "",
                )
            )
    requests, seconds = brevo.session.traffic.requests - before, time.monotonic() - started
    return known, (
        f"Before anything was sent, all {count:,} contacts of the account were read, to know whom an import would "
        f"unblock or merge: {requests:,} requests, {seconds:.0f} s. Each run of this export does so."
    )


def _lifts_block(answers: ProbeAnswers) -> bool:
    """Whether a blocked customer could be written to at a new address: by the contact, or by a second one."""
    return answers.new_address_lifts_block is not False or answers.new_address == "second_contact"
