"""What pages say in the place of what the engine says: where a page has a button for what is a command elsewhere."""

from export_trigger.pages.phrases import N_
from export_trigger.pages.said_form_words import FIELD_WORDS

OF = N_("%(some)s of %(all)s")
REASON_IN = N_("%(reason)s, in %(column)s")
AFTER = {
    " ago": N_("%(what)s ago"),
    " left": N_("%(what)s left"),
    " lists": N_("%(what)s lists"),
    " attributes": N_("%(what)s attributes"),
    " erased": N_("%(what)s erased"),
    " remain elsewhere": N_("%(what)s remain elsewhere"),
    " not done": N_("%(what)s not done"),
    " put back": N_("%(what)s put back"),
    " dropped": N_("%(what)s dropped"),
    " dropped unseen": N_("%(what)s dropped unseen"),
}
BEFORE = {
    "in ": N_("in %(what)s"),
    "at ": N_("at %(what)s"),
}
OR = N_("or")
MEANT = N_("(did you mean %(name)s?)")
WORDS = {
    "Never.": N_("Never."),
    "Empty.": N_("Empty."),
    "administrator or contributor": N_("administrator or contributor"),
    "administrator or contributor or viewer": N_("administrator, contributor or viewer"),
    "ok": N_("ok"),
    "warn": N_("look at this"),
    "FAILED": N_("failed"),
    "settings": N_("settings"),
    "storage": N_("storage"),
    "connections": N_("connections"),
    "exports": N_("exports"),
    "clock": N_("clock"),
    "version": N_("version"),
    "webhook": N_("webhook"),
    "configuration": N_("configuration"),
    "snapshot": N_("snapshot"),
    "snapshots": N_("snapshots"),
    "schedule": N_("schedule"),
    "notices": N_("notices"),
    "ledger": N_("ledger"),
    "list": N_("list"),
    "segment": N_("segment"),
    "members": N_("members"),
    "export": N_("export"),
    "connection": N_("connection"),
    "report": N_("report"),
    "none": N_("none"),
    "today": N_("today"),
    "yes": N_("yes"),
    "no": N_("no"),
    "probe": N_("probe"),
    "contract": N_("contract"),
    "consent": N_("consent"),
    "trial": N_("trial"),
    "why": N_("question about a person"),
    "prune": N_("cleaning up"),
    "replay": N_("continued by an operator"),
    "verify export": N_("comparison of list and segment"),
    "repair export": N_("repair of the list"),
    "queue notices": N_("queue notices"),
    "table notices": N_("table notices"),
    "address": N_("address"),
    "customer id": N_("customer number"),
}
"""Single words within the engine's texts: what a doctor's check is called, what was done."""

ACTIONS = {
    "add connection": N_("add connection"),
    "change connection": N_("change connection"),
    "add export": N_("add export"),
    "edit export": N_("edit export"),
    "duplicate export": N_("duplicate export"),
    "schedule export": N_("schedule export"),
    "detach export": N_("detach export"),
    "forget a person": N_("forget a person"),
    "release imports": N_("release imports"),
    "clear given-up messages": N_("clear given-up messages"),
}
"""What was done, as the audit trail has it. A version of the configuration adds the name of what it was done to."""

