"""Runs: started, listed, shown, ended; the webhook, and the call-back from Brevo."""

import hmac
import os

import azure.functions as func

from export_trigger.answers import (
    LOOK_AGAIN_SECONDS,
    RequestError,
    file_of_rejected_rows,
    json_answer,
    read_body,
    read_json,
    started_answer,
    taken_on,
)
from export_trigger.entry import Asked, Parameter, endpoint
from export_trigger.paging import LIMIT, continuation, page_headers, page_of, part_of
from export_trigger.shapes import StartAllBody, StartBody, Started, TrialBody, VerifyBody, WebhookBody
from shared.access import WEBHOOK_HEADER, people_sign_in, require
from shared.administration.items import wrong_form
from shared.administration.previewing import preview_of, previewed, previewed_unsaved
from shared.administration.running import approve_run as approve
from shared.administration.running import cancel_run as cancel
from shared.administration.running import list_runs as runs_of
from shared.administration.running import start_export as start
from shared.administration.running import start_exports as start_all
from shared.administration.running import start_plan as plan
from shared.administration.running import start_refreshed
from shared.administration.running import start_trial as trial
from shared.administration.running import undo_run as undo
from shared.administration.running import verify_export as verify
from shared.app import App
from shared.config.models import Export
from shared.runs.report import rejected_rows_part
from shared.runs.run_ids import RUN_ID, is_run_id
from shared.runs.state import Run
from shared.runs.status import RunStatus, RunStory, find_run, run_status, run_story
from shared.runs.steps import confirm
from shared.staging.preview import Preview

_MOST_KEY_CHARACTERS = 200
_IDEMPOTENCY_KEY = Parameter(
    "Idempotency-Key",
    "header",
    "Any text. The same one of the same caller again, within a day, finds the run that it started. Empty: none.",
    {"type": "string", "maxLength": _MOST_KEY_CHARACTERS, "pattern": "^[ -~]*$"},
)
_PART = Parameter(
    "part",
    "query",
    "Which part of a long report; all of them, one behind the other, are the CSV.",
    {"type": "integer", "minimum": 1, "maximum": 999_999},
)
_SHOWN = Parameter("If-Match", "header", "The ETag of the held run as the caller has seen it; * for whatever it shows.")
_WEBHOOK_SECRET = Parameter(
    WEBHOOK_HEADER, "header", "The secret of the setting WEBHOOK_SECRET, for a system where people sign in."
)


@endpoint(
    "POST",
    "exports/{id}/runs",
    status=202,
    answer=Started,
    body=StartBody,
    parameters=(_IDEMPOTENCY_KEY,),
    problems=(400, 404, 409, 413, 422),
)
def start_export(asked: Asked) -> func.HttpResponse:
    """Starts a run, or names the active one."""
    body = read_body(asked.req, StartBody)
    key = asked.header("Idempotency-Key")
    if len(key) > _MOST_KEY_CHARACTERS or not (key.isascii() and key.isprintable()):
        raise wrong_form(f"Idempotency-Key: takes at most {_MOST_KEY_CHARACTERS} printable characters")
    return started_answer(start(asked.app, asked.caller, asked.id, "http", now=body.now, accept=body.accept, key=key))


@endpoint(
    "POST",
    "exports/{id}/trial",
    status=202,
    answer=Started,
    body=TrialBody,
    problems=(400, 404, 409, 413, 422),
)
def start_trial(asked: Asked) -> func.HttpResponse:
    """Starts a run that really sends a few customers, to another list. It says nothing of the export.

    The list must be there and be no export's. 409 where a run of the export is active.
    """
    body = read_body(asked.req, TrialBody)
    started = trial(
        asked.app,
        asked.caller,
        asked.id,
        "http",
        body.list_id,
        customers=body.customers,
        customer_ids=body.customer_ids,
    )
    return started_answer(started)


