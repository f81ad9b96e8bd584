"""Makes segments as Customer Insights leaves them in Blob Storage, and says what must become of each row.

    export = make_segment(rows=500, flaws=0.05)
    export.files              # {"CustomerInsights_abcd1234/BlobExport/HighValueSegment/...": b"..."}
    export.expected.contacts  # {"ana.popescu17@gmail.com": {"FIRSTNAME": "Ana", "SMS": "+40721...", ...}}

Several segments, of any size, go through `stream_to_folder` and `stream_to_storage`;
`python -m local.sample_data --help` shows the same from a terminal.
"""

import argparse
import contextlib
import dataclasses
import gzip
import io
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import batched, islice
from pathlib import Path
from typing import IO, Any

from azure.core.exceptions import ResourceExistsError
from azure.storage.blob import ContainerClient

from local.sample_people import customers
from local.sample_rows import (
    COLUMNS,
    DEFAULT_TAKEN,
    FOLDER,
    MAPPING,
    REJECTED,
    WARNED,
    ContactDigest,
    Expected,
    Finding,
    SegmentPlan,
    SegmentRows,
)

__all__ = [
    "COLUMNS",
    "FOLDER",
    "MAPPING",
    "REJECTED",
    "WARNED",
    "ContactDigest",
    "Expected",
    "Finding",
    "SampleExport",
    "SegmentPlan",
    "make_export",
    "make_segment",
    "model_json",
    "stream_to_folder",
    "stream_to_storage",
    "write_export",
]

_BATCH_ROWS = 4096
_DEFAULT_BASE_URL = "https://contoso.blob.core.windows.net/segments"

OpenFile = Callable[[str], AbstractContextManager[IO[bytes]]]


@dataclass(frozen=True, slots=True)
class SampleExport:
    """A small export in memory: `files` has every partition and model.json."""

    plans: tuple[SegmentPlan, ...]
    files: dict[str, bytes]
    expected: Expected

    @property
    def model_json(self) -> dict[str, Any]:
        """The Common Data Model document."""
        return model_json(self.plans)

    def upload(self, connection_string: str, container: str) -> None:
        """Writes the files into the container, which is made when missing."""
        stream_to_storage(self.plans, connection_string, container)


def _write_segment(plan: SegmentPlan, rows: SegmentRows, open_file: OpenFile) -> None:
    newline = "\r\n" if plan.crlf else "\n"
    people = zip(plan.numbers, customers(plan.seed, plan.numbers.start, plan.numbers.stop), strict=True)
    for path, size in plan.files():
        with ExitStack() as stack:
            raw = stack.enter_context(open_file(path))
            file: IO[bytes] | gzip.GzipFile = raw
            if plan.gzip:
                file = stack.enter_context(gzip.GzipFile("", "wb", compresslevel=1, fileobj=raw, mtime=0))
            if plan.bom:
                file.write(b"\xef\xbb\xbf")
            line = 0
            if plan.header:
                line = 1
                file.write((plan.delimiter.join(COLUMNS) + newline).encode())
            for batch in batched(islice(people, size), _BATCH_ROWS, strict=False):
                lines = []
                for number, customer in batch:
                    line += 1
                    lines.append(rows.line(number, customer, path, line))
                lines.append("")
                file.write(newline.join(lines).encode("utf-8", "surrogateescape"))


def model_json(plans: Sequence[SegmentPlan], base_url: str = _DEFAULT_BASE_URL) -> dict[str, Any]:
    """Returns the Common Data Model document; `base_url` is the container's, which begins each location."""
    return {
        "name": "BlobExport",
        "version": "1.0",
        "culture": "en-US",
        "entities": [
            {
                "$type": "LocalEntity",
                "name": plan.name,
                "attributes": [{"name": name, "dataType": kind} for name, kind in COLUMNS.items()],
                "partitions": [
                    {
                        "name": path.rsplit("/", 1)[1].split(".")[0],
                        "location": f"{base_url}/{path}",
                        "fileFormatSettings": {
                            "$type": "CsvFormatSettings",
                            "columnHeaders": plan.header,
                            "delimiter": plan.delimiter,
                        },
                    }
                    for path, _ in plan.files()
                ],
            }
            for plan in plans
        ],
    }


def write_export(
    plans: Sequence[SegmentPlan],
    open_file: OpenFile,
    *,
    base_url: str = _DEFAULT_BASE_URL,
    keep_contacts: bool = False,
    digest: ContactDigest | None = None,
) -> Expected:
    """Writes an export's segments in their order, and last its model.json; memory holds one batch of rows."""
    if len({plan.seed for plan in plans}) > 1 or len({plan.name for plan in plans}) < len(plans):
        raise ValueError("the segments of one export share a seed and differ in name")
    expected = Expected(digest=digest or ContactDigest())
    for place, plan in enumerate(plans):
        _write_segment(plan, SegmentRows(plan, plans[:place], expected, keep_contacts), open_file)
    with open_file(f"{FOLDER}/model.json") as file:
        file.write(json.dumps(model_json(plans, base_url), indent=2).encode())
    return expected


def make_export(*plans: SegmentPlan) -> SampleExport:
    """Makes a small export of several segments in memory."""
    files: dict[str, bytes] = {}

    @contextmanager
    def open_file(path: str) -> Iterator[IO[bytes]]:
        with io.BytesIO() as buffer:
            yield buffer
            files[path] = buffer.getvalue()

    expected = write_export(plans, open_file, keep_contacts=True)
    return SampleExport(plans, files, expected)


