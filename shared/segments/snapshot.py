"""Finds the newest snapshot of an export's segments, and what is missing of it; `layouts` says how files are named."""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice

from shared.config.models import Export
from shared.config.source import Source
from shared.errors import ConfigurationError, did_you_mean, masked
from shared.segments.layouts import (
    FILE_ENDINGS,
    REFRESH_LEVELS,
    below,
    flat_seconds,
    is_flat_file,
    is_hidden,
    refresh_of,
    why_passed_over,
    without_gz,
)
from shared.segments.model_json import ListedFile, Table, read_model_json
from shared.segments.partitions import Partition, gaps, partitions_of
from shared.storage.blobs import Blob, Blobs
from shared.storage.failures import NotFound

# Whatever is dated can have been written by then: of a folder whose files are not listed yet, only the date is judged.
_ANY_TIME = datetime.max.replace(tzinfo=UTC)
# Two working weeks, so that the gap of a weekend is in it twice.
_MOST_TIMES = 15


@dataclass(frozen=True, slots=True)
class SegmentFile:
    """One partition of a segment, and its table's description with the format of this file."""

    segment: str
    blob: Blob
    table: Table | None

    @property
    def name(self) -> str:
        """The file's own name, without its folders."""
        return self.blob.file


@dataclass(frozen=True, slots=True)
class SegmentSnapshot:
    """One segment's newest refresh: its files in the order of their partitions, and its table's description.

    `missing` are files that model.json lists and that are not there; `gaps` are numbers without a file where nothing
    lists the files; `unreadable` are files that hold customers and cannot be read, such as Parquet. `modified` is when
    the refresh was last written to; where it has no files yet, when model.json was.
    """

    segment: str
    time: str
    files: tuple[SegmentFile, ...]
    table: Table | None
    modified: datetime
    missing: tuple[str, ...] = ()
    gaps: tuple[str, ...] = ()
    unreadable: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One refresh of an export's segments. The same files always give the same id.

    `passed_over` are folders that look like a newer refresh and can be none, each with the reason.
    """

    id: str
    segments: tuple[SegmentSnapshot, ...]
    newest: datetime
    passed_over: tuple[str, ...]

    def quiet_seconds_left(self, quiet_seconds: float, now_seconds: float) -> float:
        """How long the newest blob must still rest before a run takes the snapshot; `now_seconds` is POSIX time."""
        return self.newest.timestamp() + quiet_seconds - now_seconds


def time_of(snapshot_id: str) -> str:
    """The refresh's time, with which the id of a snapshot begins: such as `2026-11-24T0500`. Times sort as texts."""
    return snapshot_id[: len("2026-11-24T0500")]


def is_noted_by(noted: str, snapshot_id: str) -> bool:
    """True where this snapshot was noted, or its time alone, as of one that was still being written."""
    return noted in (snapshot_id, time_of(snapshot_id))


def find_snapshot(blobs: Blobs, source: Source, segments: list[str]) -> Snapshot:
    """The newest snapshot of each of the segments, whole or not.

    Raises ConfigurationError where a segment is not there, is no segment of this export, or its
    partitions contradict each other.
    """
    try:
        search = _Search(blobs, source)
        parts = tuple(search.newest(name) for name in segments)
    except NotFound:
        raise ConfigurationError(
            "container_missing",
            f"There is no container {source.container}.",
            "Correct source.container, or let Customer Insights export into it.",
        ) from None
    newest = max(part.modified for part in parts)
    return Snapshot(_identity(parts), parts, newest, tuple(search.passed_over))


def own_snapshot(blobs: Blobs, export: Export) -> Snapshot:
    """The newest snapshot of the export's own segments. Raises as `find_snapshot`."""
    return find_snapshot(blobs, export.source, export.segments)


