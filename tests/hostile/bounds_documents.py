"""Reads one extreme document in a process of its own and prints what it took: `bounds_documents KIND CASE`."""

import json
import resource
import sys
import time
from collections.abc import Callable
from typing import Any

from shared.config.document import LARGEST_BYTES, parse_document
from shared.errors import ExportError
from shared.segments.model_json import MOST_BYTES, read_model_json
from simulation.storage import Kept
from tests.memory_line import Line, VirtualClock


def repeated(head: str, one: str, tail: str, most_bytes: int, most: int = 10_000_000) -> bytes:
    """As many of them as fit, at most `most`."""
    count = min((most_bytes - len(head) - len(tail)) // len(one), most) - 1
    return (head + one * count + one.rstrip(",") + tail).encode()


def numbered(head: str, one: str, tail: str, most_bytes: int) -> bytes:
    """The same with a number in each."""
    count = (most_bytes - len(head) - len(tail)) // len(one.format(1_000_000))
    return (head + ",".join(one.rstrip(",").format(number) for number in range(count)) + tail).encode()


def good(exports: int) -> bytes:
    """A configuration of so many exports, of as many accounts."""
    connection = {"display_name": "B", "consent": {"agreed_by": "a", "agreed_on": "2026-11-01"}}
    export = {"display_name": "E", "list_id": 1, "segments": ["Gold"], "mapping": {"email": "EMail"}}
    document = {
        "connections": [{"id": f"c-{n}", "api_key": {"setting": f"KEY_{n}"}, **connection} for n in range(exports)],
        "exports": [
            {"id": f"e-{n}", "connection": f"c-{n}", "source": {"container": "segments", "folder": f"ci/{n}"}, **export}
            for n in range(exports)
        ],
    }
    return json.dumps(document).encode()


_UNKNOWN = "{" + ",".join(f'"{key}":1' for key in range(100)) + "},"
CONFIGURATIONS: dict[str, Callable[[], bytes]] = {
    "good": lambda: good(5_000),
    "too many exports": lambda: good(5_001),
    "too large": lambda: b" " * (LARGEST_BYTES + 1),
    "exports that are none": lambda: repeated('{"exports":[', "{},", "]}", LARGEST_BYTES),
    "exports that are nearly none": lambda: repeated('{"exports":[', "{},", "]}", LARGEST_BYTES, 5_000),
    "keys": lambda: numbered("{", '"{}":1,', "}", LARGEST_BYTES),
    "unknown keys": lambda: repeated('{"exports":[', _UNKNOWN, "]}", LARGEST_BYTES, 5_000),
    "fewer unknown keys": lambda: repeated('{"exports":[', _UNKNOWN, "]}", LARGEST_BYTES, 2_400),
    "segments": lambda: repeated('{"exports":[{"segments":[', "[],", "]}]}", LARGEST_BYTES),
    "roles": lambda: repeated('{"connections":[{"available_to":[', "[],", "]}]}", LARGEST_BYTES),
    "exports to be told of": lambda: repeated('{"notifications":[{"exports":[', "1,", "]}]}", LARGEST_BYTES),
    "attributes": lambda: numbered(
        '{"exports":[{"mapping":{"email":"e","attributes":{', '"A{}":"x",', "}}}]}", LARGEST_BYTES
    ),
    "words": lambda: numbered('{"x":[', '"{}",', "]}", LARGEST_BYTES),
}
_PARTITION = (
    '{{"name":"Gold_{0}","location":"https://stcustomerinsights.blob.core.windows.net/segments/CustomerInsights_abcd/'
    'BlobExport/Gold/2026/11/24/0500/Gold_{0}.csv","fileFormatSettings":{{"columnHeaders":true,"delimiter":","}}}},'
)
MODELS: dict[str, Callable[[], bytes]] = {
    "good": lambda: numbered('{"entities":[{"name":"Gold","partitions":[', _PARTITION, "]}]}", MOST_BYTES),
    "too large": lambda: b" " * (MOST_BYTES + 1),
    "partitions": lambda: repeated('{"entities":[{"name":"G","partitions":[', "{},", "]}]}", MOST_BYTES),
    "fewer partitions": lambda: repeated('{"entities":[{"name":"G","partitions":[', "{},", "]}]}", MOST_BYTES, 249_000),
    "attributes": lambda: repeated(
        '{"entities":[{"name":"G","attributes":[', '{"name":"a"},', "]}]}", MOST_BYTES, 249_000
    ),
    "annotations": lambda: repeated('{"annotations":[', '{"name":"n","value":"v"},', "]}", MOST_BYTES, 249_000),
    "numbers": lambda: repeated('{"x":[', "1,", "]}", MOST_BYTES),
    "entities that are none": lambda: repeated('{"entities":[', "1,", "]}", MOST_BYTES, 1_400_000),
}


def read(kind: str, data: bytes) -> Any:
    if kind == "configuration":
        return len(parse_document(data, "config/exports.json").exports)
    blobs: Any = Kept(VirtualClock()).storage(Line()).app_blobs
    blobs.write("segments", "ci/model.json", data)
    del data
    return sum(map(len, read_model_json(blobs, "segments", "ci").files.values()))


def main(kind: str, case: str) -> None:
    data = (CONFIGURATIONS if kind == "configuration" else MODELS)[case]()
    started = time.process_time()
    result: dict[str, Any] = {"found": 0, "code": ""}
    try:
        result["found"] = read(kind, data)
    except ExportError as error:
        result["code"] = error.code
        result["words"] = len(str(error))
    result["cpu_seconds"] = time.process_time() - started
    result["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    sys.stdout.write(json.dumps(result))


if __name__ == "__main__":
    main(*sys.argv[1:])
