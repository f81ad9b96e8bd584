"""Whether all files of a snapshot are there: what is waited for, for how long, and what a run says in the end."""

from dataclasses import dataclass
from datetime import timedelta

from shared.config.source import Source
from shared.errors import ConfigurationError
from shared.segments.model_json import ModelJsonError
from shared.segments.snapshot import SegmentSnapshot, Snapshot
from shared.settings import Settings
from shared.times import local_text

# Missing files mostly come within minutes, whatever the limit is.
_POLL_SECONDS = 60.0
_MOST_NAMES = 3


@dataclass(frozen=True, slots=True)
class Wait:
    """How long until the snapshot is to be read again, and what it is waited for; no longer than `until`, POSIX."""

    seconds: float
    reason: str
    until: float = 0.0


def wait_for_whole(source: Source, snapshot: Snapshot, settings: Settings, now: float, *, accept: bool) -> Wait | None:
    """None where the snapshot has been unchanged for long enough, and no file is waited for. See `wait_for_files`."""
    quiet = settings.snapshot_quiet_seconds
    rest = snapshot.quiet_seconds_left(quiet, now)
    if rest > 0:
        return Wait(
            rest,
            f"The snapshot is {quiet - rest:.0f} s old. The run starts when it has been unchanged for {quiet:.0f} s.",
        )
    return wait_for_files(source, snapshot, settings.snapshot_complete_hours, now, accept=accept)


def wait_for_files(
    source: Source, snapshot: Snapshot, hours: float, now: float, *, accept: bool = False
) -> Wait | None:
    """None where no file is missing, or so many hours have passed since the last one was written.

    `now` is POSIX seconds. `accept`: somebody has accepted a gap in the files' numbers already.
    """
    parts = [part for part in snapshot.segments if part.missing]
    if not parts and not accept and not source.gaps_allowed:
        parts = [part for part in snapshot.segments if part.gaps]
    if not parts:
        return None
    # By the segments that are waited for: another one may be written to every hour. Of two the first to be given up.
    limit = timedelta(hours=hours)
    waited_for = [part for part in parts if (part.modified + limit).timestamp() > now]
    if not waited_for:
        return None
    part = min(waited_for, key=lambda part: part.modified)
    ends = part.modified + limit
    left = ends.timestamp() - now
    text = _missing_text(part) if part.missing else _gap_text(part)
    reason = f"{text} The run waits for files until {local_text(ends)}."
    return Wait(min(left, _POLL_SECONDS), reason, ends.timestamp())


def wait_for_model_json(error: ModelJsonError, quiet_seconds: float, now: float) -> Wait | None:
    """None where it has rested since it was written: then nobody is about to write the other half. `now` as above."""
    left = error.modified.timestamp() + quiet_seconds - now
    return Wait(left, f"{error.message} It is read again when it has rested.") if left > 0 else None


def check_complete(snapshot: Snapshot) -> None:
    """Raises ConfigurationError where files are missing that model.json lists, or cannot be read."""
    for part in snapshot.segments:
        if part.missing:
            raise ConfigurationError(
                "snapshot_incomplete",
                _missing_text(part),
                "Let Customer Insights export the segment again, or remove a model.json that is not kept up to date. "
                "SNAPSHOT_COMPLETE_HOURS says how long a run waits.",
            )
        if part.unreadable:
            raise ConfigurationError(
                "snapshot_unreadable",
                f"The snapshot {_where(part)} has files that cannot be read: {_names(part.unreadable)}.",
                "Segment files must end with .csv or .csv.gz; let Customer Insights export the segment as CSV.",
            )


def gap_texts(source: Source, *snapshots: Snapshot | None) -> list[str]:
    """Which numbers have no file, where nothing lists the files: a sentence for each segment that has gaps.

    None where the files are numbered so by design.
    """
    if source.gaps_allowed:
        return []
    parts = (part for snapshot in snapshots if snapshot for part in snapshot.segments)
    return [_gap_text(part) for part in parts if part.gaps]


def _gap_text(part: SegmentSnapshot) -> str:
    return f"The files of {_where(part)} are numbered with a gap: there is no number {_names(part.gaps)}."


def _missing_text(part: SegmentSnapshot) -> str:
    return f"The snapshot {_where(part)} lacks files that model.json lists: {_names(part.missing)}."


def _where(part: SegmentSnapshot) -> str:
    return f"{part.segment}/{part.time}"


def _names(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return ", ".join(names[:_MOST_NAMES]) + more