@endpoint("POST", "exports/{id}/plan", status=202, answer=Started, problems=(404, 409))
def plan_export(asked: Asked) -> func.HttpResponse:
    """Starts a run that is held before it sends anything: its status shows what it would send.

    One that has nothing to do is not held: it ends as `skipped`, with the error `nothing_to_do`.

    POST runs/{id}/approve sends it, POST runs/{id}/cancel rejects it. A held run of the export ends; 409 where another
    one is active.
    """
    return started_answer(plan(asked.app, asked.caller, asked.id, "http"))


@endpoint(
    "POST", "exports/{id}/verify", status=202, answer=Started, body=VerifyBody, problems=(400, 404, 409, 413, 422)
)
def verify_export(asked: Asked) -> func.HttpResponse:
    """Starts a run that compares the list with the segment: counts in its status, contacts in its rejected rows.

    It changes nothing, unless `repair` is true: then whom the list misses is sent, and with the modes that mirror, whom
    the export has put there beside its segment is removed; guards hold that as they hold a run.
    """
    body = read_body(asked.req, VerifyBody)
    return started_answer(verify(asked.app, asked.caller, asked.id, "http", repair=body.repair))


@endpoint("POST", "runs", status=202, answer=list[Started], body=StartAllBody, problems=(400, 409, 413))
def start_exports(asked: Asked) -> func.HttpResponse:
    """Starts every export with an active schedule that the caller may run."""
    read_body(asked.req, StartAllBody)
    starts = start_all(asked.app, asked.caller, "http")
    return taken_on([Started.of(each) for each in starts])


@endpoint(
    "GET",
    "exports/{id}/runs",
    answer=list[RunStatus],
    parameters=(LIMIT, continuation(RUN_ID)),
    problems=(400, 404, 409),
)
def list_runs(asked: Asked) -> func.HttpResponse:
    """The export's runs, newest first. `Link` leads to the next page."""
    limit, after = page_of(asked, RUN_ID)
    runs, more = runs_of(asked.app, asked.caller, asked.id, limit=limit, after=after)
    return json_answer([run_status(asked.app, run) for run in runs], headers=page_headers(asked, more))


@endpoint("POST", "exports/{id}/preview", answer=Preview, problems=(404, 409))
def preview_export(asked: Asked) -> func.HttpResponse:
    """What a run would send: masked contacts and counts. Sends nothing."""
    return json_answer(preview_of(asked.app, previewed(asked.app, asked.caller, asked.id)))


@endpoint("POST", "exports/preview", answer=Preview, body=Export, problems=(400, 404, 409, 413, 422))
def preview_unsaved(asked: Asked) -> func.HttpResponse:
    """What a run of an export that is not saved would send; the body is as that of PUT exports/{id}."""
    ready = previewed_unsaved(asked.app, asked.caller, read_json(asked.req))
    return json_answer(preview_of(asked.app, ready))


@endpoint("GET", "runs/{id}", answer=RunStory, problems=(404,), headers=("ETag", "Retry-After"))
def show_run(asked: Asked) -> func.HttpResponse:
    """A run's whole status and story.

    `ETag` is that of what a held run shows: a decision about it sends it as `If-Match`.
    """
    require(asked.caller, "view_run")
    run = find_run(asked.app, asked.id)
    headers = {} if run.is_final else {"Retry-After": LOOK_AGAIN_SECONDS}
    if run.is_held:
        headers = {"ETag": f'"{run.rejected_id}"'}
    return json_answer(run_story(asked.app, run), headers=headers)


@endpoint("POST", "runs/{id}/approve", status=202, answer=RunStatus, parameters=(_SHOWN,), problems=(404, 409))
def approve_run(asked: Asked) -> func.HttpResponse:
    """Lets a held run send what it has shown, less who has meanwhile fallen out.

    409 where it is not held, where its time is over (hold_expired), and where a newer snapshot is there or the
    configuration has changed, or what was shown by If-Match is not what it shows now (plan_outdated).
    """
    return taken_on(run_status(asked.app, approve(asked.app, asked.caller, asked.id, shown=asked.seen)))


