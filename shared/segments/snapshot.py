"""Finds the newest snapshot of an export's segments in Customer Insights' layout.

    <folder>/<table>/<yyyy>/<MM>/<dd>/<HHmm>/<table>_<partition>.csv[.gz]

Source: https://learn.microsoft.com/dynamics365/customer-insights/data/export-azure-blob-storage
"""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from shared.config.models import Source
from shared.errors import ConfigurationError
from shared.segments.model_json import Table, read_model_json
from shared.storage.blobs import Blob, Blobs
from shared.storage.failures import NotFound

_LEVELS = (r"\d{4}", r"\d{2}", r"\d{2}", r"\d{4}")
_FILE_ENDINGS = (".csv", ".csv.gz")
_ADDRESS = re.compile(
    r"^(?P<folder>.+)/(?P<table>[^/]+)/(?P<time>\d{4}/\d{2}/\d{2}/\d{4})/(?P<file>[^/]+\.csv(?:\.gz)?)$"
)


@dataclass(frozen=True, slots=True)
class SegmentFile:
    """One partition of a segment. `number` is its place among the partitions."""

    segment: str
    blob: Blob
    number: int

    @property
    def name(self) -> str:
        """The file's own name, without its folders."""
        return self.blob.name.rsplit("/", 1)[-1]


@dataclass(frozen=True, slots=True)
class SegmentSnapshot:
    """One segment's newest refresh: its files in the order of their partitions, and its table's description."""

    segment: str
    time: str
    files: tuple[SegmentFile, ...]
    table: Table | None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One refresh of an export's segments. The same files always give the same id."""

    id: str
    segments: tuple[SegmentSnapshot, ...]
    newest: datetime

    def quiet_seconds_left(self, quiet_seconds: float, now_seconds: float) -> float:
        """How long the newest blob must still rest before a run takes the snapshot; `now_seconds` is POSIX time."""
        return self.newest.timestamp() + quiet_seconds - now_seconds


def find_snapshot(blobs: Blobs, source: Source, segments: list[str]) -> Snapshot:
    """The newest snapshot of each of the segments.

    Raises ConfigurationError where a segment is not there, is no segment of this export, or its
    partitions contradict each other.
    """
    folder = source.folder.strip("/")
    try:
        tables = read_model_json(blobs, source.container, folder)
        found = tuple(_segment(blobs, source.container, folder, name, tables) for name in segments)
    except NotFound as error:
        raise ConfigurationError(
            "container_missing",
            f"There is no container {source.container}.",
            "Correct source.container, or let Customer Insights export into it.",
        ) from error
    newest = max(file.blob.modified for segment in found for file in segment.files)
    return Snapshot(_identity(found), found, newest)


def segment_of_blob(name: str) -> tuple[str, str] | None:
    """(folder, segment) for a blob that is a segment file by its path, else None."""
    match = _ADDRESS.match(name)
    return (match["folder"], match["table"]) if match else None


def _segment(blobs: Blobs, container: str, folder: str, name: str, tables: dict[str, Table] | None) -> SegmentSnapshot:
    if tables is not None and name not in tables:
        raise ConfigurationError(
            "segment_unknown",
            f"{name} is not a segment of the export {container}/{folder}: model.json does not name it.",
            f"The tables there are: {', '.join(sorted(tables)) or 'none'}.",
        )
    for time in _times(blobs, container, f"{folder}/{name}/", _LEVELS):
        below = blobs.listing(container, f"{folder}/{name}/{time}/")
        files = _partitions(container, name, [blob for blob in below if blob.name.endswith(_FILE_ENDINGS)])
        if files:
            return SegmentSnapshot(name, time, files, tables[name] if tables else None)
    raise ConfigurationError(
        "snapshot_missing",
        f"There is no snapshot of the segment {name} in {container}/{folder}.",
        f"Expected files such as {name}/2026/11/24/0500/{name}_1.csv; let Customer Insights export it.",
    )


def _times(blobs: Blobs, container: str, prefix: str, levels: tuple[str, ...]) -> Iterator[str]:
    """The refreshes below the prefix, newest first; an older folder is only looked into when asked for."""
    for name in sorted(blobs.folders(container, prefix), reverse=True):
        if not re.fullmatch(levels[0], name):
            continue
        if len(levels) == 1:
            yield name
            continue
        for rest in _times(blobs, container, f"{prefix}{name}/", levels[1:]):
            yield f"{name}/{rest}"


def _partitions(container: str, segment: str, blobs: list[Blob]) -> tuple[SegmentFile, ...]:
    by_number: dict[int, SegmentFile] = {}
    for blob in blobs:
        match = re.fullmatch(rf"{re.escape(segment)}(?:_(\d{{1,9}}))?\.csv(?:\.gz)?", blob.name.rsplit("/", 1)[-1])
        if match is None:
            raise ConfigurationError(
                "file_unexpected",
                f"{container}/{blob.name} is not a partition of the segment {segment}.",
                f"Files there are named {segment}_<number>.csv or .csv.gz; remove the other one.",
            )
        file = SegmentFile(segment, blob, int(match[1] or 0))
        if twin := by_number.get(file.number):
            raise ConfigurationError(
                "partition_twice",
                f"Partition {file.number} of the segment {segment} is there twice: {twin.name} and {file.name}.",
                "Remove one of the two.",
            )
        by_number[file.number] = file
    return tuple(by_number[number] for number in sorted(by_number))


def _identity(segments: tuple[SegmentSnapshot, ...]) -> str:
    lines = [f"{file.blob.name} {file.blob.etag}" for segment in segments for file in segment.files]
    digest = hashlib.sha256("\n".join(lines).encode()).hexdigest()[:8]
    year, month, day, time = max(segment.time for segment in segments).split("/")
    return f"{year}-{month}-{day}T{time}-{digest}"
