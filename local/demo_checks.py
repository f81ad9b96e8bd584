"""Holds what came of the demo's runs against the oracle of the sample data. No code of the product takes part."""

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from local.sample_data import Expected

CONFIRMED = ("succeeded", "succeeded_with_rejections")


class DemoError(Exception):
    """Something is not as it should be; the message says what, in one line."""


@dataclass(frozen=True, slots=True)
class Members:
    """What a list holds, compared with what it should hold."""

    count: int
    missing: int
    wrong: int
    unexpected: int

    @classmethod
    def compared(
        cls, members: Iterable[tuple[str, dict[str, Any]]], expected: Mapping[str, dict[str, str]]
    ) -> "Members":
        """Counts the differences, over every attribute of every contact."""
        found = dict(members)
        return cls(
            count=len(found),
            missing=len(expected.keys() - found.keys()),
            wrong=sum(found[email] != expected[email] for email in found.keys() & expected.keys()),
            unexpected=len(found.keys() - expected.keys()),
        )

    def __str__(self) -> str:
        return f"{self.count:,} members: {self.missing} missing, {self.wrong} wrong, {self.unexpected} unexpected"

    def check(self, list_id: int) -> None:
        """Raises: DemoError."""
        if self.missing or self.wrong or self.unexpected:
            raise DemoError(f"list {list_id} is not what the segments say: {self}")


def check_run(status: Mapping[str, Any], trigger: str, expected: Expected) -> None:
    """A run must have ended well, by the right trigger, with the oracle's counts. Raises: DemoError."""
    name = f"the run {status['run_id']} ({trigger})"
    if status["status"] not in CONFIRMED:
        problem = status["error"] or {"message": "", "advice": ""}
        raise DemoError(f"{name} is {status['status']}: {problem['message']} {problem['advice']}".rstrip(": "))
    wanted = {
        "trigger": trigger,
        "rows_read": expected.rows_read,
        "rows_merged": expected.rows_merged,
        "rows_rejected": dict(expected.rows_rejected),
        "warnings": dict(expected.warnings),
        "contacts_mapped": expected.contacts_mapped,
        "contacts_delivered": expected.contacts_mapped,
        "contacts_confirmed": expected.contacts_mapped,
        "contacts_rejected_by_brevo": {},
    }
    for field, value in wanted.items():
        if status[field] != value:
            raise DemoError(f"{name} says {field} {status[field]!r}, and the sample data {value!r}")


def check_rejected_rows(text: str, expected: Expected) -> list[dict[str, str]]:
    """Each faulty row must be named with file, line and reason, and no other. Raises: DemoError."""
    rows = list(csv.DictReader(io.StringIO(text)))
    reported = {(row["segment"], row["file"].rsplit("/", 1)[-1], row["line"], row["reason"]) for row in rows}
    wanted = {(each.segment, each.file.rsplit("/", 1)[-1], str(each.line), each.reason) for each in expected.findings}
    if reported != wanted or len(rows) != len(expected.findings):
        raise DemoError(
            f"the rejected rows do not tell what the sample data says: {len(wanted - reported)} faults are missing, "
            f"{len(reported - wanted)} are reported that are none, in {len(rows)} rows for "
            f"{len(expected.findings)} faults"
        )
    return rows


def check_triggers(runs: Iterable[Mapping[str, Any]], wanted: Iterable[str]) -> None:
    """There must be these runs and no others: no snapshot was run twice by itself. Raises: DemoError."""
    found = [str(run["trigger"]) for run in runs][::-1]
    if found != list(wanted):
        raise DemoError(f"the runs were started by {', '.join(found)}, and should be by {', '.join(wanted)}")
