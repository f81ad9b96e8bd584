"""How segment files are named, in the layouts that Microsoft documents.

    <folder>/<segment>/<yyyy>/<MM>/<dd>/<HHmm>/<table>_<partition>.csv[.gz]    a folder for each refresh
    <folder>_<segment>_<unix seconds>.csv[.gz]                                 flat, the folder ends as the export
    <folder>/<export>_<segment>_<unix seconds>.csv[.gz]                        flat, the folder holds all exports

The folder may have any depth, and be the container itself.

Source: https://learn.microsoft.com/dynamics365/customer-insights/data/export-azure-blob-storage (17 August 2026)
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

FILE_ENDINGS = (".csv", ".csv.gz")
REFRESH_LEVELS = ("[0-9]{4}", "[0-9]{2}", "[0-9]{2}", "[0-9]{4}")
_REFRESH = "/".join(REFRESH_LEVELS)
_BEGINNING = "0001/01/01/0000"
# A refresh's folder does not say its time zone; the one that is furthest ahead of UTC has +14 hours.
_MOST_AHEAD = timedelta(days=1)
_DATED_PATH = re.compile(rf"(?:(?P<folder>[^/]*)/)?(?P<time>{_REFRESH})/(?P<file>[^/]+)$")


@dataclass(frozen=True, slots=True)
class DatedPath:
    """A path that ends with a refresh's folders and a file; `folder` is the one above them, mostly the segment's."""

    folder: str
    time: str
    file: str


def below(folder: str) -> str:
    """The prefix of all blobs in the folder; an empty folder is the container itself."""
    return f"{folder}/" if folder else ""


def without_gz(file: str) -> str:
    """The file's name as if it were not compressed."""
    return file.removesuffix(".gz")


def is_hidden(path: str) -> bool:
    """True for what tools write for themselves meanwhile, as below `_temporary`; `path` begins behind the refresh."""
    *folders, name = path.split("/")
    return name == "_temporary" or any(folder.startswith(("_", ".")) for folder in folders)


def dated_path(path: str) -> DatedPath | None:
    """The parts of a path in the layout with refresh folders, else None."""
    match = _DATED_PATH.search(path)
    return DatedPath(match["folder"] or "", match["time"], match["file"]) if match else None


def why_passed_over(time: str, written: datetime) -> str:
    """Why no refresh can be of this time, `yyyy/MM/dd/HHmm` or the beginning of it; empty where one can.

    `written` is when storage took its files. A folder that a wrong clock has named lies ahead of that for good, also
    once its time has come; else it would then hide newer refreshes.
    """
    try:
        begins = datetime.strptime(time + _BEGINNING[len(time) :], "%Y/%m/%d/%H%M").replace(tzinfo=UTC)
    except ValueError:
        return "is no date"
    return "is dated more than a day after it was written" if begins - written > _MOST_AHEAD else ""


def flat_seconds(file: str) -> str:
    """When a flat file's refresh was, as it stands in the name: ten digits of Unix seconds."""
    return without_gz(file).removesuffix(".csv")[-10:]


def refresh_of(seconds: str) -> str:
    """Unix seconds as refresh folders would say them, in UTC."""
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y/%m/%d/%H%M")


def is_flat_file(name: str, folder: str, segment: str) -> bool:
    """True for a flat file of the segment: in the folder, or with the folder's name before its own.

    Names of exports and segments may both hold underscores. In a folder of all exports the export's name therefore ends
    at the first one, so that no segment is taken for another; one that holds underscores must end the folder.
    """
    ending = rf"{re.escape(segment)}_[0-9]{{10}}\.csv(?:\.gz)?"
    if folder and name.startswith(f"{folder}_"):
        return re.fullmatch(f"{re.escape(folder)}_{ending}", name) is not None
    return re.fullmatch(rf"{re.escape(below(folder))}[^/_]+_{ending}", name) is not None


def segment_of_blob(name: str, folder: str, segments: Iterable[str]) -> str | None:
    """Which of the segments the blob is a file of, where they are read from the folder; None: of none of them."""
    if not name.endswith(FILE_ENDINGS):
        return None
    for segment in segments:
        dated = re.escape(f"{below(folder)}{segment}/") + _REFRESH + "/[^/]+"
        if re.fullmatch(dated, name) or is_flat_file(name, folder, segment):
            return segment
    return None
