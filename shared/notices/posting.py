"""Posts a message once: no redirect is followed, no answer's body is read, and it is over within seconds.

The standard library's client, since three things must be known that others hide: whether anything was sent when it
failed, that nothing but this one request goes out, and that no proxy or netrc of the machine has a say.
"""

import contextlib
import http.client
import socket
import ssl
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import SplitResult, urlsplit

from requests.utils import DEFAULT_CA_BUNDLE_PATH

from shared.errors import ConfigurationError, TransientError
from shared.settings import THIS_MACHINE
from shared.times import header_time

_STEP_SECONDS = 5.0
POST_SECONDS = 12.0
_LONGEST_RETRY_AFTER_SECONDS = 3600.0


class OutcomeUnknownError(TransientError):
    """The message was sent, or part of it, and no answer says whether it arrived: it may have been taken."""


def post(url: str, setting: str, body: bytes, headers: Mapping[str, str]) -> None:
    """Returns once the receiver has accepted the message.

    Raises TransientError where it was not taken and may be later, OutcomeUnknownError, or ConfigurationError naming the
    setting with the address. None of them repeats the address, which is a secret.
    """
    attempt = _Attempt(address_parts(url, setting), body, headers)
    status, retry_after = attempt.made()
    _judge(status, retry_after, setting)


def address_parts(url: str, setting: str) -> SplitResult:
    """The parts of a receiver's address. Raises ConfigurationError naming the setting, where it is none."""
    try:
        parts = urlsplit(url)
        local = parts.hostname in THIS_MACHINE
        # Ports out of range and names that no DNS has raise here, not in the middle of a post.
        good = bool(parts.hostname) and parts.port != 0 and bool((parts.hostname or "").encode("idna"))
        good = good and parts.username is None and (parts.scheme == "https" or (parts.scheme == "http" and local))
    except ValueError:
        good = False
    if not good:
        raise ConfigurationError(
            "notify_address",
            f"The setting {setting} holds no https address.",
            f"Put the receiver's address into {setting}, beginning with https://.",
        )
    return parts


@dataclass
class _Attempt:
    """One request, in a thread of its own: neither a name server nor a receiver that drips bytes outlasts the limit."""

    parts: SplitResult
    body: bytes
    headers: Mapping[str, str]
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _sent: bool = False
    _given_up: bool = False
    _answer: tuple[int, str] | None = None
    _failure: str = ""
    _connection: http.client.HTTPConnection | None = None

    def made(self) -> tuple[int, str]:
        """Status and `Retry-After`. Raises TransientError where nothing was sent, else OutcomeUnknownError."""
        thread = threading.Thread(target=self._work, name="notify", daemon=True)
        thread.start()
        thread.join(POST_SECONDS)
        with self._lock:
            self._given_up = True
        if self._answer is not None:
            return self._answer
        self._cut_off()
        what = self._failure or f"no answer within {POST_SECONDS:.0f} s"
        if self._sent:
            raise OutcomeUnknownError("notify_unknown", f"It is not known whether the receiver took it ({what}).")
        raise TransientError("notify_unreachable", f"The receiver could not be reached ({what}).", "It is tried again.")

    def _work(self) -> None:
        try:
            self._connection = connection = _connection(self.parts)
            connection.connect()
            with self._lock:
                if self._given_up:
                    return
                self._sent = True
            path = (self.parts.path or "/") + (f"?{self.parts.query}" if self.parts.query else "")
            connection.request("POST", path, self.body, dict(self.headers))
            response = connection.getresponse()
            self._answer = response.status, response.getheader("retry-after", "")
        except (OSError, ValueError, http.client.HTTPException) as error:
            self._failure = type(error).__name__  # its words may hold the address
        finally:
            if self._connection is not None:
                self._connection.close()

    def _cut_off(self) -> None:
        """Wakes a thread that still waits for the receiver."""
        connection = self._connection
        if connection is not None and connection.sock is not None:
            with contextlib.suppress(OSError):
                connection.sock.shutdown(socket.SHUT_RDWR)


def _connection(parts: SplitResult) -> http.client.HTTPConnection:
    host = parts.hostname or ""
    if parts.scheme == "http":
        return http.client.HTTPConnection(host, parts.port, timeout=_STEP_SECONDS)
    context = ssl.create_default_context(cafile=DEFAULT_CA_BUNDLE_PATH)
    return http.client.HTTPSConnection(host, parts.port, timeout=_STEP_SECONDS, context=context)


def _judge(status: int, retry_after: str, setting: str) -> None:
    """What the status means. A gateway that got no answer (502, 504) does not know whether the message arrived."""
    if 200 <= status < 300:
        return
    if 300 <= status < 400:
        raise ConfigurationError(
            "notify_redirect",
            f"The receiver sends on to another address ({status}), which is not followed.",
            f"Put the address that it stands at now into {setting}.",
        )
    if status in (502, 504):
        raise OutcomeUnknownError("notify_unknown", f"It is not known whether the receiver took it ({status}).")
    if status in (408, 425, 429) or status >= 500:
        raise TransientError(
            "notify_refused",
            f"The receiver answers with status {status}.",
            "It is tried again.",
            retry_after_seconds=_seconds(retry_after),
        )
    raise ConfigurationError(
        "notify_refused",
        f"The receiver answers with status {status}.",
        f"Look whether it is still there and takes messages, and put its address into {setting} again.",
    )


def _seconds(retry_after: str) -> float | None:
    """What the receiver asks for, in seconds or as a date; at most an hour.

    None where it cannot be read, and where it asks for no pause: six hours of posts without one would follow.
    """
    try:
        if retry_after.isascii() and retry_after.isdecimal():
            seconds = float(retry_after[:9])
        else:
            seconds = (header_time(retry_after) - datetime.now(UTC)).total_seconds()
    except (ValueError, TypeError, OverflowError):
        return None
    return min(seconds, _LONGEST_RETRY_AFTER_SECONDS) if seconds > 0 else None
