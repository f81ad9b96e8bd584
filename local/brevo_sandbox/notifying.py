"""The call to `notifyUrl` when an import has finished.

Source: https://developers.brevo.com/reference/import-contacts (`notifyUrl`). What users see, and what the
sandbox does: a POST with an empty body and with the query string cut off, without any proof of its origin.
"""

import http.client
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from local.brevo_sandbox.settings import SandboxSettings

_TIMEOUT_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Notification:
    """One call that was made: its path, and the status of the answer or None when nobody answered.

    Units: `at` in seconds since 1970, when the call began.
    """

    at: float
    path: str
    status: int | None


class Notifier:
    """Makes the calls in the background; a receiver that fails is ignored, as by the vendor."""

    def __init__(self, settings: Callable[[], SandboxSettings], stopping: threading.Event) -> None:
        self._settings = settings
        self._stopping = stopping
        self._lock = threading.Lock()
        self._sent: list[Notification] = []

    def sent(self) -> list[Notification]:
        """The calls so far."""
        with self._lock:
            return list(self._sent)

    def notify(self, url: str) -> None:
        """Tell the receiver, as often and as late as the settings say."""
        settings = self._settings()
        calls = {"off": 0, "once": 1, "twice": 2}[settings.notify]
        if calls and url:
            threading.Thread(target=self._call, args=(url, calls, settings.notify_delay_seconds), daemon=True).start()

    def _call(self, url: str, calls: int, delay_seconds: float) -> None:
        if self._stopping.wait(delay_seconds):
            return
        for _ in range(calls):
            notification = Notification(time.time(), urlsplit(url).path or "/", _post_nothing(url))
            with self._lock:
                self._sent.append(notification)


def _post_nothing(url: str) -> int | None:
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    try:
        connection = kind(parts.hostname or "", parts.port, timeout=_TIMEOUT_SECONDS)
        try:
            connection.request("POST", parts.path or "/", headers={"Content-Length": "0"})
            return connection.getresponse().status
        finally:
            connection.close()
    except (OSError, ValueError, http.client.HTTPException):
        return None
