"""What a probe asks after its first import: a new address, who left, exports, removal, a file, how long all takes."""

from typing import Any

from shared.brevo.contact_export import look_up_export, read_columns, request_export
from shared.brevo.removal import removal_bodies, remove_contacts
from shared.brevo.single_contacts import block_single, find_single, put_into_list, take_out_of_list
from shared.errors import ConfigurationError, ExportError, PermanentError, shown
from shared.operating.probe_bench import Bench
from shared.operating.probe_contacts import MARK_AGAIN

_LOOK_EVERY_SECONDS = 10.0
_MOST_COLUMNS = 50
# With what separates and quotes cells.
_ODD = 'a;b,"c"\\d\te \u0219'
# What says that Brevo, and not our storage, is at fault.
_NOT_TAKEN = ("brevo_refused", "probe_import_failed")
_EXPORT_WITHIN_SECONDS = 1_800.0


def ask_new_address(bench: Bench, ext_id: str) -> dict[str, Any]:
    """Imports one contact: with the EXT_ID of one that is blocked, where imports take that, and an unknown address.

    That Brevo may lift the block is documented (https://developers.brevo.com/reference/update-contact); the contact is
    the probe's own. Raises as Brevo's calls do.
    """
    number = {"attributes": 2, "field": 3}.get(ext_id)
    blocked = bench.find(number) if number else None
    if number is None or blocked is None:
        bench.add(4)
        return {"seconds_for_1": bench.import_rows()}
    block_single(bench.session, blocked.id)
    known = bench.ext_id(number)
    if ext_id == "attributes":
        bench.add(4, {"EXT_ID": known})
    else:
        bench.add(4, ext_id=known)
    answers: dict[str, Any] = {"seconds_for_1": bench.import_rows()}
    after = bench.find(4)
    if after is None:
        return answers | {"new_address": "not_taken"}
    if after.id != blocked.id and find_single(bench.session, str(blocked.id), "contact_id") is not None:
        return answers | {"new_address": "second_contact"}
    return answers | {"new_address": "changes_contact", "new_address_lifts_block": not after.is_blocked}


def ask_leavers(bench: Bench, wait_minutes: int) -> dict[str, Any]:
    """Imports a contact that has left the list. Raises as Brevo's calls do.

    Taking it out of the list may not count as leaving; then a person has to unsubscribe it, who is waited for.
    """
    if not _has_left(bench, wait_minutes):
        bench.notes.append(
            "Whether imports put back who left: the probe's contact did not leave the list, since taking it out is no "
            "unsubscription in this account. With --wait-for-leaver 30 and a first --address that you read, the probe "
            "waits until you have unsubscribed it by a campaign to this list."
        )
        return {}
    bench.add(1, {bench.mark: MARK_AGAIN})
    bench.import_rows()
    after = bench.find(1)
    if after is None or after.attributes.get(bench.mark) != MARK_AGAIN:
        # Without this, a contact that was not imported at all would look like one that was not put back.
        bench.notes.append("Whether imports put back who left: the contact that had left was not imported.")
        return {}
    return {"puts_back_leavers": bench.list_id in after.lists}


def _has_left(bench: Bench, wait_minutes: int) -> bool:
    try:
        take_out_of_list(bench.session, bench.list_id, bench.email(1))
    except PermanentError:
        return False
    if _left(bench):
        return True
    if not wait_minutes:
        return False
    put_into_list(bench.session, bench.list_id, bench.email(1))
    bench.tell(
        f"Send a campaign to list {bench.list_id}, and unsubscribe the first --address from the list by its link "
        f"within {wait_minutes} minutes. Without that, this question stays without an answer."
    )
    until = bench.app.now() + wait_minutes * 60
    while bench.app.now() < until:
        bench.pause(_LOOK_EVERY_SECONDS)
        if _left(bench):
            return True
    return False


def _left(bench: Bench) -> bool:
    contact = bench.find(1)
    return contact is not None and bench.list_id in contact.left and bench.list_id not in contact.lists


def ask_export(bench: Bench) -> dict[str, Any]:
    """Exports the list, which has the probe's contacts alone. Raises TransientError as Brevo's calls do."""
    try:
        process_id = request_export(bench.session, bench.list_id, "allContacts")
    except (ConfigurationError, PermanentError) as error:
        bench.notes.append(f"Exports: {error.message}")
        return {"may_export": False}
    url = _exported(bench, process_id)
    if not url:
        bench.notes.append("Exports: Brevo took the request for one, and did not carry it out.")
        return {}
    try:
        names, has_number = read_columns(url, bench.session.base_url)
    except ExportError as error:
        bench.notes.append(f"Exports: {error.message}")
        return {"may_export": True}
    columns = tuple(shown(name) for name in names[:_MOST_COLUMNS])
    return {"may_export": True, "export_columns": columns, "export_has_number": has_number}


def ask_removal(bench: Bench) -> dict[str, Any]:
    """Takes a contact out of the list by Brevo's number. Raises TransientError as Brevo's calls do."""
    contact = bench.find(3)
    if contact is None or bench.list_id not in contact.lists:
        bench.notes.append("Removal by number: the probe's contact is not in the list.")
        return {}
    (body,) = removal_bodies("ids", [contact.id])
    try:
        refusal = remove_contacts(bench.session, bench.list_id, body).refusal
    except (ConfigurationError, PermanentError) as error:
        refusal = error.message
    if refusal:
        bench.notes.append(f"Removal by number: {refusal}")
        return {"removes_by_number": False}
    after = bench.find(3)
    return {"removes_by_number": after is not None and bench.list_id not in after.lists}


def ask_file(bench: Bench) -> dict[str, Any]:
    """Imports a contact as a file that Brevo fetches, with a text that no table keeps without care.

    Raises as Brevo's calls do.
    """
    row = bench.contact(bench.email(5))
    row["attributes"][bench.mark] = MARK_AGAIN
    texts = [name for name, each in bench.attributes.items() if each.kind == "text"]
    odd = next((name for name in texts if name not in (bench.mark, "EXT_ID")), None)
    if odd:
        row["attributes"][odd] = _ODD
    try:
        bench.import_file(row)
    except ExportError as error:
        bench.notes.append(f"A file of contacts: {error.message}")
        return {"takes_files": "not_taken"} if error.code in _NOT_TAKEN else {}
    after = bench.find(5)
    if after is None or after.attributes.get(bench.mark) != MARK_AGAIN:
        return {"takes_files": "not_taken"}
    return {"takes_files": "changed" if odd and after.attributes.get(odd) != _ODD else "as_sent"}


def _exported(bench: Bench, process_id: int) -> str:
    """The secret link to the file; empty where there is none."""
    asked_at = bench.app.now()
    while (age := bench.app.now() - asked_at) <= _EXPORT_WITHIN_SECONDS:
        bench.pause(bench.next_poll_in(age))
        process = look_up_export(bench.session, process_id)
        if process.url or process.state != "open":
            return process.url
    return ""


def ask_duration(bench: Bench, name: str, contacts: int) -> dict[str, Any]:
    """Imports so many contacts at the operator's domain; the answer has the name. Raises as Brevo's calls do."""
    if not bench.addresses.domain:
        bench.notes.append(f"How long {contacts:,} contacts take: that many addresses need --domain.")
        return {}
    bench.tell(f"Imports {contacts:,} contacts.")
    rows = [bench.contact(email) for email in bench.addresses.many(contacts)]
    return {name: bench.import_contacts(rows)}
