"""A run's contacts as a few files, for an export with `delivery: "file"`, which Brevo fetches through a link each.

A file is the array that a body has as its `jsonBody`, and its origins lie beside it as a body's do. It is written block
by block while the next contacts are mapped, and read again in pieces: it is never in memory as a whole.
"""

from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from shared.brevo.body import BETWEEN, LARGEST_FILE_BYTES, ImportRequest, lines_of, room_whatever_the_end
from shared.mapping.results import MappedChunk
from shared.staging.bodies import (
    HEAD,
    STAGED,
    Group,
    StagedBody,
    body_name,
    grouped,
    origins_name,
    pieces_of_body,
    pieces_of_origins,
    write_body,
)
from shared.storage.blobs import Blobs

_BLOCK_BYTES = 8_000_000
# A file has fewer bodies.
_MOST_BODIES = 100


def write_parts(blobs: Blobs, staging: str, folder: Path, chunks: Iterable[MappedChunk]) -> Iterator[StagedBody]:
    """Writes file after file, block by block; yields each once it is written. Their origins wait in the folder."""
    part: _Part | None = None
    added: Future[None] | None = None
    with ThreadPoolExecutor(1, "parts") as pool:
        for group in grouped(chunks, _BLOCK_BYTES):
            if added:
                added.result()
            if part and part.size_bytes + group.size_bytes > LARGEST_FILE_BYTES:
                yield part.finished()
                part = _Part(blobs, staging, part.number + 1, folder)
            part = part or _Part(blobs, staging, 1, folder)
            added = pool.submit(part.add, group)
        if part and added:
            added.result()
            yield part.finished()


class _Part:
    """One file on its way. `size_bytes` is that of its contacts so far."""

    def __init__(self, blobs: Blobs, staging: str, number: int, folder: Path) -> None:
        self.number = number
        self.size_bytes = 0
        self._blobs = blobs
        self._staging = staging
        self._name = body_name(staging, number)
        self._origins = folder / f"origins-{number}"
        self._contacts = 0
        self._blocks = 0

    def add(self, group: Group) -> None:
        """Writes a block."""
        self._put(_joined(BETWEEN if self._blocks else b"[", group.contacts))
        with self._origins.open("ab") as origins:
            origins.writelines(group.origins)
        self._contacts += group.count

    def finished(self) -> StagedBody:
        """Makes the file of its blocks, and writes its origins."""
        self._put(b"]")
        self._blobs.commit_blocks(STAGED, self._name, self._blocks, "application/json")
        with self._origins.open("rb") as origins:
            self._blobs.write(STAGED, origins_name(self._staging, self.number), origins)
        self._origins.unlink()
        return StagedBody(self.number, self._contacts, self.size_bytes)

    def _put(self, data: bytes) -> None:
        self._blobs.put_block(STAGED, self._name, self._blocks, data)
        self._blocks += 1
        self.size_bytes += len(data)


def _joined(before: bytes, contacts: list[memoryview]) -> bytes:
    """The contacts without what stands behind the last one. They are let go: a block is in memory once."""
    contacts[-1] = contacts[-1][: -len(BETWEEN)]
    data = b"".join((before, *contacts))
    contacts.clear()
    return data


def write_as_bodies(blobs: Blobs, staging: str, number: int, request: ImportRequest) -> Iterator[StagedBody]:
    """Writes the contacts of a file as bodies, whose numbers are those of no file; yields each once it is written.

    Written again, each has the same contacts, whatever has changed in the configuration meanwhile. Raises NotFound.
    """
    groups = _of_file(blobs, staging, number)
    for place, group in enumerate(groups, start=number * _MOST_BODIES):
        yield write_body(blobs, staging, request, place, group)


def _of_file(blobs: Blobs, staging: str, number: int) -> Iterator[Group]:
    room, group, head = room_whatever_the_end(), Group(), b""
    contacts = lines_of(pieces_of_body(blobs, staging, number))
    for origin in lines_of(pieces_of_origins(blobs, staging, number)):
        if origin.startswith(HEAD):
            head = origin + b"\n"
            group.origins.append(head)
            continue
        contact = next(contacts).lstrip(b"[").rstrip(b",]") + BETWEEN
        if group.count and group.size_bytes + len(contact) > room:
            yield group
            group = Group(origins=[head])
        group.contacts.append(memoryview(contact))
        group.origins.append(origin + b"\n")
        group.count += 1
        group.size_bytes += len(contact)
    if group.count:
        yield group
