"""Holds what a contender left in the list against the oracle."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.workload import BenchError, Fingerprints, Workload
from local.functions_host.http_messages import send
from local.sample_data import Expected
from local.sandbox_contacts import members_of
from local.sandbox_process import SandboxProcess

_SETTLE_SECONDS = 1200
_BOOKS = ("rows_read", "rows_merged", "rows_rejected", "warnings", "contacts_mapped")


@dataclass(frozen=True, slots=True)
class Verdict:
    """Counts of contacts: in the list, missing from it, too many in it, and there but with other attributes."""

    contacts: int
    missing: int
    unexpected: int
    differing: int

    @property
    def is_exact(self) -> bool:
        """Every customer as the oracle has it, and nobody else."""
        return not (self.missing or self.unexpected or self.differing)


def verdict_of(members: Sequence[tuple[str, Mapping[str, Any]]] | Any, expected: Fingerprints) -> Verdict:
    """Compares contacts (address and attributes) with those that should be."""
    found = Fingerprints()
    count = 0
    for email, attributes in members:
        found.add(email, attributes)
        count += 1
    known = found.of.keys() & expected.of.keys()
    return Verdict(
        contacts=count,
        missing=len(expected.of) - len(known),
        unexpected=len(found.of) - len(known),
        differing=sum(found.of[key] != expected.of[key] for key in known),
    )


class Judge:
    """Judges runs. The same bodies give the same list, so each list is only looked at once."""

    def __init__(self, workload: Workload, list_id: int) -> None:
        if not isinstance(workload.digest, Fingerprints):
            raise BenchError("the workload keeps no fingerprints to compare with")
        self._expected = workload.digest
        self._list_id = list_id
        self._known: dict[tuple[str, ...], Verdict] = {}

    def verdict(self, sandbox: SandboxProcess) -> Verdict:
        """Lets the sandbox read what it has put off, and compares its list."""
        bodies = tuple(sorted(each["body_sha256"] for each in sandbox.ask("imports")))
        if bodies not in self._known or not bodies:
            settle(sandbox)
            self._known[bodies] = verdict_of(members_of(sandbox.origin, self._list_id), self._expected)
        return self._known[bodies]


def settle(sandbox: SandboxProcess) -> None:
    """Lets the sandbox read the imports that it has put off. Raises: BenchError."""
    answer = send("POST", f"{sandbox.origin}/sandbox/settle", body=b"{}", timeout_seconds=_SETTLE_SECONDS)
    if answer.status != 200:
        raise BenchError(f"the sandbox answers {answer.status} to settle: {answer.body[:300]!r}")


def books_are_right(status_text: str, expected: Expected) -> bool:
    """Whether a run's own counts, as `--json` prints them, are those of the oracle, and balance."""
    status = json.loads(status_text)
    rejected = sum(status["rows_rejected"].values())
    by_brevo = sum(status["contacts_rejected_by_brevo"].values())
    return (
        str(status["status"]).startswith("succeeded")
        and all(status[name] == getattr(expected, name) for name in _BOOKS)
        and status["rows_read"] == status["contacts_mapped"] + status["rows_merged"] + rejected
        and status["contacts_delivered"] == status["contacts_confirmed"] + by_brevo == status["contacts_mapped"]
    )
