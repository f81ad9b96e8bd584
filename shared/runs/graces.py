"""How long the app waits before it takes a worker for lost: every such time, in one place.

The Functions host hides the message of a lost instance for ten minutes. These times are shorter, so that the app
notices before the host does (docs/reliability.md has the table that follows from them).
"""

from dataclasses import dataclass, fields
from typing import Self

# A time in a row that lies further ahead than this was written by a wrong clock, and counts as past.
CLAIM_AHEAD_SECONDS = 3600.0
# Workers agree on the time to within two seconds, and the queue counts whole ones.
CLOCK_SECONDS = 3.0
# The queue delays a message by seven days at most.
WAIT_AHEAD_SECONDS = 8 * 24 * 3600.0


def lies_ahead(time: float, now: float, most_ahead: float) -> bool:
    """True for a time that is still to come, and that no wrong clock has written. POSIX seconds."""
    return now < time <= now + most_ahead


@dataclass(frozen=True, slots=True)
class Graces:
    """All times are seconds. The composition root (`shared/app.py`) passes them to every operation."""

    claim: float = 20.0
    """How long a claim on a run lasts without being renewed."""
    post_claim: float = 110.0
    """The same for a batch. Nobody can call a post back, and Brevo's edge gives one up after 100 seconds (524). So
    where storage is away and no claim can be renewed, nobody sends what another worker may be posting yet."""
    renewal: float = 5.0
    """How often a live worker renews its claim."""
    stalled: float = 180.0
    """How long after its time a run's next message may come before the run counts as stalled."""
    retry: float = 60.0
    """How long after its time the retry of a batch may come before another worker sends that batch."""
    shortest_watch: float = 60.0
    longest_watch: float = 240.0
    """The limits of the delay of a watch message."""
    notice_claim: float = 45.0
    """How long a claim on a notice lasts. Longer than a post takes (shared/notices/posting.py)."""
    notice_watch: float = 60.0
    """The delay of a notice's watch message; longer than its claim."""

    def scaled(self, factor: float) -> Self:
        """The same times multiplied by the factor: for tests that shorten the host's lease as well.

        Such a test keeps `notice_claim` above `posting.POST_SECONDS`, which no factor changes.
        """
        return type(self)(**{each.name: getattr(self, each.name) * factor for each in fields(self)})
