"""Why is this person not in the list? One person, every source that knows something, one answer.

Somebody whose row has no usable address is asked for by the customer id.
The address is in nothing that is written: not in the audit trail, not in the answer, not in an error.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial

from shared.access import Caller
from shared.administration import audit
from shared.administration.running import require_for_export
from shared.app import App
from shared.brevo.probed import export_as_probed, read_probe
from shared.brevo.single_contacts import By, SingleContact, find_single
from shared.config.document import ReadyExport, ready_export
from shared.counting import counted
from shared.errors import ConfigurationError, described
from shared.mapping.results import RejectedRow
from shared.operating.person import Person, person_of
from shared.operating.removed import look_for_removal
from shared.operating.why_answer import Answer, decided
from shared.operating.why_facts import Facts, place_of
from shared.operating.why_runs import look_into_runs
from shared.runs.answers import has_left
from shared.segments.snapshot import Snapshot, own_snapshot
from shared.staging.completeness import check_complete
from shared.staging.excluded import UNREADABLE, by_addresses, find_excluded

_FATES = {
    "contact": "a run sends this row",
    "merged": "an earlier segment has this address too, and that row is sent",
    "duplicate_email": "an earlier row of the segment has this address, and that one is sent",
    "filtered": "source.only leaves this row out",
}
_NO_CONTACT = "it has no contact with such an address"
_NO_ADDRESS = "the customer's address is not known"


def why(app: App, caller: Caller, export_id: str, person: Person) -> Answer:
    """Why the person is in the export's list, or not. Changes nothing.

    A source that does not answer is named in the evidence. Raises AccessDenied, and ConfigurationError for an unknown
    export, and for one without a connection that is ready.
    """
    require_for_export(app, caller, "ask_why", export_id)
    ready = ready_export(app.document(), export_id)
    probed = read_probe(app.storage.accounts, ready.key_setting)
    ready = export_as_probed(ready, probed)
    audit.note(app, caller, "why", export_id)
    # An import that puts back nobody makes the question needless.
    stay_out = ready.asks_who_left or (probed is not None and probed.puts_back_leavers is False)
    facts = Facts(ready.export, person, leavers_stay_out=stay_out)
    for name, look in (
        ("The segments", _look_into_segments),
        ("The runs", look_into_runs),
        ("Brevo's record", _ask_brevo),
        ("Who is excluded", _look_for_exclusion),
        ("Brevo's answer on who left the list", _look_for_leaving),
        ("What runs have removed", look_for_removal),
    ):
        _part(facts, name, partial(look, app, ready, facts))
    return decided(facts)


def _part(facts: Facts, name: str, look: Callable[[], None]) -> None:
    """A source that fails does not keep the others from being read."""
    try:
        look()
    except Exception as error:  # noqa: BLE001 - the other sources are read all the same
        facts.tell(f"{name} could not be read: {described(error)}")


def _look_into_segments(app: App, ready: ReadyExport, facts: Facts) -> None:
    blobs = app.storage.segment_blobs
    snapshot = own_snapshot(blobs, ready.export)
    facts.snapshot = snapshot.id
    times = ", ".join(f"{part.segment} {part.time}".strip() for part in snapshot.segments)
    try:
        check_complete(snapshot)
    except ConfigurationError as error:
        facts.is_whole = False
        facts.tell(f"The newest snapshot is not complete: {error.message}")
    facts.rows = _rows(app, ready, snapshot, facts)
    if not facts.rows:
        facts.tell(f"Newest snapshot ({times}): no row has this {facts.words}{_files_text(snapshot)}.")
    facts.tell_rows(facts.rows, lambda row: f"Newest snapshot ({times}): {place_of(row)}: {_fate(row)}.")


def _rows(app: App, ready: ReadyExport, snapshot: Snapshot, facts: Facts) -> list[RejectedRow]:
    """The person's rows. A customer with an address is that person from then on: another row may have the address.

    Where contacts are identified by customers' ids, it stays the customer: a run's report says whose the address is.
    Raises ConfigurationError where customers have no ids.
    """
    # These bring DuckDB, which describing the answer does not need.
    from shared.mapping.email_rule import judge_email
    from shared.staging.search import SoughtAddress, SoughtCustomer, check_ids, rows_with

    blobs, person = app.storage.segment_blobs, facts.person
    if not person.customer_id:
        return rows_with(blobs, ready, snapshot, SoughtAddress(person.address))
    check_ids(blobs, ready.export, snapshot)
    own = rows_with(blobs, ready, snapshot, SoughtCustomer(person.customer_id))
    unusable = [row for row in own if not (row.email and judge_email(row.email))]
    address = next((row.email for row in own if row.email and row not in unusable), None)
    if address is None:
        return own
    facts.person = replace(person_of(address), customer_id=person.customer_id)
    if facts.is_of_customer:
        return own
    return [*rows_with(blobs, ready, snapshot, SoughtAddress(facts.person.address)), *unusable]


def _files_text(snapshot: Snapshot) -> str:
    return f" in {counted(sum(len(part.files) for part in snapshot.segments), 'file')}"


def _fate(row: RejectedRow) -> str:
    return _FATES.get(row.reason, f"{row.reason}, in {row.field}" if row.field else row.reason)


def _ask_brevo(app: App, ready: ReadyExport, facts: Facts) -> None:
    ways = _ways(facts)
    if not ways:
        facts.tell(f"Brevo was not asked: {_NO_CONTACT if facts.person.address else _NO_ADDRESS}.")
    for by, value in ways:
        facts.contact = find_single(app.brevo(ready.key_setting).session, value, by)
        facts.is_contact_known = True
        words = "address" if by == "email_id" else "customer id"
        facts.tell(_contact_text(facts.contact, ready.export.list_id, words))
        if facts.contact:
            return


def _ways(facts: Facts) -> list[tuple[By, str]]:
    """What Brevo finds the person's contact by: one with the address may be another's, unless this one was sent."""
    person = facts.person
    by_address: list[tuple[By, str]] = [("email_id", person.address)] if person.is_valid else []
    if not facts.is_of_customer:
        return by_address
    is_sent = facts.is_sendable and facts.rejection is None
    return [("ext_id", person.customer_id), *(by_address if is_sent else [])]


def _contact_text(contact: SingleContact | None, list_id: int, by: str) -> str:
    if contact is None:
        return f"Brevo has no contact with this {by}."
    others = [number for number in contact.lists if number != list_id]
    parts = [f"Brevo has contact {contact.id}, {'' if list_id in contact.lists else 'not '}in list {list_id}"]
    parts += [f"in list {_numbers(others)}"] if others else []
    parts += [f"has left list {_numbers(contact.left)}"] if contact.left else []
    parts += ["blocked for e-mails"] if contact.is_blocked else []
    return f"{'; '.join(parts)}."


def _numbers(lists: Iterable[int]) -> str:
    return ", ".join(map(str, lists))


def _look_for_exclusion(app: App, ready: ReadyExport, facts: Facts) -> None:
    """By the lists that Brevo's record has, then by the excluded segments."""
    in_lists = facts.contact.lists if facts.contact else ()
    found = [f"list {number}" for number in ready.export.exclude.list_ids if number in in_lists]
    excluded_by = next(iter(found), "") or _excluded_segment(app, ready, facts)
    if excluded_by:
        facts.tell(f"The export excludes the person: they are in {excluded_by}.")
    # Who has another address at Brevo is excluded by that one, too.
    is_sure = facts.is_contact_known and ready.export.identify_by == "email"
    facts.excluded_by = excluded_by or ("" if is_sure else None)


