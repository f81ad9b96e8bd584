"""What a notice of one event says, in words and numbers, before any channel gives it its form."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Notice:
    """One notice. It holds no personal data: ids, names of the configuration, counts, and the run's error.

    `event` is one of the configuration's, or `test`. `occurred_at` is UTC in ISO 8601, `customers` how many are
    affected, where that is known. `facts` are label and value, for people; `data` is for programs.
    """

    event: str
    title: str
    sentences: tuple[str, ...]
    advice: str
    occurred_at: str
    is_good: bool = False
    customers: int | None = None
    facts: tuple[tuple[str, str], ...] = ()
    data: Mapping[str, str | int | None] = field(default_factory=dict)


def sample_notice(occurred_at: str) -> Notice:
    """What `notify-test` sends."""
    return Notice(
        event="test",
        title="Segment Export: a test",
        sentences=("This is how you will be told of exports. Nothing has happened.", "No customer is affected."),
        advice="No action needed.",
        occurred_at=occurred_at,
        is_good=True,
        customers=0,
    )
