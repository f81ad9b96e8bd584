"""The words that the pages have for states, kinds, modes, reasons and schedules: marked here, translated on a page."""

from export_trigger.pages.viewer import Viewer
from shared.brevo.attributes import Kind as AttributeKind
from shared.runs.batch import BatchState
from shared.runs.kinds import Kind
from shared.runs.state import SUCCEEDED, State


def N_(text: str) -> str:  # noqa: N802 - gettext's own name for a text that is translated later
    """Marks a text for the catalogues."""
    return text


STATES: dict[str, str] = {
    "queued": N_("waiting to start"),
    "staging": N_("reading the segment"),
    "held": N_("waiting for approval"),
    "delivering": N_("sending"),
    "confirming": N_("waiting for Brevo"),
    "succeeded": N_("succeeded"),
    "succeeded_with_rejections": N_("succeeded, some rejected"),
    "failed": N_("failed"),
    "cancelled": N_("cancelled"),
    "skipped": N_("skipped"),
}
DONE_STATES = SUCCEEDED
# Where each state stands on the way, from 0 to 1.
PROGRESS: dict[State, float] = {"queued": 0.02, "staging": 0.15, "held": 0.3, "delivering": 0.4, "confirming": 0.75}
BATCHES: dict[BatchState, str] = {
    "staged": N_("ready"),
    "delivering": N_("sending"),
    "delivered": N_("waiting for Brevo"),
    "confirmed": N_("confirmed"),
    "failed": N_("failed"),
    "splitting": N_("not taken as a file"),
    "split": N_("sent in bodies instead"),
}
EVENTS = {
    "added": N_("added to the list"),
    "approved": N_("approved"),
    "confirmed": N_("confirmed"),
    "delivered": N_("sent"),
    "driven_on": N_("continued"),
    "fallen_out": N_("left out meanwhile"),
    "import_failed": N_("import failed"),
    "in_bodies": N_("sent in bodies"),
    "moved": N_("sent without the number"),
    "list_read": N_("list read"),
    "notified": N_("message sent"),
    "not_notified": N_("message not sent"),
    "notice_unknown": N_("message unclear"),
    "passed_over": N_("passed over"),
    "removed": N_("removed from the list"),
    "removing": N_("removing from the list"),
    "replayed": N_("continued by an operator"),
    "report_unread": N_("report not read"),
    "waiting": N_("waiting"),
}
KINDS: dict[Kind, str] = {
    "export": N_("Run"),
    "trial": N_("Trial"),
    "plan": N_("Plan"),
    "undo": N_("Undo"),
    "clear": N_("Removal of members"),
    "verify": N_("Comparison of list and segment"),
    "repair": N_("Repair"),
}
MODES: dict[str, tuple[str, str]] = {
    "full": (N_("Send everybody"), N_("Each run sends all customers of the segment. Nobody is removed from the list.")),
    "changes_only": (
        N_("Send changes"),
        N_("Each run sends who is new or has changed. Nobody is removed from the list."),
    ),
    "mirror": (
        N_("Follow the segment"),
        N_("Sends changes, and removes who has left the segment and was put there by this export."),
    ),
    "mirror_exact": (
        N_("Follow the segment exactly"),
        N_("Sends changes, and removes everybody who is not in the segment, no matter who put them there."),
    ),
}
# What happens in each mode, for the picture: those who are new, unchanged, left, and put there by others.
MODE_PICTURE: dict[str, tuple[str, str, str, str]] = {
    "full": ("sent", "sent", "stays", "stays"),
    "changes_only": ("sent", "not sent", "stays", "stays"),
    "mirror": ("sent", "not sent", "removed", "stays"),
    "mirror_exact": ("sent", "not sent", "removed", "removed"),
}
PICTURE_WORDS = {
    "sent": N_("sent"),
    "not sent": N_("not sent"),
    "stays": N_("stays"),
    "removed": N_("removed"),
}
ROLES = {
    "administrator": N_("Administrator"),
    "contributor": N_("Contributor"),
    "viewer": N_("Viewer"),
}
ATTRIBUTES: dict[AttributeKind, str] = {
    "text": N_("text"),
    "date": N_("date"),
    "number": N_("number"),
    "boolean": N_("yes or no"),
    "category": N_("category"),
    "multiple_choice": N_("multiple choice"),
    "phone": N_("phone number"),
    "read_only": N_("read only"),
    "unknown": N_("of an unknown type"),
}
"""What an attribute of the account holds."""
REASONS = {
    "missing_email": N_("no e-mail address"),
    "invalid_email": N_("invalid e-mail address"),
    "duplicate_email": N_("address occurs twice"),
    "missing_customer_id": N_("no customer number"),
    "duplicate_customer_id": N_("customer number occurs twice"),
    "malformed_row": N_("broken row"),
    "invalid_encoding": N_("unreadable characters"),
    "invalid_phone": N_("phone number left out"),
    "duplicate_phone": N_("phone number of another contact"),
    "invalid_date": N_("date left out"),
    "invalid_number": N_("number left out"),
    "invalid_boolean": N_("yes/no value left out"),
    "invalid_category": N_("category left out"),
    "invalid_multiple_choice": N_("choice left out"),
    "text_too_long": N_("text left out: too long"),
    "left_list": N_("left the list"),
    "excluded": N_("excluded"),
    "blocked_new_address": N_("blocked, with a new address"),
    "address_of_another": N_("address of another contact"),
    "brevo_invalid_email": N_("address that Brevo does not take"),
    "brevo_duplicate_phone": N_("phone number of another contact at Brevo"),
    "brevo_duplicate_email": N_("address of another contact at Brevo"),
    "brevo_duplicate_customer": N_("customer number of another contact at Brevo"),
    "brevo_other": N_("refused by Brevo for another reason"),
    "missing_in_list": N_("missing in the list"),
    "surplus_ours": N_("in the list by this export, and not in the segment"),
    "surplus_of_others": N_("in the list by others, and not in the segment"),
    "blocked_in_list": N_("in the list, and blocked"),
}
LABELS = {
    "id": N_("Id"),
    "display_name": N_("Name"),
    "connection": N_("Connection"),
    "list_id": N_("Brevo list"),
    "list_name": N_("Brevo list"),
    "segments": N_("Segments"),
    "schedule": N_("It runs"),
    "sync_mode": N_("Mode"),
    "default_country": N_("Country of numbers without a country code"),
    "mapping.email": N_("E-mail address"),
    "mapping.first_name": N_("First name"),
    "mapping.last_name": N_("Last name"),
    "mapping.phone": N_("Phone"),
    "mapping.attributes": N_("Attributes"),
    "api_key.setting": N_("Name of the app setting that holds the key"),
    "imports_at_once": N_("Imports at once"),
    "max_profiles": N_("the segments have more rows than (empty: no limit)"),
    "max_shrink": N_("the segment has lost more of its customers since the last run than, in per cent"),
    "max_rejected": N_("more of the rows are rejected than, in per cent"),
    "max_warnings": N_("a mapped column loses more of its values than, in per cent"),
    "max_removed": N_("more of the members that we put into the list would be removed than, in per cent"),
    "hold_hours": N_("Hours that it waits"),
    "import_deadline_hours": N_("Hours that one import may take"),
}
"""What a page calls the key of the configuration that a fault begins with."""
ID_TAKEN = f"id: {N_('There is an export of this id already.')}"
DONE = {
    "saved": N_("Saved. Nothing was sent: the next run uses it."),
    "list_made": N_("Saved, and the list was made in Brevo. Nothing was sent: the next run uses it."),
    "list_used": N_(
        "Saved, with the list of this name that Brevo has already. Nothing was sent: the next run uses it."
    ),
    "connection_saved": N_("Saved. It is connected once its test has passed and you have agreed."),
    "rejected": N_("Rejected. Nothing was sent, and the list is as it was."),
    "removed": N_("Removed. The list's members stay in Brevo."),
    "removed_with_members": N_(
        "Removed. Nobody whom it had put there is left in the list, but whom another export keeps there."
    ),
    "detached": N_("Detached. The export keeps its settings and sends nothing."),
    "scheduled": N_("The schedule was changed."),
    "duplicated": N_("A copy was made. It has the same list, and runs only when a person starts it."),
    "approved": N_("Approved. The run goes on."),
    "cancelled": N_("Cancelled. A part that is on its way is still finished."),
    "started": N_("Started."),
    "started_some": N_(
        "Some were started. The others are detached, are not yours to run, or say below why they do not run now."
    ),
    "started_none": N_(
        "None was started: each has no schedule, is detached, is not yours to run, or says below why it does not run "
        "now."
    ),
    "connection_removed": N_("The connection was removed."),
    "disconnected": N_("Consent was withdrawn. Exports on this connection send nothing."),
    "restored": N_("The older configuration is back. Nothing was sent."),
    "reset": N_(
        "What was sent is forgotten. The next run sends everybody, and removes nobody unless it follows the segment "
        "exactly."
    ),
}


def reason_text(viewer: Viewer, reason: str) -> str:
    """A reason of a rejected row, in words; one that is not known here as it is."""
    english = REASONS.get(reason)
    return viewer.text(english) if english else reason.replace("_", " ")


def event_text(viewer: Viewer, kind: str) -> str:
    """What happened to a run, in words: a state that it entered, or what was noted."""
    english = EVENTS.get(kind) or STATES.get(kind)
    return viewer.text(english) if english else kind.replace("_", " ")
