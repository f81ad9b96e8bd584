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
    """A request. Shape: header names in lower case, repeated ones joined by commas; `path` still encoded."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def path(self) -> str:
        """The path without its query."""
        return urlsplit(self.target).path

    @property
    def url(self) -> str:
        """The whole address, as the caller wrote it."""
        return f"http://{self.headers.get('host', 'localhost')}{self.target}"

    def query(self) -> dict[str, str]:
        """The query's values, repeated ones joined by commas; empty ones left out, as the real host does."""
        found: dict[str, str] = {}
        for name, value in parse_qsl(urlsplit(self.target).query):
            found[name] = f"{found[name]},{value}" if name in found else value
        return found

    def presented_key(self) -> str | None:
        """The access key of the caller, if any."""
        return self.headers.get("x-functions-key") or self.query().get("code")


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
