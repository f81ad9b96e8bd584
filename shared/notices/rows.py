"""A notice's row (table `notices`, partition = run): who may post it, and the result."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal, Self

from shared.app import App
from shared.notices.queue import NoticeMessage
from shared.runs.graces import CLAIM_AHEAD_SECONDS, CLOCK_SECONDS, WAIT_AHEAD_SECONDS, lies_ahead
from shared.storage.tables import NewValues, Row

NoticeState = Literal["waiting", "sending", "refused", "told", "unknown", "given_up"]


@dataclass(frozen=True, slots=True)
class NoticeRow:
    """`waiting`: nobody has tried it · `refused`: not taken, free for the next try · the last three are final.

    `until` is when a claim ends (`sending`), or when the next try is due (`refused`). `watch_due` is when its next
    watch message is due. Both are POSIX seconds, as is `failing_since`.
    """

    state: NoticeState = "waiting"
    owner: str = ""
    until: float = 0.0
    attempt: int = 0
    failing_since: float = 0.0
    watch_due: float = 0.0

    @property
    def is_final(self) -> bool:
        """True when it is not posted any more."""
        return self.state in ("told", "unknown", "given_up")

    def is_lost(self, now: float) -> bool:
        """True where the worker that was to post it has not said in time what became of that."""
        return self.state == "sending" and not lies_ahead(self.until, now, WAIT_AHEAD_SECONDS)

    def claimed(self, owner: str, seen: Self, now: float, until: float, *, repeats: bool) -> Self | None:
        """Taken to be posted. `seen` is the row as it was read before. `repeats`: it may be posted twice.

        Not where it is done with, not due, ours already, or was claimed and lost since: its watch takes care of that.
        """
        early = CLOCK_SECONDS if self.state == "refused" else 0.0
        if self.is_final or self.owner == owner or lies_ahead(self.until - early, now, WAIT_AHEAD_SECONDS):
            return None
        if self.state == "sending" and not (repeats and self.owner == seen.owner):
            return None
        return replace(self, state="sending", owner=owner, until=until)

    def ended_try(
        self, owner: str, state: NoticeState, until: float, attempt: int, failing_since: float
    ) -> Self | None:
        """The result of a try, unless another worker has taken the notice over."""
        if self.owner != owner or self.state == state:
            return None
        return replace(self, state=state, until=until, attempt=attempt, failing_since=failing_since)

    def given_up(self) -> Self | None:
        """Nobody tries it any more."""
        return None if self.is_final else replace(self, state="given_up")

    def watched_at(self, due: float, now: float) -> Self | None:
        """Its next watch message is due then, unless another one is on its way."""
        if self.is_final or lies_ahead(self.watch_due - CLOCK_SECONDS, now, CLAIM_AHEAD_SECONDS):
            return None
        return replace(self, watch_due=due)

    @classmethod
    def of(cls, row: Row | None) -> Self:
        """What the table holds of a notice, which may be nothing yet."""
        known = {each.name for each in fields(cls)}
        return cls(**{name: value for name, value in (row.values if row else {}).items() if name in known})


def load_notice(app: App, message: NoticeMessage) -> NoticeRow:
    """The row as it stands now."""
    return NoticeRow.of(app.storage.notices.get(message.run, message.id))


def change_notice(app: App, message: NoticeMessage, change: Callable[[NoticeRow], NoticeRow | None]) -> NoticeRow:
    """Changes the row as it stands now; `change` may see it more than once, and None leaves it alone."""
    return NoticeRow.of(app.storage.notices.change(message.run, message.id, _values(change)))


def take_notice_row(
    app: App, message: NoticeMessage, change: Callable[[NoticeRow], NoticeRow | None]
) -> NoticeRow | None:
    """Changes the row; None where the change does not apply, or another worker has made it."""
    row = app.storage.notices.take(message.run, message.id, _values(change))
    return NoticeRow.of(row) if row else None


def _values(change: Callable[[NoticeRow], NoticeRow | None]) -> NewValues:
    def values(row: Row | None) -> dict[str, Any] | None:
        changed = change(NoticeRow.of(row))
        return asdict(changed) if changed else None

    return values
