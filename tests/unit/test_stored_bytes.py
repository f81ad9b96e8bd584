"""A blob's bytes as stored: gzip is known by its bytes, and what is no text is refused by its kind."""

import gzip
import random
import tracemalloc
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from shared.errors import ConfigurationError, TransientError
from shared.segments.stored import stored_bytes
from shared.storage.blobs import CHUNK_BYTES, Blob
from shared.storage.failures import Conflict, NotFound

TEXT = b"Code,EMail\nA-1,mara@example.org\n"
MEGABYTE = 1024 * 1024


class OneBlob:
    """Storage with one blob, given out in pieces of the size."""

    def __init__(self, data: bytes, piece_bytes: int = CHUNK_BYTES, error: Exception | None = None) -> None:
        self._data, self._piece_bytes, self._error = data, piece_bytes, error

    def chunks(self, container: str, name: str, etag: str) -> Iterator[bytes]:
        for start in range(0, len(self._data), self._piece_bytes):
            yield self._data[start : start + self._piece_bytes]
        if self._error is not None:
            raise self._error


def pieces(data: bytes, name: str = "Silver_1.csv", **how: Any) -> Iterator[bytes]:
    blobs: Any = OneBlob(data, **how)
    return stored_bytes(blobs, "crm", Blob(f"export/{name}", '"1"', len(data), datetime.now(UTC)))


@pytest.mark.parametrize("name", ["Silver_1.csv", "Silver_1.csv.gz"])
@pytest.mark.parametrize("data", [TEXT, gzip.compress(TEXT)], ids=["plain", "gzip"])
def test_bytes_decide_about_gzip_whatever_the_name(name, data):
    assert b"".join(pieces(data, name)) == TEXT


@pytest.mark.parametrize("piece_bytes", [1, 2, 3, 7, 1000])
@pytest.mark.parametrize("data", [b"", b"a", b"\x1f", TEXT, gzip.compress(TEXT, mtime=0) * 2])
def test_pieces_may_end_anywhere(data, piece_bytes):
    expected = TEXT * 2 if data[:2] == b"\x1f\x8b" else data
    assert b"".join(pieces(data, piece_bytes=piece_bytes)) == expected


@pytest.mark.full
def test_a_gzip_bomb_is_unzipped_in_bounded_pieces():
    bomb = gzip.compress(bytes(400 * MEGABYTE), compresslevel=9)
    bomb = gzip.compress(b"x" * 8) + bomb  # whose zeros would look like UTF-16
    tracemalloc.start()
    size = sum(len(piece) for piece in pieces(bomb))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert size == 400 * MEGABYTE + 8
    assert peak < 8 * MEGABYTE


def test_files_that_are_opened_ahead_hold_little_however_much_is_zipped_in_them():
    data = gzip.compress(TEXT * (32 * MEGABYTE // len(TEXT)))
    tracemalloc.start()
    opened = [pieces(data) for _ in range(8)]
    assert all(next(each).startswith(TEXT) for each in opened)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 24 * MEGABYTE


def test_many_gzip_members_are_unzipped_without_copying_all_that_follows_each(monkeypatch):
    given, unzipper = [], zlib.decompressobj

    class Counted:
        def __init__(self, *how):
            self._unzip = unzipper(*how)

        def __getattr__(self, name):
            return getattr(self._unzip, name)

        def decompress(self, data, most):
            given.append(len(data))
            return self._unzip.decompress(data, most)

    monkeypatch.setattr(zlib, "decompressobj", Counted)
    data = gzip.compress(TEXT) * 20_000
    assert sum(map(len, pieces(data))) == len(TEXT) * 20_000
    assert sum(given) < 64_000 * 20_000  # of a whole chunk it would be 20,000 times half a megabyte


@pytest.mark.parametrize(
    ("data", "code", "words"),
    [
        (b"PK\x03\x04\x14\0\0\0", "file_zip", "is a zip archive"),
        (b"PAR1\x15\x04\x15", "file_parquet", "is a Parquet file"),
        ("Code,EMail\n".encode("utf-16"), "encoding_utf16", "is UTF-16 text"),
        ("Code,EMail\n".encode("utf-16-le"), "encoding_utf16", "is UTF-16 text"),
        ("Code,EMail\n".encode("utf-16-be"), "encoding_utf16", "is UTF-16 text"),
    ],
)
@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("piece_bytes", [1, 1000])
def test_other_kinds_of_files_are_named(data, code, words, zipped, piece_bytes):
    with pytest.raises(ConfigurationError) as raised:
        list(pieces(gzip.compress(data) if zipped else data, piece_bytes=piece_bytes))
    assert raised.value.code == code
    assert f"crm/export/Silver_1.csv {words}" in raised.value.message


@pytest.mark.parametrize("kept", [2, 8, 20, -1])
def test_gzip_that_is_cut_off_is_named(kept):
    with pytest.raises(ConfigurationError, match=r"crm/export/Silver_1\.csv is cut off") as raised:
        list(pieces(gzip.compress(TEXT)[:kept]))
    assert raised.value.code == "gzip_invalid"


def test_gzip_with_a_wrong_byte_is_named():
    whole = bytearray(gzip.compress(random.Random(7).randbytes(50_000)))
    whole[-6] ^= 0xFF
    with pytest.raises(ConfigurationError, match="is not valid gzip"):
        list(pieces(bytes(whole)))


@pytest.mark.parametrize("error", [Conflict("blob"), NotFound("blob")])
def test_blob_that_changes_while_it_is_read_is_read_again_later(error):
    with pytest.raises(TransientError, match="was replaced or deleted while it was read") as raised:
        list(pieces(TEXT, error=error))
    assert raised.value.code == "segment_changed"