class _Search:
    """The search for an export's segments in its folder."""

    def __init__(self, blobs: Blobs, source: Source) -> None:
        self._blobs, self._source = blobs, source
        self._folder = source.folder.strip("/")
        self._below = below(self._folder)
        self._model = read_model_json(blobs, source.container, self._folder)
        self.passed_over: list[str] = []

    def newest(self, segment: str) -> SegmentSnapshot:
        """The segment's newest refresh: of those that have a folder, and those that model.json lists files of."""
        table = self._model.table_of(segment)
        listed = self._listed(segment, table)
        time, blobs = self._newest_folder(segment)
        if max(listed, default="") > time:
            time, blobs = max(listed), []
        if not time:
            return self._newest_flat(segment, table)
        return self._dated(segment, table, time, blobs, listed.get(time, []))

    def _can_be(self, where: str, time: str, written: datetime = _ANY_TIME) -> bool:
        if why := why_passed_over(time, written):
            self.passed_over.append(masked(f"{where} {why}"))
        return not why

    # A folder for each refresh

    def _listed(self, segment: str, table: str) -> dict[str, list[ListedFile]]:
        """What model.json lists of the table, by the time of the refresh."""
        return {
            time: files
            for time, files in self._model.refreshes(table).items()
            if self._can_be(f"{segment}/{time}, which model.json lists,", time, self._model.modified)
        }

    def _newest_folder(self, segment: str) -> tuple[str, list[Blob]]:
        """The newest refresh's time and all that lies in its folder; an empty time where there is none."""
        return next(self._folders(segment), ("", []))

    def _folders(self, segment: str) -> Iterator[tuple[str, list[Blob]]]:
        """The time of each refresh, newest first, and all that lies in its folder."""
        for day in self._days(segment, REFRESH_LEVELS[:-1]):
            below_day = f"{self._below}{segment}/{day}/"
            by_name: dict[str, list[Blob]] = {}
            shown: set[str] = set()
            for blob in self._blobs.listing(self._source.container, below_day):
                name, slash, rest = blob.name.removeprefix(below_day).partition("/")
                # Data Lake Storage lists folders too, also those whose files were deleted.
                if slash:
                    by_name.setdefault(name, []).append(blob)
                    shown |= set() if is_hidden(rest) else {name}
            for name in sorted(shown, reverse=True):
                time, blobs = f"{day}/{name}", by_name[name]
                is_time = re.fullmatch(REFRESH_LEVELS[-1], name)
                if is_time and self._can_be(f"{segment}/{time}", time, _written(blobs)):
                    yield time, blobs

    def hidden(self, segment: str) -> str:
        """What is hidden: a refresh that was written after the one that counts as newest.

        It is dated before that, or is a flat file, which is not looked for beside folders.
        """
        (newest, its_blobs), (other, others_blobs) = [*islice(self._folders(segment), 2), ("", []), ("", [])][:2]
        if not its_blobs:
            return ""
        written = _written(its_blobs)
        if others_blobs and _written(others_blobs) > written:
            return f"{segment}/{other} was written after {segment}/{newest}, and is dated before it"
        flat = max(self._flat_files(segment), key=lambda blob: blob.modified, default=None)
        if flat and flat.modified > written:
            file = masked(flat.file)
            return f"{file} was written after {segment}/{newest}, whose folder hides flat files"
        return ""

    def _days(self, segment: str, levels: tuple[str, ...], begun: str = "") -> Iterator[str]:
        """The days on which the segment was refreshed, newest first; a folder is listed only when it is needed."""
        names = self._blobs.folders(self._source.container, f"{self._below}{segment}/{begun}")
        for name in sorted(names, reverse=True):
            time = f"{begun}{name}"
            if not re.fullmatch(levels[0], name) or not self._can_be(f"{segment}/{time}", time):
                continue
            if len(levels) == 1:
                yield time
            else:
                yield from self._days(segment, levels[1:], f"{time}/")

    def _dated(
        self, segment: str, table: str, time: str, blobs: list[Blob], listed: list[ListedFile]
    ) -> SegmentSnapshot:
        folder = f"{self._below}{segment}/{time}/"
        shown = [blob for blob in blobs if not is_hidden(blob.name.removeprefix(folder))]
        csv = [blob for blob in shown if blob.name.endswith(FILE_ENDINGS)]
        partitions = partitions_of(self._source.container, segment, folder, csv)
        others = {blob.file for blob in shown} - {blob.file for blob in csv}
        named = partitions[0].table if partitions else segment
        formats = {without_gz(file.path.file): file for file in listed if file.path is not None}
        missing = formats.keys() - others - {without_gz(each.blob.file) for each in partitions}
        unreadable = {name for name in others if not partitions or name in formats or name.startswith(f"{named}_")}
        table = self._known(segment, table or named)
        return SegmentSnapshot(
            segment,
            time,
            files=self._files(segment, table, partitions, formats),
            table=self._model.table(table, None, self._source.delimiter),
            modified=max((blob.modified for blob in blobs), default=self._model.modified),
            missing=tuple(sorted(missing)),
            gaps=() if listed else gaps(partitions),
            unreadable=() if missing else tuple(sorted(unreadable)),
        )

    def _files(
        self, segment: str, table: str, partitions: list[Partition], formats: dict[str, ListedFile]
    ) -> tuple[SegmentFile, ...]:
        return tuple(
            SegmentFile(
                segment,
                each.blob,
                self._model.table(table, formats.get(without_gz(each.blob.file)), self._source.delimiter),
            )
            for each in partitions
        )

    # Flat files

    def _newest_flat(self, segment: str, table: str) -> SegmentSnapshot:
        blobs = self._flat_files(segment)
        _check_one_export(self._source.container, segment, blobs)
        refreshes: dict[str, list[Blob]] = {}
        for blob in blobs:
            refreshes.setdefault(flat_seconds(blob.file), []).append(blob)
        for seconds in sorted(refreshes, reverse=True):
            files, time = refreshes[seconds], refresh_of(seconds)
            if not self._can_be(files[0].file, time, _written(files)):
                continue
            if len(files) > 1:
                raise ConfigurationError(
                    "partition_twice",
                    f"The segment {segment} is there twice: {files[0].file} and {files[1].file}.",
                    "Remove one of the two.",
                )
            listed = self._model.flat_file(table, files[0].file)
            described = self._model.table(table, listed, self._source.delimiter)
            file = SegmentFile(segment, files[0], described)
            return SegmentSnapshot(segment, time, (file,), described, files[0].modified)
        self._known(segment, table)
        raise self._no_snapshot(segment)

    def _flat_files(self, segment: str) -> list[Blob]:
        """Flat files that begin with the folder's own name, else those in the folder."""
        if self._folder:
            beside = self._blobs.listing(self._source.container, f"{self._folder}_{segment}_")
            if named := [blob for blob in beside if is_flat_file(blob.name, self._folder, segment)]:
                return named
        inside = self._blobs.files(self._source.container, self._below)
        return [blob for blob in inside if is_flat_file(blob.name, self._folder, segment)]

    def times(self, segment: str) -> Iterator[datetime]:
        """When its refreshes were, newest first, by the names of folders and flat files."""
        names = list(islice(self._days(segment, REFRESH_LEVELS), _MOST_TIMES))
        flat = (refresh_of(flat_seconds(blob.file)) for blob in ([] if names else self._flat_files(segment)))
        for time in names or sorted(flat, reverse=True)[:_MOST_TIMES]:
            if not why_passed_over(time, _ANY_TIME):
                yield datetime.strptime(time, "%Y/%m/%d/%H%M").replace(tzinfo=UTC)

    # What is not there

    @property
    def _where(self) -> str:
        return f"{self._source.container}/{self._folder}".rstrip("/")

    def _known(self, segment: str, table: str) -> str:
        """The table's name; raises ConfigurationError where model.json has tables, and not this one."""
        if self._model.is_there and table not in self._model.tables:
            near = did_you_mean(segment, self._model.tables)
            raise ConfigurationError(
                "segment_unknown",
                f"{segment} is not a segment of the export {self._where}: model.json does not name it{near}.",
                f"The tables there are: {', '.join(sorted(self._model.tables)) or 'none'}.",
            )
        return table

    def _no_snapshot(self, segment: str) -> ConfigurationError:
        passed_over = "".join(f" {text}." for text in self.passed_over)
        return ConfigurationError(
            "snapshot_missing",
            f"There is no snapshot of the segment {segment} in {self._where}.{passed_over}",
            f"Expected files such as {segment}/2026/11/24/0500/{segment}_1.csv; let Customer Insights export it.",
        )


