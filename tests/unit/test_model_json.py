"""What model.json says: bounded, each file with its own format and place, delimiters of known kinds alone."""

import gzip
import json
import time
import tracemalloc
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from shared.errors import ConfigurationError
from shared.segments.model_json import MOST_BYTES, ModelJson, read_model_json
from shared.storage.blobs import CHUNK_BYTES, Blob

MODIFIED = datetime(2027, 3, 14, 5, 30, tzinfo=UTC)
BASE = "https://account.blob.core.windows.net/crm/ci/Export"


class OneDocument:
    """Storage that holds model.json alone; counts what is read of it."""

    def __init__(self, chunks: list[bytes], size_bytes: int | None = None) -> None:
        self._chunks, self._size_bytes = chunks, size_bytes
        self.read_bytes = 0

    def listing(self, container: str, prefix: str) -> list[Blob]:
        size = sum(map(len, self._chunks)) if self._size_bytes is None else self._size_bytes
        return [Blob(name, '"1"', size, MODIFIED) for name in (prefix, f"{prefix}.old")]

    def chunks(self, container: str, name: str, etag: str) -> Iterator[bytes]:
        for chunk in self._chunks:
            self.read_bytes += len(chunk)
            yield chunk


def read(document: Any) -> ModelJson:
    blobs: Any = OneDocument([json.dumps(document).encode()])
    return read_model_json(blobs, "crm", "ci/Export")


def with_files(*locations: str | None, **settings: Any) -> ModelJson:
    partitions = [{"name": "p", "location": location, "fileFormatSettings": settings} for location in locations]
    return read({"entities": [{"name": "Loyal", "attributes": [{"name": "EMail"}], "partitions": partitions}]})


@pytest.mark.parametrize(
    "location",
    [
        f"{BASE}/Loyal/2027/03/14/0500/Loyal_1.csv",
        "https://account.blob.core.windows.net:443/crm/ci/Export/Loyal/2027/03/14/0500/Loyal_1.csv",
        "https://account.dfs.core.windows.net/crm/ci/Export/Loyal/2027/03/14/0500/Loyal_1.csv",
        f"{BASE}/Loyal/2027/03/14/0500/Loyal_1.csv?snapshot=2027-03-14T05%3A04%3A00.0000000Z",
        f"{BASE}/Loyal/2027%2F03%2F14/0500/Loyal%5F1.csv",
        "https://elsewhere.example.com/other/Loyal/2027/03/14/0500/Loyal_1.csv",
        "http://127.0.0.1:10000/account/crm/ci/Export/Loyal/2027/03/14/0500/Loyal_1.csv",
        "Loyal/2027/03/14/0500/Loyal_1.csv",
        "/Loyal/2027/03/14/0500/Loyal_1.csv",
    ],
)
def test_listed_file_is_known_by_the_end_of_its_location(location):
    refreshes = with_files(location).refreshes("Loyal")
    assert list(refreshes) == ["2027/03/14/0500"]
    [file] = refreshes["2027/03/14/0500"]
    assert file.path is not None
    assert (file.path.folder, file.path.file) == ("Loyal", "Loyal_1.csv")


@pytest.mark.parametrize(
    "location", [None, "", "Loyal_1.csv", "https://[half/Loyal/2027/03/14/0500/Loyal_1.csv", "?", "%"]
)
def test_location_of_another_form_lists_no_refresh(location):
    assert with_files(location).refreshes("Loyal") == {}


def test_table_is_known_by_the_folder_of_its_files_where_it_is_called_otherwise():
    assert with_files(f"{BASE}/Faithful/2027/03/14/0500/Loyal_1.csv").table_of("Faithful") == "Loyal"
    assert with_files(f"{BASE}/Faithful/2027/03/14/0500/Loyal_1.csv").table_of("Loyal") == "Loyal"
    assert with_files(f"{BASE}/Faithful/2027/03/14/0500/Loyal_1.csv").table_of("Lost") == ""


@pytest.mark.parametrize(
    ("written", "delimiter"),
    [
        (",", ","),
        (";", ";"),
        ("|", "|"),
        ("\t", "\t"),
        ("\\t", "\t"),
        ("\\T", "\t"),
        ("Tab", "\t"),
        ("TAB", "\t"),
        ("", None),
        (None, None),
    ],
)
def test_delimiter_is_one_of_four_in_the_forms_that_are_written(written, delimiter):
    table = with_files(BASE, delimiter=written).table("Loyal", None, None)
    assert table is not None
    assert table.delimiter == delimiter


