"""The times of what a run waits for, as text: of an answer of the API and of a line of the terminal."""

from shared.times import local_text

# POSIX seconds, or ISO 8601; 0 and None: there is none.
_Time = float | str | None


def times_text(since: _Time, next_check: _Time, deadline: _Time, overdue_since: _Time) -> str:
    """Since when, until its next step, how long at most. A check that is overdue has a sentence of its own."""
    parts = [f"since {local_text(since)}"] if since else []
    if next_check and not overdue_since:
        parts.append(f"next check at {local_text(next_check, seconds=True)}")
    if deadline:
        parts.append(f"at most until {local_text(deadline)}")
    return ", ".join(parts)


def overdue_text(overdue_since: _Time) -> str:
    """That nobody has looked when somebody should have, and what to do. Only for one that is overdue."""
    since = local_text(overdue_since or 0.0, seconds=True)
    return f"Its next check is overdue since {since}: segment-export doctor says why."
