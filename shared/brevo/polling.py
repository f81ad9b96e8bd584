"""When to look at /processes next: learned from the imports before, within the account's allowance."""

from shared.app import App
from shared.runs.state import Batch
from shared.storage.failures import Conflict
from shared.storage.tables import Row

_UNKNOWN_SECONDS = 1.0
_FIXED_SECONDS = 0.5
_CALL_BACK_FACTOR = 1.5
_LONGEST_WAIT_SECONDS = 300.0
# How much of the known time is left when an import was done at its first look: lower, and looks that come too early
# use up the allowance; higher, and a run of sixteen imports is over before the time has been found. After such a look
# the next one comes a quarter later: four fifths would lead from there to the same early look again.
_SHRINK = 0.85


def next_poll_seconds(app: App, account: str, open_batches: list[Batch], *, last_poll: float, call_back: bool) -> float:
    """Seconds from now until the next look at the run's open imports is worth its call.

    A learned account is looked at when its import should be done, a little later where a call-back should come
    first. An import that takes longer than that is looked at ever more rarely.
    """
    now = app.now()
    learned = seconds_per_contact(app, account)
    waits = []
    for batch in open_batches:
        age = now - batch.posted_at
        expected = _UNKNOWN_SECONDS if learned is None else _FIXED_SECONDS + learned * batch.contacts
        if call_back:
            expected = expected * _CALL_BACK_FACTOR + 5
        waits.append(expected - age if age < expected else max(1.0, age / 4))
    allowed = last_poll + app.pace(account).shortest_wait_seconds() - now
    return min(max(min(waits, default=_LONGEST_WAIT_SECONDS), allowed, 0.5), _LONGEST_WAIT_SECONDS)


def seconds_per_contact(app: App, account: str) -> float | None:
    """How long Brevo takes for a contact of this account, as far as is known."""
    row = app.storage.accounts.get(account, "learned")
    return float(row.values["seconds_per_contact"]) if row else None


def learn(app: App, account: str, batch: Batch) -> None:
    """Takes over how long the largest import that a look has confirmed took.

    An import found done at its first look may have been done long before, so the estimate shrinks; else the wait is
    known to within a look. An import of less than half the contacts is passed over: it says little about a large one.
    """
    observed = max(app.now() - batch.posted_at - _FIXED_SECONDS, 0.05) / batch.contacts
    row = app.storage.accounts.get(account, "learned")
    if row and batch.contacts < row.values.get("contacts", 0) / 2:
        return
    known = float(row.values["seconds_per_contact"]) if row else None
    value = observed if known is None or batch.polls > 1 else min(known * _SHRINK, observed)
    values = {"seconds_per_contact": value, "contacts": batch.contacts}
    changed = Row(account, "learned", values, row.etag if row else None)
    try:
        app.storage.accounts.save(changed)
    except Conflict:
        return  # another worker has learned just now, which will do
