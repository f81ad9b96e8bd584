"""One requests session to Brevo: a time-out on every call, retries that obey its limits, no redirects."""

import hmac
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import requests
import stamina
from urllib3.exceptions import HTTPError

from shared import telemetry
from shared.brevo.answers import NOT_TAKEN, KeyRefused, read_answer, unreachable
from shared.brevo.pace import Kind, Pace
from shared.errors import ExportError, TransientError

_CONNECT_SECONDS = 10
READ_SECONDS = 120
"""How long an answer is waited for, and then as long for its end: one that drips bytes is given up."""

_LARGEST_ANSWER_BYTES = 20_000_000
# A longer wait is left to the queue: a function that sleeps costs money and may be cut off.
_LONGEST_WAIT_SECONDS = 15.0
_MARK_CHARACTERS = 16
_WORDS = {"account", "attributes", "contacts", "folders", "import", "lists", "normal", "processes", "remove"}


@dataclass
class Traffic:
    """What a session has sent, for the run's status. Units: bytes of request bodies.

    `refused`: how many of the requests Brevo has certainly not taken.
    """

    requests: int = 0
    bytes_sent: int = 0
    refused: int = 0

    @property
    def maybe_taken(self) -> int:
        """How many of the requests Brevo has taken, or may have."""
        return self.requests - self.refused


class Unredirected(requests.Session):
    """Takes a redirect as it is: `requests` reads all of its body, however long, and its address, even unasked."""

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """None: it leads nowhere."""
        return None


@dataclass
class BrevoSession:
    """Sends requests to one account. `describe_key` says where its key stands, for an error about the key.

    `still_wanted` is asked just before each request goes out, and raises where it is not to be sent any more.
    """

    base_url: str
    api_key: str = field(repr=False)
    pace: Pace
    describe_key: Callable[[], str] = str
    still_wanted: Callable[[], object] = bool
    traffic: Traffic = field(default_factory=Traffic)
    _session: requests.Session = field(default_factory=Unredirected, repr=False)

    @property
    def key_mark(self) -> str:
        """Tells whether this is the key of before, where the key itself is not to be kept: a digest keyed by it."""
        return hmac.digest(self.api_key.encode(), b"mark of the key", "sha256").hex()[:_MARK_CHARACTERS]

    def call(
        self,
        kind: Kind,
        method: str,
        path: str,
        *,
        params: Mapping[str, str | int] | None = None,
        body: bytes | None = None,
        attempts: int = 4,
    ) -> Any:
        """The answer's JSON. Raises one of the three kinds of ExportError; a transient one after a few tries."""
        for attempt in stamina.retry_context(on=_worth_waiting, attempts=attempts, timeout=60, wait_initial=0.5):
            with attempt:
                self.pace.take(kind)
                self.still_wanted()
                operation = f"{method} {_route(path)}"
                with telemetry.span(operation, client=True, **{"http.request.method": method}):
                    status, headers, answer = self._send(method, path, params, body)
                    _measure(operation, status)
                    self.pace.learn(kind, status, headers)
                    return self._read(status, headers, answer)
        raise unreachable("no answer")  # not reached: the last attempt raises

    def _read(self, status: int, headers: Mapping[str, str], answer: bytes) -> Any:
        try:
            return read_answer(status, headers, answer)
        except KeyRefused:
            self.traffic.refused += 1
            raise KeyRefused(self.describe_key()) from None
        except ExportError as error:
            self.traffic.refused += not isinstance(error, TransientError) or error.code in NOT_TAKEN
            raise

    def _send(
        self, method: str, path: str, params: Mapping[str, str | int] | None, body: bytes | None
    ) -> tuple[int, Mapping[str, str], bytes]:
        self.traffic.requests += 1
        self.traffic.bytes_sent += len(body or b"")
        headers = {"api-key": self.api_key, "accept": "application/json"}
        if body is not None:
            headers["content-type"] = "application/json"
        try:
            with self._session.request(
                method,
                f"{self.base_url}{path}",
                params=params,
                data=body,
                headers=headers,
                auth=no_password,
                timeout=(_CONNECT_SECONDS, READ_SECONDS),
                allow_redirects=False,
                stream=True,
            ) as response:
                return response.status_code, response.headers, _read(response)
        except (requests.RequestException, HTTPError) as error:
            raise unreachable(type(error).__name__) from None


def no_password(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Leaves a request as it is: without it, `requests` adds what a netrc file of the machine has for the host."""
    return request


def _route(path: str) -> str:
    """The path with `{}` for whatever is not one of Brevo's own words: an address may stand in it."""
    return "/".join(part if not part or part in _WORDS else "{}" for part in path.split("/"))


def _measure(operation: str, status: int) -> None:
    telemetry.note(**{"http.response.status_code": status})
    telemetry.count("segment_export.brevo.requests", 1, operation=operation, status=status)
    if status == 429:
        telemetry.count("segment_export.brevo.throttled", 1, operation=operation)


def _read(response: requests.Response) -> bytes:
    parts, size_bytes, until = [], 0, time.monotonic() + READ_SECONDS
    while part := response.raw.read1(65_536, decode_content=True):
        if time.monotonic() > until:
            raise unreachable("its answer has not come to an end")
        parts.append(part)
        size_bytes += len(part)
        if size_bytes > _LARGEST_ANSWER_BYTES:
            raise TransientError("brevo_garbled", "Brevo's answer is far too large.", "It is tried again.")
    expected = response.headers.get("content-length")
    whole = not expected or not expected.isdigit() or int(expected) == size_bytes
    if not whole and "content-encoding" not in response.headers:
        raise unreachable("its answer broke off")
    return b"".join(parts)


def _worth_waiting(error: Exception) -> bool | float:
    if not isinstance(error, TransientError):
        return False
    if error.retry_after_seconds is None:
        return True
    return error.retry_after_seconds if error.retry_after_seconds <= _LONGEST_WAIT_SECONDS else False
