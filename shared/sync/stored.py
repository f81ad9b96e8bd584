"""Where ledgers lie: `<account>/<list>/<export>/ledger.parquet`; beside it, what runs intend and whom they remove."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from shared.storage.blobs import Blob, Blobs

LEDGERS = "ledgers"
_LEDGER = "ledger.parquet"
_INTENTION = "intention-"
_ENDING = ".parquet"


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
        return f"{self.folder}removals-{run_id}-{staging_id}.txt"


def staging_of(intention: Blob) -> tuple[str, str]:
    """The run and the staging whose intention it is."""
    run_id, _, staging_id = intention.file.removeprefix(_INTENTION).removesuffix(_ENDING).rpartition("-")
    return run_id, staging_id


@dataclass(frozen=True, slots=True)
class Stored:
    """What is stored of a list: the export's own ledger and intentions, and those of other exports.

    An intention whose staging was never sent, such as that of a plan, says nothing: see `staging_of`.
    """

    ledger: Blob | None = None
    intentions: list[Blob] = field(default_factory=list)
    others: list[Blob] = field(default_factory=list)
    others_intentions: list[Blob] = field(default_factory=list)

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


def fetch(blobs: Blobs, blob: Blob, path: Path) -> Path:
    """The blob in a file. Raises Conflict and NotFound where it has changed or gone meanwhile."""
    with path.open("wb") as file:
        for chunk in blobs.chunks(LEDGERS, blob.name, blob.etag):
            file.write(chunk)
    return path


def drop_ledgers(blobs: Blobs, export: str) -> bool:
    """Deletes all that is kept of the export, of whatever account and list; False where there is nothing."""
    names = [blob.name for blob in blobs.listing_if_there(LEDGERS, "") if blob.name.split("/")[2] == export]
    for name in names:
        blobs.delete(LEDGERS, name)
    return bool(names)
