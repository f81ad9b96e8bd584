"""When to poll /processes next: learned from the imports before, within the account's allowance."""

from dataclasses import dataclass

from shared.brevo.account_rows import AccountRows
from shared.storage.tables import Row

_UNKNOWN_SECONDS = 1.0
_FIXED_SECONDS = 0.5
_CALL_BACK_FACTOR = 1.5
_LONGEST_WAIT_SECONDS = 300.0
_SHORTEST_WAIT_SECONDS = 0.5
# How much of the known time is left when an import was done at its first poll: lower, and polls that come too early
# use up the allowance; higher, and a run of sixteen imports is over before the time has been learned. After such a poll
# the next one comes a quarter later: four fifths would lead from there to the same early poll again.
_SHRINK = 0.85


@dataclass(frozen=True, slots=True)
class OpenImport:
    """An import that Brevo works on: how many seconds ago it was posted, and how many contacts it has."""

    age_seconds: float
    contacts: int


def next_poll_seconds(known: float | None, imports: list[OpenImport], *, not_before: float, call_back: bool) -> float:
    """Seconds from now until the next poll of a run's open imports is worth its call; the allowance says not_before.

    With a `known` time per contact an import is polled when it should be done, a little later where a call-back should
    come first. One that takes longer than that is polled ever more rarely.
    """
    waits = []
    for each in imports:
        expected = _UNKNOWN_SECONDS if known is None else _FIXED_SECONDS + known * each.contacts
        if call_back:
            expected = expected * _CALL_BACK_FACTOR + 5
        is_early = each.age_seconds < expected
        waits.append(expected - each.age_seconds if is_early else max(1.0, each.age_seconds / 4))
    wait = max(min(waits, default=_LONGEST_WAIT_SECONDS), not_before, _SHORTEST_WAIT_SECONDS)
    return min(wait, _LONGEST_WAIT_SECONDS)


def seconds_per_contact(rows: AccountRows) -> float | None:
    """How long Brevo takes for a contact of this account, as far as is known."""
    return rows.get("learned").values.get("seconds_per_contact")


def learn(rows: AccountRows, largest: OpenImport, polls: int) -> None:
    """Takes over how long the largest import that a poll has confirmed took.

    An import found done at its first poll may have been done long before, so the estimate shrinks; else the time is
    known to within a poll. An import of less than half the contacts is ignored: it says little about a large one.
    """
    observed = max(largest.age_seconds - _FIXED_SECONDS, 0.05) / largest.contacts

    def change(row: Row | None) -> dict[str, float] | None:
        values = row.values if row else {}
        if largest.contacts < values.get("contacts", 0) / 2:
            return None
        known = values.get("seconds_per_contact")
        value = observed if known is None or polls > 1 else min(known * _SHRINK, observed)
        return {"seconds_per_contact": value, "contacts": largest.contacts}

    rows.change("learned", change)