@pytest.mark.parametrize("written", ["||", " ", "a", "\\", '"', "\n", "Comma", ",;", "x" * 5000])
def test_other_delimiter_is_an_error_with_the_value_and_the_way_out(written):
    model = with_files(BASE, delimiter=written)
    with pytest.raises(ConfigurationError) as raised:
        model.table("Loyal", None, None)
    assert raised.value.code == "model_json_invalid"
    assert "crm/ci/Export/model.json: the delimiter of the table Loyal is" in raised.value.message
    assert (repr(written) if len(written) < 40 else "(not shown)") in raised.value.message
    assert len(raised.value.message) < 200
    assert "source.delimiter" in raised.value.advice


@pytest.mark.parametrize("written", ["||", ";", None])
def test_delimiter_of_the_source_replaces_that_of_model_json(written):
    table = with_files(BASE, delimiter=written).table("Loyal", None, "|")
    assert table is not None
    assert table.delimiter == "|"


def test_each_file_has_its_own_format():
    partitions = [
        {"location": f"{BASE}/Loyal/2027/03/14/0500/Loyal_1.csv", "fileFormatSettings": {"columnHeaders": True}},
        {"location": f"{BASE}/Loyal/2027/03/14/0500/Loyal_2.csv", "fileFormatSettings": {"delimiter": "|"}},
        {"location": f"{BASE}/Loyal/2027/03/14/0500/Loyal_3.csv"},
    ]
    model = read({"entities": [{"name": "Loyal", "partitions": partitions}]})
    tables = [model.table("Loyal", file, None) for file in model.files["Loyal"]]
    assert [(table.has_header, table.delimiter) for table in tables if table] == [
        (True, None),
        (None, "|"),
        (None, None),
    ]


def test_no_model_json_says_nothing():
    class Nothing:
        def listing(self, container: str, prefix: str) -> list[Blob]:
            return [Blob(f"{prefix}.old", '"1"', 10, MODIFIED)]

    blobs: Any = Nothing()
    model = read_model_json(blobs, "crm", "")
    assert not model.is_there
    assert model.table("Loyal", None, None) is None


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (b"", "EOF while parsing a value at line 1 column 0"),
        (b'{\n"entities": [,', "line 2 column 14"),
        (b"[]", "the document must be an object"),
        (b"[" * 100_000, "nested too deeply"),
        (b"\xff\xfe{\0}\0", "is UTF-16 text"),
        (b'{"entities": [{"name": "Loyal"}, {"name": 7}]}', "entities.1.name must be a text"),
        (gzip.compress(b"{}", mtime=0)[:-4], "its gzip data ends too early"),
    ],
)
def test_broken_model_json_is_named_with_the_fault_and_where_it_is(data, fault):
    blobs: Any = OneDocument([data])
    with pytest.raises(ConfigurationError, match=r"crm/ci/Export/model\.json cannot be read") as raised:
        read_model_json(blobs, "crm", "ci/Export")
    assert raised.value.code == "model_json_invalid"
    assert fault in raised.value.message
    assert "\n" not in raised.value.message


@pytest.mark.parametrize("wrap", [lambda data: data, gzip.compress, lambda data: b"\xef\xbb\xbf" + data])
def test_model_json_may_be_stored_as_gzip_or_with_a_byte_order_mark(wrap):
    blobs: Any = OneDocument([wrap(b'{"entities": [{"name": "Loyal"}]}')])
    assert list(read_model_json(blobs, "crm", "").tables) == ["Loyal"]


def test_model_json_over_the_limit_is_refused_without_reading_it():
    blobs: Any = OneDocument([b"{}"], size_bytes=500_000_000)
    with pytest.raises(ConfigurationError, match=r"crm/ci/Export/model\.json has more than 16 MB") as raised:
        read_model_json(blobs, "crm", "ci/Export")
    assert raised.value.code == "model_json_too_large"
    assert blobs.read_bytes == 0


@pytest.mark.full
def test_model_json_that_is_a_gzip_bomb_is_refused_within_its_limit():
    bomb = gzip.compress(b"{" + b" " * 500_000_000, 1)
    blobs: Any = OneDocument([bomb[at : at + CHUNK_BYTES] for at in range(0, len(bomb), CHUNK_BYTES)])
    tracemalloc.start()
    with pytest.raises(ConfigurationError) as raised:
        read_model_json(blobs, "crm", "ci/Export")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert raised.value.code == "model_json_too_large"
    assert peak < 3 * MOST_BYTES


@pytest.mark.full
def test_eighteen_thousand_partitions_are_read_in_a_moment():
    files = [f"{BASE}/Loyal/2027/03/14/0500/Loyal_{number}.csv" for number in range(18_000)]
    began = time.process_time()
    model = with_files(*files, columnHeaders=True, delimiter=",")
    assert len(model.refreshes("Loyal")["2027/03/14/0500"]) == 18_000
    assert time.process_time() - began < 5
