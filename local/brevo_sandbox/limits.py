"""The account's rate limits and the headers that show them.

Source: https://developers.brevo.com/docs/api-limits. Everything under `/contacts` has a limit a second and
one an hour; an endpoint that the page does not list (`/processes`, `/account`) has the small general one.
The limits hold for an account, whatever key is used.
"""

import math
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from local.brevo_sandbox.settings import Plan, SandboxSettings

LimitClass = Literal["contacts", "general"]
CLASSES: tuple[LimitClass, ...] = ("contacts", "general")

PLANS: dict[Plan, tuple[int, int, int]] = {
    "general": (10, 36_000, 100),
    "professional": (20, 72_000, 200),
    "enterprise": (60, 216_000, 600),
}
"""For each plan: /contacts a second, /contacts an hour, everything else an hour."""


def limit_class_of(path: str) -> LimitClass:
    """Which of the account's limits a path below /v3 counts against."""
    return "contacts" if path.startswith("/contacts") else "general"


@dataclass(frozen=True, slots=True)
class Allowance:
    """What the limits say to one request. Units: `reset_seconds` until the window starts again."""

    allowed: bool
    limit: int
    remaining: int
    reset_seconds: int

    def headers(self) -> dict[str, str]:
        """The vendor's three headers."""
        return {
            "x-sib-ratelimit-limit": str(self.limit),
            "x-sib-ratelimit-remaining": str(self.remaining),
            "x-sib-ratelimit-reset": str(self.reset_seconds),
        }


@dataclass(slots=True)
class _Window:
    started: float = -math.inf
    used: int = 0

    def turn(self, now: float, length_seconds: float) -> None:
        if now - self.started >= length_seconds:
            self.started = now
            self.used = 0


class RateLimits:
    """Fixed windows that start with their first request."""

    def __init__(self, settings: Callable[[], SandboxSettings]) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._windows: dict[tuple[LimitClass, int], _Window] = {}
        self.exceeded: Counter[LimitClass] = Counter()

    def admit(self, limit_class: LimitClass) -> Allowance:
        """Count one request, and say whether it is still within the limits."""
        with self._lock:
            allowances = [self._look(limit_class, length, most) for length, most in self._rules(limit_class)]
            refused = next((each for each in allowances if not each.allowed), None)
            if refused is not None:
                self.exceeded[limit_class] += 1
                return refused
            for length, _ in self._rules(limit_class):
                self._windows[limit_class, length].used += 1
            return allowances[0]

    def spend(self, limit_class: LimitClass, requests: int) -> None:
        """Use up some of the allowance, as another program of the same account would."""
        with self._lock:
            for length, most in self._rules(limit_class):
                self._look(limit_class, length, most)
                self._windows[limit_class, length].used += requests

    def usage(self) -> list[dict[str, int | str]]:
        """What is used of each window now, for the page and the control endpoint."""
        with self._lock:
            return [
                {
                    "class": limit_class,
                    "window_seconds": length,
                    "limit": most,
                    "used": self._used(limit_class, length, most),
                    "exceeded": self.exceeded[limit_class],
                }
                for limit_class in CLASSES
                for length, most in self._rules(limit_class)
            ]

    def _used(self, limit_class: LimitClass, length: int, most: int) -> int:
        self._look(limit_class, length, most)
        return self._windows[limit_class, length].used

    def _rules(self, limit_class: LimitClass) -> list[tuple[int, int]]:
        settings = self._settings()
        second, hour, general = PLANS[settings.plan]
        if limit_class == "general":
            return [(3600, general if settings.general_per_hour is None else settings.general_per_hour)]
        return [
            (1, second if settings.contacts_per_second is None else settings.contacts_per_second),
            (3600, hour if settings.contacts_per_hour is None else settings.contacts_per_hour),
        ]

    def _look(self, limit_class: LimitClass, length: int, most: int) -> Allowance:
        seconds = length / max(self._settings().limit_speedup, 0.001)
        window = self._windows.setdefault((limit_class, length), _Window())
        now = time.monotonic()
        window.turn(now, seconds)
        reset = max(1, math.ceil(window.started + seconds - now))
        return Allowance(window.used < most, most, max(0, most - window.used - 1), reset)
