"""Where ledgers lie: `<account>/<list>/<export>/ledger.parquet`; beside it, what runs intend and what undoes them."""

from collections.abc import Container
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

from shared.storage.blobs import Blob, Blobs

LEDGERS = "ledgers"
# A container of its own, since what is in it has a lifetime: <account>/<list>/<export>/<run>-<staging>.parquet
UNDO = "undo"
_LEDGER = "ledger.parquet"
_INTENTION = "intention-"
_ENDING = ".parquet"
NUMBERS = ".txt"
"""How the names of lists of contacts' numbers end."""


@dataclass(frozen=True, slots=True)
class Address:
    """The folder of an export's ledger. `account` is the setting that holds the account's key."""

    account: str
    list_id: int
    export: str

    @property
    def folder(self) -> str:
        """All that belongs to the ledger lies below it."""
        return f"{self.account}/{self.list_id}/{self.export}/"

    @property
    def ledger(self) -> str:
        """What Brevo has confirmed."""
        return f"{self.folder}{_LEDGER}"

    def intention(self, run_id: str, staging_id: str) -> str:
        """What the ledger will be when this staging of a run is confirmed."""
        return f"{self.folder}{_INTENTION}{run_id}-{staging_id}{_ENDING}"

    def removals(self, run_id: str, staging_id: str) -> str:
        """The numbers of the contacts that this staging takes out of the list, a line for each."""
        return f"{self.folder}removals-{run_id}-{staging_id}{NUMBERS}"

    def not_removed(self, run_id: str, staging_id: str) -> str:
        """The numbers of those whom Brevo has not removed, a line for each."""
        return f"{self.folder}not-removed-{run_id}-{staging_id}{NUMBERS}"

    def additions(self, run_id: str, staging_id: str) -> str:
        """The numbers of the contacts that this staging of an undo puts back into the list, a line for each."""
        return f"{self.folder}additions-{run_id}-{staging_id}{NUMBERS}"

    def undo(self, run_id: str, staging_id: str) -> str:
        """Whom this staging adds to the list and whom it removes, in the container of undo."""
        return f"{self.folder}{run_id}-{staging_id}{_ENDING}"


def staging_of(intention: Blob) -> tuple[str, str]:
    """The run and the staging whose intention it is."""
    run_id, _, staging_id = intention.file.removeprefix(_INTENTION).removesuffix(_ENDING).rpartition("-")
    return run_id, staging_id


@dataclass(frozen=True, slots=True)
class Stored:
    """What is stored of a list: the export's own ledger and intentions, and those of other exports.

    An intention whose staging was never sent, such as that of a plan, says nothing: see `staging_of`. Of exports that
    are `forgotten` it is not known any more whom they have put there.
    """

    ledger: Blob | None = None
    intentions: list[Blob] = field(default_factory=list)
    others: list[Blob] = field(default_factory=list)
    others_intentions: list[Blob] = field(default_factory=list)
    forgotten: tuple[str, ...] = ()

    @property
    def other_exports(self) -> set[str]:
        """The other exports of which something is stored."""
        return {export_of(blob) for blob in (*self.others, *self.others_intentions)}

    @classmethod
    def find(cls, blobs: Blobs, address: Address) -> Self:
        """In one listing. Raises as storage does."""
        own: list[Blob] = []
        others: list[Blob] = []
        for blob in blobs.listing_if_there(LEDGERS, f"{address.account}/{address.list_id}/"):
            (own if blob.name.startswith(address.folder) else others).append(blob)
        ledgers = [blob for blob in own if blob.file == _LEDGER]
        return cls(
            ledgers[0] if ledgers else None,
            [blob for blob in own if blob.file.startswith(_INTENTION)],
            [blob for blob in others if blob.file == _LEDGER],
            [blob for blob in others if blob.file.startswith(_INTENTION)],
        )

    def of_others(self, exports: Container[str]) -> Self:
        """The same, of others only what these exports have."""
        others, intentions = (
            [blob for blob in blobs if export_of(blob) in exports] for blobs in (self.others, self.others_intentions)
        )
        return replace(self, others=others, others_intentions=intentions)


def fetch(blobs: Blobs, blob: Blob, path: Path, container: str = LEDGERS) -> Path:
    """The blob in a file. Raises Conflict and NotFound where it has changed or gone meanwhile."""
    with path.open("wb") as file:
        for chunk in blobs.chunks(container, blob.name, blob.etag):
            file.write(chunk)
    return path


def exports_of(blobs: Blobs, account: str, list_id: int) -> set[str]:
    """The exports that have a ledger of this list, also those that are not configured any more."""
    return {export_of(blob) for blob in blobs.listing_if_there(LEDGERS, f"{account}/{list_id}/")}


def export_of(blob: Blob) -> str:
    """The export whose ledger the blob is, or belongs to; empty for a blob that is of none, as doctor tries it with."""
    parts = blob.name.split("/")
    return parts[2] if len(parts) > 3 else ""


def drop_ledgers(blobs: Blobs, export: str, *, all_numbers: bool = True) -> bool:
    """Deletes all that is kept of the export, of whatever account and list; False where there is nothing.

    Without `all_numbers` those stay whom a run is taking out of the list, or puts back: it goes on, and drops them.
    """
    found = [
        (container, blob.name)
        for container in (LEDGERS, UNDO)
        for blob in blobs.listing_if_there(container, "")
        if export_of(blob) == export and (all_numbers or not blob.name.endswith(NUMBERS))
    ]
    for container, name in found:
        blobs.delete(container, name)
    return bool(found)
