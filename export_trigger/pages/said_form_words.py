"""What pages say in the place of what the engine says of a key of the configuration that a form has as a field."""

from export_trigger.pages.phrases import N_

FIELD_WORDS = {
    "An administrator can add the role to available_to in the connection.": N_(
        "An administrator can share the connection with the role: “Edit”, on its page."
    ),
    "the Brevo account has no attribute {attribute}{near}; make it there, or set "
    "create_missing_attributes or leave_out_missing_attributes": N_(
        "the Brevo account has no attribute {attribute}{near}; make it there, or tick “Make attributes that "
        "the account lacks” or “Send without attributes that the account lacks”"
    ),
    "Make them in Brevo, or set create_missing_attributes or leave_out_missing_attributes in the export.": N_(
        "Make them in Brevo, or tick “Make attributes that the account lacks” or “Send without attributes "
        "that the account lacks” in the export."
    ),
    "choose create_missing_attributes or leave_out_missing_attributes, not both": N_(
        "tick “Make attributes that the account lacks” or “Send without attributes that the account lacks”, not both"
    ),
    "several lists have this name: {found}; choose by list_id": N_(
        "several lists have this name: {found}; choose one of the lists, and leave the name empty"
    ),
    "choose the list by list_id or by list_name, not by both": N_("choose a list or type a name, not both"),
    "takes a connection to look it up with; choose by list_id": N_("takes a connection to look it up with; choose one"),
    "Correct list_id in the export, or make the list in Brevo.": N_(
        "Choose another list in the export, or make the list in Brevo."
    ),
    'Set "date_format": "{read}" in the connection.': N_(
        "Choose {read} as “The account's date format” in the connection."
    ),
    '`segment-export probe {id} --list LIST` tries which they read; or set "date_format" in the connection.': N_(
        "`segment-export probe {id} --list LIST` tries which they read; or choose “The account's date format”"
        " in the connection."
    ),
    "Nothing is kept of what was sent: the next run sends all and, but with mirror_exact, removes nobody.": N_(
        "Nothing is kept of what was sent: the next run sends all and, unless it follows the segment exactly,"
        " removes nobody."
    ),
    "docs/sync.md says who is taken out of the list, and when, by the export's sync_mode.": N_(
        "The form of the export says who is taken out of the list in its mode."
    ),
    "No run with this sync_mode sees it.": N_("No run in this mode sees it."),
    "The export {export} writes to the same list, and its sync_mode takes people out: give one of the two"
    " another list or mode.": N_(
        "The export {export} writes to the same list, and its mode takes people out: give one of the two "
        "another list or mode."
    ),
    'To send without this, which may put back who left, set "put_back_leavers": true in the export or '
    '"leavers": "not_asked" in the connection.': N_(
        "To send without this, which may put back who left, tick “Send who left the list as well, which puts "
        "them back” in the export."
    ),
    "its export has not ended within {hours} h (import_deadline_hours)": N_(
        "its export has not ended within {hours} h"
    ),
    'For runs that remove nobody, set "sync_mode": "changes_only" in the export.': N_(
        "For runs that remove nobody, choose the mode “Send changes” in the export."
    ),
    "Brevo rejected {rejected} of the {contacts} contacts that it was sent so far, more than max_rejected"
    " ({max_rejected}).": N_(
        "Brevo rejected {rejected} of the {contacts} contacts that it was sent so far, more than the guard lets pass."
    ),
    "Fewer of the {contacts} contacts have a value than in the last run, by more than max_warnings "
    "({max_warnings}) allows: {fewer}. erase_empty would erase the others in Brevo.": N_(
        "Fewer of the {contacts} contacts have a value than in the last run, by more than the guard lets "
        "pass: {fewer}. “An empty value erases what Brevo has” would erase the others in Brevo."
    ),
    "The segment has {contacts} contacts, more than max_profiles ({max_profiles}).": N_(
        "The segment has {contacts} contacts, more than the guard lets pass ({max_profiles})."
    ),
    "Raise max_profiles.": N_("Raise the guard in the export."),
    "{lost} of {filled} values for {attribute} would be lost, more than max_warnings ({max_warnings}).": N_(
        "{lost} of {filled} values for {attribute} would be lost, more than the guard lets pass."
    ),
    "{rows_rejected} of {rows_read} rows are rejected, more than max_rejected ({max_rejected}).": N_(
        "{rows_rejected} of {rows_read} rows are rejected, more than the guard lets pass."
    ),
    "{to_remove} of the list's {of} {whose} would be taken out of it, more than max_removed "
    "({max_removed}) allows.": N_(
        "{to_remove} of the list's {of} {whose} would be taken out of it, more than the guard lets pass."
    ),
    "{to_remove} of the list's {of} {whose} would be taken out of it: all of them, which is held whatever"
    " max_removed ({max_removed}) allows.": N_(
        "{to_remove} of the list's {of} {whose} would be taken out of it: all of them, which is held whatever"
        " the guard lets pass."
    ),
    "The first run with mirror_exact would take {to_remove} of {members} out of the list, no matter who "
    "has put them there.": N_(
        "The first run that follows the segment exactly would take {to_remove} of {members} out of the list, "
        "no matter who has put them there."
    ),
    "The segment has {contacts} contacts where the last run had {contacts2}: it has lost {value} %, and "
    "max_shrink lets {value2} % pass.": N_(
        "The segment has {contacts} contacts where the last run had {contacts2}: it has lost {value} per cent, "
        "and the guard lets {value2} per cent pass."
    ),
    "Look at its imports in Brevo, raise imports_at_once or split the segment, then run the export again.": N_(
        "Look at its imports in Brevo, raise “Imports at once” in the connection or split the segment, then "
        "run the export again."
    ),
    "it did not read the list before, as runs with sync_mode mirror or mirror_exact do": N_(
        "it did not read the list before, as runs that follow the segment do"
    ),
    'sync_mode "{sync_mode}" needs identify_by "email"; "changes_only" takes either': N_(
        "this mode needs exports by e-mail address; “Send changes” takes either"
    ),
}
"""By the engine's pattern. A share is not said again: it is one in per cent in the form."""
