"""The configuration of the simulated app: its exports, its account, and who is told."""

from typing import Any

from shared.config.models import Document
from simulation.patches import KEY_SETTING
from simulation.plan import Plan
from simulation.sharing import MOVERS_IN_A_REFRESH
from simulation.staging import CONTACTS_IN_A_BATCH

CONTAINER, FOLDER, CONFIG = "segments", "CustomerInsights_abcd1234/BlobExport", "app-config/exports.json"


def export_id(number: int) -> str:
    """The id of an export."""
    return f"gold{number}"


def person(export: int, number: int) -> str:
    """Somebody's address."""
    return f"c{number}.{export}@people.example"


def phone_of(export: int, number: int) -> str:
    """Somebody's number: every third person's is another contact's at Brevo as well."""
    return f"+4072{'2' if is_shared(number) else '3'}0{export}{number:04}"


def is_shared(number: int) -> bool:
    """True where another contact at Brevo has this person's number."""
    return number % 3 == 2


def most_people(plan: Plan) -> int:
    """How many people an export lets through unseen: those of a refresh that is not large."""
    return plan.batches * CONTACTS_IN_A_BATCH + (MOVERS_IN_A_REFRESH if plan.one_list else 0)


def make_document(plan: Plan) -> dict[str, Any]:
    """The document as JSON has it."""
    consent = {"agreed_by": "admin", "agreed_on": "2026-11-01"}
    connection = {
        "id": "brevo-eu",
        "display_name": "Brevo",
        "api_key": {"setting": KEY_SETTING},
        "consent": consent,
        "imports_at_once": plan.slots,
        "leavers": "asked" if plan.asks_leavers else "not_asked",
    }
    exports = [
        {
            "id": export_id(number),
            "display_name": f"Export {number}",
            "connection": "brevo-eu",
            "list_id": plan.list_of(number),
            "source": {"container": CONTAINER, "folder": f"{FOLDER}{number}"},
            "segments": ["Gold"],
            "mapping": {"email": "EMail", "first_name": "FirstName"}
            | ({"phone": "Telephone"} if plan.with_shared_numbers else {}),
            "max_rejected": 1,
            "hold_hours": 1,
        }
        | ({"sync_mode": "mirror", "max_removed": 0.9} if plan.mirrors else {})
        | ({"delivery": "file"} if plan.by_file else {})
        | ({"schedule": {"cron": plan.cron}} if plan.cron else {})
        | ({"max_profiles": most_people(plan)} if plan.large_refreshes else {})
        for number in range(plan.exports)
    ]
    notifications = [
        {"id": "team", "type": "teams", "url": {"setting": "SIMULATED_TEAMS"}},
        {
            "id": "hook",
            "type": "webhook",
            "url": {"setting": "SIMULATED_WEBHOOK"},
            "secret": {"setting": "SIMULATED_SIGNING"},
        },
    ]
    return {"connections": [connection], "exports": exports, "notifications": notifications}


def renamed(document: Document) -> Document:
    """The same with other names, as a person saves it."""
    exports = [each.model_copy(update={"display_name": f"{each.display_name}!"[:40]}) for each in document.exports]
    return document.model_copy(update={"exports": exports})
