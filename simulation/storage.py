"""Storage in memory, behind the interfaces of the real one.

`tests/faults/test_storage_model.py` holds it to Azurite. Each worker reaches it through a `Line` of its own, which sees
every call and can break at any of them.
"""

import itertools
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, BinaryIO
from urllib.parse import urlsplit

from shared.errors import PermanentError
from shared.storage.account import Storage
from shared.storage.blobs import CHUNK_BYTES, DELETED_AT_ONCE, Blob
from shared.storage.clock import Clock
from shared.storage.failures import Conflict, NotFound
from shared.storage.tables import Change, OneOf, OnOther, Row, Rows, pass_over
from simulation.copies import maker
from simulation.queues import Line, MemoryQueue, Message, Ticking, locked

_row, _blob = maker(Row), maker(Blob)
# Links to blobs.
LINK = "https://simulated.storage/"
SIGNATURE = "signature-of-simulated-storage"
_LONGEST_TEXT = 32_768
_LARGEST_ROW_BYTES = 1_048_576


@dataclass
class Kept:
    """What the storage account holds. It is shared with other threads, unless the tasks of one take turns."""

    clock: Ticking
    tables: dict[str, dict[tuple[str, str], tuple[dict[str, Any], str]]] = field(default_factory=dict)
    containers: dict[str, dict[str, tuple[bytes, str, datetime]]] = field(default_factory=dict)
    blocks: dict[tuple[str, str, int], bytes] = field(default_factory=dict)
    messages: list[Message] = field(default_factory=list)
    notices: list[Message] = field(default_factory=list)
    poison: list[Message] = field(default_factory=list)
    every_message: list[str] = field(default_factory=list)
    lock: threading.RLock = field(default_factory=threading.RLock)
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    is_shared: bool = True

    def etag(self) -> str:
        """A new one."""
        return f'W/"{next(self.numbers)}"'

    def wrote(self, table: str, partition: str, key: str, values: dict[str, Any] | None) -> None:
        """Called for each row that is written or deleted (None), for whoever watches."""

    def wrote_blob(self, container: str, name: str, data: bytes) -> None:
        """Called for each blob that is written."""

    def sent(self, messages: list[Message], message: Message) -> None:
        """Called for each message that is sent, with all those of its queue."""

    def storage(self, line: Line, clock: Clock | None = None) -> Storage:
        """The whole storage, as one worker reaches it, by that worker's own clock."""
        # Any: these stand in for classes of their own, which open connections.
        blobs: Any = MemoryBlobs(self, line)
        names = ("runs", "batches", "events", "accounts", "requests", "audit", "notices")
        tables: dict[str, Any] = {name: MemoryTable(self, line, name) for name in names}
        kept_by_queue = {"queue": self.messages, "notice_queue": self.notices, "poison": self.poison}
        queues: dict[str, Any] = {name: MemoryQueue(self, line, kept) for name, kept in kept_by_queue.items()}
        return Storage(app_blobs=blobs, segment_blobs=blobs, clock=clock or self.clock, **tables, **queues)

    def all_text(self) -> Iterator[str]:
        """Everything written in tables and queue messages, ever sent messages included."""
        for name, rows in self.tables.items():
            for (partition, key), (values, _) in rows.items():
                yield f"{name} {partition} {key} {values!r}"
        yield from self.every_message

    def blob_names(self, container: str) -> list[str]:
        """The names of a container's blobs."""
        return sorted(self.containers.get(container, {}))


def _checked(values: dict[str, Any]) -> dict[str, Any]:
    """Refuses what the service or its SDK refuses."""
    texts = [value for value in values.values() if value.__class__ is str]
    text = "".join(texts)
    if not text.isascii():
        text.encode()
    if len(text) > _LONGEST_TEXT // 2 and any(len(each.encode("utf-16-le")) > 2 * _LONGEST_TEXT for each in texts):
        raise PermanentError("storage_refused", "Storage refused a request with status 400.")
    numbers = [value for value in values.values() if value.__class__ is int]
    if numbers and not -(2**63) <= min(numbers) <= max(numbers) < 2**63:
        raise TypeError(f"one of {numbers} is too large to be cast to type Edm.Int64.")
    size_bytes = 16 * len(values) + 2 * len("".join(values)) + 2 * len(text)
    if size_bytes > _LARGEST_ROW_BYTES or len(values) > 252:
        raise PermanentError("storage_refused", "Storage refused a request with status 400.")
    return {name: value for name, value in values.items() if value is not None}


