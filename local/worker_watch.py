"""Notices that a worker of the functions host has ended: the host starts it again, so nothing else would say so."""

from __future__ import annotations

import http.client
import time
from collections.abc import Callable
from typing import Any

_LOOK_SECONDS = 1.0
_QUIET_SECONDS = 30.0


class WorkerWatch:
    """`workers` lists them as the host does: number, pid, ready, starts. Units: `clock` in seconds."""

    def __init__(
        self, workers: Callable[[], list[dict[str, Any]]], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._workers = workers
        self._clock = clock
        self._starts: dict[int, int] = {}
        self._looked = self._said = float("-inf")

    def ended(self) -> str:
        """Which workers have ended since the last word of it; empty for none. Looks once a second.

        A worker that ends again and again is mentioned twice a minute.
        """
        now = self._clock()
        if now - self._looked < _LOOK_SECONDS:
            return ""
        self._looked = now
        try:
            starts = {int(each["number"]): int(each["starts"]) for each in self._workers()}
        except (OSError, http.client.HTTPException, ValueError):
            return ""  # the host itself is away, which its own check says
        if now - self._said < _QUIET_SECONDS:
            return ""
        # The host was ready before the first look: a worker has been started once by then.
        ended = [f"worker {number}" for number, count in starts.items() if count > self._starts.get(number, 1)]
        self._starts = starts
        if ended:
            self._said = now
        return " and ".join(ended)
