"""How fast an account may be asked, over all runs and workers.

Brevo limits an account, not a key, and all who use the account share its limits. So we take SHARE of
what the answers' headers show, and write down in a table row what we have taken.
Source: https://developers.brevo.com/docs/api-limits (November 2026)
"""

import json
import math
import time
from collections.abc import Callable, Mapping
from typing import Any, Literal

from shared.brevo.account_rows import AccountRows
from shared.brevo.answers import seconds_until_reset
from shared.errors import TransientError
from shared.storage.clock import Clock
from shared.storage.tables import Row, Table

Kind = Literal["contacts", "other"]

SHARE = 0.6
CONTACTS_PER_SECOND = 10.0  # of the general plans, until a header says otherwise
OTHER_PER_HOUR = 100
_HOUR_SECONDS = 3600.0
_LONGEST_SLEEP_SECONDS = 5.0
_FREE_SHARE = 0.5
# Brevo asks for a day at most.
_MOST_AHEAD_SECONDS = 48 * _HOUR_SECONDS


class Pace:
    """One account's allowance: `contacts` is everything under /contacts, `other` the scarce rest."""

    def __init__(self, table: Table, key_setting: str, clock: Clock, sleep: Callable[[float], None] = time.sleep):
        self.rows = AccountRows(table, key_setting)
        self._clock = clock
        self._sleep = sleep
        self._limits: dict[Kind, float] = {}  # as the row had them when it was last written here

    def take(self, kind: Kind) -> None:
        """Takes one call; sleeps a moment where that is enough. Raises TransientError where it is not."""
        wait = self._change(kind, self._take_contacts if kind == "contacts" else self._take_other)
        if wait > _LONGEST_SLEEP_SECONDS:
            raise TransientError(
                "pace",
                "The account's share of Brevo's rate limit is used up.",
                "The run goes on by itself.",
                retry_after_seconds=wait,
            )
        if wait > 0:
            self._sleep(wait)

    def learn(self, kind: Kind, status: int, headers: Mapping[str, str]) -> None:
        """Takes over the limit that an answer shows, and waits for the reset after a 429."""
        limit = _number(headers.get("x-sib-ratelimit-limit"))
        closed = None
        if status == 429:
            closed = seconds_until_reset(headers) or (1.0 if kind == "contacts" else 60.0)

        def change(values: dict[str, Any], now: float) -> float:
            if limit:
                values["limit"] = limit
            if closed is not None:
                values["closed_until"] = max(values.get("closed_until", 0.0), now + closed)
            return 0.0

        if closed is not None or (limit and limit != self._limits.get(kind)):
            self._change(kind, change)

    def shortest_wait_seconds(self) -> float:
        """How long to leave between two polls of /processes: half of an hour's budget is free, the rest is spread."""
        values = dict(self.rows.get("other").values)
        taken, budget = len(self._taken(values, self._now())), self._budget(values)
        over = max(0.0, taken / budget - _FREE_SHARE) / (1 - _FREE_SHARE)
        return 2 * _HOUR_SECONDS / budget * over**2

    def _take_contacts(self, values: dict[str, Any], now: float) -> float:
        limit = values.get("limit", CONTACTS_PER_SECOND)
        # The same header shows a limit a second on some plans and one an hour on others.
        per_second = SHARE * (limit if limit <= 1000 else limit / _HOUR_SECONDS)
        start = max(now, _credible(values.get("next_at", 0.0), now), _credible(values.get("closed_until", 0.0), now))
        if start - now <= _LONGEST_SLEEP_SECONDS:
            values["next_at"] = start + 1 / per_second
        return float(start - now)

    def _take_other(self, values: dict[str, Any], now: float) -> float:
        taken = self._taken(values, now)
        closed = _credible(values.get("closed_until", 0.0), now) - now
        if len(taken) >= self._budget(values):
            return float(max(taken[0] + _HOUR_SECONDS - now, closed, _LONGEST_SLEEP_SECONDS + 1))
        if closed <= 0:
            values["taken"] = json.dumps([*taken, round(now, 1)])
        return 0.0 if closed <= 0 else max(float(closed), _LONGEST_SLEEP_SECONDS + 1)

    def _taken(self, values: dict[str, Any], now: float) -> list[float]:
        return [at for at in json.loads(values.get("taken", "[]")) if now - _HOUR_SECONDS < at < now + _HOUR_SECONDS]

    def _budget(self, values: dict[str, Any]) -> int:
        return max(1, math.floor(SHARE * float(values.get("limit", OTHER_PER_HOUR))))

    def _change(self, kind: Kind, change: Callable[[dict[str, Any], float], float]) -> float:
        result = 0.0
        limit = 0.0

        def changed(row: Row | None) -> dict[str, Any]:
            nonlocal result, limit
            values = dict(row.values) if row else {}
            result = change(values, self._now())
            limit = values.get("limit", 0.0)
            return values

        self.rows.change(kind, changed)
        self._limits[kind] = limit
        return result

    def _now(self) -> float:
        return self._clock.now().timestamp()


def _credible(at: float, now: float) -> float:
    """The time, or 0 where it lies so far ahead that a wrong clock has written it: the account would wait for it."""
    return at if at <= now + _MOST_AHEAD_SECONDS else 0.0


def _number(text: str | None) -> float | None:
    try:
        number = float(text or "")
    except ValueError:
        return None
    return number if 1 <= number <= 10_000_000 else None
