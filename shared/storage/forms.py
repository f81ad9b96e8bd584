"""The form of each kind of row: a number that every row carries, so that no release misreads another one's rows.

A release that changes what a kind's rows mean gives that kind the next number and reads the one before. A row of
another number is left as it is for a release that reads it: during an upgrade, or after going back to an older one. A
row without a number is of form 1. Queue messages carry a number too (shared/runs/queue.py).
"""

from collections.abc import Mapping
from typing import Any

from shared.errors import TransientError
from shared.storage.failures import DeniedError

FORM = "form"
# By table; a kind with a key of its own has its own number.
FORMS: Mapping[str, int] = {
    "runs": 3,
    "runs/active": 1,
    "runs/started": 1,
    "runs/success": 1,
    "batches": 3,
    "events": 1,
    "accounts": 1,
    "requests": 1,
    "audit": 1,
    "notices": 1,
}
# Earlier numbers that are read as well: what such a row lacks has its default.
_READ_TOO: Mapping[str, tuple[int, ...]] = {"runs": (1, 2), "batches": (1, 2)}
_LOOK_AGAIN_SECONDS = 300.0


class OtherFormError(TransientError):
    """A row or message that another release has written. It is left alone until a release comes that reads it."""

    def __init__(self, what: str, form: object) -> None:
        super().__init__(
            "other_form",
            f"{what} has the form {str(form)[:20]}, which this release does not read.",
            "Deploy the release that wrote it, or a newer one.",
            retry_after_seconds=_LOOK_AGAIN_SECONDS,
        )


def concerns_all(error: Exception) -> bool:
    """Whether the error is storage's own, as one that does not answer, and not that of the one row that was read.

    What has nothing to do with that row goes on without it, whatever it holds, also where another release wrote it.
    Nothing is read of any row while storage denies access to tables.
    """
    if isinstance(error, DeniedError):
        return error.concerns_tables  # that of a segment's container concerns its exports
    return isinstance(error, TransientError) and not isinstance(error, OtherFormError)


def form_of(table: str, key: str) -> int:
    """The number of the rows with this key, as this release reads and writes them."""
    return FORMS.get(f"{table}/{key}", FORMS[table])


def with_form(table: str, key: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a row as they are written."""
    return {**values, FORM: form_of(table, key)}


def without_form(table: str, key: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a row that was read. Raises OtherFormError."""
    found = values.get(FORM, 1)
    if found != form_of(table, key) and found not in _READ_TOO.get(table, ()):
        raise OtherFormError(f"A row of the table {table}", found)
    known = dict(values)
    known.pop(FORM, None)
    return known