class MemoryTable(Rows):
    """As `shared.storage.tables.Table`."""

    def __init__(self, kept: Kept, line: Line, name: str) -> None:
        self._kept, self._line, self.name = kept, line, name

    @property
    def _rows(self) -> dict[tuple[str, str], tuple[dict[str, Any], str]]:
        tables = self._kept.tables
        return tables[self.name] if self.name in tables else tables.setdefault(self.name, {})

    def _call[T](self, what: str, act: Callable[[], T]) -> T:
        kept = self._kept
        return self._line.call(f"{self.name} {what}", locked(kept.lock, act) if kept.is_shared else act)

    def get(self, partition: str, key: str) -> Row | None:
        def act() -> Row | None:
            found = self._rows.get((partition, key))
            return self.as_read(partition, key, *found) if found else None

        return self._call("get", act)

    def query(
        self,
        partition: str,
        first: str = "",
        last: str = "",
        limit: int | None = None,
        on_other: OnOther | None = None,
        one_of: OneOf | None = None,
    ) -> Iterator[Row]:
        def act() -> list[Row]:
            rows = self._rows
            keys = [key for part, key in rows if part == partition and key >= first and (not last or key < last)]
            if one_of:
                keys = [key for key in keys if rows[partition, key][0].get(one_of.name) in one_of.values]
            return [_row(partition, key, *rows[partition, key]) for key in sorted(keys)[:limit]]

        yield from self.readable(iter(self._call("query", act)), on_other)

    def query_partitions(self, first: str, last: str) -> Iterator[Row]:
        return self._in_partitions("query", lambda partition: first <= partition < last)

    def rows(self) -> Iterator[Row]:
        return self._in_partitions("rows", lambda _: True)

    def _in_partitions(self, what: str, wanted: Callable[[str], bool]) -> Iterator[Row]:
        def act() -> list[Row]:
            return [Row(*address, *self._rows[address]) for address in sorted(self._rows) if wanted(address[0])]

        yield from self.readable(iter(self._call(what, act)), pass_over)

    def probe(self) -> bool:
        return self._call("probe", lambda: True)

    def insert(self, row: Row) -> str:
        def act() -> str:
            self._apply([Change("insert", row)])
            return self._rows[row.partition, row.key][1]

        return self._call("insert", act)

    def put(self, row: Row) -> None:
        self.transact([Change("put", row)])

    def replace(self, row: Row) -> str:
        def act() -> str:
            if (row.partition, row.key) not in self._rows:
                raise NotFound(self.name)
            self._apply([Change("replace", row)])
            return self._rows[row.partition, row.key][1]

        return self._call("replace", act)

    def delete(self, row: Row) -> None:
        def act() -> None:
            if (row.partition, row.key) in self._rows:
                self._apply([Change("delete", row)])

        self._call("delete", act)

    def transact(self, changes: Sequence[Change]) -> None:
        kinds = "+".join(change.kind for change in changes)
        self._call(kinds, lambda: self._apply(changes))

    def _apply(self, changes: Sequence[Change]) -> None:
        rows = self._rows
        checked: list[dict[str, Any] | None] = []
        for change in changes:
            known = rows.get((change.row.partition, change.row.key))
            if change.kind == "insert" and known:
                raise Conflict(self.name)
            needs_known = change.kind in ("replace", "delete")
            if needs_known and (known is None or change.row.etag not in (None, "*", known[1])):
                raise Conflict(self.name)
            checked.append(None if change.kind == "delete" else _checked(self.written(change.row)))
        for change, values in zip(changes, checked, strict=True):
            partition, key = address = (change.row.partition, change.row.key)
            if values is None:
                del rows[address]
            else:
                rows[address] = (values, self._kept.etag())
            self._kept.wrote(self.name, partition, key, values)


