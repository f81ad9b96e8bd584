"""The CSV of an export. The vendor does not publish its header or its delimiter, so both are settings.

Source: https://developers.brevo.com/reference/request-contact-export
"""

import csv
import io
from collections.abc import Callable
from typing import Any

from local.brevo_sandbox.export_request import ExportOrder
from local.brevo_sandbox.processes import iso_time
from local.brevo_sandbox.settings import ExportHeader, SandboxSettings
from local.brevo_sandbox.state import Account, Contact

_CONTACTS_A_TURN = 2_000
# The forms of the columns for exportSubscriptionStatus: none is documented, and `channels` is what a client in the
# field reads, whose code is public.
_FLAGS = {"email_marketing": "EMAIL_BLACKLISTED", "sms_marketing": "SMS_BLACKLISTED"}
_SPELLINGS: dict[ExportHeader, Callable[[str], str]] = {
    "upper": str.upper,
    "lower": str.lower,
    "title": str.title,
}


def contacts_of(account: Account, order: ExportOrder) -> list[Contact]:
    """The contacts that an export is about, as they are now; a contact that left a list is no member of it."""
    with account.lock:
        wanted = account.lists[order.list_id]
        match order.action:
            case "unsubscribedPerList":
                return list(wanted.leavers.values())
            case "unsubscribed":
                return [each for each in wanted.members.values() if each.email_blocked or each.sms_blocked]
            case "subscribed":
                return [each for each in wanted.members.values() if not (each.email_blocked or each.sms_blocked)]
            case _:
                return list(wanted.members.values())


def csv_of(account: Account, order: ExportOrder, contacts: list[Contact], settings: SandboxSettings) -> bytes:
    """The file, in turns, so that other requests are answered in between."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter=settings.export_delimiter, lineterminator="\n")
    spell = _SPELLINGS[settings.export_header]
    number = settings.export_contact_number
    columns = [*([] if number == "none" else [number]), "EMAIL", *order.attributes, *order.metadata]
    head = [*columns, *_status_columns(order, settings)]
    writer.writerow([spell(name) for name in head])
    for start in range(0, len(contacts), _CONTACTS_A_TURN):
        with account.lock:
            writer.writerows(
                _row(account, order, each, settings) for each in contacts[start : start + _CONTACTS_A_TURN]
            )
    return (b"\xef\xbb\xbf" if settings.export_bom else b"") + text.getvalue().encode("utf-8", "replace")


def _row(account: Account, order: ExportOrder, contact: Contact, settings: SandboxSettings) -> list[Any]:
    row: list[Any] = [] if settings.export_contact_number == "none" else [contact.id]
    row.append(contact.email)
    if order.attributes:
        values = account.attributes_of(contact)
        row.extend(_cell(values.get(name)) for name in order.attributes)
    for name in order.metadata:
        match name:
            case "_listIds":
                row.append(",".join(map(str, account.lists_of(contact))))
            case "ADDED_TIME":
                row.append(iso_time(contact.created_at))
            case _:
                row.append(iso_time(contact.modified_at))
    return row + _statuses(order, contact, settings)


def _status_columns(order: ExportOrder, settings: SandboxSettings) -> list[str]:
    match settings.export_blocked:
        case "status":
            return list(order.statuses)
        case "channels":
            return ["_SUBSCRIBED", "_BLOCKLISTED"] if order.statuses else []
        case "flags":
            return [_FLAGS[name] for name in order.statuses]
        case "none":
            return []


def _statuses(order: ExportOrder, contact: Contact, settings: SandboxSettings) -> list[str]:
    blocked = {"email_marketing": contact.email_blocked, "sms_marketing": contact.sms_blocked}
    match settings.export_blocked:
        case "status":
            return ["unsubscribed" if blocked[name] else "subscribed" for name in order.statuses]
        case "channels":
            channels = ["|".join(name for name in order.statuses if blocked[name] is each) for each in (False, True)]
            return channels if order.statuses else []
        case "flags":
            return [_cell(blocked[name]) for name in order.statuses]
        case "none":
            return []


def _cell(value: Any) -> Any:
    if isinstance(value, list):
        return ",".join(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else value
