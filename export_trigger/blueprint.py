"""The HTTP API for runs. Function keys let callers in; only health and the call-back from Brevo go without."""

import hmac
from typing import Literal, Self

import azure.functions as func
from pydantic import BaseModel, ConfigDict, Field, model_validator

from export_trigger.answers import RequestError, answering, json_answer, read_body
from shared.errors import ConfigurationError
from shared.runs.app import App, open_app
from shared.runs.cancelling import request_cancel
from shared.runs.confirming import call_back
from shared.runs.model import Run, is_run_id
from shared.runs.overview import export_overview
from shared.runs.starting import Start, start_all, start_for_segment, start_on_demand
from shared.runs.status import find_run, rejected_rows, run_status

blueprint = func.Blueprint()

_RUNS_SHOWN = 50


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class StartBody(_Body):
    """How to start a run: without the quiet period, or through a guard."""

    now: bool = False
    accept: bool = False


class StartAllBody(_Body):
    """Which exports to start."""

    exports: Literal["all"]


class WebhookBody(_Body):
    """What was refreshed: an export's id, or a segment's name."""

    export: str | None = Field(default=None, max_length=100)
    segment: str | None = Field(default=None, max_length=100)

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if (self.export is None) == (self.segment is None):
            raise ValueError('name either "export" or "segment"')
        return self


@blueprint.route("exports", methods=["GET"])
@answering
def list_exports(req: func.HttpRequest) -> func.HttpResponse:
    """All exports with their last run."""
    app = open_app()
    return json_answer([export_overview(app, export) for export in app.document().exports])


@blueprint.route("exports/{id}/runs", methods=["POST"])
@answering
def start_export(req: func.HttpRequest) -> func.HttpResponse:
    """Starts a run, or names the active one."""
    body = read_body(req, StartBody)
    start = start_on_demand(open_app(), _id(req), "http", "api", skip_quiet=body.now, accept=body.accept)
    return json_answer(_started(start), 202, {"Location": f"/api/runs/{start.run_id}"})


@blueprint.route("runs", methods=["POST"])
@answering
def start_exports(req: func.HttpRequest) -> func.HttpResponse:
    """Starts every export with an active schedule."""
    read_body(req, StartAllBody)
    return json_answer([_started(start) for start in start_all(open_app(), "http", "api")], 202)


@blueprint.route("exports/{id}/runs", methods=["GET"])
@answering
def list_runs(req: func.HttpRequest) -> func.HttpResponse:
    """The export's latest runs, newest first."""
    app = open_app()
    _known_export(app, _id(req))
    return json_answer([run_status(app, run) for run in app.store.latest(_id(req), _RUNS_SHOWN)])


@blueprint.route("exports/{id}/preview", methods=["POST"])
@answering
def preview_export(req: func.HttpRequest) -> func.HttpResponse:
    """What a run would send: masked contacts and counts."""
    from shared.runs.preview import preview  # brings DuckDB, which no other route needs

    app = open_app()
    return json_answer(preview(app, app.target(_id(req))))


@blueprint.route("runs/{id}", methods=["GET"])
@answering
def show_run(req: func.HttpRequest) -> func.HttpResponse:
    """A run's whole status and story."""
    app = open_app()
    return json_answer(run_status(app, find_run(app, _id(req)), story=True))


@blueprint.route("runs/{id}/cancel", methods=["POST"])
@answering
def cancel_run(req: func.HttpRequest) -> func.HttpResponse:
    """Ends a run."""
    app = open_app()
    return json_answer(run_status(app, request_cancel(app, find_run(app, _id(req)), "api")), 202)


@blueprint.route("runs/{id}/rejected-rows", methods=["GET"])
@answering
def show_rejected_rows(req: func.HttpRequest) -> func.HttpResponse:
    """The rejected rows as CSV."""
    app = open_app()
    run = find_run(app, _id(req))
    return func.HttpResponse(
        b"".join(rejected_rows(app, run)),
        mimetype="text/csv",
        headers={"Content-Disposition": f'attachment; filename="{run.run_id}-rejected.csv"'},
    )


@blueprint.route("webhook", methods=["POST"])
@answering
def webhook(req: func.HttpRequest) -> func.HttpResponse:
    """Another system says that an export is wanted, or that a segment was refreshed."""
    body = read_body(req, WebhookBody)
    app = open_app()
    if body.export is not None:
        return json_answer([_started(start_on_demand(app, body.export, "webhook", "webhook"))], 202)
    return json_answer([_started(start) for start in start_for_segment(app, body.segment or "")], 202)


@blueprint.route("imports/{run}/{batch}/{token}", methods=["POST"], auth_level=func.AuthLevel.ANONYMOUS)
@answering
def import_finished(req: func.HttpRequest) -> func.HttpResponse:
    """Brevo's call-back: an empty body, so what identifies it is in the path. All wrong ones get the same answer."""
    app = open_app()
    run = _called_run(app, req.route_params)
    if run is None or run.is_final or not call_back(app, run, int(req.route_params["batch"])):
        raise RequestError("route_unknown", "There is nothing here.")
    return func.HttpResponse(status_code=204)


@blueprint.route("health", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
def health(req: func.HttpRequest) -> func.HttpResponse:
    """Says that the app is up."""
    return json_answer({"status": "ok"})


def _id(req: func.HttpRequest) -> str:
    return str(req.route_params.get("id", ""))


def _started(start: Start) -> dict[str, object]:
    return {
        "export": start.export,
        "run_id": start.run_id or None,
        "is_new": start.is_new,
        "reason": start.reason or None,
        "status_url": f"/api/runs/{start.run_id}" if start.run_id else None,
    }


def _known_export(app: App, export_id: str) -> None:
    if app.document().export(export_id) is None:
        raise ConfigurationError("export_unknown", f"There is no export {export_id[:60]!r}.")


def _called_run(app: App, path: dict[str, str]) -> Run | None:
    """The run whose token the path holds, compared in constant time."""
    run_id, batch, token = path.get("run", ""), path.get("batch", ""), path.get("token", "")
    if not is_run_id(run_id) or not (batch.isascii() and batch.isdigit() and len(batch) <= 6):
        return None
    run = app.store.load(run_id)
    if run is None or not hmac.compare_digest(run.token.encode(), token.encode("utf-8", "replace")):
        return None
    return run
