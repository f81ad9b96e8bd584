"""Finds the segments that lie in a container, by how Customer Insights names their folders and files (`layouts`)."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from shared.at_once import at_once
from shared.errors import ConfigurationError
from shared.segments.layouts import REFRESH_LEVELS
from shared.storage.blobs import Blob, Blobs
from shared.storage.failures import NotFound

# A request a folder, some at a time: within the 15 s that somebody waits.
_MOST_FOLDERS = 1_000
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

    @property
    def is_segment(self) -> bool:
        """True where the folder holds refreshes."""
        return any(re.fullmatch(REFRESH_LEVELS[0], name) for name in self.folders)

    @property
    def below(self) -> list[str]:
        """The paths of its folders."""
        return [f"{self.path}{name}/" for name in self.folders]

    def segment(self, container: str) -> SegmentAddress:
        """The segment whose folder it is."""
        folder, _, name = self.path.rstrip("/").rpartition("/")
        return SegmentAddress(container, folder or "/", name)


def find_segments(blobs: Blobs, container: str, folder: str | None = None) -> list[SegmentAddress]:
    """Every segment of the container, or of one folder, in the order of folders and names.

    Raises ConfigurationError where there is no such container, or where it has too many folders to look at.
    """
    try:
        found = _addresses(blobs, container) if folder is None else _addresses_in(blobs, container, folder.strip("/"))
        return sorted(set(found))
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
    seen, paths = 0, [""]
    for _ in range(_DEEPEST):
        seen += len(paths)
        below: list[str] = []
        for level in _levels(blobs, container, paths, seen):
            if level.path and level.is_segment:
                yield level.segment(container)
                continue
            yield from _flat(container, level)
            below += level.below
        paths = below


def _addresses_in(blobs: Blobs, container: str, folder: str) -> list[SegmentAddress]:
    """Those of one folder, without a look at what lies deeper."""
    (own,) = _levels(blobs, container, [f"{folder}/".lstrip("/")])
    below = _levels(blobs, container, own.below, len(own.below))
    found = [*_flat(container, own), *(level.segment(container) for level in below if level.is_segment)]
    if not found and folder:  # it may name an export of flat files, which lie beside it
        (above,) = _levels(blobs, container, [folder[: folder.rfind("/") + 1]])
        found += _flat(container, above)
    # Of two exports of flat files, each has a folder of its own.
    return [each for each in found if each.folder.strip("/") == folder]


def _levels(blobs: Blobs, container: str, paths: list[str], seen: int = 1) -> list[_Level]:
    """What lies in these folders. Raises ConfigurationError where `seen`, how many that makes in all, is too many."""
    if seen > _MOST_FOLDERS:
        raise ConfigurationError(
            "container_too_large",
            f"The container {container} has more than {_MOST_FOLDERS:,} folders, too many to look at.",
            "Take source.folder and the segments' names from the export in Customer Insights.",
        )
    return at_once(lambda path: _Level(path, *blobs.level(container, path)), paths)


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
