"""What a caller gets: JSON, or a problem as RFC 9457 says."""

import functools
import json
import logging
import math
from collections.abc import Callable
from typing import Any

import azure.functions as func
from pydantic import BaseModel, ValidationError

from shared.errors import ExportError, TransientError

_LARGEST_BODY_BYTES = 1_000_000

_STATUS = {
    "body_invalid": 400,
    "export_unknown": 404,
    "run_unknown": 404,
    "route_unknown": 404,
    "body_too_large": 413,
}

_log = logging.getLogger(__name__)

Handler = Callable[[func.HttpRequest], func.HttpResponse]


class RequestError(ExportError):
    """The request itself is wrong."""


def answering(handler: Handler) -> Handler:
    """Turns an error into its problem; nothing of it but its own words reaches the caller."""

    @functools.wraps(handler)
    def answer(req: func.HttpRequest) -> func.HttpResponse:
        try:
            return handler(req)
        except ExportError as error:
            return problem(error)

    return answer


def json_answer(found: Any, status: int = 200, headers: dict[str, str] | None = None) -> func.HttpResponse:
    """A JSON answer."""
    body = json.dumps(found, ensure_ascii=False, default=str)
    return func.HttpResponse(body, status_code=status, headers=headers, mimetype="application/json")


def problem(error: ExportError) -> func.HttpResponse:
    """A problem: `type` ends in the error's code, `detail` says what to do. https://www.rfc-editor.org/rfc/rfc9457"""
    transient = isinstance(error, TransientError)
    status = 503 if transient else _STATUS.get(error.code, 409)
    headers = {"Retry-After": str(math.ceil(getattr(error, "retry_after_seconds", None) or 5))} if transient else None
    found = {
        "type": f"urn:segment-export:problem:{error.code}",
        "title": error.message,
        "status": status,
        "detail": error.advice or error.message,
    }
    return func.HttpResponse(
        json.dumps(found, ensure_ascii=False),
        status_code=status,
        headers=headers,
        mimetype="application/problem+json",
    )


def read_body[T: BaseModel](req: func.HttpRequest, model: type[T]) -> T:
    """The request's JSON body; an empty one stands for `{}`. Raises RequestError naming the field."""
    body = req.get_body()
    if len(body) > _LARGEST_BODY_BYTES:
        raise RequestError("body_too_large", f"The body is larger than {_LARGEST_BODY_BYTES:,} bytes.")
    try:
        return model.model_validate(json.loads(body or b"{}"))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        field = ".".join(str(part) for part in first["loc"])[:100] or "body"
        raise RequestError("body_invalid", f"{field}: {first['msg'].removeprefix('Value error, ')}.") from None
    except (ValueError, RecursionError):
        raise RequestError("body_invalid", "The body is not JSON.", "Send a JSON object.") from None