def refresh_times(blobs: Blobs, source: Source, segment: str) -> list[datetime]:
    """When the segment's last refreshes were, newest first, at most 15. The names say no time zone: taken for UTC.

    Raises ConfigurationError and NotFound where they cannot be listed.
    """
    return list(_Search(blobs, source).times(segment))


def odd_refreshes(blobs: Blobs, source: Source, segments: list[str]) -> list[str]:
    """What a wrong clock has left: folders that are passed over, and refreshes that another one hides, in words.

    Raises ConfigurationError and NotFound where they cannot be looked at.
    """
    search = _Search(blobs, source)
    hidden = [search.hidden(segment) for segment in segments]
    return [*search.passed_over, *filter(None, hidden)]


def _written(blobs: list[Blob]) -> datetime:
    return max(blob.modified for blob in blobs)


def _check_one_export(container: str, segment: str, blobs: list[Blob]) -> None:
    """Two exports in a folder may have a segment of the same name, and one of them be older."""
    exports = {blob.file.rpartition(f"_{flat_seconds(blob.file)}")[0]: blob for blob in blobs}
    if len(exports) > 1:
        one, other = list(exports.values())[:2]
        raise ConfigurationError(
            "file_unexpected",
            f"Two exports in {container} have the segment {segment}: {one.name} and {other.name}.",
            "Let source.folder end with the export's name, such as CustomerInsights_abcd1234/CampaignExport.",
        )


def _identity(segments: tuple[SegmentSnapshot, ...]) -> str:
    lines = [f"{file.blob.name} {file.blob.etag}" for segment in segments for file in segment.files]
    # What is not as it should be is part of the snapshot, so that one that changes is a new one.
    lines += [f"{segment.segment} {name}" for segment in segments for name in (*segment.missing, *segment.unreadable)]
    digest = hashlib.sha256("\n".join(lines).encode()).hexdigest()[:8]
    year, month, day, time = max(segment.time for segment in segments).split("/")
    return f"{year}-{month}-{day}T{time}-{digest}"
