"""Reads one extreme snapshot in a process of its own and prints what it took: `bounds_reader CASE SIZE`."""

import json
import sys
import tempfile
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import repeat
from pathlib import Path
from typing import Any

from shared.config.document import ReadyExport
from shared.config.models import Connection, Export
from shared.errors import ExportError
from shared.mapping.results import RejectedRow
from shared.segments.snapshot import SegmentFile, SegmentSnapshot, Snapshot
from shared.staging.reader import SnapshotReader
from shared.storage.blobs import Blob

PIECE_BYTES = 4 * 1024 * 1024
HEAD = b"CustomerId,EMail,FirstName\n"
ANA = b"C-1,ana@example.com,Ana\n"
EVA = b"C-3,eva@example.com,Eva\n"


def filled(filling: bytes, size_bytes: int) -> Iterator[bytes]:
    """About `size_bytes` of whole fillings, in pieces as storage gives them."""
    at_once = PIECE_BYTES // len(filling)
    pieces, rest = divmod(size_bytes // len(filling), at_once)
    yield from repeat(
        filling * at_once, pieces
    )  # the same object each time, or the file would be this process's memory
    yield filling * rest


def one_line(megabytes: int) -> Iterator[bytes]:
    yield from (HEAD + ANA + b"C-2,ion@example.com,", *filled(b"x", megabytes * 1_000_000), b"\n" + EVA)


def one_quoted_line(megabytes: int) -> Iterator[bytes]:
    yield from (HEAD + ANA + b'C-2,ion@example.com,"', *filled(b'x, ""\n', megabytes * 1_000_000), b'"\n' + EVA)


def open_quote(megabytes: int) -> Iterator[bytes]:
    yield from (HEAD + ANA + b'C-2,ion@example.com,"Ion\n', *filled(EVA, megabytes * 1_000_000))


def blank_lines(megabytes: int) -> Iterator[bytes]:
    blanks = megabytes * 500_000
    yield from (*filled(b"\n", blanks), HEAD + ANA, *filled(b"\n", blanks), b"C-2,,Ion\n" + EVA)


def bad_bytes(megabytes: int) -> Iterator[bytes]:
    yield from (HEAD + ANA, *filled(b"C-2,ion@example.com,I\xf3n\n", megabytes * 1_000_000), b"x\n", EVA)


def stray_quotes(megabytes: int) -> Iterator[bytes]:
    yield from (HEAD + ANA, *filled(b'C-2,ion@example.com,"Ion" x\n', megabytes * 1_000_000), b"\n", EVA)


def many_columns(columns: int) -> Iterator[bytes]:
    yield HEAD.strip() + b"".join(b",Column%d" % n for n in range(columns - 3)) + b"\n"
    for n in range(max(1, 100_000_000 // columns // 8)):
        yield b"C-%d,p%d@example.com,Ana" % (n, n) + b",value-x" * (columns - 3) + b"\n"


def gzip_bomb(megabytes: int) -> Iterator[bytes]:
    pack = zlib.compressobj(9, zlib.DEFLATED, 31)
    yield pack.compress(HEAD + ANA)
    for piece in filled(b"\0", megabytes * 1_000_000):
        yield pack.compress(piece)
    yield pack.compress(b"\n" + EVA) + pack.flush()


CASES = {
    case.__name__: case
    for case in (one_line, one_quoted_line, open_quote, blank_lines, bad_bytes, stray_quotes, many_columns, gzip_bomb)
}


@dataclass
class FakeBlobs:
    """One file by its case, or as many files of one row as are asked for."""

    case: str
    size: int

    def chunks(self, container: str, name: str, etag: str) -> Iterator[bytes]:
        if self.case != "partitions":
            return CASES[self.case](self.size)
        return iter([HEAD + b"C-%s,p%s@example.com,Ana\n" % (name.encode(), name.encode())])


def peak_mb() -> int:
    """The most memory that this process has had. getrusage would show its parent's where that had more."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) // 1024


def main(case: str, size: int) -> dict[str, Any]:
    connection = {"id": "brevo", "display_name": "Brevo", "api_key": {"setting": "BREVO_API_KEY"}}
    export = {
        "id": "gold",
        "display_name": "Gold",
        "connection": "brevo",
        "list_id": 1,
        "source": {"container": "segments", "folder": "f"},
        "segments": ["Gold"],
        "mapping": {"email": "EMail", "first_name": "FirstName"},
    }
    now = datetime(2026, 11, 28, tzinfo=UTC)
    ending = ".csv.gz" if case == "gzip_bomb" else ".csv"
    count = size if case == "partitions" else 1
    files = tuple(SegmentFile("Gold", Blob(f"{n}{ending}", "e", 100, now), None) for n in range(count))
    snapshot = Snapshot("s", (SegmentSnapshot("Gold", "2026/11/28/0500", files, None, now),), now, ())
    target = ReadyExport(Export.model_validate(export), Connection.model_validate(connection))
    blobs: Any = FakeBlobs(case, size)
    lines: list[int] = []

    def rejected(row: RejectedRow) -> None:
        if len(lines) < 5:
            lines.append(row.line)

    began = time.process_time()
    error = ""
    with tempfile.TemporaryDirectory() as folder:
        reader = SnapshotReader(blobs, target, snapshot, Path(folder), on_rejected=rejected)
        try:
            for _ in reader.chunks():
                pass
        except ExportError as caught:
            error = f"{caught.code}: {caught.message}"
    counts = reader.counts
    kept = {"contact": counts.contacts_mapped, "merged": counts.rows_merged}
    reasons = kept | counts.rows_rejected | counts.warnings
    return {
        "case": case,
        "size": size,
        "cpu_seconds": round(time.process_time() - began, 2),
        "peak_mb": peak_mb(),
        "rows": counts.rows_read,
        "reasons": {reason: count for reason, count in reasons.items() if count},
        "lines": lines,
        "error": error,
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(sys.argv[1], int(sys.argv[2]))))