def _excluded_segment(app: App, ready: ReadyExport, facts: Facts) -> str:
    """The first excluded segment that has the person's address, or where ids identify contacts the id of a row."""
    from shared.staging.search import Sought, SoughtAddress, SoughtCustomer, rows_with  # these bring DuckDB

    blobs, person = app.storage.segment_blobs, facts.person
    snapshot = find_excluded(blobs, ready.export)
    if snapshot is None:
        return ""
    sought: list[Sought] = [SoughtAddress(person.address)] if person.is_valid else []
    ids = {row.customer_id for row in facts.rows or () if row.reason == "contact"} | {person.customer_id}
    if ready.export.identify_by == "customer_id":
        sought += [SoughtCustomer(each) for each in sorted(filter(None, ids))]
    rows = [row for each in sought for row in rows_with(blobs, by_addresses(ready), snapshot, each)]
    found = (row.segment for row in rows if row.reason not in UNREADABLE or row.customer_id in ids - {""})
    segment = next(found, "")
    return f"segment {segment}" if segment else ""


def _look_for_leaving(app: App, ready: ReadyExport, facts: Facts) -> None:
    """Only where Brevo's own record does not say it."""
    if facts.contact is not None or not ready.asks_who_left or not facts.person.is_valid:
        return
    # Where Brevo could not be asked, its last answer is all that there is, whichever key had asked for it.
    mark = app.brevo(ready.key_setting).session.key_mark if facts.is_contact_known else None
    facts.has_left = has_left(app, ready, facts.person.address, mark) is True
    if facts.has_left:
        facts.tell(f"Brevo's last answer on who left list {ready.export.list_id} has this address.")
