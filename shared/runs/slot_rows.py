"""The rows of an account's import slots: which batch holds each, and of an import that is left what is known of it."""

from dataclasses import dataclass, fields

from shared.app import App
from shared.storage.failures import Conflict, NotFound
from shared.storage.tables import Row

_SHORTEST_POLL_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class Slot:
    """`left_at`, set once its import is left: when that was posted; it and `polled_at` are POSIX seconds.

    `posts`: how often the batch had been posted when it took the slot for its next post. `process` is 0 where none is
    known. `is_unlisted`: at the last poll Brevo did not list it.
    """

    run: str
    batch: int
    deadline_hours: float = 24.0
    posts: int = 0
    left_at: float = 0.0
    polled_at: float = 0.0
    process: int = 0
    is_unlisted: bool = False

    @classmethod
    def of(cls, row: Row) -> "Slot":
        """The slot that this row is."""
        names = {each.name for each in fields(cls)}
        return cls(**{name: value for name, value in row.values.items() if name in names})

    @property
    def until(self) -> float:
        """Until when it stays taken for an import that is left."""
        return self.left_at + self.deadline_hours * 3600

    def is_overdue(self, now: float) -> bool:
        """Whether it is past that time."""
        return now > self.until

    def next_poll_at(self) -> float:
        """When Brevo is to be asked next about its import, which is left: the later, the older it is."""
        return self.polled_at + max(_SHORTEST_POLL_SECONDS, (self.polled_at - self.left_at) / 4)


def slot_rows(app: App, key_setting: str) -> list[Row]:
    """The rows of the account's slots that are taken."""
    return list(app.storage.accounts.query(key_setting, "slot-", "slot."))


def save_slot(app: App, row: Row) -> bool:
    """False where another worker has changed it."""
    try:
        app.storage.accounts.save(row)
    except (Conflict, NotFound):
        return False
    return True


def delete_slot(app: App, row: Row) -> None:
    """Frees the slot, unless another worker has changed it."""
    try:
        app.storage.accounts.delete(row)
    except Conflict:
        return
