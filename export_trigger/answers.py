"""What a caller gets: JSON, or a problem as RFC 9457 says."""

import functools
import json
import logging
import math
from collections.abc import Callable
from typing import Any

import azure.functions as func
from pydantic import BaseModel, ValidationError

from shared.errors import ExportError, TransientError, place_of, shown

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
        except Exception as error:  # noqa: BLE001 - its words may hold personal data
            _log.error("%s", place_of(error))
            return _problem(500, "unforeseen", "Something went wrong here.", "The app's log names the place.")

    return answer


def json_answer(found: Any, status: int = 200, headers: dict[str, str] | None = None) -> func.HttpResponse:
    """A JSON answer."""
    body = json.dumps(found, ensure_ascii=False, default=str)
    return func.HttpResponse(body, status_code=status, headers=headers, mimetype="application/json")


def problem(error: ExportError) -> func.HttpResponse:
    """A problem: `type` ends in the error's code, `detail` says what to do. https://www.rfc-editor.org/rfc/rfc9457"""
    if not isinstance(error, TransientError):
        return _problem(_STATUS.get(error.code, 409), error.code, error.message, error.advice)
    wait = {"Retry-After": str(math.ceil(error.retry_after_seconds or 5))}
    return _problem(503, error.code, error.message, error.advice, wait)


def _problem(
    status: int, code: str, title: str, detail: str, headers: dict[str, str] | None = None
) -> func.HttpResponse:
    found = {"type": f"urn:segment-export:problem:{code}", "title": title, "status": status, "detail": detail or title}
    body = json.dumps(found, ensure_ascii=False)
    return func.HttpResponse(body, status_code=status, headers=headers, mimetype="application/problem+json")


def read_body[T: BaseModel](req: func.HttpRequest, model: type[T]) -> T:
    """The request's JSON body; an empty one stands for `{}`. Raises RequestError naming the field."""
    body = req.get_body()
    if len(body) > _LARGEST_BODY_BYTES:
        raise RequestError("body_too_large", f"The body is larger than {_LARGEST_BODY_BYTES:,} bytes.")
    try:
        return model.model_validate(json.loads(body or b"{}"))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        field = ".".join(shown(str(part)) for part in first["loc"]) or "body"
        raise RequestError("body_invalid", f"{field}: {first['msg'].removeprefix('Value error, ')}.") from None
    except (ValueError, RecursionError):
        raise RequestError("body_invalid", "The body is not JSON.", "Send a JSON object.") from None