OWN_WORDS = {
    **FIELD_WORDS,
    "Run {run_id} is {state}{at}": N_("Run {run_id}: {state}{at}"),
    "The last run is {state} and has not confirmed that the person was sent.": N_(
        "The last run has not confirmed that the person was sent. Its state: {state}."
    ),
    "The person is in the segment, and the run {run_id} is {state}.": N_(
        "The person is in the segment. The state of the run {run_id}: {state}."
    ),
    "If it is over at Brevo: segment-export release {run_id} --yes.": N_(
        "If it is over at Brevo, an engineer can let the next runs go on: `segment-export release {run_id} --yes`."
    ),
    "segment-export plan {export}": N_("press Plan on the page of the export {export}"),
    "segment-export run {id}": N_("press Run on the page of the export {id}"),
    "segment-export verify {export} --repair": N_("an engineer types `segment-export verify {export} --repair`"),
    "segment-export undo {undone}": N_("press Undo on the page of the run {undone}"),
    "segment-export export remove {export} --members remove, or detach": N_(
        "remove or detach the export {export} again, and let its members leave the list first"
    ),
    "Run it now: `segment-export run {id}`.": N_("To run it now, press Run on the page of the export {id}."),
    "Run it now: `{again}`.": N_(
        "To run it now, press Run on its page; where a guard stops it, Plan and then Approve."
    ),
    "That is `{again} --accept`.": N_("On its page: Plan, then Approve."),
    "If this is right, run the export again with --accept.": N_(
        "If this is right, press Plan on the page of the export, then Approve."
    ),
    "Its next check is overdue since {since}: segment-export doctor says why.": N_(
        "Its next check is overdue since {since}: the page Health tells an administrator why."
    ),
    "See: segment-export doctor": N_("The page Health tells an administrator more."),
    "To reject it: segment-export cancel {run_id2}": N_("To reject it, press Reject there."),
    "To {does}: segment-export approve {run_id}": N_("To {does}, press Approve on its page."),
    "To run it now: segment-export run {export_id}": N_("To run it now, press Run."),
    "To run it now: segment-export run {export_id} --accept": N_("To run it now, press Plan, then Approve."),
    "To see what is in storage: segment-export segments{container}": N_("Add export shows what is in storage."),
    "See `segment-export status {run_id}`.": N_("See the page of the run {run_id}."),
    "`segment-export status {run_id}` says why it ended.{before}": N_(
        "The page of the run {run_id} says why it ended.{before}"
    ),
    "`segment-export status {run_id}` still counts them by reason.": N_(
        "The page of the run {run_id} still counts them by reason."
    ),
    "`segment-export status {run_id}` says why, and what to do.": N_(
        "The page of the run {run_id} says why, and what to do."
    ),
    "Ask again when `segment-export status {run_id}` shows another state than queued or staging.{before}": N_(
        "Ask again when the run {run_id} has read its segment.{before}"
    ),
    "Wait for its end: `segment-export status {run_id}`.": N_("Wait for its end, on the page of the run {run_id}."),
    "Wait for its end, or `segment-export cancel {run_id}`; then run the export again with --accept.": N_(
        "Wait for its end, or cancel it on the page of the run {run_id}; then press Plan, and Approve."
    ),
    "Wait for its next run (`segment-export exports`), or start it: `segment-export run {export_id} --wait`.": N_(
        "Wait for its next run, or press Run on the page of the export {export_id}."
    ),
    "`segment-export exports` and GET /api/exports list them.": N_("The page Exports lists them."),
    "`segment-export connections` and GET /api/connections list them.": N_("The page Connections lists them."),
    "`segment-export exports` and `segment-export runs EXPORT` list them.": N_(
        "The page of each export lists its runs."
    ),
    "`segment-export runs EXPORT` and GET exports/{written}/runs list them.": N_(
        "The page of each export lists its runs."
    ),
    "`segment-export history` and GET /api/history list them; the last 50 are kept.": N_(
        "The page History lists them; the last 50 are kept."
    ),
    "`segment-export runs {export}` lists the runs of the export.": N_(
        "The page of the export {export} lists its runs."
    ),
    "or put back what it was before {what} ({when}): {command}": N_(
        "or put back, on the page History, what it was before {what} ({when})"
    ),
    "Name one: `segment-export segments CONTAINER`, or GET /api/segments?container=NAME.": N_("Name one below."),
    "See them in `segment-export exports`.": N_("See them on the page Exports."),
    "`segment-export connect {id} --agree NAME`; until then none of its exports runs.": N_(
        "Give it on the page of the connection {id}; until then none of its exports runs."
    ),
    "`segment-export why EXPORT EMAIL` says of one person what Brevo has.": N_(
        "The page Person says of one person what Brevo has."
    ),
    "Where Brevo has forgotten the process: `segment-export cancel RUN`, and the next run asks again.": N_(
        "Where Brevo has forgotten the process, cancel the run on its page; the next run asks again."
    ),
    "`segment-export cancel RUN` ends an open run, and the next one sends the whole segment again": N_(
        "Cancel, on its page, ends an open run, and the next one sends the whole segment again"
    ),
    "Put the earlier one back before the next run, which begins a new ledger; stop the app until you have it, or "
    "`segment-export export schedule {asking} --off`.": N_(
        "Put the earlier one back before the next run, which begins a new ledger; stop the app until you have it, or "
        "switch off the schedule of the export {asking}."
    ),
    "Choose another id; or, to change it, send its ETag as If-Match.": N_(
        "Choose another id; or change the one that is there, on its page."
    ),
    "If-Match: the {what} is not as you have seen it: somebody has changed or removed it meanwhile.": N_(
        "The {what} is not as you have seen it: somebody has changed or removed it meanwhile."
    ),
}
"""By the engine's pattern. The same places stand in both."""
