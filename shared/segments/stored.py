"""A blob's bytes as they are stored, unzipped where they are gzip. What cannot be text is refused by its kind."""

import zlib
from collections.abc import Iterator
from itertools import chain

from shared.errors import ConfigurationError, TransientError
from shared.storage.blobs import Blob, Blobs
from shared.storage.failures import Conflict, NotFound

_GZIP = b"\x1f\x8b"
_LONGEST_MARK = 4  # bytes: by as many the kinds of files are known
# Eight files are opened ahead, and each holds a few times as much.
_UNZIPPED_BYTES = 1024 * 1024
# So little is unzipped at once, since what is left of it is copied after each step.
_ZIPPED_BYTES = 64 * 1024
EXPORT_AGAIN = "Let Customer Insights export the segment again; nothing was sent."

# What Windows-1252 texts have beside letters.
_MARKS = frozenset("‘’‚“”„–—…•€£¥§©®™°ºª«»´¨·¿¡±½¼¾×²³ \xa0")


class SegmentChanged(TransientError):
    """A file was replaced or deleted since it was listed."""

    def __init__(self, where: str) -> None:
        super().__init__(
            "segment_changed",
            f"{where} was replaced or deleted while it was read.",
            "The run starts again with the newest snapshot; nothing was sent.",
            retry_after_seconds=5,
        )


def stored_bytes(blobs: Blobs, container: str, blob: Blob) -> Iterator[bytes]:
    """The blob's bytes, piece by piece, as it was listed. Bytes that begin as gzip are unzipped.

    Neither the name's ending nor Content-Encoding decides: tools that copy files set them at will. But gzip of nothing
    has bytes: a blob without any that is named so is not all there.
    Raises ConfigurationError for broken gzip, a zip archive, Parquet and UTF-16, and SegmentChanged where the blob
    was deleted or replaced since it was listed.
    """
    where = f"{container}/{blob.name}"
    first, chunks = _beginning(_unchanged(blobs, container, blob, where))
    if not first and blob.name.endswith(".gz"):
        raise _cut_off(where)
    if first.startswith(_GZIP):
        first, chunks = _beginning(_unzipped(chunks, where))
    _refuse_other_kinds(first, where)
    yield from chunks


def _unchanged(blobs: Blobs, container: str, blob: Blob, where: str) -> Iterator[bytes]:
    try:
        yield from blobs.chunks(container, blob.name, blob.etag)
    except (Conflict, NotFound):
        raise SegmentChanged(where) from None


def _beginning(chunks: Iterator[bytes]) -> tuple[bytes, Iterator[bytes]]:
    """The first bytes, and all chunks with these before them."""
    first = b""
    for chunk in chunks:
        first += chunk
        if len(first) >= _LONGEST_MARK:
            break
    return first[:_LONGEST_MARK], chain([first] if first else [], chunks)


def _unzipped(chunks: Iterator[bytes], where: str) -> Iterator[bytes]:
    """Unzips any number of gzip members, in pieces of at most _UNZIPPED_BYTES."""
    unzip = zlib.decompressobj(zlib.MAX_WBITS | 16)
    try:
        for chunk in _in_pieces(chunks, _ZIPPED_BYTES):
            while chunk:
                if unzip.eof:
                    unzip = zlib.decompressobj(zlib.MAX_WBITS | 16)
                yield unzip.decompress(chunk, _UNZIPPED_BYTES)
                chunk = unzip.unused_data if unzip.eof else unzip.unconsumed_tail
    except zlib.error:
        raise ConfigurationError("gzip_invalid", f"{where} is not valid gzip.", EXPORT_AGAIN) from None
    if not unzip.eof:
        raise _cut_off(where)


def _in_pieces(chunks: Iterator[bytes], size_bytes: int) -> Iterator[bytes]:
    return (chunk[at : at + size_bytes] for chunk in chunks for at in range(0, len(chunk), size_bytes))


def _cut_off(where: str) -> ConfigurationError:
    return ConfigurationError("gzip_invalid", f"{where} is cut off: its gzip data ends too early.", EXPORT_AGAIN)


def _refuse_other_kinds(first: bytes, where: str) -> None:
    if first.startswith(b"PK\x03\x04"):
        raise ConfigurationError(
            "file_zip", f"{where} is a zip archive.", "Segment files must be CSV, plain or as gzip; unpack the archive."
        )
    if first.startswith(b"PAR1"):
        raise ConfigurationError(
            "file_parquet", f"{where} is a Parquet file.", "Segment files must be CSV; export it as CSV."
        )
    if _looks_like_utf16(first):
        raise ConfigurationError(
            "encoding_utf16", f"{where} is UTF-16 text.", "Segment files must be UTF-8; export it as UTF-8."
        )


def _looks_like_utf16(first: bytes) -> bool:
    return first[:2] in (b"\xff\xfe", b"\xfe\xff") or (len(first) >= 4 and b"\0\0" in (first[1:4:2], first[0:4:2]))


def looks_like_windows_1252(data: bytes) -> bool:
    """True for bytes that are text in Windows-1252; they are not UTF-8."""
    try:
        text = data.decode("cp1252")
    except UnicodeDecodeError:
        return False
    return all(letter.isascii() or letter.isalpha() or letter in _MARKS for letter in text) and b"\0" not in data
