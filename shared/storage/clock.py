"""Time as the storage account sees it, so that a worker whose clock is off does no harm."""

import time
from datetime import UTC, datetime, timedelta
from time import sleep
from typing import Any

from shared.times import header_time

_TRUSTED_SECONDS = 2.0


class Clock:
    """The local clock, corrected by the `Date` header of storage's own answers."""

    def __init__(self) -> None:
        self._offset_seconds = 0.0
        self.difference_seconds: float | None = None
        """How far storage's clock was ahead of this machine's at its last answer; None before the first."""

    def now(self) -> datetime:
        """The present moment in UTC; all workers agree on it to within a few seconds."""
        return datetime.now(UTC) + timedelta(seconds=self._offset_seconds)

    def sleep(self, seconds: float) -> None:
        """Waits; a clock of tests skips the time instead."""
        sleep(seconds)

    def learn(self, response: Any) -> None:
        """Takes the time from one answer: the SDKs' `raw_response_hook`.

        `Date` has a resolution of one second, so a small difference says nothing and is left alone.
        """
        date = response.http_response.headers.get("Date")
        if not date:
            return
        try:
            offset = header_time(date).timestamp() - time.time()
        except ValueError:
            return
        self.difference_seconds = offset
        self._offset_seconds = offset if abs(offset) > _TRUSTED_SECONDS else 0.0
