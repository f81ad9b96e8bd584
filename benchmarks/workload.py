"""The segment that is measured, the configuration for it, and what must become of its rows."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from azure.storage.blob import ContainerClient

from local.sample_data import COLUMNS, MAPPING, ContactDigest, Expected, SegmentPlan, stream_to_storage
from local.stack import CONFIG, CONTAINER

PARTITIONS = 4
FLAWS = 0.01
# What the connector that people replace matches: e-mail address, first name, last name, phone.
STANDARD_ATTRIBUTES = frozenset(("FIRSTNAME", "LASTNAME", "SMS"))


class BenchError(Exception):
    """Something could not be measured."""


class Fingerprints(ContactDigest):
    """For each contact a number that stands for it, so that differences can be counted, instead of one for all.

    The numbers are only good within one process.
    """

    def __init__(self) -> None:
        super().__init__(STANDARD_ATTRIBUTES)
        self.of: dict[int, int] = {}

    def add(self, email: str, attributes: Mapping[str, str]) -> None:
        """Takes one contact in."""
        self.of[hash(email)] = hash(
            tuple(sorted(item for item in attributes.items() if item[0] in STANDARD_ATTRIBUTES))
        )


@dataclass(frozen=True, slots=True)
class Workload:
    """A segment in storage. `digest` is the oracle's, in `expected` as well."""

    rows: int
    partitions: int
    segment_bytes: int
    connection_string: str
    expected: Expected
    digest: ContactDigest

    def document(self) -> dict[str, Any]:
        """What it is, for the JSON."""
        return {
            "rows": self.rows,
            "columns": len(COLUMNS),
            "partitions": self.partitions,
            "flaws": FLAWS,
            "segment_bytes": self.segment_bytes,
            "contacts": self.expected.contacts_mapped,
        }


def write_segment(rows: int, connection_string: str, digest: ContactDigest, partitions: int = PARTITIONS) -> Workload:
    """Writes the segment of the shipped configuration's first export; the same rows always give the same bytes."""
    plan = SegmentPlan(name=shipped_export()["segments"][0], rows=rows, flaws=FLAWS, partitions=partitions)
    expected = stream_to_storage([plan], connection_string, CONTAINER, digest)
    del expected.warnings["invalid_date"]  # the date is not mapped
    with ContainerClient.from_connection_string(connection_string, CONTAINER) as container:
        size = sum(int(blob.size) for blob in container.list_blobs() if ".csv" in blob.name)
    return Workload(rows, partitions, size, connection_string, expected, digest)


def shipped_export() -> dict[str, Any]:
    """The shipped configuration's first export, with one segment and without attributes of its own."""
    export: dict[str, Any] = _shipped()["exports"][0]
    if export["mapping"] != MAPPING:
        raise BenchError(f"{CONFIG} maps other fields than the sample data is made for")
    del export["mapping"]["attributes"]
    export["segments"] = export["segments"][:1]
    return export


def write_configuration(
    path: Path,
    *,
    imports_at_once: int | None = None,
    exports: Callable[[dict[str, Any]], list[dict[str, Any]]] = lambda export: [export],
) -> dict[str, str]:
    """Writes the shipped configuration around its first export, or what `exports` makes of it; returns settings."""
    document = _shipped()
    # The others of the race do not ask either; what it costs is waiting, not work.
    document["connections"][0]["leavers"] = "not_asked"
    if imports_at_once is not None:
        document["connections"][0]["imports_at_once"] = imports_at_once
    path.write_text(json.dumps(document | {"exports": exports(shipped_export())}), encoding="utf-8")
    return {"EXPORT_CONFIG": str(path), "SNAPSHOT_QUIET_SECONDS": "0", "PUBLIC_URL": "", "WEBSITE_HOSTNAME": ""}


def delivering(delivery: str) -> Callable[[dict[str, Any]], list[dict[str, Any]]]:
    """For `exports`: the shipped export with this delivery."""
    return lambda export: [export | {"delivery": delivery}]


def _shipped() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(CONFIG.read_text(encoding="utf-8"))
    return document
