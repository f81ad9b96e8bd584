"""The files of one refresh as partitions of a segment: `<table>_<partition>.csv[.gz]`, in their order, none twice.

The table is mostly called as the segment. Microsoft calls the partition's part "an id": mostly a number, but any name.
"""

import re
from dataclasses import dataclass
from itertools import pairwise

from shared.errors import ConfigurationError
from shared.segments.layouts import without_gz
from shared.storage.blobs import Blob

_NUMBER = re.compile("[0-9]{1,6}")


@dataclass(frozen=True, slots=True)
class Partition:
    """A file, and the two parts of its name; the id is empty where the file has none."""

    blob: Blob
    table: str
    id: str

    @property
    def number(self) -> int | None:
        """The id as a number; 0 where there is no id, None where it is a name."""
        if not self.id:
            return 0
        return int(self.id) if _NUMBER.fullmatch(self.id) else None

    @property
    def order(self) -> tuple[str | int, ...]:
        """What to sort by: digits within an id count as the number that they are."""
        parts = re.split("([0-9]+)", self.id)
        return tuple(int(part) if position % 2 else part for position, part in enumerate(parts))


def partitions_of(container: str, segment: str, folder: str, blobs: list[Blob]) -> list[Partition]:
    """The CSV files of a refresh's folder as partitions, in their order.

    Raises ConfigurationError where a file does not belong to the others or lies deeper than they, and where a partition
    is there twice.
    """
    for blob in blobs:
        if "/" in blob.name.removeprefix(folder):
            raise _unexpected(container, segment, blob, f"{segment}_<id>.csv or .csv.gz, in the refresh's own folder")
    partitions = [_partition(container, segment, blob) for blob in blobs]
    _check_one_table(container, segment, partitions)
    _check_one_kind(container, segment, partitions)
    by_id: dict[str | int, Partition] = {}
    for partition in partitions:
        key = partition.id if partition.number is None else partition.number
        if twin := by_id.get(key):
            raise ConfigurationError(
                "partition_twice",
                f"Partition {key} of the segment {segment} is there twice: {twin.blob.file} and {partition.blob.file}.",
                "Remove one of the two.",
            )
        by_id[key] = partition
    return sorted(partitions, key=lambda partition: partition.order)


def gaps(partitions: list[Partition]) -> tuple[str, ...]:
    """The numbers between the least and the greatest that have no file, as `3` or `5 to 7`; names have no gaps.

    Where the table's name goes on behind the segment's, as in `Gold_Customers_1.csv`, an id is a name and a number.
    """
    names = {partition.id.rpartition("_")[0] for partition in partitions}
    ends = [partition.id.rpartition("_")[2] for partition in partitions] if len(names) == 1 else []
    numbers = sorted(int(end or 0) for end in ends if not end or _NUMBER.fullmatch(end))
    return tuple(
        f"{before + 1}" if after - before == 2 else f"{before + 1} to {after - 1}"
        for before, after in pairwise(numbers)
        if after - before > 1
    )


def _partition(container: str, segment: str, blob: Blob) -> Partition:
    stem = without_gz(blob.file).removesuffix(".csv")
    if stem == segment:
        return Partition(blob, segment, "")
    if stem.startswith(f"{segment}_"):
        table, part = segment, stem.removeprefix(f"{segment}_")
    else:
        table, _, part = stem.rpartition("_")
    if not table:
        return Partition(blob, stem, "")
    if not re.fullmatch(r"\S+", part):
        raise _unexpected(container, segment, blob, f"{segment}_<id>.csv or .csv.gz")
    return Partition(blob, table, part)


def _check_one_table(container: str, segment: str, partitions: list[Partition]) -> None:
    tables = dict.fromkeys(partition.table for partition in partitions)
    expected = segment if segment in tables else next(iter(tables), segment)
    for partition in partitions:
        if partition.table != expected:
            raise _unexpected(container, segment, partition.blob, f"{expected}_<id>.csv or .csv.gz")


def _check_one_kind(container: str, segment: str, partitions: list[Partition]) -> None:
    """Customer Insights numbers all of them or none: a name among numbers is a file that somebody put there."""
    named = [partition for partition in partitions if partition.number is None]
    if named and len(named) < len(partitions):
        raise _unexpected(container, segment, named[0].blob, f"{named[0].table}_<number>.csv or .csv.gz")


def _unexpected(container: str, segment: str, blob: Blob, others: str) -> ConfigurationError:
    return ConfigurationError(
        "file_unexpected",
        f"{container}/{blob.name} is not a partition of the segment {segment}.",
        f"Files there are named {others}; remove the other one.",
    )