@endpoint("POST", "runs/{id}/undo", status=202, answer=Started, problems=(404, 409))
def undo_run(asked: Asked) -> func.HttpResponse:
    """Starts a run that puts the list's members back to who they were before this run; attributes stay.

    409 (undo_impossible) says why where it cannot be undone: only the last run that changed a list can, within 30 days,
    where it has read the list before (sync_mode mirror and mirror_exact). An undo that takes out many is held.
    """
    return started_answer(undo(asked.app, asked.caller, asked.id, "http"))


@endpoint("POST", "runs/{id}/cancel", status=202, answer=RunStatus, parameters=(_SHOWN,), problems=(404, 409))
def cancel_run(asked: Asked) -> func.HttpResponse:
    """Ends a run; one that is held is rejected by it."""
    return taken_on(run_status(asked.app, cancel(asked.app, asked.caller, asked.id, shown=asked.seen)))


@endpoint(
    "GET",
    "runs/{id}/rejected-rows",
    answer="text/csv",
    parameters=(_PART,),
    problems=(400, 404, 409),
    headers=("Content-Disposition", "Link"),
)
def show_rejected_rows(asked: Asked) -> func.HttpResponse:
    """The rejected rows as CSV; never a value of theirs. More than 16 MB come in parts: 409 says how many.

    The last column, outcome, is not_sent, sent_without_value (a warning) or rejected_by_brevo.
    """
    require(asked.caller, "view_rejected_rows")
    number = part_of(asked.query)
    run = find_run(asked.app, asked.id)
    data, parts = rejected_rows_part(asked.app, run, number)
    headers = file_of_rejected_rows(run.run_id, number, parts)
    if number and number < parts:
        headers["Link"] = f'<{asked.req.url.partition("?")[0]}?part={number + 1}>; rel="next"'
    return func.HttpResponse(data, mimetype="text/csv", headers=headers)


@endpoint(
    "POST",
    "webhook",
    status=202,
    answer=list[Started],
    body=WebhookBody,
    parameters=(_WEBHOOK_SECRET,),
    problems=(400, 404, 409, 413, 422),
    by_secret=True,
)
def webhook(asked: Asked) -> func.HttpResponse:
    """Another system says that an export is wanted, or that a segment was refreshed.

    By a segment, exports with the schedule `with_refresh` start; of others that have it the answer says why they do
    not. It is empty where no export has the segment.
    """
    body = read_body(asked.req, WebhookBody)
    if body.export is not None:
        only_with_refresh = people_sign_in(os.environ)
        started = start(asked.app, asked.caller, body.export, "webhook", only_with_refresh=only_with_refresh)
        return taken_on([Started.of(started)])
    return taken_on([Started.of(each) for each in start_refreshed(asked.app, asked.caller, body.segment or "")])


@endpoint("POST", "imports/{run}/{batch}/{token}", status=204, problems=(404,), anonymous=True)
def import_finished(asked: Asked) -> func.HttpResponse:
    """Brevo's call-back: an empty body, so what identifies it is in the path. All wrong ones get the same answer."""
    path = asked.req.route_params
    run = _called_run(asked.app, path)
    if run is None or not confirm.import_finished(asked.app, run, int(path["batch"])):
        raise RequestError("route_unknown", "There is nothing here.")
    return func.HttpResponse(status_code=204)


def _called_run(app: App, path: dict[str, str]) -> Run | None:
    """The run whose token the path holds, compared in constant time."""
    run_id, batch, token = path.get("run", ""), path.get("batch", ""), path.get("token", "")
    if not is_run_id(run_id) or not (batch.isascii() and batch.isdigit() and len(batch) <= 6):
        return None
    run = app.store.load(run_id)
    if run is None or not hmac.compare_digest(run.token.encode(), token.encode("utf-8", "replace")):
        return None
    return run
