"""A notice's row (table `notices`, partition = run): who may post it, and what became of it."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from typing import Literal, Self

from shared.errors import TransientError
from shared.runs.app import App
from shared.runs.notice_messages import NoticeMessage
from shared.storage.failures import Conflict, NotFound
from shared.storage.tables import Row

_TRIES = 30

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
    for _ in range(_TRIES):
        row = app.storage.notices.get(message.run, message.id)
        now = NoticeRow.of(row)
        changed = change(now)
        if changed is None:
            return now
        new = Row(message.run, message.id, asdict(changed), row.etag if row else None)
        try:
            app.storage.notices.replace(new) if row else app.storage.notices.insert(new)
        except (Conflict, NotFound):
            continue
        return changed
    raise TransientError("busy", "Too many workers change this notice at once.", retry_after_seconds=2)
