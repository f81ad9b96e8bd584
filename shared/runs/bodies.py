"""The staged bodies: import requests of at most 8 MB, written down once and sent as they are.

Beside each body stand its contacts' places, so that a contact that Brevo rejects is found in its file again.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from shared.config.models import Export
from shared.mapping.results import Slice
from shared.runs.ending import STAGED
from shared.runs.model import Batch, Run
from shared.storage.blobs import Blobs

# Brevo's hard limit is 10 MB; it advises about 8 MB. https://developers.brevo.com/reference/importcontacts-1
LARGEST_BODY_BYTES = 8_000_000


@dataclass(frozen=True, slots=True)
class Place:
    """Where a contact came from."""

    segment: str
    file: str
    line: int
    customer_id: str


def write_bodies(
    blobs: Blobs, run: Run, staging_id: str, export: Export, slices: Iterable[Slice], public_url: str | None
) -> Iterator[Batch]:
    """Writes body after body; yields each as a staged batch."""
    for number, (group, end) in enumerate(_groups(slices, run, export, public_url), start=1):
        head = b'{"jsonBody":['
        body = b"".join((head, b",".join(part.contacts for part in group), end))
        contacts = sum(part.count for part in group)
        batch = Batch(run.run_id, staging_id, number, contacts, len(body))
        blobs.write(STAGED, f"{batch.name}.json", body)
        blobs.write(STAGED, f"{batch.name}.places", b"\n".join(part.places for part in group))
        yield batch


def _groups(
    slices: Iterable[Slice], run: Run, export: Export, public_url: str | None
) -> Iterator[tuple[list[Slice], bytes]]:
    group: list[Slice] = []
    size_bytes = number = 0
    for part in slices:
        end = _end(run, export, public_url, number + 1)
        if group and size_bytes + len(part.contacts) + len(end) + 16 > LARGEST_BODY_BYTES:
            yield group, end
            group, size_bytes, number = [], 0, number + 1
        group.append(part)
        size_bytes += len(part.contacts) + 1
    if group:
        yield group, _end(run, export, public_url, number + 1)


def _end(run: Run, export: Export, public_url: str | None, number: int) -> bytes:
    """All of the request but the contacts. The blacklist fields are never sent: no import changes a subscription."""
    fields: dict[str, object] = {
        "listIds": [export.list_id],
        "updateExistingContacts": True,
        "disableNotification": True,
    }
    if export.erase_empty:
        fields["emptyContactsAttributes"] = True
    if public_url:
        # Brevo strips the query string of the call-back, so what identifies it is in the path.
        fields["notifyUrl"] = f"{public_url}/api/imports/{run.run_id}/{number}/{run.token}"
    return b"]," + json.dumps(fields, separators=(",", ":")).encode().removeprefix(b"{")


def write_files(blobs: Blobs, run_id: str, staging_id: str, files: list[tuple[str, str]]) -> None:
    """Writes down which segment and file each place's number means."""
    blobs.write(STAGED, f"{run_id}/{staging_id}/files.json", json.dumps(files).encode())


def read_places(blobs: Blobs, batch: Batch, wanted: set[int]) -> dict[int, Place]:
    """The places of some of the batch's contacts, which count from 0. Raises NotFound."""
    files = json.loads(blobs.read(STAGED, f"{batch.run_id}/{batch.staging_id}/files.json"))
    places = {}
    for index, text in enumerate(blobs.read(STAGED, f"{batch.name}.places").decode().split("\n")):
        if index in wanted:
            number, line, customer_id = text.split("\t", 2)
            segment, file = files[int(number)]
            places[index] = Place(segment, file, int(line), customer_id)
    return places
