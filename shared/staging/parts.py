"""A run's contacts as a few files, for an export with `delivery: "file"`, which Brevo fetches through a link each.

A file is the array that a body has as its `jsonBody`, and its origins lie beside it as a body's do. It is written block
by block while the next contacts are mapped, and read again in pieces: it is never in memory as a whole.
"""

from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

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

_BLOCK_BYTES = 4_000_000
# The bodies that take a file's place have numbers behind those of all files; of one file there are fewer.
_FIRST_BODY, _MOST_BODIES = 10_000, 100


def write_parts(blobs: Blobs, staging: str, chunks: Iterable[MappedChunk]) -> Iterator[StagedBody]:
    """Writes file after file, block by block, each while the next is mapped; yields each file once it is written."""
    part: _Part | None = None
    added: Future[None] | None = None
    with ThreadPoolExecutor(1, "parts") as pool:
        for group in grouped(chunks, _BLOCK_BYTES):
            if added:
                added.result()
            if part and part.size_bytes + group.size_bytes > LARGEST_FILE_BYTES:
                yield part.finished()
                part = _Part(blobs, staging, part.number + 1)
            part = part or _Part(blobs, staging, 1)
            added = pool.submit(part.add, group)
        if part and added:
            added.result()
            yield part.finished()


class _Part:
    """One file on its way. `size_bytes` is that of its contacts so far."""

    def __init__(self, blobs: Blobs, staging: str, number: int) -> None:
        self.number = number
        self._contacts = _Blocks(blobs, body_name(staging, number), "application/json")
        self._origins = _Blocks(blobs, origins_name(staging, number), "text/plain")
        self._waiting: list[bytes] = []
        self._count = 0

    @property
    def size_bytes(self) -> int:
        return self._contacts.size_bytes

    def add(self, group: Group) -> None:
        """Writes a block; origins are so small that those of a few blocks share one."""
        self._contacts.put(_joined(BETWEEN if self._count else b"[", group.contacts))
        self._waiting += group.origins
        self._count += group.count
        if sum(map(len, self._waiting)) > _BLOCK_BYTES:
            self._put_origins()

    def finished(self) -> StagedBody:
        """Makes the file, and that of its origins, of their blocks."""
        self._contacts.put(b"]")
        self._contacts.commit()
        self._put_origins()
        self._origins.commit()
        return StagedBody(self.number, self._count, self.size_bytes)

    def _put_origins(self) -> None:
        self._origins.put(b"".join(self._waiting))
        self._waiting.clear()


class _Blocks:
    """A blob on its way."""

    def __init__(self, blobs: Blobs, name: str, content_type: str) -> None:
        self._blobs, self._name, self._content_type = blobs, name, content_type
        self._count = 0
        self.size_bytes = 0

    def put(self, data: bytes) -> None:
        """Writes the next block. Storage takes no empty one."""
        if data:
            self._blobs.put_block(STAGED, self._name, self._count, data)
            self._count += 1
            self.size_bytes += len(data)

    def commit(self) -> None:
        """Makes the blob of its blocks."""
        self._blobs.commit_blocks(STAGED, self._name, self._count, self._content_type)


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
    for place, group in enumerate(groups, start=_FIRST_BODY + number * _MOST_BODIES):
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
