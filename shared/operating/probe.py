"""Asks a real account what no page of Brevo's says, with contacts of its own, which it removes.

The one exception to the rule that no contact is written or deleted singly. Whatever ends a probe, its contacts are
removed; what a killed one has left is removed by the next one. The answers stand with the account and replace defaults
(`shared.brevo.probed`).
"""

import math
from dataclasses import dataclass
from datetime import UTC
from typing import Any

from shared.access import Caller, require
from shared.administration import audit
from shared.administration.connections import find_connection
from shared.app import App
from shared.brevo.checks import account_of, check_list
from shared.brevo.client import BrevoClient
from shared.brevo.pace import CONTACTS_PER_SECOND, SHARE
from shared.brevo.probed import ProbeAnswers, save_probe
from shared.config.models import Connection
from shared.errors import ConfigurationError, ExportError, TransientError
from shared.operating.probe_afterwards import (
    ask_duration,
    ask_export,
    ask_file,
    ask_leavers,
    ask_new_address,
    ask_removal,
)
from shared.operating.probe_bench import Bench, PatientSession
from shared.operating.probe_contacts import (
    Addresses,
    Tell,
    check_members,
    delete_all,
    find_own,
    mark_attribute,
    remove_all,
)
from shared.operating.probe_first_import import ask_first

# Of a probe with the contacts of its questions alone; tests compare it with what one needs.
_REQUESTS = 65
_SECONDS = 60
_MANY = {"seconds_for_1000": 1_000}
_VERY_MANY = {"seconds_for_10000": 10_000}
_PAGE = 500


@dataclass(frozen=True, slots=True)
class ProbeOrder:
    """What is to be probed. `very_many`: also with 10,000 contacts. `wait_minutes` for a person who leaves the list."""

    connection: str
    list_id: int
    addresses: Addresses
    very_many: bool = False
    wait_minutes: int = 0

    @property
    def sizes(self) -> dict[str, int]:
        """The imports whose time is measured, beside that of one contact, by the answer's name."""
        return _MANY | (_VERY_MANY if self.very_many else {})

    def cost(self) -> str:
        """About how many requests it needs and how long it takes, in words."""
        many = sum(self.sizes.values()) if self.addresses.domain else 0
        # Each contact is deleted by a request of its own; the list is read three times.
        requests = _REQUESTS + many + 3 * math.ceil(many / _PAGE)
        minutes = math.ceil((_SECONDS + requests / (SHARE * CONTACTS_PER_SECOND)) / 60)
        waits = f", and up to {self.wait_minutes} min until somebody has left the list" if self.wait_minutes else ""
        return (
            f"About {requests:,} requests, some 20 of them to /processes, where Brevo allows few; about {minutes} min "
            f"within the limits of a general plan{waits}."
        )


@dataclass(frozen=True, slots=True)
class Probed:
    """The answers, why some are missing, and what it took. `left` says what could not be removed; empty: nothing."""

    connection: str
    answers: ProbeAnswers
    notes: list[str]
    requests: int
    seconds: float
    left: str


def probe(app: App, caller: Caller, order: ProbeOrder, tell: Tell) -> Probed:
    """Probes the account of a connection; `tell` gets a line now and then.

    Raises AccessDenied, ConfigurationError where something is to be put right first, and what Brevo's calls raise. The
    answers are saved where each question was asked.
    """
    require(caller, "operate")
    document = app.configuration.read()
    connection = find_connection(document, order.connection)
    key_setting = connection.api_key.setting
    same = {each.id for each in document.connections if each.api_key.setting == key_setting}
    users = [each.id for each in document.exports if each.connection in same and each.list_id == order.list_id]
    _check_free(app, key_setting, order.list_id, users)
    began = app.now()
    bench = _bench(app, connection, order, tell)
    account = account_of(bench.brevo, must_answer=True).id
    tell(order.cost())
    if not bench.wait_until_quiet():
        tell("An import of this account does not end. The probe goes on.")
    delete_all(
        bench.session, [*check_members(bench.session, order.list_id), *find_own(bench.session, order.addresses)], tell
    )
    audit.note(app, caller, "probe", connection.id, f"list {order.list_id}")
    answers = _ask_and_remove(bench, order)
    left = answers.pop("left")
    probed_at = app.time().astimezone(UTC).isoformat(timespec="seconds")
    found = ProbeAnswers(probed_at=probed_at, account=account, **answers)
    save_probe(app.storage.accounts, key_setting, found)
    seconds = round(app.now() - began, 1)
    return Probed(connection.id, found, bench.notes, bench.session.traffic.requests, seconds, left)


def _check_free(app: App, key_setting: str, list_id: int, users: list[str]) -> None:
    if users:
        raise ConfigurationError(
            "probe_list_in_use",
            f"List {list_id} is the list of an export: {', '.join(users[:5])}.",
            "Make an empty list in Brevo for probes, and name it with --list.",
        )
    if any(setting == key_setting for _, setting in app.store.open_runs()):
        raise TransientError(
            "probe_account_busy", "A run of this account is open.", "Probe when it has ended; `status` shows it."
        )


def _bench(app: App, connection: Connection, order: ProbeOrder, tell: Tell) -> Bench:
    brevo = BrevoClient(PatientSession.of(app.brevo(connection.api_key.setting).session, app.storage.clock, tell))
    check_list(brevo, order.list_id)
    attributes = brevo.attributes()
    return Bench(
        app,
        brevo,
        order.list_id,
        order.addresses,
        attributes,
        mark_attribute(attributes),
        connection.import_deadline_hours * 3600,
        tell,
    )


def _ask_and_remove(bench: Bench, order: ProbeOrder) -> dict[str, Any]:
    """All answers by name, and what is `left`. Whatever ends it, the contacts are removed first."""
    try:
        answers = _ask(bench, order)
    except BaseException:
        if left := _remove(bench):
            bench.tell(left)
        raise
    return answers | {"left": _remove(bench)}


def _ask(bench: Bench, order: ProbeOrder) -> dict[str, Any]:
    bench.tell("Imports its first contacts.")
    answers = ask_first(bench)
    bench.tell("Imports a new address.")
    answers |= ask_new_address(bench, answers["ext_id"])
    bench.tell("Asks who left the list.")
    answers |= ask_leavers(bench, order.wait_minutes)
    bench.tell("Exports the list.")
    answers |= ask_export(bench)
    bench.tell("Takes a contact out of the list.")
    answers |= ask_removal(bench)
    bench.tell("Imports a file.")
    answers |= ask_file(bench)
    for name, contacts in order.sizes.items():
        answers |= ask_duration(bench, name, contacts)
    return answers


def _remove(bench: Bench) -> str:
    """Why something may be left, and what to do; empty where nothing is."""
    again = "Run the same probe again: it begins with removing them."
    bench.tell("Removes its contacts.")
    left = ""
    try:
        if not bench.wait_for_own():
            left = "An import of the probe may still be open, and bring contacts back."
        left = remove_all(bench.session, bench.addresses, bench.list_id, bench.tell) or left
    except KeyboardInterrupt:
        left = "Removing was stopped, and contacts of the probe are left."
    except ExportError as error:
        left = f"Contacts of the probe may be left: {error.message}"
    return f"{left} {again}" if left else ""
