"""Of a snapshot of many small files some are opened ahead: errors come in the files' order, and no thread is left."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from shared.errors import ConfigurationError, TransientError
from shared.mapping.results import MappedChunk
from shared.staging.reader import SnapshotReader
from shared.storage.failures import Conflict
from tests.unit.loyal import reader_of

HEAD = b"CustomerId,EMail,FirstName\n"


@dataclass
class SmallFiles:
    """Files by number, each of one customer but for those that are given; the opened ones are counted."""

    given: dict[int, bytes] = field(default_factory=dict)
    gone: set[int] = field(default_factory=set)
    opened: list[int] = field(default_factory=list)

    def chunks(self, container: str, name: str, etag: str) -> Iterator[bytes]:
        number = int(name.removesuffix(".csv"))
        self.opened.append(number)
        if number in self.gone:
            raise Conflict("gone")
        yield self.given.get(number, HEAD + b"C-%d,p%d@example.com,Ana\n" % (number, number))


def read(blobs: Any, count: int, folder: Path) -> SnapshotReader:
    mapping = {"email": "EMail", "first_name": "FirstName"}
    return reader_of(blobs, [f"{number}.csv" for number in range(count)], folder, mapping)


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("segment-files")]


def places(reader: SnapshotReader) -> Iterator[str]:
    chunk: MappedChunk
    for chunk in reader.chunks():
        for line in chunk.places.read_text().splitlines():
            yield reader.files[chunk.origins.file(int(line.split("\t")[0]))][1]


def test_customers_come_in_the_order_of_their_files(tmp_path):
    found = list(places(read(SmallFiles(), 100, tmp_path)))
    assert len(found) == 100
    assert all(int(one[:-4]) + 1 == int(other[:-4]) for one, other in pairwise(found))
    assert threads() == []


def test_first_file_with_a_fault_is_named_though_a_later_one_has_failed_before_it(tmp_path):
    quote_open = HEAD + b'C-1,ana@example.com,"Ana\n'
    blobs = SmallFiles({20: quote_open, 22: b"EMail\n"}, gone={23, 24})
    with pytest.raises(ConfigurationError, match=r"crm/20\.csv, line 2: a quote is opened") as raised:
        list(places(read(blobs, 18_000, tmp_path)))
    assert threads() == [], raised.value  # while the error is still kept
    assert max(blobs.opened) < 40


def test_file_that_changed_is_named_in_its_turn(tmp_path):
    with pytest.raises(TransientError, match=r"crm/30\.csv was replaced") as raised:
        list(places(read(SmallFiles(gone={30, 33}), 40, tmp_path)))
    assert threads() == [], raised.value