class MemoryBlobs:
    """As `shared.storage.blobs.Blobs`."""

    def __init__(self, kept: Kept, line: Line) -> None:
        self._kept, self._line = kept, line

    def _container(self, name: str) -> dict[str, tuple[bytes, str, datetime]]:
        try:
            return self._kept.containers[name]
        except KeyError:
            raise NotFound(f"container {name}") from None

    def listing(self, container: str, prefix: str) -> list[Blob]:
        def act() -> list[Blob]:
            return [
                _blob(name, etag, len(data), modified)
                for name, (data, etag, modified) in sorted(self._container(container).items())
                if name.startswith(prefix)
            ]

        return self._line.call(f"{container} listing", act)

    def listing_if_there(self, container: str, prefix: str) -> list[Blob]:
        try:
            return self.listing(container, prefix)
        except NotFound:
            return []

    def containers(self) -> list[str]:
        return self._line.call("containers", lambda: sorted(self._kept.containers))

    def probe(self, container: str) -> bool:
        return self._line.call(f"{container} probe", lambda: container in self._kept.containers)

    def soft_delete_days(self) -> int:
        return 0

    def folders(self, container: str, prefix: str) -> list[str]:
        names = [blob.name[len(prefix) :] for blob in self.listing(container, prefix)]
        return list(dict.fromkeys(name.split("/")[0] for name in names if "/" in name))

    def level(self, container: str, prefix: str) -> tuple[list[str], list[Blob]]:
        return self.folders(container, prefix), self.files(container, prefix)

    def files(self, container: str, prefix: str) -> list[Blob]:
        return [blob for blob in self.listing(container, prefix) if "/" not in blob.name[len(prefix) :]]

    def chunks(
        self, container: str, name: str, etag: str | None, offset: int = 0, length: int | None = None
    ) -> Iterator[bytes]:
        first, size = offset, offset + 1
        while first < size:
            # Each chunk is a request of its own, so the blob may change or go between two of them.
            data, known = self.read_with_etag(container, name)
            if etag is not None and known != etag:
                raise Conflict(f"blob {container}/{name}")
            size = len(data) if length is None else min(len(data), offset + length)
            if data:
                yield data[first : min(first + CHUNK_BYTES, size)]
            first += CHUNK_BYTES

    def read(self, container: str, name: str) -> bytes:
        return self.read_with_etag(container, name)[0]

    def read_with_etag(self, container: str, name: str) -> tuple[bytes, str]:
        def act() -> tuple[bytes, str]:
            found = self._container(container).get(name)
            if found is None:
                raise NotFound(f"blob {container}/{name}")
            return found[0], found[1]

        return self._line.call(f"{container} read", act)

    def read_new(self, container: str, name: str, known: str | None, most_bytes: int) -> tuple[bytes, str] | None:
        data, etag = self.read_with_etag(container, name)
        return None if etag == known else (data[: most_bytes + 1], etag)

    def write(self, container: str, name: str, data: bytes | BinaryIO) -> None:
        content = data if isinstance(data, bytes) else data.read()

        self._line.call(f"{container} write", lambda: self._put(container, name, content))

    def _put(self, container: str, name: str, content: bytes) -> None:
        blobs = self._kept.containers.setdefault(container, {})
        blobs[name] = (content, self._kept.etag(), self._kept.clock.now())
        self._kept.wrote_blob(container, name, content)

    def put_block(self, container: str, name: str, number: int, data: bytes) -> None:
        def act() -> None:
            self._kept.containers.setdefault(container, {})
            self._kept.blocks[container, name, number] = data

        self._line.call(f"{container} write", act)

    def commit_blocks(self, container: str, name: str, count: int, content_type: str) -> None:
        def act() -> None:
            parts = [self._kept.blocks[container, name, number] for number in range(count)]
            self._put(container, name, b"".join(parts))

        self._line.call(f"{container} write", act)

    def link(self, container: str, name: str, now: datetime, hours: float) -> str:
        return f"{LINK}{container}/{name}?sig={SIGNATURE}&se={now.timestamp() + hours * 3600:.0f}"

    @property
    def host(self) -> str:
        return urlsplit(LINK).hostname or ""

    def write_if(self, container: str, name: str, data: bytes | BinaryIO, etag: str | None) -> None:
        content = data if isinstance(data, bytes) else data.read()

        def act() -> None:
            with self._kept.lock:
                known = self._kept.containers.get(container, {}).get(name)
                if etag != (known[1] if known else None):
                    raise Conflict(f"blob {container}/{name}")
                self._put(container, name, content)

        self._line.call(f"{container} write", act)

    def copy_if(self, container: str, source: str, name: str, etag: str | None) -> None:
        def act() -> None:
            with self._kept.lock:
                kept = self._kept.containers.get(container, {})
                if source not in kept:
                    raise NotFound(f"blob {container}/{source}")
                if etag != (kept[name][1] if name in kept else None):
                    raise Conflict(f"blob {container}/{name}")
                self._put(container, name, kept[source][0])

        self._line.call(f"{container} write", act)

    def delete(self, container: str, name: str) -> None:
        self._line.call(f"{container} delete", lambda: self._kept.containers.get(container, {}).pop(name, None))

    def create_container(self, container: str) -> None:
        self._line.call(f"{container} create", lambda: self._kept.containers.setdefault(container, {}))

    def delete_below(self, container: str, prefix: str) -> None:
        for blobs in itertools.batched(self.listing_if_there(container, prefix), DELETED_AT_ONCE, strict=False):
            self.delete_all(container, [blob.name for blob in blobs])

    def delete_all(self, container: str, names: Sequence[str]) -> int:
        kept = self._kept.containers.get(container, {})
        self._line.call(f"{container} delete", lambda: [kept.pop(name, None) for name in names])
        return len(names)
