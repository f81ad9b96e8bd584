"""A request as the endpoints see it, the answer they give, and the refusal they raise."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

JSON = "application/json"


class ApiError(Exception):
    """A refusal in the vendor's form, `{"code": …, "message": …}`, for contacts with `metadata`.

    Source: https://developers.brevo.com/docs/how-it-works#error-codes
    """

    def __init__(self, status: int, code: str, message: str, metadata: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.metadata = metadata

    def answer(self) -> "Answer":
        """The answer that carries this refusal."""
        document: dict[str, Any] = {"code": self.code, "message": self.message}
        if self.metadata:
            document["metadata"] = self.metadata
        return Answer.json(document, self.status)


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back: `body` is bytes, or pieces that are sent chunked."""

    status: int = 200
    body: bytes | Iterator[bytes] = b""
    content_type: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def json(cls, document: object, status: int = 200) -> "Answer":
        """An answer with a JSON document."""
        return cls(status, json.dumps(document, separators=(",", ":")).encode())

    @classmethod
    def html(cls, text: str, status: int = 200) -> "Answer":
        """An answer with a page."""
        return cls(status, text.encode("utf-8", "replace"), "text/html; charset=utf-8")


@dataclass(frozen=True, slots=True)
class Request:
    """One call to an endpoint: names from the path, the query, and the body's bytes."""

    parameters: Mapping[str, str]
    query: Mapping[str, str]
    body: bytes = b""

    def document(self) -> dict[str, Any]:
        """The body as a JSON object.

        Raises: ApiError 400 when it is not one.
        """
        try:
            document = parse_json(self.body)
        except (ValueError, RecursionError):
            raise ApiError(400, "bad_request", "Input must be a valid JSON object") from None
        if not isinstance(document, dict):
            raise ApiError(400, "bad_request", "Input must be a valid JSON object")
        return document

    def number(self, name: str) -> int:
        """A number from the path.

        Raises: ApiError 400 when it is not a number.
        """
        text = self.parameters[name]
        if not (text.isascii() and text.isdigit() and len(text) < 16):
            raise ApiError(400, "invalid_parameter", f"{name} should be an integer")
        return int(text)

    def page(self, default: int, most: int) -> tuple[int, int, bool]:
        """`limit`, `offset` and whether the newest comes first.

        Raises: ApiError 400 when one is out of range.
        """
        limit = self._counted("limit", default)
        if limit > most:
            raise ApiError(400, "out_of_range", f"Limit exceeds max value. Max allowed limit is {most}")
        sort = self.query.get("sort", "desc")
        if sort not in ("asc", "desc"):
            raise ApiError(400, "invalid_parameter", "Invalid sort value. Allowed values: asc, desc")
        return limit, self._counted("offset", 0), sort == "desc"

    def _counted(self, name: str, default: int) -> int:
        text = self.query.get(name, str(default))
        if not (text.isascii() and text.isdigit() and len(text) < 16):
            raise ApiError(400, "out_of_range", f"{name} should be a valid number")
        return int(text)


def parse_json(data: bytes) -> Any:
    """JSON as the standard has it: UTF-8, and none of the numbers that only Python reads. Raises: ValueError."""
    return json.loads(data.decode(), parse_constant=_refuse)


def _refuse(constant: str) -> None:
    raise ValueError(constant)
