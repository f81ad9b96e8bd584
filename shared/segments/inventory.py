"""Finds the segments that lie in a container, by how Customer Insights names their folders and files (`layouts`)."""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from shared.errors import ConfigurationError
from shared.segments.layouts import REFRESH_LEVELS
from shared.storage.blobs import Blob, Blobs
from shared.storage.failures import NotFound

# Two requests a folder, some at a time: within the 15 s that somebody waits.
_MOST_FOLDERS = 1_000
_AT_ONCE = 8
_DEEPEST = 8
_FLAT = re.compile(r"(?P<export>[^/_]+)_(?P<segment>.+)_[0-9]{10}\.csv(?:\.gz)?")


@dataclass(frozen=True, slots=True, order=True)
class SegmentAddress:
    """A segment, and the folder as `source.folder` names it; "/" is the container itself."""

    container: str
    folder: str
    segment: str


@dataclass(frozen=True, slots=True)
class _Level:
    """What lies directly in a folder; `path` is empty or ends with a slash."""

    path: str
    folders: list[str]
    files: list[Blob]


def find_segments(blobs: Blobs, container: str) -> list[SegmentAddress]:
    """Every segment of the container, in the order of folders and names.

    Raises ConfigurationError where there is no such container, or where it has too many folders to look at.
    """
    try:
        return sorted(set(_addresses(blobs, container)))
    except NotFound:
        raise container_missing(container) from None


def container_missing(container: str) -> ConfigurationError:
    """The error for a container that is not there."""
    return ConfigurationError(
        "container_missing",
        f"There is no container {container}.",
        "Correct its name, or let Customer Insights export into it.",
    )


def _addresses(blobs: Blobs, container: str) -> Iterator[SegmentAddress]:
    def read(path: str) -> _Level:
        return _Level(path, blobs.folders(container, path), blobs.files(container, path))

    seen, paths = 0, [""]
    with ThreadPoolExecutor(_AT_ONCE, "folders") as pool:
        for _ in range(_DEEPEST):
            seen += len(paths)
            if seen > _MOST_FOLDERS:
                raise ConfigurationError(
                    "container_too_large",
                    f"The container {container} has more than {_MOST_FOLDERS:,} folders, too many to look at.",
                    "Take source.folder and the segments' names from the export in Customer Insights.",
                )
            below: list[str] = []
            for level in pool.map(read, paths):
                if level.path and any(re.fullmatch(REFRESH_LEVELS[0], name) for name in level.folders):
                    folder, _, segment = level.path.rstrip("/").rpartition("/")
                    yield SegmentAddress(container, folder or "/", segment)
                    continue
                yield from _flat(container, level)
                below += [f"{level.path}{name}/" for name in level.folders]
            paths = below


def _flat(container: str, level: _Level) -> Iterator[SegmentAddress]:
    """The segments of flat files. Where two exports of the folder have a segment of one name, the folder names the
    export as well: a run would not know which of the two is meant."""
    exports: dict[str, set[str]] = {}
    for blob in level.files:
        if match := _FLAT.fullmatch(blob.file):
            exports.setdefault(match["segment"], set()).add(match["export"])
    folder = level.path.rstrip("/")
    for segment, names in exports.items():
        if len(names) == 1:
            yield SegmentAddress(container, folder or "/", segment)
        else:
            yield from (SegmentAddress(container, f"{level.path}{name}", segment) for name in names)
