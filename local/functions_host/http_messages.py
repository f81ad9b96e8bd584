"""HTTP requests and responses as plain values, apart from sockets."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True)
class Request:
    """A request. Shape: header names in lower case, repeated ones joined by commas; `path` as routes see it."""

    method: str
    target: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def url(self) -> str:
        """The whole address, as the caller wrote it."""
        if self.target.startswith("/"):
            return f"http://{self.headers.get('host', 'localhost')}{self.target}"
        return self.target

    @property
    def content_type(self) -> str:
        """The media type of the body, in lower case and without parameters; empty where none was sent."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    def query(self) -> dict[str, str]:
        """The query's values as functions get them: one entry for names that differ in case, no empty values."""
        names: dict[str, str] = {}
        values: dict[str, list[str]] = {}
        for name, value in self._pairs():
            values.setdefault(names.setdefault(name.lower(), name), []).append(value)
        return {name: ",".join(all_values) for name, all_values in values.items() if any(all_values)}

    def parameter(self, name: str) -> str | None:
        """The first value of a query parameter, whose name may have any case."""
        return next((value for key, value in self._pairs() if key.lower() == name.lower()), None)

    def presented_key(self) -> str | None:
        """The access key of the caller, if any: the header goes first, even an empty one."""
        return self.headers.get("x-functions-key", self.parameter("code"))

    def _pairs(self) -> list[tuple[str, str]]:
        return parse_qsl(self.target.partition("?")[2], keep_blank_values=True)


@dataclass(frozen=True)
class Response:
    """A response; its length is added when it is sent."""

    status: int
    body: bytes = b""
    headers: Sequence[tuple[str, str]] = field(default_factory=tuple)

    @classmethod
    def of_json(cls, status: int, value: Any) -> Response:
        """Make a response of a JSON value."""
        body = json.dumps(value).encode()
        return cls(status, body, (("Content-Type", "application/json; charset=utf-8"),))

    @classmethod
    def of_text(cls, status: int, text: str) -> Response:
        """Make a response of plain text."""
        return cls(status, text.encode(), (("Content-Type", "text/plain; charset=utf-8"),))


Respond = Callable[[Request], Response]


def send(
    method: str,
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    body: bytes = b"",
    timeout_seconds: float = 30,
) -> Response:
    """Send a request to this machine. Raises: OSError or http.client.HTTPException where nothing answers."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=timeout_seconds)
    try:
        target = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
        connection.request(method, target, body=body or None, headers=dict(headers or {}))
        answer = connection.getresponse()
        return Response(answer.status, answer.read(), tuple(answer.getheaders()))
    finally:
        connection.close()