def make_segment(**plan: Any) -> SampleExport:
    """Makes a small export of one segment in memory; the arguments are those of `SegmentPlan`."""
    return make_export(SegmentPlan(**plan))


def stream_to_folder(plans: Sequence[SegmentPlan], folder: Path) -> Expected:
    """Writes an export of any size below `folder`."""

    def open_file(path: str) -> IO[bytes]:
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        return target.open("wb")

    return write_export(plans, open_file)


def stream_to_storage(
    plans: Sequence[SegmentPlan], connection_string: str, container: str, digest: ContactDigest | None = None
) -> Expected:
    """Writes an export of any size into a container, which is made when missing."""
    with ContainerClient.from_connection_string(connection_string, container) as client:
        with contextlib.suppress(ResourceExistsError):
            client.create_container()

        @contextmanager
        def open_file(path: str) -> Iterator[IO[bytes]]:
            with tempfile.SpooledTemporaryFile(max_size=32 * 1024 * 1024) as buffer:
                yield buffer
                buffer.seek(0)
                client.upload_blob(path, buffer, overwrite=True, max_concurrency=2)

        return write_export(plans, open_file, base_url=client.url, digest=digest)


def _overlapping(names: list[str], overlap: float, plan: SegmentPlan) -> list[SegmentPlan]:
    step = round(plan.rows * (1 - overlap))
    return [dataclasses.replace(plan, name=name, first_customer=place * step) for place, name in enumerate(names)]


_STORAGE_SETTING = "AzureWebJobsStorage"
_HELP = """examples:
  two segments of 20,000 rows that share a fifth of their customers, one row in fifty at fault, into ./out:
    python -m local.sample_data --rows 20000 --flaws 0.02 --seed 7 --folder out
  a million rows, gzipped in four partitions, straight into the storage of `make serve`, after `. .local/serve.env`:
    python -m local.sample_data --segments HighValueSegment --rows 1000000 --partitions 4 --gzip \\
      --storage

What must become of the rows is printed: counts and a digest of the contacts. --expected FILE also gets
each faulty row's file, line and reason. The same arguments always give the same bytes, and with --taken also the same
names."""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m local.sample_data",
        description="Makes segments as Customer Insights leaves them in Blob Storage, with realistic faults.",
        epilog=_HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--folder", type=Path, help="write below this folder")
    where.add_argument(
        "--storage",
        nargs="?",
        const=_STORAGE_SETTING,
        metavar="SETTING",
        help="upload to the storage whose connection string this setting holds [%(const)s, as serve.env has it]",
    )
    add("--container", default="segments", help="container to upload to (default: segments)")
    add(
        "--segments",
        default="HighValueSegment,LapsedCustomers",
        help="names, with commas (default: %(default)s)",
    )
    add("--rows", type=int, default=20_000, help="rows of each segment (default: 20000)")
    add("--flaws", type=float, default=0.02, help="share of faulty rows, 0 to 0.9 (default: 0.02)")
    add(
        "--overlap",
        type=float,
        default=0.2,
        help="share of customers also in the segment before (default: 0.2)",
    )
    add("--seed", type=int, default=7, help="another seed, other customers (default: 7)")
    add("--partitions", type=int, default=1, help="files of each segment (default: 1)")
    add("--gzip", action="store_true", help="write .csv.gz")
    add("--no-header", dest="header", action="store_false", help="column names only in model.json")
    add("--bom", action="store_true", help="begin each file with a byte order mark")
    add("--crlf", action="store_true", help="end lines as Windows does")
    add("--delimiter", default=",", help="between fields (default: a comma)")
    add(
        "--taken",
        type=datetime.fromisoformat,
        help="the refresh, like 2026-10-05T06:30, the default with --folder; with --storage it is now, since an "
        "export sends the newest",
    )
    add("--expected", type=Path, help="write what must become of the rows to this JSON file")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """The command. Returns its exit status."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.rows < 1 or options.partitions < 1 or not 0 <= options.flaws <= 0.9 or not 0 <= options.overlap <= 1:
        parser.error("--rows and --partitions begin at 1, --flaws is 0 to 0.9, --overlap 0 to 1")
    if options.storage and not os.environ.get(options.storage):
        parser.error(f"the setting {options.storage} is not set: `. .local/serve.env` beside `make serve`")
    shared = {name: getattr(options, name) for name in ("rows", "flaws", "seed", "partitions", "gzip", "header")}
    shared |= {name: getattr(options, name) for name in ("bom", "crlf", "delimiter")}
    shared["taken"] = options.taken or (DEFAULT_TAKEN if options.folder else datetime.now(UTC))
    plans = _overlapping(options.segments.split(","), options.overlap, SegmentPlan(**shared))
    began = time.monotonic()
    if options.folder:
        expected = stream_to_folder(plans, options.folder)
    else:
        expected = stream_to_storage(plans, os.environ[options.storage], options.container)
    if options.expected:
        options.expected.write_text(expected.to_json(), encoding="utf-8")
    print(f"{expected.rows_read} rows in {time.monotonic() - began:.1f} s below {FOLDER}")
    print(f"must become {expected.contacts_mapped} contacts, digest {expected.digest.hexdigest()}")
    print(f"merged {expected.rows_merged}, rejected {dict(expected.rows_rejected)}, warned {dict(expected.warnings)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
