"""Verify: a run that compares the list as it is with the newest snapshot, and sends nothing.

It reads the snapshot as any run does, so the rows that it rejects and leaves out are those of a run. A *repair* is a
run that takes only those for sent who are in the list: whom somebody has taken out of it is sent again, and in modes
that mirror, whom we have put there is removed. All else of it is as in any run: guards, leavers, approval.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import compress
from pathlib import Path

from shared.config.document import ReadyExport
from shared.errors import ConfigurationError
from shared.mapping.compared import Compared
from shared.mapping.results import MappedChunk, RejectedRow
from shared.runs.kinds import Kind
from shared.runs.ledgers import Opened
from shared.runs.questions import Members
from shared.runs.state import Run
from shared.segments.names import visible
from shared.staging.excluded import address_in
from shared.staging.rejected import contact_words


@dataclass(frozen=True, slots=True)
class Verify:
    """A verification, which changes nothing, or a repair."""

    kind: Kind

    def run(self, run: Run) -> Run:
        """The run as one of this kind."""
        return replace(run, kind=self.kind)


def check_verifiable(ready: ReadyExport) -> None:
    """Raises ConfigurationError for an export whose contacts cannot be found in its list."""
    if ready.export.identify_by != "email":
        raise ConfigurationError(
            "verify_by_email",
            'A list is compared by addresses, and this export has identify_by "customer_id".',
            "`segment-export why EXPORT EMAIL` says of one person what Brevo has.",
        )


@dataclass(frozen=True, slots=True)
class Verified:
    """How the list differs from the segment: `differences` by kind, and how many `members` it has."""

    differences: dict[str, int]
    members: int

    def noted_in(self, run: Run) -> Run:
        """The run with these numbers. Nothing is sent, so nobody is new."""
        counts, left = run.counts, run.counts.contacts_left_out.get("left_list", 0)
        counts = replace(
            counts,
            contacts_new=0,
            contacts_unchanged=counts.contacts_new,
            contacts_up_to_date=counts.contacts_new,
            list_differences=self.differences | ({"left_list": left} if left else {}),
        )
        return replace(run, counts=counts, list_before=self.members, list_after=self.members)


def checking_of(
    run: Run,
    opened: Opened | None,
    members: Members | None,
    files: list[tuple[str, str]],
    on_found: Callable[[RejectedRow], None],
) -> "Checking | None":
    """The comparison of a verification; None for any other run."""
    return Checking(opened, members.path, files, on_found) if run.kind == "verify" and opened and members else None


class Checking:
    """The comparison of a verification, while the snapshot is read: to be closed by `finished`.

    `on_found` gets a row for each contact that is in one of the two and not in the other, and for each blocked member.
    """

    def __init__(
        self, opened: Opened, members: Path, files: list[tuple[str, str]], on_found: Callable[[RejectedRow], None]
    ) -> None:
        from shared.sync.verification import Verification  # brings DuckDB

        self._keys_file = Compared(opened.key, opened.folder).keys_file
        self._verification = Verification(opened.folder, members, opened.files.before)
        self._files = files
        self._on_found = on_found
        self._found: Counter[str] = Counter()

    def watched(self, chunks: Iterator[MappedChunk]) -> Iterator[MappedChunk]:
        """The same chunks. Of each the contacts that are not in the list are noted with their places."""
        try:
            for number, chunk in enumerate(chunks):
                self._note_missing(chunk, self._verification.missing(self._keys_file(number)))
                yield chunk
        except BaseException:  # also where its reader has failed
            self._verification.close()
            raise

    def _note_missing(self, chunk: MappedChunk, missing: list[bool]) -> None:
        with chunk.places.open(encoding="utf-8", newline="\n") as places, chunk.contacts.open("rb") as contacts:
            for place, contact in compress(zip(places, contacts, strict=True), missing):
                row, _, customer_id = place.rstrip("\n").partition("\t")
                segment, file = self._files[chunk.origins.file(int(row))]
                line = chunk.origins.line(int(row))
                customer, email = visible(customer_id), address_in(contact)
                self._note(RejectedRow(segment, file, line, "missing_in_list", "", customer, email))

    def finished(self) -> Verified:
        """Notes the members that are not in the segment, and those who are blocked; the result."""
        with closing(self._verification) as verification:
            for reason, number in verification.members():
                self._note(RejectedRow("", "", 0, reason, contact_words(number), "", None))
            return Verified(dict(self._found), verification.size)

    def _note(self, row: RejectedRow) -> None:
        self._found[row.reason] += 1
        self._on_found(row)
