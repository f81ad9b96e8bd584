"""The staged bodies: import requests of at most 8 MB, written down once and sent as they are.

Beside each body stand its contacts' origins, so that a contact that Brevo rejects is found in its file again. A line
of JSON holds the files and lines of the chunk's rows; behind it stand, for each contact, the number of its row, a tab
and the customer id.

Contacts that move to the run's last bodies are kept in a blob of their own in between: three lines for each, as a body
and its origins have them.
"""

import hashlib
import json
import re
from collections.abc import Container, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from itertools import islice
from typing import BinaryIO, NamedTuple

from shared.brevo.body import BETWEEN, ImportRequest, find_contacts, lines_of, room_whatever_the_end
from shared.mapping.origins import Origins
from shared.mapping.results import MappedChunk, Outcome, RejectedRow
from shared.segments.names import visible
from shared.storage.blobs import Blobs
from shared.storage.failures import NotFound

STAGED = "staged"
# What a line of the origins begins with that has files and lines; each other one has a contact's row.
HEAD = b"{"
_MOVED = ".moved"
_PIECE_BYTES = 65_536
_WITH_CONTACTS = re.compile(rf"[^/]+/[^/]+/\d+(?:\.json|-[^/]+{re.escape(_MOVED)})")


@dataclass(frozen=True, slots=True)
class StagedBody:
    """A body that is written down. `number` counts from 1."""

    number: int
    contacts: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a contact came from."""

    segment: str
    file: str
    line: int
    customer_id: str


@dataclass
class Group:
    """The contacts of one body, as they are collected, BETWEEN behind each; and their origins, as they are stored."""

    contacts: list[memoryview] = field(default_factory=list)
    origins: list[bytes] = field(default_factory=list)
    count: int = 0
    size_bytes: int = 0


def body_name(staging: str, number: int) -> str:
    """The blob of a body; `staging` is the path of all that belongs to one staging."""
    return f"{staging}/{number:05}.json"


def write_bodies(
    blobs: Blobs, staging: str, request: ImportRequest, chunks: Iterable[MappedChunk]
) -> Iterator[StagedBody]:
    """Writes body after body, each while the next is mapped; yields each once it is written."""
    written: Future[StagedBody] | None = None
    with ThreadPoolExecutor(1, "bodies") as pool:
        for number, group in enumerate(grouped(chunks, request.room_bytes()), start=1):
            if written:
                yield written.result()
            written = pool.submit(write_body, blobs, staging, request, number, group)
        if written:
            yield written.result()


def unwritten(chunks: Iterable[MappedChunk]) -> Iterator[StagedBody]:
    """Maps every chunk, which counts its contacts, and writes no body."""
    for _ in chunks:
        pass
    yield from ()


def write_body(blobs: Blobs, staging: str, request: ImportRequest, number: int, group: Group) -> StagedBody:
    """Writes one body and its origins."""
    body = request.body(number, group.contacts)
    group.contacts.clear()  # a body is a good part of a worker's memory: it is there once while it is sent
    blobs.write(STAGED, body_name(staging, number), body)
    blobs.write(STAGED, origins_name(staging, number), b"".join(group.origins))
    return StagedBody(number, group.count, len(body))


def grouped(chunks: Iterable[MappedChunk], largest_bytes: int) -> Iterator[Group]:
    """The chunks' contacts in groups of at most so many bytes; a larger contact is a group of its own."""
    group = Group()
    for chunk in chunks:
        head = _head(chunk.origins).encode()
        with chunk.contacts.open("rb") as contacts, chunk.places.open("rb") as origins:
            while contacts.tell() < chunk.contacts.stat().st_size:
                lines, count = _lines(contacts, largest_bytes - group.size_bytes)
                if not count and group.count:
                    yield group
                    group = Group()
                    continue
                if not count:  # a contact that no body has room for has one of its own
                    lines, count = memoryview(contacts.readline()), 1
                group.contacts.append(lines)
                group.origins += (head, *_first_lines(origins, count))
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


def _first_lines(file: BinaryIO, count: int) -> Iterator[bytes]:
    """The file's next so many lines, in pieces: line by line would take several times as long."""
    while count and (data := file.read(_PIECE_BYTES)):
        lines = data.count(b"\n")
        if lines >= count:
            rest = len(data.split(b"\n", count)[count])
            file.seek(-rest, 1)
            data, lines = data[: len(data) - rest], count
        count -= lines
        yield data


def write_moved(blobs: Blobs, staging: str, number: int, moved: dict[int, str]) -> str:
    """Writes down contacts of a body (index -> JSON) that move to the run's last bodies; returns the blob's own id.

    The same contacts have the same id, so that two workers who read different reports do not mix theirs. Raises
    NotFound.
    """
    lines = [
        f"{moved[index]}{BETWEEN.decode()}{_head(Origins((0,), (place.line,), (0,), (place.file,)))}"
        f"0\t{place.customer_id}\n"
        for index, place in _places(blobs, staging, number, set(moved))
    ]
    if len(lines) != len(moved):
        raise NotFound("origins")
    data = "".join(lines).encode()
    moved_id = hashlib.sha256(data).hexdigest()[:16]
    blobs.write(STAGED, _moved_name(staging, number, moved_id), data)
    return moved_id


