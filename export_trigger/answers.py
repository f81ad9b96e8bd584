"""What a caller gets: JSON, or a problem as RFC 9457 says."""

import logging
import math
from collections.abc import Mapping
from typing import Any

import azure.functions as func
from pydantic import BaseModel

from export_trigger.shapes import FieldFault, ProblemDetails, Started
from shared.administration.connections import ConnectionInUse, NotConnected
from shared.administration.items import InvalidInput, parse_json, parse_strictly
from shared.errors import DiskFullError, ExportError, TransientError, is_disk_full, place_of
from shared.json_text import json_text
from shared.operating.health import Unhealthy
from shared.runs.starting import Start

LARGEST_BODY_BYTES = 1_000_000
LOOK_AGAIN_SECONDS = "5"
PROBLEM_TYPE = "urn:segment-export:problem:"

# Every other error is 409: the request was right, and something else must change first.
STATUS = {
    "body_invalid": 400,
    "sign_in_required": 401,
    "access_denied": 403,
    "form_outdated": 403,
    "export_unknown": 404,
    "connection_unknown": 404,
    "run_unknown": 404,
    "part_unknown": 404,
    "version_unknown": 404,
    "route_unknown": 404,
    "method_unknown": 405,
    "length_missing": 411,
    "changed_meanwhile": 412,
    "body_too_large": 413,
    "not_possible": 422,
    "trial_invalid": 422,
    "email_invalid": 422,
    "customer_id_invalid": 422,
    "idempotency_key_used": 422,
    "if_match_missing": 428,
    "unforeseen": 500,
}
# What is wrong where it is one field that the code stands for.
_FIELDS = {
    "email_invalid": "email",
    "customer_id_invalid": "customer_id",
    "trial_invalid": "customer_ids",
    "idempotency_key_used": "Idempotency-Key",
}


class RequestError(ExportError):
    """The request itself is wrong."""

    def __init__(self, code: str, message: str, advice: str = "", headers: Mapping[str, str] | None = None) -> None:
        super().__init__(code, message, advice)
        self.headers = dict(headers or {})


def json_answer(found: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> func.HttpResponse:
    """A JSON answer; it ends its line, so that a terminal's next prompt has one of its own."""
    return func.HttpResponse(
        f"{json_text(found)}\n", status_code=status, headers=dict(headers or {}), mimetype="application/json"
    )


def taken_on(found: Any, headers: Mapping[str, str] | None = None) -> func.HttpResponse:
    """The answer to what goes on by itself: 202, and when to look."""
    return json_answer(found, 202, {**(headers or {}), "Retry-After": LOOK_AGAIN_SECONDS})


def started_answer(started: Start) -> func.HttpResponse:
    """The run that was started, or found active, and where to look."""
    return taken_on(Started.of(started), {"Location": f"/api/runs/{started.run_id}"})


def problem(error: ExportError) -> func.HttpResponse:
    """A problem: `type` ends in the error's code, `detail` says what to do. https://www.rfc-editor.org/rfc/rfc9457"""
    status, headers = status_of(error)
    return problem_answer(status, error, headers)


def status_of(error: ExportError) -> tuple[int, Mapping[str, str]]:
    """The status of an answer that says this error, and its headers."""
    if isinstance(error, TransientError):
        return 503, {"Retry-After": str(math.ceil(error.retry_after_seconds or 5))}
    return STATUS.get(error.code, 409), getattr(error, "headers", {})


def unforeseen(log: logging.Logger, error: Exception) -> ExportError:
    """What a caller gets of an error that nobody foresaw. Its own words may hold personal data: its place is logged."""
    log.error("%s", place_of(error))
    if is_disk_full(error):
        return DiskFullError()
    return ExportError("unforeseen", "Something went wrong here.", "The app's log names the place.")


def problem_answer(status: int, error: ExportError, headers: Mapping[str, str]) -> func.HttpResponse:
    """The problem with this status. `errors` has one entry for each fault, with the path to its field."""
    found = ProblemDetails(
        type=f"{PROBLEM_TYPE}{error.code}",
        title=error.message,
        status=status,
        detail=error.advice or error.message,
    )
    found.errors = _faults(error)
    if isinstance(error, ConnectionInUse):
        found.exports = error.exports
        found.ways_on = ["DELETE /api/exports/{id}", "POST /api/exports/{id}/detach"]
    if isinstance(error, NotConnected | Unhealthy):
        found.steps = error.steps
    body = f"{json_text(found.model_dump(exclude_none=True))}\n"
    return func.HttpResponse(body, status_code=status, headers=dict(headers), mimetype="application/problem+json")


def _faults(error: ExportError) -> list[FieldFault] | None:
    if isinstance(error, InvalidInput):
        lines = (line.partition(": ") for line in error.problems)
        return [FieldFault(field=field, message=message) for field, _, message in lines]
    field = _FIELDS.get(error.code)
    return [FieldFault(field=field, message=error.message.removeprefix(f"{field}: "))] if field else None


def read_json(req: func.HttpRequest) -> Any:
    """The request's JSON body; an empty one stands for `{}`. Raises RequestError or InvalidInput."""
    return parse_json(body_of(req) or b"{}")


def body_of(req: func.HttpRequest) -> bytes:
    """The request's body. Raises RequestError.

    The host hands on a body only where its length was announced. One sent in chunks arrives empty, and taking that for
    `{}` would drop what the caller has chosen without a word.
    Source: GrpcMessageConversionExtensions in https://github.com/Azure/azure-functions-host (2026-11)
    """
    body = req.get_body()
    if not body and req.headers.get("Transfer-Encoding"):
        raise RequestError(
            "length_missing",
            "body: was sent in chunks, and Azure Functions takes a body only with its Content-Length.",
            "Send the body as a whole, not as a stream (.NET: LoadIntoBufferAsync before sending; curl: --data).",
        )
    if len(body) > LARGEST_BODY_BYTES:
        raise RequestError("body_too_large", f"body: is larger than {LARGEST_BODY_BYTES:,} bytes.")
    return bytes(body)


def file_of_rejected_rows(run_id: str, number: int | None, parts: int) -> dict[str, str]:
    """The header that has a browser keep the rejected rows, or a part of them, as a file with a name of its own."""
    suffix = f"-{number}-of-{parts}" if number and parts > 1 else ""
    return {"Content-Disposition": f'attachment; filename="{run_id}-rejected{suffix}.csv"'}


def read_body[T: BaseModel](req: func.HttpRequest, model: type[T]) -> T:
    """A small body as a model. Raises RequestError or InvalidInput naming each field."""
    return parse_strictly(model, read_json(req))
