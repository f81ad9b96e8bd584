"""What Brevo works on for an account: its imports with their reports of whom it rejected, exports, campaigns.

https://developers.brevo.com/reference/getprocesses, https://developers.brevo.com/reference/getprocess (November 2026)
"""

import math
import re
from dataclasses import dataclass, replace
from typing import Any, Literal

from shared.brevo.answers import clean_sentence
from shared.brevo.models import Numbered

ProcessState = Literal["open", "completed", "failed", "cancelled"]

_MOST_DIGITS = 9
_ID = re.compile("[0-9]{1,18}")
_ENDS = frozenset(("completed", "failed", "cancelled"))
# What else the vendor says an account works on. A name that is not here may be an import's.
# https://developers.brevo.com/reference/getprocesses (November 2026)
_EXPORTS = {"SEARCH_EXPORT_USERS", "SEARCH_EXPORT_USERS_API", "LIST_EXPORT", "CONTACT_EXPORT"}
_OTHER_WORK = _EXPORTS | {"TRANS-CALC", "TRANS-GLOBAL-CALC", "CAMPAIGN_PROCESSING"}
# More reports of one reason are not read; one more is kept, so that this shows.
MOST_LINKS = 100

# Why a contact is rejected, or was sent without its number: another contact has it.
NUMBER_TAKEN = "brevo_duplicate_phone"

_OTHER = "brevo_other"
# How the names begin that Brevo gives to a finished import's reports: it may come to give more of them.
_REJECTED = ("duplicate_", "invalid_")
# Those that are known, and our reason for each.
REPORT_REASONS = {
    "invalid_emails": "brevo_invalid_email",
    "duplicate_email_id": "brevo_duplicate_email",
    "duplicate_phone_id": NUMBER_TAKEN,
    "duplicate_contact_id": _OTHER,
    "duplicate_ext_id": "brevo_duplicate_customer",
    "duplicate_whatsapp_id": _OTHER,
    "duplicate_landline_number_id": _OTHER,
}


# The reports of contacts whose number another contact has, and the attribute with that number.
# https://developers.brevo.com/reference/getprocess
NUMBER_REPORTS = {
    "duplicate_phone_id": "SMS",
    "duplicate_whatsapp_id": "WHATSAPP",
    "duplicate_landline_number_id": "LANDLINE_NUMBER",
}


@dataclass(frozen=True, slots=True)
class Report:
    """What Brevo reports of contacts that it did not take: links to CSV files, or a mere count.

    `attribute` is the one whose number another contact has, where that is why.
    """

    reason: str
    urls: tuple[str, ...]
    count: int
    attribute: str = ""


@dataclass(frozen=True, slots=True)
class Process:
    """An import as Brevo sees it. `reports` is None where Brevo does not say whether it rejected anybody.

    `error` is Brevo's sentence about why it failed, without what may be personal; mostly there is none.
    """

    id: int
    state: ProcessState
    reports: tuple[Report, ...] | None
    error: str = ""


class ShownProcess(Numbered):
    """A process as Brevo shows it."""

    status: str
    info: Any = None
    error: Any = None


def read_process(process: ShownProcess) -> Process:
    """What it means."""
    status = process.status.lower()
    state: ProcessState = "open"
    if status in _ENDS:
        state = status  # type: ignore[assignment]
    rejections = process.info.get("import") if isinstance(process.info, dict) else None
    error = clean_sentence(process.error) if isinstance(process.error, str) else ""
    return Process(process.id, state, _reports(rejections) if isinstance(rejections, dict) else None, error)


def _reports(rejections: dict[str, Any]) -> tuple[Report, ...] | None:
    """Those that name or count anybody. None where one says something that cannot be read."""
    try:
        reports = [
            replace(_report(REPORT_REASONS.get(name, _OTHER), value), attribute=NUMBER_REPORTS.get(name, ""))
            for name, value in rejections.items()
            if name.startswith(_REJECTED)
        ]
    except ValueError:
        return None
    return tuple(report for report in reports if report.urls or report.count)


def by_id(processes: list[Any]) -> dict[int, Any]:
    """The entries by id. Other people's processes are in the list too, and may hold whatever."""
    entries = [each for each in processes if isinstance(each, dict)]
    return {number: each for each in entries if (number := _number(each.get("id")))}


def _number(value: Any) -> int:
    """An id, which may be written as a text; 0 for what is none."""
    return int(value) if type(value) is int or (isinstance(value, str) and _ID.fullmatch(value)) else 0


def may_be_open_import(process: dict[str, Any]) -> bool:
    """False for an entry that says it is over, or no import. It may be somebody else's, of whatever form."""
    status, name = process.get("status"), process.get("name")
    is_over = isinstance(status, str) and status.lower() in _ENDS
    return not is_over and not (isinstance(name, str) and name.upper() in _OTHER_WORK)


def _report(reason: str, value: Any) -> Report:
    # The sources disagree on the type (spec: a count; official client: a link; clients in the field: a list
    # of links), so each is taken as what it is. https://developers.brevo.com/reference/getprocess (Nov. 2026)
    if not value:
        return Report(reason, (), 0)
    if isinstance(value, int | float) and value is not True and math.isfinite(value):
        return Report(reason, (), max(0, int(value)))
    if isinstance(value, str):
        if value.isdecimal():
            return Report(reason, (), int(value[:_MOST_DIGITS]))
        return Report(reason, (value,), 0)
    if isinstance(value, list):
        parts = [_report(reason, part) for part in value[: MOST_LINKS + 1]]
        urls = tuple(url for part in parts for url in part.urls)
        return Report(reason, urls, 0 if urls else sum(part.count for part in parts))
    raise ValueError