def write_last_bodies(
    blobs: Blobs, staging: str, request: ImportRequest, moved: list[tuple[int, str]], first: int
) -> list[StagedBody]:
    """Writes the bodies, numbered from `first`, of all that was moved: number and id of each blob. Raises NotFound.

    Written again, each has the same contacts, whatever has changed in the configuration meanwhile.
    """
    groups = enumerate(_moved_groups(blobs, staging, moved), start=first)
    return [write_body(blobs, staging, request, number, group) for number, group in groups]


def _moved_groups(blobs: Blobs, staging: str, moved: list[tuple[int, str]]) -> Iterator[Group]:
    """A group is written before the next is read: they may be all contacts of the run. Raises NotFound."""
    group = Group()
    for number, moved_id in moved:
        lines = lines_of(pieces_of_blob(blobs, _moved_name(staging, number, moved_id)))
        for contact, head, place in zip(lines, lines, lines, strict=False):
            if group.count and group.size_bytes + len(contact) + 1 > room_whatever_the_end():
                yield group
                group = Group()
            group.contacts.append(memoryview(contact + b"\n"))
            group.origins.append(b"%s\n%s\n" % (head, place))
            group.count += 1
            group.size_bytes += len(contact) + 1
    if group.count:
        yield group


def pieces_of_blob(blobs: Blobs, name: str) -> Iterator[bytes]:
    """A staged blob, whole lines of it at once, in a few megabytes. Raises NotFound."""
    rest = b""
    for chunk in blobs.chunks(STAGED, name, None):
        end = chunk.rfind(b"\n") + 1
        if end:
            yield rest + chunk[:end]
            rest = b""
        rest += chunk[end:]
    if rest:
        yield rest


def pieces_of_body(blobs: Blobs, staging: str, number: int) -> Iterator[bytes]:
    """A body, whole lines of it at once, in a few megabytes: it may be as large as a file. Raises NotFound."""
    return pieces_of_blob(blobs, body_name(staging, number))


def pieces_of_origins(blobs: Blobs, staging: str, number: int) -> Iterator[bytes]:
    """The origins of a body's contacts, as `pieces_of_body`. Raises NotFound."""
    return pieces_of_blob(blobs, origins_name(staging, number))


def has_contacts(name: str) -> bool:
    """True for a staged blob with contacts as they are sent: a body, a file, or those of it that move."""
    return _WITH_CONTACTS.fullmatch(name) is not None


def customer_ids(blobs: Blobs, name: str, emails: Container[str]) -> set[str]:
    """The customer ids of such a blob's contacts with one of these addresses, in lower case. Raises NotFound."""
    at = {contact.index for contact in find_contacts(pieces_of_blob(blobs, name), emails, ())}
    if name.endswith(_MOVED):
        places = enumerate(islice(lines_of(pieces_of_blob(blobs, name)), 2, None, 3))
        return {visible(place.decode().split("\t", 1)[1]) for index, place in places if index in at}
    staging, _, file = name.rpartition("/")
    return {visible(place.customer_id) for _, place in _places(blobs, staging, int(file.removesuffix(".json")), at)}


def write_files(blobs: Blobs, staging: str, files: list[tuple[str, str]]) -> None:
    """Writes down which segment and file each number in the origins means."""
    blobs.write(STAGED, f"{staging}/files.json", json.dumps(files).encode())


def contact_rows(
    blobs: Blobs,
    staging: str,
    number: int,
    contacts: dict[int, tuple[str, str]],
    outcome: Outcome = "rejected_by_brevo",
) -> list[RejectedRow]:
    """The rows of some of a body's contacts: index -> reason and address. Raises NotFound."""
    if not contacts:
        return []
    origins = read_origins(blobs, staging, number, set(contacts))
    return [
        RejectedRow(origin.segment, origin.file, origin.line, reason, "", origin.customer_id, email, outcome)
        for index, (reason, email) in sorted(contacts.items())
        if (origin := origins.get(index))
    ]


def read_origins(blobs: Blobs, staging: str, number: int, wanted: set[int]) -> dict[int, Origin]:
    """The origins of some of a body's contacts, which count from 0. Raises NotFound."""
    files = json.loads(blobs.read(STAGED, f"{staging}/files.json"))
    return {
        index: Origin(segment, file, place.line, visible(place.customer_id))
        for index, place in _places(blobs, staging, number, wanted)
        for segment, file in [files[place.file]]
    }


def email_of(contact: str) -> str:
    """The address in a contact's JSON."""
    return str(json.loads(contact)["email"])


class _Place(NamedTuple):
    """Where a contact comes from. `file` is its number in the snapshot."""

    file: int
    line: int
    customer_id: str


def _places(blobs: Blobs, staging: str, number: int, wanted: set[int]) -> Iterator[tuple[int, _Place]]:
    index = 0
    for text in lines_of(pieces_of_origins(blobs, staging, number)):
        if text.startswith(HEAD):
            origins = Origins(**json.loads(text))
            continue
        if index in wanted:
            row, customer_id = text.decode().split("\t", 1)
            yield index, _Place(origins.file(int(row)), origins.line(int(row)), customer_id)
        index += 1


def _head(origins: Origins) -> str:
    return json.dumps(asdict(origins)) + "\n"


def _moved_name(staging: str, number: int, moved_id: str) -> str:
    return f"{staging}/{number:05}-{moved_id}{_MOVED}"


def origins_name(staging: str, number: int) -> str:
    """The blob of a body's origins."""
    return f"{staging}/{number:05}.places"
