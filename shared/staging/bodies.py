"""The staged bodies: import requests of at most 8 MB, written down once and sent as they are.

Beside each body stand its contacts' places, so that a contact that Brevo rejects is found in its file again. A line
of JSON holds the files and lines of the chunk's rows; behind it stand, for each contact, the number of its row, a tab
and the customer id.
"""

import json
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from itertools import islice
from typing import BinaryIO

from shared.config.models import Export
from shared.mapping.origins import Origins
from shared.mapping.results import MappedChunk
from shared.runs.state import Batch, Run
from shared.runs.steps.end import STAGED
from shared.storage.blobs import Blobs

# Brevo's hard limit is 10 MB; it advises about 8 MB. https://developers.brevo.com/reference/importcontacts-1
LARGEST_BODY_BYTES = 8 * 1024 * 1024
_HEAD = b'{"jsonBody":['
_BETWEEN = b",\n"  # stands behind each contact


@dataclass(frozen=True, slots=True)
class Place:
    """Where a contact came from."""

    segment: str
    file: str
    line: int
    customer_id: str


@dataclass
class _Group:
    """The contacts of one body, as they are collected."""

    contacts: list[memoryview] = field(default_factory=list)
    places: list[bytes] = field(default_factory=list)
    count: int = 0
    size_bytes: int = 0


def write_bodies(
    blobs: Blobs, run: Run, staging_id: str, export: Export, chunks: Iterable[MappedChunk], public_url: str | None
) -> Iterator[Batch]:
    """Writes body after body, each while the next is mapped; yields each as a staged batch once it is written."""
    # Only the number differs from body to body.
    largest_bytes = LARGEST_BODY_BYTES - len(_HEAD) - len(_end(run, export, public_url, 1_000_000))
    written: Future[Batch] | None = None
    with ThreadPoolExecutor(1, "bodies") as pool:
        for number, group in enumerate(_groups(chunks, largest_bytes), start=1):
            if written:
                yield written.result()
            batch = Batch(run.run_id, staging_id, number, group.count, 0)
            written = pool.submit(_write, blobs, batch, group, _end(run, export, public_url, number))
        if written:
            yield written.result()


def _write(blobs: Blobs, batch: Batch, group: _Group, end: bytes) -> Batch:
    group.contacts[-1] = group.contacts[-1][: -len(_BETWEEN)]
    body = b"".join((_HEAD, *group.contacts, end))
    group.contacts.clear()  # a body is a good part of a worker's memory: it is there once while it is sent
    blobs.write(STAGED, f"{batch.name}.json", body)
    blobs.write(STAGED, f"{batch.name}.places", b"".join(group.places))
    return replace(batch, body_bytes=len(body))


def _groups(chunks: Iterable[MappedChunk], largest_bytes: int) -> Iterator[_Group]:
    group = _Group()
    for chunk in chunks:
        head = json.dumps(asdict(chunk.origins)).encode()
        with chunk.contacts.open("rb") as contacts, chunk.places.open("rb") as places:
            while contacts.tell() < chunk.contacts.stat().st_size:
                lines, count = _lines(contacts, largest_bytes - group.size_bytes)
                if not count and group.count:
                    yield group
                    group = _Group()
                    continue
                if not count:  # a contact that no body has room for has one of its own
                    lines, count = memoryview(contacts.readline()), 1
                group.contacts.append(lines)
                group.places += (head, b"\n", b"".join(islice(places, count)))
                group.count += count
                group.size_bytes += len(lines)
    if group.count:
        yield group


def _lines(file: BinaryIO, most_bytes: int) -> tuple[memoryview, int]:
    """The file's next whole lines, so many as fit, and how many they are. A view: a copy would be another body."""
    data = file.read(max(most_bytes, 0))
    end = data.rfind(b"\n") + 1
    file.seek(end - len(data), 1)
    return memoryview(data)[:end], data.count(b"\n", 0, end)


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


def read_origins(blobs: Blobs, batch: Batch, wanted: set[int]) -> dict[int, Place]:
    """The places of some of the batch's contacts, which count from 0. Raises NotFound."""
    files = json.loads(blobs.read(STAGED, f"{batch.run_id}/{batch.staging_id}/files.json"))
    places = {}
    index = 0
    for text in blobs.read(STAGED, f"{batch.name}.places").decode().split("\n"):
        if text.startswith("{"):
            origins = Origins(**json.loads(text))
            continue
        if index in wanted:
            row, customer_id = text.split("\t", 1)
            segment, file = files[origins.file(int(row))]
            places[index] = Place(segment, file, origins.line(int(row)), customer_id.strip())
        index += 1
    return places
